//! Logging in and out.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use crate::soap::Request;
use crate::{Client, Error, Fault, ManagedObjectRef, Unreadable, Value};

/// A session as vCenter tells of it. The key names the session and is not the cookie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserSession {
    /// The session's key, as administrators see it in the list of sessions.
    pub key: String,
    /// The user as vCenter knows it, such as `VSPHERE.LOCAL\operator`.
    ///
    /// Tasks are listed under this name, which may differ from the one that logged in.
    pub user_name: String,
    /// When the session began, by vCenter's clock.
    pub login_time: Option<Timestamp>,
}

impl Client {
    /// `Login`: begins a session.
    ///
    /// A cookie from an earlier session is forgotten first, because vCenter answers a login in a
    /// live session with the same fault as a wrong password. Whoever still has a session logs it
    /// out before. The password is in no error, whatever the server says.
    pub async fn login(
        &self,
        session_manager: &ManagedObjectRef,
        user: &str,
        password: &SecretString,
        operation: Option<&str>,
    ) -> Result<UserSession, Error> {
        self.forget_session();
        let mut request = Request::new("Login", session_manager, operation);
        request.text("userName", user);
        request.text("password", password.expose_secret());
        let answer = self.call(request, |returned| {
            let session = returned.value()?;
            let text = |field| {
                let missing = Unreadable::Missing {
                    field,
                    within: "UserSession",
                };
                session.text(field).map(str::to_owned).ok_or(missing)
            };
            Ok(UserSession {
                key: text("key")?,
                user_name: text("userName")?,
                login_time: session.get("loginTime").and_then(Value::as_timestamp),
            })
        });
        answer
            .await
            .map_err(|error| without_secret(error, password))
    }

    /// `Logout`: ends the session. Its cookie is forgotten when vCenter has said so.
    pub async fn logout(
        &self,
        session_manager: &ManagedObjectRef,
        operation: Option<&str>,
    ) -> Result<(), Error> {
        let request = Request::new("Logout", session_manager, operation);
        self.call(request, |_| Ok(())).await?;
        self.forget_session();
        Ok(())
    }
}

/// A server may repeat in its answer what it was sent.
fn without_secret(error: Error, password: &SecretString) -> Error {
    let secret = password.expose_secret();
    match error {
        Error::Fault { call, mut fault } if !secret.is_empty() => {
            if fault.message.contains(secret) {
                fault.message = String::new();
            }
            if fault.name.contains(secret) || format!("{:?}", fault.kind).contains(secret) {
                *fault = Fault::new("", &fault.message, &Value::Text(String::new()));
            }
            Error::Fault { call, fault }
        }
        // A parser's message names what it found in the answer.
        Error::Malformed {
            call,
            source: Unreadable::Xml(_) | Unreadable::Tokens(_),
        } => {
            let source = Unreadable::NotTheAnswer {
                method: call.method,
            };
            Error::Malformed { call, source }
        }
        other => other,
    }
}
