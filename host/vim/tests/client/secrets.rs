//! The password and the session's cookie are nowhere but on the wire.

use std::error::Error as _;

use secrecy::SecretString;
use vmgroup_vim::{Client, Error, ManagedObjectRef};

use crate::server::{Reply, Server, envelope, impatient, returned};

const PASSWORD: &str = "hunter2-correct-horse";

fn assert_clean(error: &Error) {
    let mut shown = format!("{error} {error:?} {error:#?}");
    let mut source = error.source();
    while let Some(inner) = source {
        shown.push_str(&format!("{inner} {inner:?}"));
        source = inner.source();
    }
    assert!(!shown.contains("hunter2"), "{shown}");
}

async fn login(client: &Client, password: &str) -> Error {
    let manager = ManagedObjectRef::new("SessionManager", "SessionManager");
    let password = SecretString::from(password.to_owned());
    client
        .login(&manager, "operator", &password, None)
        .await
        .expect_err("the login fails")
}

#[tokio::test]
async fn no_error_of_a_login_shows_the_password() {
    let echo = |text: &str, detail: &str| {
        envelope(&format!(
            "<soapenv:Fault><faultcode>c</faultcode><faultstring>{text}</faultstring><detail>{detail}</detail></soapenv:Fault>"
        ))
    };
    let in_detail = format!(
        r#"<f xmlns="urn:vim25" xsi:type="InvalidArgument"><invalidProperty>{PASSWORD}</invalidProperty></f>"#
    );
    let in_type = format!(r#"<f xmlns="urn:vim25" xsi:type="{PASSWORD}"/>"#);
    for reply in [
        Reply::Silence,
        Reply::Close,
        Reply::status(503, PASSWORD),
        Reply::status(500, echo(&format!("wrong password {PASSWORD}"), "")),
        Reply::status(500, echo("t", &in_detail)),
        Reply::status(500, echo("t", &in_type)),
        Reply::ok(format!("<{PASSWORD}>")),
        Reply::ok(format!("<a></{PASSWORD}>")),
        Reply::ok(format!("<a b='&{PASSWORD};'/>")),
        Reply::ok(returned(
            "Login",
            &format!("<returnval>{PASSWORD}</returnval>"),
        )),
    ] {
        let server = Server::start(vec![reply]).await;
        let error = login(&server.client_with(impatient()), PASSWORD).await;
        assert!(
            server.requests()[0].body.contains(PASSWORD),
            "the password is sent"
        );
        assert_clean(&error);
    }
}

#[tokio::test]
async fn a_password_that_cannot_be_sent_is_not_shown() {
    let server = Server::start(vec![Reply::Close]).await;
    let error = login(&server.client(), "hunter2\u{0}").await;
    assert!(matches!(&error, Error::Unwritable { element, .. } if element == "password"));
    assert_clean(&error);
}

#[tokio::test]
async fn a_client_with_a_session_does_not_show_its_cookie() {
    let session = "<returnval><key>k</key><userName>u</userName></returnval>";
    let reply = Reply::Answer {
        status: 200,
        headers: vec!["Set-Cookie: vmware_soap_session=hunter2; Path=/".to_owned()],
        body: returned("Login", session).into_bytes(),
    };
    let server = Server::start(vec![reply]).await;
    let client = server.client();
    let manager = ManagedObjectRef::new("SessionManager", "SessionManager");
    let answer = client
        .login(&manager, "u", &PASSWORD.into(), None)
        .await
        .unwrap();
    let shown = format!("{client:?} {client:#?} {answer:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("127.0.0.1"), "the address is shown: {shown}");
}
