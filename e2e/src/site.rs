//! A cluster and a vCenter with the operator's deployment applied, in which no
//! operator runs yet.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use vmgroup_rig::{Control, Options, Rig, Vm};

use crate::binary::repository;
use crate::group::{Group, Wish};
use crate::patience::eventually;
use crate::proxy::Proxy;
use crate::truth::{self, Members};

/// The namespace of the deployed operator.
pub const INSTALL_NAMESPACE: &str = "codeconnect-vm-operator-system";

/// VMs that belong to nobody, and must end as they began.
const BYSTANDERS: u32 = 2;

/// The API server lists a new kind some moments after it takes its objects.
const KINDS_LIMIT: Duration = Duration::from_secs(30);

/// A rig with CRDs, RBAC and deployment as `deploy/` has them.
#[derive(Debug)]
pub struct Site {
    // In the order of ending: the proxy before its server.
    proxy: Proxy,
    rig: Rig,
    strangers: BTreeMap<String, Vm>,
    logs: AtomicU32,
}

impl Site {
    /// Starts the rig and applies the deployment.
    ///
    /// # Panics
    /// When that fails.
    pub fn start() -> Self {
        let options = Options {
            bystanders: BYSTANDERS,
            ..Options::default()
        };
        let rig = Rig::start(&options).unwrap_or_else(|error| panic!("no rig: {error:#}"));
        let proxy = Proxy::start(
            &rig.binaries().path("steward"),
            rig.kubectl_command(),
            &rig.directory().join("proxy.log"),
        );
        let strangers = truth::vms(rig.control());
        let site = Self {
            proxy,
            rig,
            strangers,
            logs: AtomicU32::new(0),
        };
        let base = deployment();
        site.kubectl(&["apply", "-k", &base.to_string_lossy()]);
        let crds = ["vmgroups", "planapprovals"]
            .map(|plural| format!("crd/{plural}.vm.codeconnect.vmworld.com"));
        let mut wait = vec!["wait", "--for=condition=Established", "--timeout=60s"];
        wait.extend(crds.iter().map(String::as_str));
        site.kubectl(&wait);
        site.until_kubectl_knows_groups();
        site
    }

    /// The rig itself.
    pub fn rig(&self) -> &Rig {
        &self.rig
    }

    /// The tests' hands and eyes in vCenter.
    pub fn control(&self) -> &Control {
        self.rig.control()
    }

