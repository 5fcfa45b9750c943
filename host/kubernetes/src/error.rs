//! What can go wrong, and what it means for a write.

use std::path::PathBuf;

use vmgroup_reconcile::event::WriteResult;

use crate::limits::MESSAGE_CHARS_MAX;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kubeconfig cannot be used.
    #[error("failed to read the kubeconfig {path}")]
    Kubeconfig {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: kube::config::KubeconfigError,
    },
    /// There is neither a kubeconfig nor a ServiceAccount.
    #[error("found neither a kubeconfig nor a ServiceAccount")]
    NoCluster {
        /// Why.
        #[source]
        source: Box<kube::config::InferConfigError>,
    },
    /// The client cannot be made, for instance because a certificate is broken.
    #[error("failed to make a client for {url}")]
    Client {
        /// Of the API server.
        url: String,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
}

/// How a request to the API server ended without success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The object is not at the version that the write names, or exists already.
    Conflict,
    /// The object does not exist.
    Gone,
    /// The API server did not understand the write: 422.
    Invalid(String),
    /// The write may or may not have been done.
    Lost(String),
    /// Nothing was done.
    Refused(String),
}

impl Failure {
    /// Of a request that took too long.
    pub(crate) fn timeout() -> Self {
        Failure::Lost("the API server did not answer in time".to_owned())
    }

    /// What the error says about the object of that name.
    pub(crate) fn of(error: &kube::Error, name: &str) -> Self {
        match error {
            kube::Error::Api(status) => {
                let message = cut(&status.message);
                let about = status.details.as_ref().map(|details| details.name.as_str());
                match status.code {
                    409 => Failure::Conflict,
                    // A page that is not found says nothing about the object:
                    // the CRD may be missing, or the API server starting.
                    404 if status.reason == "NotFound" && about == Some(name) => Failure::Gone,
                    422 => Failure::Invalid(message),
                    500.. => Failure::Lost(message),
                    _ => Failure::Refused(message),
                }
            }
            kube::Error::BuildRequest(_)
            | kube::Error::HttpError(_)
            | kube::Error::Auth(_)
            | kube::Error::InferConfig(_)
            | kube::Error::InferKubeconfig(_) => Failure::Refused(cut(&chain(error))),
            _ => Failure::Lost(cut(&chain(error))),
        }
    }

    /// For people.
    pub(crate) fn message(self) -> String {
        match self {
            Failure::Conflict => "somebody else changed it first".to_owned(),
            Failure::Gone => "it does not exist".to_owned(),
            Failure::Invalid(message) | Failure::Lost(message) | Failure::Refused(message) => {
                message
            }
        }
    }

    /// As the answer to a write.
    pub(crate) fn of_write(self) -> WriteResult {
        match self {
            Failure::Conflict => WriteResult::Conflict,
            Failure::Gone => WriteResult::Gone,
            Failure::Lost(message) => WriteResult::Lost { message },
            Failure::Invalid(message) | Failure::Refused(message) => {
                WriteResult::Failed { message }
            }
        }
    }

    /// As the answer to a read, which has changed nothing.
    pub(crate) fn of_read(self) -> WriteResult {
        match self {
            Failure::Gone => WriteResult::Gone,
            failure => WriteResult::Failed {
                message: failure.message(),
            },
        }
    }
}

/// The error with its causes, each once: some errors repeat their source.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        next = cause.source();
    }
    text
}

fn cut(text: &str) -> String {
    text.chars().take(MESSAGE_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn api(code: u16, reason: &str, name: &str) -> kube::Error {
        let status = json!({
            "code": code, "message": "words", "reason": reason, "details": {"name": name},
        });
        let status: kube::core::Status = serde_json::from_value(status).expect("a Status");
        kube::Error::Api(status.boxed())
    }

    fn of(code: u16, reason: &str) -> WriteResult {
        Failure::of(&api(code, reason, "web"), "web").of_write()
    }

    #[test]
    fn an_answer_below_500_says_that_nothing_was_written() {
        let failed = WriteResult::Failed {
            message: "words".into(),
        };
        assert_eq!(of(409, "Conflict"), WriteResult::Conflict);
        assert_eq!(of(404, "NotFound"), WriteResult::Gone);
        for (code, reason) in [
            (400, "BadRequest"),
            (401, "Unauthorized"),
            (403, "Forbidden"),
            (413, "RequestEntityTooLarge"),
            (422, "Invalid"),
            (429, "TooManyRequests"),
        ] {
            assert_eq!(of(code, reason), failed, "{code}");
        }
    }

    #[test]
    fn an_answer_from_500_may_hide_a_write_that_was_done() {
        for code in [500, 502, 503, 504] {
            assert!(
                matches!(of(code, "InternalError"), WriteResult::Lost { .. }),
                "{code}"
            );
        }
    }

    #[test]
    fn a_page_that_is_not_found_does_not_mean_that_the_object_is_gone() {
        for error in [
            api(404, "NotFound", ""),
            api(404, "404 page not found", "web"),
        ] {
            let result = Failure::of(&error, "web").of_write();
            assert!(matches!(result, WriteResult::Failed { .. }), "{result:?}");
        }
    }

    #[test]
    fn a_broken_connection_may_hide_a_write_that_was_done() {
        let error = kube::Error::Service("connection reset".into());
        assert!(matches!(
            Failure::of(&error, "web").of_write(),
            WriteResult::Lost { .. }
        ));
        assert!(matches!(
            Failure::of(&error, "web").of_read(),
            WriteResult::Failed { .. }
        ));
        assert!(matches!(
            Failure::timeout().of_write(),
            WriteResult::Lost { .. }
        ));
    }
}
