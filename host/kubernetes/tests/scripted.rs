//! The adapter against an API server that gives prepared answers: what the
//! real one is hard to bring to. It speaks just enough HTTP.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use vmgroup_core::group::GroupKey;
use vmgroup_core::status::Status;
use vmgroup_kubernetes::limits::REQUESTS_AT_ONCE;
use vmgroup_kubernetes::{Adapter, Place, connect};
use vmgroup_reconcile::event::{Event, LeaseRecord, WriteResult};
use vmgroup_reconcile::request::{MetaChange, ObjectTarget, Request, RequestId};

/// One request as it came in.
#[derive(Debug, Clone)]
struct Seen {
    method: String,
    path: String,
    body: Value,
}

/// What the API server does with a request.
enum Answer {
    Json(u16, Value),
    /// A watch that ends as soon as it has begun.
    End,
    /// The connection ends without an answer.
    Nothing,
    /// The answer never comes.
    Silence,
}

/// An API server on loopback, and the adapter that talks to it.
struct Scripted {
    adapter: Adapter,
    events: mpsc::Receiver<Event>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Scripted {
    async fn new(answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn(serve(listener, Arc::new(answer), seen.clone()));

        let folder = tempfile::tempdir().expect("a folder");
        let kubeconfig = folder.path().join("kubeconfig");
        let text = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": format!("http://127.0.0.1:{port}")}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "users": [{"name": "u", "user": {}}],
        });
        std::fs::write(&kubeconfig, text.to_string()).expect("written");
        let connection = connect(Some(&kubeconfig)).await.expect("a client");
        let (sender, events) = mpsc::channel(16);
        let place = Place {
            scope: None,
            namespace: "operator".into(),
            lease: "vmgroup".into(),
            replica: "replica-1".into(),
        };
        Scripted {
            adapter: Adapter::new(connection.client, place, sender),
            events,
            seen,
        }
    }

    async fn ask(&mut self, request: Request) -> Event {
        self.adapter.perform(request).await;
        self.next().await
    }

    async fn next(&mut self) -> Event {
        tokio::time::timeout(Duration::from_secs(30), self.events.recv())
            .await
            .expect("in time")
            .expect("an event")
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("not poisoned").clone()
    }
}

async fn serve(
    listener: TcpListener,
    answer: Arc<impl Fn(&Seen) -> Answer + Send + Sync + 'static>,
    seen: Arc<Mutex<Vec<Seen>>>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        let (answer, seen) = (answer.clone(), seen.clone());
        tokio::spawn(async move {
            let mut stream = stream;
            while let Some(request) = read(&mut stream).await {
                seen.lock().expect("not poisoned").push(request.clone());
                match answer(&request) {
                    Answer::Json(code, body) => write(&mut stream, code, &body).await,
                    Answer::End => write_text(&mut stream, 200, "").await,
                    Answer::Nothing => return,
                    Answer::Silence => std::future::pending().await,
                }
            }
        });
    }
}

async fn read(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().expect("a number"));
    while bytes.len() < head + length {
        stream.read_buf(&mut bytes).await.ok()?;
    }
    let line = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let mut words = line.split(' ');
    Some(Seen {
        method: words.next()?.to_owned(),
        path: words.next()?.to_owned(),
        body: serde_json::from_slice(&bytes[head..]).unwrap_or(Value::Null),
    })
}

async fn write(stream: &mut TcpStream, code: u16, body: &Value) {
    write_text(stream, code, &body.to_string()).await;
}

async fn write_text(stream: &mut TcpStream, code: u16, body: &str) {
    let answer = format!(
        "HTTP/1.1 {code} Words\r\ncontent-type: application/json\r\nretry-after: 1\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    // A client that has gone away is no matter of the server's.
    let _ = stream.write_all(answer.as_bytes()).await;
}

fn group(name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "vm.codeconnect.vmworld.com/v1alpha1", "kind": "VmGroup",
        "metadata": {"name": name, "namespace": "shop", "uid": "u-1", "resourceVersion": "7"},
        "spec": spec,
    })
}

fn refusal(code: u16, reason: &str, name: &str) -> Answer {
    Answer::Json(
        code,
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code,
            "reason": reason, "message": "words", "details": {"name": name}}),
    )
}

