//! The rig with Kubernetes: starts, answers, and leaves nothing behind.
#![allow(clippy::unwrap_used)]

use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use vmgroup_rig::{Options, Rig, down, up};

const ACCOUNT: &str = r"
apiVersion: v1
kind: ServiceAccount
metadata: { name: operator, namespace: walk }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: operator, namespace: walk }
rules: [{ apiGroups: [''], resources: [configmaps], verbs: [list] }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: operator, namespace: walk }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: operator }
subjects: [{ kind: ServiceAccount, name: operator, namespace: walk }]
";

const PRIVILEGED: &str = r"
apiVersion: v1
kind: Pod
metadata: { name: root, namespace: strict }
spec: { containers: [{ name: c, image: i, securityContext: { privileged: true } }] }
";

#[test]
fn a_rig_serves_an_empty_cluster_and_leaves_no_process() {
    let rig = Rig::start(&Options::default()).unwrap();
    let version = rig.kubectl(&["version"]).unwrap();
    assert!(version.contains("Server Version: v1.35.4"), "{version}");
    assert_eq!(
        rig.kubectl(&["get", "nodes", "--output", "name"]).unwrap(),
        ""
    );
    rig.kubectl(&["create", "namespace", "walk"]).unwrap();

    rig.kubectl_with_input(&["apply", "-f", "-"], ACCOUNT)
        .unwrap();
    let account = rig.service_account_kubeconfig("walk", "operator").unwrap();
    let account = account.to_str().unwrap();
    rig.kubectl(&["--kubeconfig", account, "get", "configmaps", "-n", "walk"])
        .unwrap();
    let refused = rig.kubectl(&["--kubeconfig", account, "get", "secrets", "-n", "walk"]);
    assert!(refused.unwrap_err().to_string().contains("Forbidden"));

    rig.kubectl(&["create", "namespace", "strict"]).unwrap();
    let enforce = "pod-security.kubernetes.io/enforce=restricted";
    rig.kubectl(&["label", "namespace", "strict", enforce])
        .unwrap();
    let refused = rig.kubectl_with_input(&["apply", "-f", "-"], PRIVILEGED);
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("PodSecurity"), "{refused}");

    rig.control().health().unwrap();
    greet(&rig);
    let pids = rig.pids().unwrap();
    assert_eq!(pids.len(), 3);
    let directory = rig.directory().to_owned();
    assert_ne!(commands_naming(&directory), Vec::<String>::new());
    drop(rig);
    for pid in pids {
        assert!(
            !Path::new(&format!("/proc/{pid}")).exists(),
            "{pid} still runs"
        );
    }
    assert_eq!(commands_naming(&directory), Vec::<String>::new());
    assert!(!directory.exists());
}

#[test]
fn a_rig_that_stands_is_found_again_and_ended_once() {
    let state = tempfile::tempdir().unwrap();
    let standing = up(state.path(), &mut |_| {}).unwrap();
    let exports = standing.exports();
    assert!(
        exports[0].starts_with("export KUBECONFIG='/"),
        "{exports:?}"
    );
    assert!(
        exports[1].starts_with("export VC_HOST='127.0.0.1:"),
        "{exports:?}"
    );
    assert_eq!(up(state.path(), &mut |_| {}).unwrap(), standing);
    assert_ne!(commands_naming(state.path()), Vec::<String>::new());

    let ended = down(state.path()).unwrap();
    assert_eq!(ended, ["kube-apiserver", "etcd", "vcsim"]);
    assert_eq!(commands_naming(state.path()), Vec::<String>::new());
    assert_eq!(down(state.path()).unwrap(), Vec::<String>::new());
}

/// Fails unless rustls, which the operator uses, trusts the server by the
/// authority in the kubeconfig.
fn greet(rig: &Rig) {
    let config: serde_json::Value =
        serde_json::from_slice(&std::fs::read(rig.kubeconfig()).unwrap()).unwrap();
    let authority = config["clusters"][0]["cluster"]["certificate-authority"]
        .as_str()
        .unwrap();
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(authority).unwrap() {
        roots.add(certificate.unwrap()).unwrap();
    }
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let address = rig.api_server_url().strip_prefix("https://").unwrap();
    let mut stream = StreamOwned::new(connection, TcpStream::connect(address).unwrap());
    stream
        .write_all(b"GET /livez HTTP/1.1\r\nHost: rig\r\nConnection: close\r\n\r\n")
        .unwrap();
    stream.flush().unwrap();
}

/// The command lines of running processes that name a folder.
fn commands_naming(folder: &Path) -> Vec<String> {
    let folder = folder.to_str().unwrap();
    let mut commands = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap() {
        let Ok(line) = std::fs::read(entry.unwrap().path().join("cmdline")) else {
            continue;
        };
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(folder) {
            commands.push(line);
        }
    }
    commands
}
