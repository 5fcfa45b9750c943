//! A group, as its owner sees it.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::patience::eventually;
use crate::site::Site;
use crate::truth::Members;

/// Generous: the machine may be busy with other stories.
const LIMIT: Duration = Duration::from_secs(90);

/// What the owner of a group asks for.
#[derive(Debug, Clone)]
pub struct Wish(Map<String, Value>);

impl Wish {
    /// So many of the smallest VMs.
    pub fn new(replicas: u32) -> Self {
        let mut spec = Map::new();
        spec.insert("cpu".into(), json!(1));
        spec.insert("memory".into(), json!(1));
        spec.insert("replicas".into(), json!(replicas));
        spec.insert("template".into(), json!("vm-operator-template"));
        Self(spec)
    }

    /// With one more field of the spec.
    #[must_use]
    pub fn with(mut self, field: &str, value: Value) -> Self {
        self.0.insert(field.into(), value);
        self
    }

    pub(crate) fn spec(&self) -> Value {
        Value::Object(self.0.clone())
    }
}

/// A group at a site.
#[derive(Debug, Clone)]
pub struct Group<'a> {
    site: &'a Site,
    namespace: String,
    name: String,
}

impl<'a> Group<'a> {
    pub(crate) fn new(site: &'a Site, namespace: &str, name: &str) -> Self {
        Self {
            site,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    /// The object; none if it is gone.
    #[track_caller]
    pub fn object(&self) -> Option<Value> {
        let Self {
            namespace, name, ..
        } = self;
        self.site.object(&format!(
            "/apis/vm.codeconnect.vmworld.com/v1alpha1/namespaces/{namespace}/vmgroups/{name}"
        ))
    }

    /// Its status, null without one.
    ///
    /// # Panics
    /// When the object is gone.
    #[track_caller]
    pub fn status(&self) -> Value {
        self.object().expect("the group exists")["status"].take()
    }

    /// Reason and message of a condition with a given status, if it has that.
    pub fn condition(&self, kind: &str) -> Option<(String, String, String)> {
        let status = self.status();
        let found = status["conditions"]
            .as_array()?
            .iter()
            .find(|one| one["type"] == kind)?;
        let word = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
        Some((word("status"), word("reason"), word("message")))
    }

    /// The VMs that truly are of the group.
    #[track_caller]
    pub fn members(&self) -> Members {
        self.site.members(&self.namespace, &self.name)
    }

    /// Changes the object by a merge patch.
    #[track_caller]
    pub fn patch(&self, patch: &Value) {
        self.kubectl(&[
            "patch",
            "vg",
            &self.name,
            "--type",
            "merge",
            "-p",
            &patch.to_string(),
        ]);
    }

    /// Changes the number of VMs by `kubectl scale`.
    #[track_caller]
    pub fn scale(&self, replicas: u32) {
        let replicas = format!("--replicas={replicas}");
        self.kubectl(&["scale", &format!("vg/{}", self.name), &replicas]);
    }

    /// Sets an annotation below the operator's own prefix.
    #[track_caller]
    pub fn annotate(&self, key: &str, value: &str) {
        let annotation = format!("vm.codeconnect.vmworld.com/{key}={value}");
        self.kubectl(&["annotate", "vg", &self.name, &annotation]);
    }

    /// Asks for the deletion, and does not wait.
    #[track_caller]
    pub fn delete(&self) {
        self.kubectl(&["delete", "vg", &self.name, "--wait=false"]);
    }

    /// Waits until the status follows the spec and says this phase.
    #[track_caller]
    pub fn until_phase(&self, phase: &str) -> Value {
        let what = format!("{} is {phase}", self.key());
        eventually(&what, LIMIT, || {
            let object = self.object().ok_or("no object")?;
            let status = &object["status"];
            let follows = status["observedGeneration"] == object["metadata"]["generation"];
            if follows && status["phase"] == phase {
                Ok(status.clone())
            } else {
                Err(object.to_string())
            }
        })
    }

    /// Waits until a condition has this status and reason.
    #[track_caller]
    pub fn until_condition(&self, kind: &str, status: &str, reason: &str) -> String {
        let what = format!("{} has {kind}={status} for {reason}", self.key());
        eventually(&what, LIMIT, || match self.condition(kind) {
            Some((is, why, message)) if is == status && why == reason => Ok(message),
            other => Err(format!("{other:?} in {}", self.status())),
        })
    }

    /// Waits until the group says RUNNING with so many members, and vCenter has
    /// exactly so many, all powered on.
    #[track_caller]
    pub fn until_running(&self, replicas: usize) -> Members {
        let what = format!("{} is RUNNING with {replicas} VMs", self.key());
        eventually(&what, LIMIT, || {
            let object = self.object().ok_or("no object")?;
            let status = &object["status"];
            let members = self.members();
            let said = status["observedGeneration"] == object["metadata"]["generation"]
                && status["phase"] == "RUNNING"
                && status["currentReplicas"] == replicas
                && status["readyReplicas"] == replicas;
            let is =
                members.len() == replicas && members.values().all(|vm| vm.power == "poweredOn");
            if said && is {
                Ok(members)
            } else {
                Err(format!("{status} with {members:?}"))
            }
        })
    }

    /// Waits until the object is gone.
    #[track_caller]
    pub fn until_gone(&self) {
        let what = format!("{} is gone", self.key());
        eventually(&what, LIMIT, || match self.object() {
            None => Ok(()),
            Some(object) => Err(object.to_string()),
        });
    }

    /// Waits until `look` at its members gives something.
    #[track_caller]
    pub fn until_members<T>(&self, what: &str, look: impl Fn(&Members) -> Option<T>) -> T {
        eventually(&format!("{}: {what}", self.key()), LIMIT, || {
            let members = self.members();
            look(&members).ok_or_else(|| format!("{members:?}, status {}", self.status()))
        })
    }

    /// Namespace and name.
    pub fn key(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    #[track_caller]
    fn kubectl(&self, arguments: &[&str]) -> String {
        let mut all = vec!["--namespace", &self.namespace];
        all.extend(arguments);
        self.site.kubectl(&all)
    }
}
