//! Connections that fail, and whether the call may have had its effect.

use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use vmgroup_vim::*;

use crate::server::{Reply, Server, client, impatient, returned};

fn vm() -> ManagedObjectRef {
    ManagedObjectRef::virtual_machine("vm-42")
}

fn task() -> String {
    returned(
        "PowerOffVM_Task",
        r#"<returnval type="Task">task-1</returnval>"#,
    )
}

async fn power_off(client: &Client) -> Error {
    client
        .power_off_vm(&vm(), None)
        .await
        .expect_err("the call fails")
}

#[tokio::test]
async fn a_refused_connection_means_that_nothing_happened() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let error = power_off(&client(port, impatient())).await;
    assert!(matches!(error, Error::NotSent { .. }), "{error:?}");
    assert_eq!(error.certainty(), Certainty::NotExecuted);
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls_means_that_nothing_happened() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        use tokio::io::AsyncWriteExt;
        let (mut stream, _) = listener.accept().await.unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
    });
    let address = Address::parse(&format!("https://127.0.0.1:{port}")).unwrap();
    let config = ClientConfig {
        insecure: true,
        ..ClientConfig::new(address)
    };
    let error = power_off(&Client::new(&config).unwrap()).await;
    assert!(matches!(error, Error::NotSent { .. }), "{error:?}");
    server.await.unwrap();
}

#[tokio::test]
async fn a_handshake_that_stalls_means_that_nothing_happened() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let address = Address::parse(&format!("https://127.0.0.1:{port}")).unwrap();
    let limits = Limits {
        connect_timeout: Duration::from_millis(200),
        ..Limits::default()
    };
    let config = ClientConfig {
        insecure: true,
        limits,
        ..ClientConfig::new(address)
    };
    let error = power_off(&Client::new(&config).unwrap()).await;
    assert!(matches!(error, Error::NotSent { .. }), "{error:?}");
    assert_eq!(error.certainty(), Certainty::NotExecuted);
}

#[tokio::test]
async fn an_answer_that_never_comes_leaves_the_effect_unknown() {
    let half = Reply::HalfThenSilence {
        body: task().into_bytes(),
    };
    for reply in [Reply::Silence, half] {
        let server = Server::start(vec![reply]).await;
        let began = Instant::now();
        let error = power_off(&server.client_with(impatient())).await;
        assert!(
            matches!(
                error,
                Error::TimedOut {
                    after_ms: 1_000,
                    ..
                }
            ),
            "{error:?}"
        );
        assert!(error.is_effect_unknown());
        assert!(began.elapsed() < Duration::from_secs(10));
    }
}

#[tokio::test]
async fn a_connection_that_breaks_after_the_request_leaves_the_effect_unknown() {
    for reply in [
        Reply::Close,
        Reply::Half {
            body: task().into_bytes(),
        },
    ] {
        let server = Server::start(vec![reply]).await;
        let error = power_off(&server.client()).await;
        assert!(matches!(error, Error::AnswerLost { .. }), "{error:?}");
        assert!(error.is_effect_unknown());
        assert_eq!(server.requests().len(), 1, "the call is not repeated");
    }
}

