//! What happens to watches.

use std::io::ErrorKind;

use crate::client::{Client, before, body};
use crate::server::Server;

const WATCH: &str = "/apis/vm.codeconnect.vmworld.com/v1alpha1/vmgroups?watch=true";

fn events(_: usize) -> (u16, String) {
    let event = |number: u32| {
        let kind = if number == 2 { "BOOKMARK" } else { "ADDED" };
        format!("{{\"type\":\"{kind}\",\"object\":{{\"n\":{number}}}}}\n")
    };
    (200, (1..=5).map(event).collect())
}

fn watched(fate: &str) -> (String, std::io::Result<()>) {
    let server = Server::start(events);
    let plan = format!(r#"{{"rules":[{{"on":{{"verb":"watch"}},"act":{{"watch":{fate}}}}}]}}"#);
    let proxy = before(&server, &plan);
    let mut client = Client::kubernetes(&proxy);
    client.send("GET", WATCH, "");
    let (answer, end) = client.rest();
    let mut numbers = String::new();
    for event in body(&answer).split(r#""n":"#).skip(1) {
        numbers.push_str(&event[..1]);
    }
    if answer.contains(r#""code":410"#) {
        numbers.push('!');
    }
    (numbers, end)
}

#[test]
fn a_watch_is_cut_in_order_or_within_an_event() {
    let (numbers, end) = watched(r#"{"after":2,"fate":"cut"}"#);
    assert_eq!(numbers, "123", "bookmarks do not count");
    end.unwrap();
    let (numbers, end) = watched(r#"{"after":2,"fate":"cut-within"}"#);
    assert_eq!(numbers, "123");
    assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[test]
fn events_of_a_watch_are_swallowed() {
    let swallowed = |events: u32| {
        watched(&format!(
            r#"{{"after":1,"fate":"swallow","events":{events}}}"#
        ))
        .0
    };
    assert_eq!(swallowed(2), "125", "a bookmark is no event");
    assert_eq!(swallowed(0), "12");
}

#[test]
fn a_watch_may_say_that_its_version_is_too_old() {
    let (numbers, end) = watched(r#"{"after":0,"fate":"expire"}"#);
    assert_eq!(numbers, "!");
    end.unwrap();
}

#[test]
fn a_watch_that_stalls_stays_open_in_silence() {
    let server = Server::start(events);
    let plan = r#"{"rules":[{"on":{"verb":"watch"},"act":{"watch":{"after":1,"fate":"stall"}}}]}"#;
    let proxy = before(&server, plan);
    let mut client = Client::kubernetes(&proxy);
    client.send("GET", WATCH, "");
    client.until(r#""n":1"#);
    client.patience(std::time::Duration::from_millis(300));
    let (rest, end) = client.rest();
    assert!(!rest.contains(r#""n""#), "{rest}");
    assert_eq!(end.unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn an_open_watch_is_cut_when_a_test_says_so() {
    let server = Server::start(events);
    let plan = r#"{"rules":[{"on":{"verb":"watch"},"act":{"watch":{"after":1,"fate":"stall"}}}]}"#;
    let proxy = before(&server, plan);
    let mut client = Client::kubernetes(&proxy);
    client.send("GET", WATCH, "");
    client.until(r#""n":1"#);
    proxy.cut_watches();
    let (rest, end) = client.rest();
    assert!(!rest.contains(r#""n""#), "{rest}");
    assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset);
}