    /// Runs kubectl as administrator and gives its output.
    ///
    /// # Panics
    /// When kubectl fails.
    #[track_caller]
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        match self.rig.kubectl(arguments) {
            Ok(output) => output,
            Err(error) => panic!("{error:#}"),
        }
    }

    /// Runs kubectl on a manifest from standard input.
    ///
    /// # Panics
    /// When kubectl fails.
    #[track_caller]
    pub fn kubectl_on(&self, arguments: &[&str], manifest: &str) -> String {
        match self.rig.kubectl_with_input(arguments, manifest) {
            Ok(output) => output,
            Err(error) => panic!("{error:#}"),
        }
    }

    /// Runs kubectl and gives why it failed.
    ///
    /// # Panics
    /// When kubectl succeeds.
    #[track_caller]
    pub fn kubectl_fails(&self, arguments: &[&str]) -> String {
        match self.rig.kubectl(arguments) {
            Ok(output) => panic!("kubectl {arguments:?} succeeded: {output}"),
            Err(error) => format!("{error:#}"),
        }
    }

    /// The object at a path of the API, such as `/api/v1/namespaces/default`.
    ///
    /// # Panics
    /// When the API server does not answer.
    #[track_caller]
    pub fn object(&self, path: &str) -> Option<Value> {
        self.proxy.get(path)
    }

    /// Creates by POST, changes by a merge PATCH, or deletes at a path of the API.
    ///
    /// # Panics
    /// When the API server does not do it.
    #[track_caller]
    pub(crate) fn send(&self, method: &str, path: &str, body: &Value) -> Value {
        self.proxy.send(method, path, body)
    }

    /// The Pod that the deployed Deployment would make.
    ///
    /// # Panics
    /// When there is no Deployment.
    #[track_caller]
    pub fn deployed_pod(&self) -> Value {
        let path = format!("/apis/apps/v1/namespaces/{INSTALL_NAMESPACE}/deployments");
        let deployments = self.object(&path).expect("a list of Deployments");
        let mut pod = deployments["items"][0]["spec"]["template"].clone();
        assert!(
            pod["spec"].is_object(),
            "nothing is deployed: {deployments}"
        );
        pod["metadata"]["name"] = json!("as-deployed");
        pod["metadata"]["namespace"] = json!(INSTALL_NAMESPACE);
        pod["apiVersion"] = json!("v1");
        pod["kind"] = json!("Pod");
        pod
    }

    /// Creates a namespace.
    ///
    /// # Panics
    /// When kubectl fails.
    #[track_caller]
    pub fn create_namespace(&self, name: &str) {
        self.kubectl(&["create", "namespace", name]);
    }

    /// Creates or changes a group by `kubectl apply`.
    ///
    /// # Panics
    /// When kubectl fails.
    #[track_caller]
    pub fn apply(&self, namespace: &str, name: &str, wish: &Wish) -> Group<'_> {
        let object = json!({
            "apiVersion": "vm.codeconnect.vmworld.com/v1alpha1",
            "kind": "VmGroup",
            "metadata": { "namespace": namespace, "name": name },
            "spec": wish.spec(),
        });
        self.kubectl_on(&["apply", "-f", "-"], &object.to_string());
        self.group(namespace, name)
    }

    /// A group, whether it exists or not.
    pub fn group(&self, namespace: &str, name: &str) -> Group<'_> {
        Group::new(self, namespace, name)
    }

    /// The VMs that truly are of a group.
    ///
    /// # Panics
    /// When the simulator does not answer.
    #[track_caller]
    pub fn members(&self, namespace: &str, name: &str) -> Members {
        truth::members(self.control(), namespace, name)
    }

    /// The inventory paths of folders below the operator's own.
    ///
    /// # Panics
    /// When the simulator does not answer.
    #[track_caller]
    pub fn group_folders(&self) -> Vec<String> {
        let folders = self.control().folders().expect("the simulator answers");
        let paths = folders.into_iter().map(|folder| folder.path);
        paths
            .filter(|path| path.starts_with("/vcqaDC/vm/vm-operator/"))
            .collect()
    }

    /// What must hold at the end of every story: nothing of anybody else was
    /// touched, and no slot has two VMs.
    ///
    /// # Panics
    /// When that is not so.
    #[track_caller]
    pub fn assert_safe(&self) {
        let found = truth::vms(self.control());
        for (moid, before) in &self.strangers {
            assert_eq!(found.get(moid), Some(before), "a stranger was changed");
        }
        truth::assert_no_slot_twice(&found);
        let trace = self.control().trace(0).expect("the simulator answers");
        let strange = trace.calls.iter().find(|call| {
            let reads = ["CloneVM_Task", "RetrieveProperties"];
            self.strangers.contains_key(&call.object)
                && !reads.iter().any(|m| call.method.starts_with(m))
        });
        assert_eq!(strange, None, "a call was made on a stranger");
    }

    /// kubectl remembers the kinds that it found before the CRDs were there.
    fn until_kubectl_knows_groups(&self) {
        eventually("kubectl knows groups", KINDS_LIMIT, || {
            let arguments = ["api-resources", "--api-group=vm.codeconnect.vmworld.com"];
            let kinds = self.kubectl(&arguments);
            if kinds.contains("VmGroup") {
                Ok(())
            } else {
                Err(kinds)
            }
        });
    }

    /// A new file for what a process writes.
    pub(crate) fn log_file(&self, name: &str) -> PathBuf {
        let number = self.logs.fetch_add(1, Ordering::Relaxed);
        self.rig.directory().join(format!("{name}-{number}.log"))
    }
}

/// The folder of the kustomization that a cluster gets.
pub(crate) fn deployment() -> PathBuf {
    let top = repository().join("deploy");
    let base = top.join("base");
    if has_kustomization(&base) { base } else { top }
}

fn has_kustomization(folder: &Path) -> bool {
    folder.join("kustomization.yaml").is_file()
}