#[tokio::test]
async fn a_status_without_a_fault_is_told_apart_by_who_may_have_sent_it() {
    use Certainty::{NotExecuted, Unknown};
    for (status, certainty) in [
        (301, NotExecuted),
        (401, NotExecuted),
        (403, NotExecuted),
        (404, NotExecuted),
        (429, NotExecuted),
        (500, Unknown),
        (502, Unknown),
        (503, Unknown),
        (504, Unknown),
    ] {
        let server = Server::start(vec![Reply::status(status, "<html>busy</html>")]).await;
        let error = power_off(&server.client()).await;
        assert!(
            matches!(error, Error::Status { status: s, .. } if s == status),
            "{error:?}"
        );
        assert_eq!(error.certainty(), certainty, "{status}");
        assert_eq!(server.requests().len(), 1, "the call is not repeated");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let other = Server::start(vec![Reply::ok(task())]).await;
    for status in [301, 302, 307, 308] {
        let location = format!("Location: {}", other.client().address());
        let redirect = Reply::Answer {
            status,
            headers: vec![location],
            body: Vec::new(),
        };
        let server = Server::start(vec![redirect]).await;
        let error = power_off(&server.client()).await;
        assert!(matches!(error, Error::Status { .. }), "{error:?}");
    }
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn a_wait_gets_the_time_that_it_asked_the_server_for() {
    let server = Server::start(vec![Reply::Silence]).await;
    let collector = ManagedObjectRef::new("PropertyCollector", "pc-1");
    let options = WaitOptions {
        max_wait_seconds: 1,
        max_object_updates: 1,
    };
    let client = server.client_with(impatient());
    let error = client
        .wait_for_updates(&collector, "", options, None)
        .await
        .expect_err("silence");
    assert!(
        matches!(
            error,
            Error::TimedOut {
                after_ms: 2_000,
                ..
            }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_value_that_xml_cannot_carry_is_not_sent() {
    let server = Server::start(vec![Reply::ok(task())]).await;
    let client = server.client();
    let folder = ManagedObjectRef::folder("group-v3");
    let error = client
        .create_folder(&folder, "a\u{0}b", None)
        .await
        .expect_err("refused");
    assert!(
        matches!(&error, Error::Unwritable { element, .. } if element == "name"),
        "{error:?}"
    );
    assert_eq!(error.certainty(), Certainty::NotExecuted);
    let error = client
        .power_off_vm(&vm(), Some("\u{1b}[0m"))
        .await
        .expect_err("refused");
    assert!(matches!(error, Error::Unwritable { .. }), "{error:?}");
    let odd = ManagedObjectRef::new("Virtual\nMachine", "vm-1");
    let error = client.power_off_vm(&odd, None).await.expect_err("refused");
    assert!(matches!(error, Error::Unwritable { .. }), "{error:?}");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn the_sessions_cookie_goes_with_every_later_call_until_it_is_forgotten() {
    let session = "<returnval><key>k</key><userName>u</userName></returnval>";
    let login = Reply::Answer {
        status: 200,
        headers: vec!["Set-Cookie: vmware_soap_session=\"abc123\"; Path=/; HttpOnly".to_owned()],
        body: returned("Login", session).into_bytes(),
    };
    let again = login.clone();
    let logout = Reply::ok(returned("Logout", ""));
    let server = Server::start(vec![
        login,
        Reply::ok(task()),
        again,
        logout,
        Reply::ok(task()),
    ])
    .await;
    let client = server.client();
    let manager = ManagedObjectRef::new("SessionManager", "SessionManager");
    client
        .login(&manager, "u", &"p".into(), None)
        .await
        .unwrap();
    client.clone().power_off_vm(&vm(), None).await.unwrap();
    client
        .login(&manager, "u", &"p".into(), None)
        .await
        .unwrap();
    client.logout(&manager, None).await.unwrap();
    client.power_off_vm(&vm(), None).await.unwrap();
    let sent: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.head.contains(r#"vmware_soap_session="abc123""#))
        .collect();
    assert_eq!(sent, [false, true, false, true, false]);
}

#[tokio::test]
async fn certificate_authorities_that_are_none_are_refused() {
    let address = Address::parse("vc.example.com").unwrap();
    let broken = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
    for pem in ["", "no certificate", broken] {
        let ca_pem = Some(pem.as_bytes().to_vec());
        let config = ClientConfig {
            ca_pem,
            ..ClientConfig::new(address.clone())
        };
        let error = Client::new(&config).expect_err("refused");
        assert_eq!(error.certainty(), Certainty::NotExecuted);
        assert!(
            matches!(error, Error::Authorities { .. } | Error::Setup { .. }),
            "{error:?}"
        );
    }
}