fn target() -> ObjectTarget {
    ObjectTarget {
        key: GroupKey::new("shop", "web"),
        uid: "u-1".into(),
        resource_version: 7,
    }
}

fn write_status() -> Request {
    let status = Status {
        phase: Some("RUNNING".into()),
        ..Status::default()
    };
    Request::WriteStatus {
        id: RequestId(1),
        target: target(),
        status: Box::new(status),
    }
}

fn lease_of(holder: &str) -> LeaseRecord {
    LeaseRecord {
        holder: holder.into(),
        duration_s: 15,
        transitions: 0,
        resource_version: "11".into(),
        refused: None,
    }
}

fn release() -> Request {
    Request::WriteMeta {
        id: RequestId(1),
        target: target(),
        change: MetaChange::Release,
    }
}

fn result(event: Event) -> WriteResult {
    match event {
        Event::GroupAnswered {
            id: RequestId(1),
            result,
        } => result,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_write_that_the_api_server_has_no_time_for_is_not_repeated() {
    for (code, reason) in [
        (503, "ServiceUnavailable"),
        (429, "TooManyRequests"),
        (504, "Timeout"),
    ] {
        let mut server = Scripted::new(move |_| refusal(code, reason, "web")).await;
        let result = result(server.ask(write_status()).await);
        let may_be_done = matches!(result, WriteResult::Lost { .. });
        assert_eq!(may_be_done, code != 429, "{code}: {result:?}");
        assert_eq!(server.seen().len(), 1, "{code}");
    }
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_not_repeated() {
    let mut server = Scripted::new(|_| Answer::Nothing).await;
    let result = result(server.ask(write_status()).await);
    assert!(matches!(result, WriteResult::Lost { .. }), "{result:?}");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_write_that_is_never_answered_is_given_up_as_lost() {
    let mut server = Scripted::new(|_| Answer::Silence).await;
    let result = result(server.ask(write_status()).await);
    assert!(matches!(result, WriteResult::Lost { .. }), "{result:?}");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_status_is_written_whole_for_one_uid_at_one_version() {
    let mut server = Scripted::new(|_| Answer::Json(200, group("web", &json!({})))).await;
    let result = result(server.ask(write_status()).await);
    assert!(matches!(result, WriteResult::Done(_)), "{result:?}");
    let seen = server.seen().remove(0);
    assert_eq!(seen.method, "PATCH");
    assert!(
        seen.path.contains("/namespaces/shop/vmgroups/web/status?"),
        "{}",
        seen.path
    );
    let operations = json!([
        {"op": "test", "path": "/metadata/uid", "value": "u-1"},
        {"op": "test", "path": "/metadata/resourceVersion", "value": "7"},
        {"op": "add", "path": "/status", "value": {"phase": "RUNNING"}},
    ]);
    assert_eq!(seen.body, operations, "absent fields vanish");
}

#[tokio::test]
async fn a_namesake_is_not_released() {
    let mut server = Scripted::new(|_| {
        let mut other = group("web", &json!({}));
        other["metadata"]["uid"] = json!("u-2");
        Answer::Json(200, other)
    })
    .await;
    assert_eq!(result(server.ask(release()).await), WriteResult::Gone);
    assert!(server.seen().iter().all(|seen| seen.method == "GET"));
}

#[tokio::test]
async fn a_patch_whose_test_failed_is_a_conflict() {
    let version = Arc::new(Mutex::new(7));
    let mut server = Scripted::new(move |seen| {
        let mut version = version.lock().expect("not poisoned");
        if seen.method == "PATCH" {
            *version += 1;
            return refusal(422, "Invalid", "");
        }
        let mut object = group("web", &json!({}));
        object["metadata"]["resourceVersion"] = json!(version.to_string());
        object["metadata"]["finalizers"] = json!(["vm-operator"]);
        Answer::Json(200, object)
    })
    .await;
    assert_eq!(result(server.ask(release()).await), WriteResult::Conflict);
    let methods: Vec<String> = server.seen().into_iter().map(|seen| seen.method).collect();
    assert_eq!(methods, ["GET", "PATCH", "GET"]);
}

#[tokio::test]
async fn a_list_in_pages_is_one_event_and_broken_objects_are_in_it() {
    let mut server = Scripted::new(|seen| {
        let list = |items: Vec<Value>, more: &str| {
            Answer::Json(
                200,
                json!({"apiVersion": "vm.codeconnect.vmworld.com/v1alpha1", "kind": "VmGroupList",
                    "metadata": {"resourceVersion": "9", "continue": more}, "items": items}),
            )
        };
        match seen.path.as_str() {
            path if path.contains("watch=true") => Answer::Silence,
            path if !path.contains("/vmgroups") => Answer::Silence,
            path if path.contains("continue=") => list(vec![group("c", &json!({"cpu": 1}))], ""),
            _ => {
                let good = json!({"cpu": 1, "memory": 1, "replicas": 1, "template": "base"});
                list(
                    vec![group("a", &good), group("b", &json!("nonsense"))],
                    "more",
                )
            }
        }
    })
    .await;
    let adapter = server.adapter.clone();
    let watching = tokio::spawn(async move { adapter.watch().await });
    let Event::GroupsListed(groups) = server.next().await else {
        panic!("no list")
    };
    watching.abort();
    let named: Vec<(&str, bool)> = groups
        .iter()
        .map(|group| (group.key.name.as_str(), group.spec.is_ok()))
        .collect();
    assert_eq!(named, [("a", true), ("b", false), ("c", false)]);
}

#[tokio::test]
async fn who_came_first_with_the_lease_is_told_before_the_bad_news() {
    let mut server = Scripted::new(|seen| match seen.method.as_str() {
        "GET" => Answer::Json(
            200,
            json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
                "metadata": {"name": "vmgroup", "namespace": "operator", "resourceVersion": "12"},
                "spec": {"holderIdentity": "replica-2", "leaseDurationSeconds": 15}}),
        ),
        _ => refusal(409, "Conflict", "vmgroup"),
    })
    .await;
    let lease = lease_of("replica-1");
    let first = server
        .ask(Request::WriteLease {
            id: RequestId(1),
            lease,
        })
        .await;
    match first {
        Event::LeaseSeen {
            lease: Some(lease),
            id: None,
        } => {
            assert_eq!(
                (lease.holder.as_str(), lease.resource_version.as_str()),
                ("replica-2", "12")
            );
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        server.next().await,
        Event::LeaseFailed {
            id: RequestId(1),
            ..
        }
    ));
}

#[tokio::test]
async fn requests_wait_for_their_turn_and_the_lease_does_not() {
    let server = Scripted::new(|_| Answer::Silence).await;
    let perform = |request: Request| {
        let adapter = server.adapter.clone();
        tokio::spawn(async move { adapter.perform(request).await });
    };
    let seen = async |count: usize| {
        while server.seen().len() < count {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // Long enough for others to come, and shorter than any is waited for.
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(server.seen().len(), count);
    };
    for _ in 0..2 * REQUESTS_AT_ONCE {
        perform(write_status());
    }
    seen(REQUESTS_AT_ONCE).await;
    let lease = lease_of("replica-1");
    perform(Request::WriteLease {
        id: RequestId(1),
        lease,
    });
    seen(REQUESTS_AT_ONCE + 1).await;
    let last = server.seen().pop().expect("a request");
    assert!(last.path.contains("leases"), "{last:?}");
}

#[tokio::test]
async fn a_watch_that_ends_at_once_is_not_begun_anew_without_end() {
    let mut world = Scripted::new(|seen| match seen.path.contains("watch=true") {
        true => Answer::End,
        false => Answer::Json(
            200,
            json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "7"},
                "items": []}),
        ),
    })
    .await;
    let adapter = world.adapter.clone();
    let watching = tokio::spawn(async move { adapter.watch().await });
    for _ in 0..2 {
        world.next().await;
    }
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let seen = world.seen();
    let watches = seen.iter().filter(|it| it.path.contains("watch=true"));
    let groups = watches.filter(|it| it.path.contains("vmgroups")).count();
    assert!((2..=5).contains(&groups), "{groups} times: {seen:?}");
    watching.abort();
}
