//! What happens to calls that have one answer.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use vmgroup_faults::{Delivery, Pattern, Proxy, Record};

use crate::client::{Client, ask, before, body, soap, status};
use crate::server::Server;

const GROUP: &str = "/apis/vm.codeconnect.vmworld.com/v1alpha1/namespaces/shop/vmgroups/web";

fn numbered(number: usize) -> (u16, String) {
    (200, format!(r#"{{"answer":{number}}}"#))
}

fn put(proxy: &Proxy) -> (String, std::io::Result<()>) {
    let path = format!("{GROUP}/status");
    ask(Client::kubernetes(proxy), "PUT", &path, "{}")
}

fn last(proxy: &Proxy) -> Record {
    proxy.trace().records().pop().unwrap()
}

#[test]
fn a_call_that_no_rule_means_passes_and_is_recorded() {
    let server = Server::start(numbered);
    let proxy = before(&server, "{}");
    let (answer, end) = put(&proxy);
    assert_eq!((status(&answer), body(&answer)), ("200", r#"{"answer":1}"#));
    end.unwrap();
    assert_eq!(server.requests(), [format!("PUT {GROUP}/status {{}}")]);
    let record = last(&proxy);
    assert_eq!(record.call.to_string(), "update vmgroups/status shop/web");
    assert_eq!(
        (record.forwarded, record.status, record.delivery),
        (1, Some(200), Delivery::Whole)
    );
}

#[test]
fn refused_and_reset_calls_never_reach_the_server() {
    for (act, kind) in [
        ("refuse", ErrorKind::UnexpectedEof),
        ("reset", ErrorKind::ConnectionReset),
    ] {
        let server = Server::start(numbered);
        let plan = format!(r#"{{"rules":[{{"on":{{"verb":"update"}},"act":"{act}"}}]}}"#);
        let proxy = before(&server, &plan);
        let (answer, end) = put(&proxy);
        assert_eq!((answer.as_str(), end.unwrap_err().kind()), ("", kind));
        assert_eq!(server.requests(), Vec::<String>::new());
        assert_eq!(last(&proxy).delivery, Delivery::Withheld);
        // Once is once.
        assert_eq!(status(&put(&proxy).0), "200");
    }
}

#[test]
fn a_lost_answer_is_of_a_call_that_was_carried_out() {
    let server = Server::start(numbered);
    let plan = r#"{"rules":[{"on":{"verb":"CloneVM_Task","slot":0},"act":"lose-answer"}]}"#;
    let proxy = before(&server, plan);
    let clone = soap("CloneVM_Task");
    let (answer, end) = ask(Client::vcenter(&proxy), "POST", "/sdk", &clone);
    assert_eq!(answer, "");
    assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(server.requests().len(), 1);
    let record = last(&proxy);
    assert!(record.is_executed());
    assert_eq!(record.delivery, Delivery::Withheld);
}

#[test]
fn a_call_that_is_repeated_on_the_way_gets_the_second_answer() {
    let server = Server::start(numbered);
    let plan = r#"{"rules":[{"on":{"verb":"update"},"act":"twice"}]}"#;
    let proxy = before(&server, plan);
    assert_eq!(body(&put(&proxy).0), r#"{"answer":2}"#);
    assert_eq!(server.requests().len(), 2);
    assert_eq!(last(&proxy).forwarded, 2);
}

#[test]
fn errors_are_answered_in_the_words_of_the_server_forwarded_or_not() {
    for forwarded in [false, true] {
        let server = Server::start(numbered);
        let plan = format!(
            r#"{{"rules":[
            {{"on":{{"server":"kubernetes"}},"act":{{"answer":{{"status":429,"retry_after_s":3,"forwarded":{forwarded}}}}}}},
            {{"on":{{"server":"vcenter"}},"act":{{"fault":{{"type":"ManagedObjectNotFound","forwarded":{forwarded}}}}}}}]}}"#
        );
        let proxy = before(&server, &plan);
        let (answer, _) = put(&proxy);
        assert_eq!(status(&answer), "429");
        assert!(answer.contains("retry-after: 3"), "{answer}");
        assert!(body(&answer).contains(r#""reason":"TooManyRequests""#));
        let (answer, _) = ask(
            Client::vcenter(&proxy),
            "POST",
            "/sdk",
            &soap("Destroy_Task"),
        );
        assert_eq!(status(&answer), "500");
        assert!(body(&answer).contains(r#"<obj type="VirtualMachine">vm-1</obj>"#));
        assert_eq!(server.requests().len(), if forwarded { 2 } else { 0 });
        assert_eq!(last(&proxy).delivery, Delivery::Changed);
    }
}

#[test]
fn a_call_waits_for_a_time_or_for_another_call() {
    let server = Server::start(numbered);
    let plan = r#"{"rules":[
        {"on":{"verb":"update"},"act":{"delay":{"ms":300}}},
        {"on":{"verb":"get"},"act":{"hold":{"until":{"verb":"update"}}}}]}"#;
    let proxy = before(&server, plan);
    std::thread::scope(|scope| {
        let held = scope.spawn(|| ask(Client::kubernetes(&proxy), "GET", GROUP, ""));
        while proxy.trace().of(&Pattern::verb("get")).is_empty() {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(server.requests(), Vec::<String>::new());
        let began = Instant::now();
        assert_eq!(status(&put(&proxy).0), "200");
        assert!(began.elapsed() >= Duration::from_millis(300));
        assert_eq!(status(&held.join().unwrap().0), "200");
    });
    assert!(server.requests()[0].starts_with("GET"));
}

#[test]
fn an_older_list_is_one_that_was_answered_before() {
    let server = Server::start(numbered);
    let plan = r#"{"rules":[{"on":{"verb":"list"},"nth":3,"times":2,"act":{"older":{"back":1}}}]}"#;
    let proxy = before(&server, plan);
    let path = GROUP.trim_end_matches("/web");
    let list = |query: &str| {
        let path = format!("{path}{query}");
        body(&ask(Client::kubernetes(&proxy), "GET", &path, "").0).to_owned()
    };
    let lists = ["", "?limit=500", "", "", ""].map(list);
    let wanted = [1, 2, 1, 1, 3].map(|number| format!(r#"{{"answer":{number}}}"#));
    assert_eq!(lists, wanted);
}

#[test]
fn answers_arrive_cut_garbled_and_in_small_parts() {
    let server = Server::start(|_| (200, "0123456789".into()));
    let plan = r#"{"rules":[
        {"on":{"verb":"update"},"nth":1,"act":{"truncate":{"bytes":4}}},
        {"on":{"verb":"update"},"nth":2,"act":{"garble":{"bytes":2}}},
        {"on":{"verb":"update"},"nth":3,"act":{"drip":{"bytes":2,"every_ms":50}}}]}"#;
    let proxy = before(&server, plan);
    let (answer, end) = put(&proxy);
    assert_eq!(body(&answer), "0123");
    assert!(end.is_err());

    let (answer, _) = put(&proxy);
    assert_eq!(body(&answer).len(), 10);
    assert_ne!(body(&answer), "0123456789");

    let began = Instant::now();
    assert_eq!(body(&put(&proxy).0), "0123456789");
    assert!(began.elapsed() >= Duration::from_millis(200));
}

#[test]
fn a_server_that_is_away_looks_like_one() {
    let server = Server::start(numbered);
    let proxy = before(&server, "{}");
    drop(server);
    let (answer, end) = put(&proxy);
    assert_eq!(answer, "");
    assert!(end.is_err());
    assert_eq!(last(&proxy).delivery, Delivery::Unanswered);
}
