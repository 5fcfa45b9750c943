//! The built operator as a process under the deployed ServiceAccount.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::binary::operator_binary;
use crate::process::{Child, is_good};
use crate::site::{INSTALL_NAMESPACE, Site};

/// Kubernetes gives a Pod thirty seconds; the demo's gave it ten.
const STOP_LIMIT: Duration = Duration::from_secs(10);
const SHOWN_LINES: usize = 60;
/// The flag of the deployed Pod that means nothing outside it, written `--flag=value`.
const OF_THE_POD: &str = "--vc-credentials";

/// How to start an operator.
#[derive(Debug, Clone, Default)]
pub struct Start {
    /// The folder with files `VC_HOST`, `VC_USER` and `VC_PASS`; none means the
    /// environment.
    pub credentials: Option<PathBuf>,
    /// Another password than the rig's.
    pub vc_pass: Option<String>,
    /// The file of the module; none means the built-in one.
    pub module: Option<PathBuf>,
    /// The name of the replica; none means one that was never there before.
    pub replica: Option<&'static str>,
    /// Where probes are answered; none means nowhere.
    pub health: Option<SocketAddr>,
    /// Another way to other servers than the site's; none means straight.
    pub route: Option<Route>,
}

/// How an operator reaches servers that are not, or not directly, the site's.
#[derive(Debug, Clone)]
pub struct Route {
    /// The API server.
    pub kubeconfig: PathBuf,
    /// vCenter's address and port.
    pub vc_host: String,
    /// The user's password there.
    pub vc_pass: String,
    /// The file with the authority (PEM) that vouches for vCenter.
    pub vc_authority: PathBuf,
    /// More flags.
    pub arguments: Vec<String>,
}

/// A running operator. Its log may hold no ERROR line and no password.
#[derive(Debug)]
pub struct Operator {
    child: Child,
    secrets: Vec<String>,
    name: &'static str,
    is_checked: bool,
}

impl Operator {
    /// Starts one as it is deployed.
    #[track_caller]
    pub fn start(site: &Site) -> Self {
        Self::start_with(site, &Start::default())
    }

    /// Starts one in another way.
    ///
    /// # Panics
    /// When it does not start.
    #[track_caller]
    pub fn start_with(site: &Site, start: &Start) -> Self {
        let rig = site.rig();
        let pod = site.deployed_pod();
        let account = pod["spec"]["serviceAccountName"]
            .as_str()
            .expect("the Pod has a ServiceAccount");
        let route = match &start.route {
            Some(route) => route.clone(),
            None => Route {
                kubeconfig: rig
                    .service_account_kubeconfig(INSTALL_NAMESPACE, account)
                    .unwrap_or_else(|error| panic!("{error:#}")),
                vc_host: rig.vc_host().to_owned(),
                vc_pass: rig.vc_pass().to_owned(),
                vc_authority: rig.vc_authority().to_owned(),
                arguments: Vec::new(),
            },
        };
        let password = start.vc_pass.as_deref().unwrap_or(&route.vc_pass);
        let mut command = Command::new(operator_binary());
        command
            .args(deployed_arguments(&pod))
            .args(&route.arguments)
            .arg("--kubeconfig")
            .arg(&route.kubeconfig)
            .arg("--vc-ca")
            .arg(&route.vc_authority);
        if let Some(module) = &start.module {
            command.arg("--module").arg(module);
        }
        if let Some(address) = start.health {
            command.args(["--health-addr", &address.to_string()]);
        }
        if let Some(replica) = start.replica {
            command.args(["--replica", replica]);
        }
        match &start.credentials {
            Some(folder) => {
                command.arg("--vc-credentials").arg(folder);
            }
            None => {
                command
                    .env("VC_HOST", &route.vc_host)
                    .env("VC_USER", rig.vc_user())
                    .env("VC_PASS", password);
            }
        }
        let name = start.replica.unwrap_or("operator");
        let steward = rig.binaries().path("steward");
        Self {
            child: Child::start(&steward, &command, &site.log_file(name)),
            secrets: vec![password.to_owned(), route.vc_pass],
            name,
            is_checked: false,
        }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        self.child.output()
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> bool {
        self.child.is_running()
    }

    /// Ends it without its doing.
    #[track_caller]
    pub fn kill(mut self) {
        self.child.signal(Signal::KILL);
        self.child.ended(STOP_LIMIT);
        self.check_log();
    }

    /// Waits until somebody else has killed it.
    #[track_caller]
    pub fn until_killed(mut self) {
        self.child.ended(Duration::from_secs(60));
        self.check_log();
    }

    /// Freezes it.
    #[track_caller]
    pub fn freeze(&self) {
        self.child.signal(Signal::STOP);
    }

    /// Lets it go on.
    #[track_caller]
    pub fn thaw(&self) {
        self.child.signal(Signal::CONT);
    }

    /// Asks it to end, which it does soon and well.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn stop(self) {
        let name = self.name;
        let (well, said) = self.end();
        assert!(well, "{name} did not end well:\n{said}");
    }

    /// Asks it to end, unless it has; tells whether it ended well, and all that it said.
    #[track_caller]
    pub fn end(mut self) -> (bool, String) {
        self.child.ask_to_end();
        let (status, _) = self.child.ended(STOP_LIMIT);
        self.check_log();
        (is_good(status), self.log())
    }

    #[track_caller]
    fn check_log(&mut self) {
        self.is_checked = true;
        let log = self.log();
        for secret in &self.secrets {
            assert!(
                !log.contains(secret),
                "the log of {} has a password",
                self.name
            );
        }
        let error = log.lines().find(|line| is_error(line));
        assert_eq!(
            error,
            None,
            "the log of {} has an error:\n{}",
            self.name,
            self.tail()
        );
    }

    fn tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
    }
}

impl Drop for Operator {
    #[allow(
        clippy::print_stderr,
        reason = "a failed test shows what the operator said"
    )]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "---- the last lines of {}:\n{}\n----",
                self.name,
                self.tail()
            );
        } else if !self.is_checked {
            self.check_log();
        }
    }
}

/// A line of level ERROR, as text or as JSON; or a panic.
fn is_error(line: &str) -> bool {
    let level = line.split_whitespace().take(2).any(|word| word == "ERROR");
    level || line.contains(r#""level":"ERROR""#) || line.contains("panicked at")
}

/// What the deployed Pod tells its operator, without what names the Pod's own
/// files and network.
#[track_caller]
fn deployed_arguments(pod: &Value) -> Vec<String> {
    let arguments = &pod["spec"]["containers"][0]["args"];
    let mut arguments: Vec<String> =
        serde_json::from_value(arguments.clone()).expect("the container has arguments");
    let is_of_the_pod = |argument: &String| {
        let flag = argument.split('=').next().unwrap_or_default();
        flag == OF_THE_POD
    };
    arguments.retain(|argument| !is_of_the_pod(argument));
    arguments
}

#[cfg(test)]
mod tests {
    use super::is_error;

    #[test]
    fn lines_of_level_error_are_found_in_both_forms_of_the_log() {
        assert!(is_error(
            "2026-01-01T00:00:00Z ERROR vmgroup: an adapter failed"
        ));
        assert!(is_error(
            r#"{"timestamp":"t","level":"ERROR","message":"m"}"#
        ));
        assert!(is_error("thread 'main' (1) panicked at src/main.rs:1:1:"));
        assert!(!is_error(
            r#"{"level":"WARN","detail":"ERROR: it needs a person"}"#
        ));
        assert!(!is_error(
            "2026-01-01T00:00:00Z  WARN vmgroup: stands detail=ERROR"
        ));
    }
}
