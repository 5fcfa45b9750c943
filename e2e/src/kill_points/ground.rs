//! What all runs share: an API server. Each has a namespace there, and nothing else
//! in common with another one.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use vmgroup_faults::{Proxy, Target};

use crate::site::{INSTALL_NAMESPACE, Site};

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1/namespaces";
const LEASE_ROLE: &str = "vmgroup-lease";

/// A site for many runs at once.
#[derive(Debug)]
pub struct Ground {
    site: Site,
    /// The operator's own, straight to the API server.
    kubeconfig: Value,
    lease_role: Value,
    runs: AtomicU32,
}

impl Ground {
    /// Starts the site.
    ///
    /// # Panics
    /// When that fails.
    pub fn start() -> Self {
        let site = Site::start();
        let account = site.deployed_pod()["spec"]["serviceAccountName"].clone();
        let account = account.as_str().expect("the Pod has a ServiceAccount");
        let kubeconfig = site
            .rig()
            .service_account_kubeconfig(INSTALL_NAMESPACE, account)
            .unwrap_or_else(|error| panic!("{error:#}"));
        let kubeconfig = fs::read(kubeconfig).expect("the kubeconfig");
        let path = format!("{RBAC}/{INSTALL_NAMESPACE}/roles/{LEASE_ROLE}");
        let lease_role = site.object(&path).expect("the role for leases");
        Self {
            kubeconfig: serde_json::from_slice(&kubeconfig).expect("JSON"),
            lease_role,
            site,
            runs: AtomicU32::new(0),
        }
    }

    pub(crate) fn site(&self) -> &Site {
        &self.site
    }

    /// A namespace to which an operator can be confined: its lease is there too.
    pub(crate) fn namespace(&self) -> String {
        let number = self.runs.fetch_add(1, Ordering::Relaxed);
        let name = format!("run-{number}");
        let site = &self.site;
        let namespace = json!({ "metadata": { "name": name } });
        site.send("POST", "/api/v1/namespaces", &namespace);
        let role = json!({
            "metadata": { "name": LEASE_ROLE },
            "rules": self.lease_role["rules"],
        });
        site.send("POST", &format!("{RBAC}/{name}/roles"), &role);
        let binding = json!({
            "metadata": { "name": LEASE_ROLE },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": LEASE_ROLE },
            "subjects": [{ "kind": "ServiceAccount", "name": self.account(), "namespace": INSTALL_NAMESPACE }],
        });
        site.send("POST", &format!("{RBAC}/{name}/rolebindings"), &binding);
        name
    }

    /// The API server, for a proxy.
    pub(crate) fn target(&self) -> Target {
        let cluster = &self.kubeconfig["clusters"][0]["cluster"];
        let text = |field: &str| cluster[field].as_str().expect("a kubeconfig").to_owned();
        Target {
            address: text("server").trim_start_matches("https://").to_owned(),
            authority: fs::read(text("certificate-authority")).expect("the authority"),
        }
    }

    /// Writes the operator's kubeconfig, but through a proxy; gives it and the file
    /// with the proxy's authority.
    pub(crate) fn kubeconfig(&self, proxy: &Proxy, folder: &Path) -> (PathBuf, PathBuf) {
        let authority = folder.join("authority.pem");
        fs::write(&authority, proxy.authority()).expect("a file");
        let mut config = self.kubeconfig.clone();
        let address = proxy.kubernetes().expect("it stands before the API server");
        config["clusters"][0]["cluster"] = json!({
            "server": format!("https://{address}"),
            "certificate-authority": authority,
        });
        let path = folder.join("kubeconfig.json");
        fs::write(&path, config.to_string()).expect("a file");
        (path, authority)
    }

    fn account(&self) -> &Value {
        &self.kubeconfig["users"][0]["name"]
    }
}
