//! What happens to the process that makes the calls. A sleeping command stands
//! for it, and the test makes its calls.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use vmgroup_faults::{Delivery, Proxy};

use crate::client::{Client, ask, before, soap, status};
use crate::server::Server;

/// Longer than any test.
fn process() -> Child {
    Command::new("sleep").arg("120").spawn().unwrap()
}

fn started(_: usize) -> (u16, String) {
    (200, "<started/>".into())
}

fn plan(signal: &str) -> String {
    format!(r#"{{"rules":[{{"on":{{"verb":"Destroy_Task"}},"act":{{"signal":{signal}}}}}]}}"#)
}

fn destroy(proxy: &Proxy) -> (String, std::io::Result<()>) {
    ask(
        Client::vcenter(proxy),
        "POST",
        "/sdk",
        &soap("Destroy_Task"),
    )
}

/// State of a process: `S` sleeps, `T` is stopped.
fn state(child: &Child) -> char {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
    stat.rsplit_once(") ").unwrap().1.chars().next().unwrap()
}

fn until(what: &str, mut is: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is() {
        assert!(began.elapsed() < Duration::from_secs(20), "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_process_is_killed_before_its_call_after_it_or_after_its_answer() {
    for (at, arrived, answered) in [
        ("before", 0, false),
        ("after", 1, false),
        ("answered", 1, true),
    ] {
        let server = Server::start(started);
        let proxy = before(&server, &plan(&format!(r#"{{"send":"kill","at":"{at}"}}"#)));
        let mut process = process();
        proxy.host().set(process.id());
        let (answer, _) = destroy(&proxy);
        assert_eq!(!answer.is_empty(), answered, "{at}");
        assert_eq!(process.wait().unwrap().signal(), Some(9), "{at}");
        assert_eq!(server.requests().len(), arrived, "{at}");
        let record = &proxy.trace().records()[0];
        assert_eq!(record.forwarded > 0, arrived > 0);
        assert_eq!(record.delivery == Delivery::Withheld, !answered);
    }
}

#[test]
fn a_call_waits_with_its_frozen_process() {
    let server = Server::start(started);
    let proxy = before(&server, &plan(r#"{"send":"stop","at":"before"}"#));
    let mut process = process();
    proxy.host().set(process.id());
    std::thread::scope(|scope| {
        let call = scope.spawn(|| destroy(&proxy));
        until("it is stopped", || state(&process) == 'T');
        assert!(proxy.host().is_frozen());
        assert_eq!(server.requests(), Vec::<String>::new());
        proxy.host().thaw();
        assert_eq!(status(&call.join().unwrap().0), "200");
    });
    until("it goes on", || state(&process) == 'S');
    process.kill().unwrap();
    process.wait().unwrap();
}

#[test]
fn a_process_may_go_on_by_itself() {
    let server = Server::start(started);
    let stop = r#"{"send":"stop","at":"after","cont_after_ms":200}"#;
    let proxy = before(&server, &plan(stop));
    let mut process = process();
    proxy.host().set(process.id());
    assert_eq!(status(&destroy(&proxy).0), "200");
    until("it goes on", || {
        !proxy.host().is_frozen() && state(&process) == 'S'
    });
    process.kill().unwrap();
    process.wait().unwrap();
}

#[test]
fn a_call_that_changes_something_outlives_its_caller() {
    let server = Server::start(started);
    let delays = r#"{"rules":[{"on":{"verb":"Destroy_Task"},"act":{"delay":{"ms":200}}}]}"#;
    let proxy = before(&server, delays);
    let mut client = Client::vcenter(&proxy);
    client.send("POST", "/sdk", &soap("Destroy_Task"));
    until("it arrives", || !proxy.trace().records().is_empty());
    drop(client);
    until("it is carried out", || server.requests().len() == 1);
    until("it is over", || proxy.trace().records()[0].is_executed());
}
