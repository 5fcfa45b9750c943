//! etcd and kube-apiserver, without kubelet and controllers: pods do not run and
//! nothing collects garbage.

use std::ffi::OsString;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use crate::components::Binaries;
use crate::ports;
use crate::process::{Lifetime, Process, Program};

/// Generous, because a machine may build and test at the same time.
const READY_LIMIT: Duration = Duration::from_secs(90);
const ADMINISTRATOR: &str = "rig-administrator";

/// A running API server with its store.
#[derive(Debug)]
pub(crate) struct Kubernetes {
    // In the order of ending: the server before its store.
    pub(crate) server: Process,
    pub(crate) store: Process,
    pub(crate) access: Access,
}

/// How to reach an API server.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    directory: PathBuf,
    url: String,
    kubectl: PathBuf,
}

impl Kubernetes {
    pub(crate) fn start(binaries: &Binaries, directory: &Path, lifetime: Lifetime) -> Result<Self> {
        fs::create_dir_all(directory)?;
        let (client, peer, secure) = (ports::free()?, ports::free()?, ports::free()?);
        let log = |name: &str| directory.join(format!("{name}.log"));
        let etcd_url = format!("http://127.0.0.1:{client}");
        let store = Process::start(
            binaries,
            etcd(directory, &etcd_url, peer),
            &log("etcd"),
            lifetime,
        )?;
        let token = random_token()?;
        fs::write(
            directory.join("tokens.csv"),
            format!("{token},{ADMINISTRATOR},{ADMINISTRATOR},\"system:masters\"\n"),
        )?;
        write_service_account_keys(binaries, directory)?;
        let server = Process::start(
            binaries,
            api_server(directory, &etcd_url, secure),
            &log("kube-apiserver"),
            lifetime,
        )?;
        let access = Access {
            directory: directory.to_owned(),
            url: format!("https://127.0.0.1:{secure}"),
            kubectl: binaries.path("kubectl"),
        };
        access.write_kubeconfig(&access.admin_kubeconfig(), ADMINISTRATOR, &token)?;
        let mut started = Self {
            server,
            store,
            access,
        };
        started.wait_until_ready()?;
        Ok(started)
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let access = &self.access;
        let store = &mut self.store;
        self.server.wait_until(READY_LIMIT, || {
            store.check()?;
            Ok(access.certificate().exists()
                && access.run(&["get", "--raw", "/readyz"], None).is_ok())
        })
    }
}

impl Access {
    pub(crate) fn admin_kubeconfig(&self) -> PathBuf {
        self.directory.join("kubeconfig.yaml")
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    fn certificate(&self) -> PathBuf {
        self.directory.join("certificates/apiserver.crt")
    }

    /// kubectl as administrator, with nothing of the user's own configuration.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.kubectl);
        command
            .env("KUBECONFIG", self.admin_kubeconfig())
            .env("KUBECACHEDIR", self.directory.join("kubectl-cache"))
            .env("KUBERC", "off");
        command
    }

    pub(crate) fn run(&self, arguments: &[&str], input: Option<&str>) -> Result<String> {
        let mut child = self
            .command()
            .args(arguments)
            .stdin(if input.is_some() {
                Stdio::piped()
            } else {
                Stdio::null()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("failed to run kubectl")?;
        if let (Some(text), Some(mut pipe)) = (input, child.stdin.take()) {
            // A kubectl that refuses its arguments does not read; its own error says why.
            let _ = pipe.write_all(text.as_bytes());
        }
        let output = child.wait_with_output()?;
        if !output.status.success() {
            bail!(
                "kubectl {} failed: {}",
                arguments.join(" "),
                String::from_utf8_lossy(&output.stderr).trim_end()
            );
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    pub(crate) fn service_account_kubeconfig(
        &self,
        namespace: &str,
        account: &str,
    ) -> Result<PathBuf> {
        let arguments = [
            "create",
            "token",
            account,
            "--namespace",
            namespace,
            "--duration",
            "24h",
        ];
        let token = self.run(&arguments, None)?;
        let path = self
            .directory
            .join(format!("kubeconfig-{namespace}-{account}.yaml"));
        self.write_kubeconfig(&path, account, token.trim())?;
        Ok(path)
    }

    /// JSON, which is YAML too.
    fn write_kubeconfig(&self, path: &Path, user: &str, token: &str) -> Result<()> {
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{
                "name": "rig",
                "cluster": { "server": self.url, "certificate-authority": self.certificate() },
            }],
            "users": [{ "name": user, "user": { "token": token } }],
            "contexts": [{ "name": "rig", "context": { "cluster": "rig", "user": user } }],
            "current-context": "rig",
        });
        fs::write(path, serde_json::to_string_pretty(&config)?)
            .with_context(|| format!("failed to write {}", path.display()))
    }
}

fn etcd(directory: &Path, client_url: &str, peer: u16) -> Program {
    let peer_url = format!("http://127.0.0.1:{peer}");
    let arguments = vec![
        flag("data-dir", directory.join("etcd")),
        flag("listen-client-urls", client_url),
        flag("advertise-client-urls", client_url),
        flag("listen-peer-urls", &peer_url),
        flag("initial-advertise-peer-urls", &peer_url),
        flag("initial-cluster", format!("default={peer_url}")),
        // The data is worth nothing after the test.
        "--unsafe-no-fsync".into(),
        flag("log-level", "warn"),
    ];
    Program {
        name: "etcd",
        arguments,
        environment: Vec::new(),
    }
}

fn api_server(directory: &Path, etcd_url: &str, port: u16) -> Program {
    let arguments = vec![
        flag("etcd-servers", etcd_url),
        flag("bind-address", "127.0.0.1"),
        flag("advertise-address", "127.0.0.1"),
        // Nobody follows the endpoints of the service `kubernetes`, and loopback
        // is refused there.
        flag("endpoint-reconciler-type", "none"),
        flag("secure-port", port.to_string()),
        flag("cert-dir", directory.join("certificates")),
        flag(
            "service-account-key-file",
            directory.join("service-accounts.pub"),
        ),
        flag(
            "service-account-signing-key-file",
            directory.join("service-accounts.key"),
        ),
        flag("service-account-issuer", "https://kubernetes.default.svc"),
        flag("service-cluster-ip-range", "10.96.0.0/16"),
        flag("authorization-mode", "RBAC"),
        // As clusters have it: what may run is for PodSecurity to say.
        "--allow-privileged".into(),
        flag("token-auth-file", directory.join("tokens.csv")),
        flag("enable-admission-plugins", "PodSecurity"),
        // It waits for accounts that only the controller manager creates.
        flag("disable-admission-plugins", "ServiceAccount"),
        flag("profiling", "false"),
    ];
    Program {
        name: "kube-apiserver",
        arguments,
        environment: Vec::new(),
    }
}

fn flag(name: &str, value: impl AsRef<std::ffi::OsStr>) -> OsString {
    let mut text = OsString::from(format!("--{name}="));
    text.push(value);
    text
}

fn write_service_account_keys(binaries: &Binaries, directory: &Path) -> Result<()> {
    let status = Command::new(binaries.path("steward"))
        .arg("keys")
        .arg(directory.join("service-accounts.key"))
        .arg(directory.join("service-accounts.pub"))
        .status()
        .context("failed to run steward")?;
    if !status.success() {
        bail!("failed to write the keys of service accounts");
    }
    Ok(())
}

pub(crate) fn random_token() -> Result<String> {
    let mut bytes = [0_u8; 16];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
