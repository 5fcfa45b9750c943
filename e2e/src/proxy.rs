//! Cheap reads from the API server: kubectl itself takes a tenth of a second of
//! processor time a call, which is too much for tests that look all the time.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::patience::eventually;
use crate::process::Child;

const READY_LIMIT: Duration = Duration::from_secs(30);
const ANSWER_LIMIT: Duration = Duration::from_secs(20);

/// `kubectl proxy` of the administrator.
#[derive(Debug)]
pub(crate) struct Proxy {
    url: String,
    agent: ureq::Agent,
    _process: Child,
}

impl Proxy {
    pub(crate) fn start(steward: &Path, mut kubectl: Command, log: &Path) -> Self {
        kubectl.args(["proxy", "--port=0", "--address=127.0.0.1"]);
        let process = Child::start(steward, &kubectl, log);
        let url = eventually("kubectl proxy says its port", READY_LIMIT, || {
            let said = process.output();
            let address = said
                .lines()
                .find_map(|line| line.strip_prefix("Starting to serve on "));
            address
                .map(|address| format!("http://{}", address.trim()))
                .ok_or(said.clone())
        });
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(ANSWER_LIMIT))
            .build();
        Self {
            url,
            agent: config.into(),
            _process: process,
        }
    }

    /// Creates by POST, changes by a merge PATCH, or deletes; gives the answer.
    ///
    /// # Panics
    /// When the API server does not do it.
    #[track_caller]
    pub(crate) fn send(&self, method: &str, path: &str, body: &Value) -> Value {
        let kind = match method {
            "PATCH" => "application/merge-patch+json",
            _ => "application/json",
        };
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("content-type", kind)
            .body(body.to_string());
        let answer = self.agent.run(request.expect("a request"));
        let mut answer = answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let text = answer.body_mut().read_to_string();
        let text = text.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        assert!(answer.status().is_success(), "{method} {path}: {text}");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// The object at a path; none if there is none.
    ///
    /// # Panics
    /// When the API server does not answer, or with another error.
    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Option<Value> {
        let answer = self.agent.get(format!("{}{path}", self.url)).call();
        let mut answer = answer.unwrap_or_else(|error| panic!("failed to read {path}: {error}"));
        let text = answer
            .body_mut()
            .read_to_string()
            .unwrap_or_else(|error| panic!("failed to read {path}: {error}"));
        if answer.status() == 404 {
            return None;
        }
        assert!(answer.status().is_success(), "{path}: {text}");
        Some(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}")))
    }
}
