//! Two folders, and a schema with two fields: `replicas` and `deletion`.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::Value;
use vmgroup_core::group::{DeletionPolicy, GroupKey, Spec};
use vmgroup_core::status::Status;
use vmgroup_core::time::Timestamp;
use vmgroup_reconcile::event::{Event, GroupObject, WriteResult};
use vmgroup_reconcile::request::{MetaChange, ObjectTarget, Request, RequestId};

use crate::groups::Groups;
use crate::limits::QUIET;
use crate::schema::{ApprovedEffects, Schema};

pub(crate) const SCHEMA: Schema = Schema {
    spec,
    unknown_fields,
    approval,
};

fn spec(spec: Option<&Value>) -> Result<Spec, String> {
    let spec = spec
        .filter(|spec| !spec.is_null())
        .ok_or("the object has no spec")?;
    let replicas = spec["replicas"]
        .as_u64()
        .ok_or("spec.replicas: not a number")?;
    let deletion = match spec["deletion"].as_str() {
        Some("Orphan") => DeletionPolicy::Orphan,
        _ => DeletionPolicy::Delete,
    };
    Ok(Spec {
        replicas: u32::try_from(replicas).unwrap(),
        deletion,
        ..Spec::nothing()
    })
}

fn unknown_fields(group: &Value) -> Vec<(String, Option<String>)> {
    let fields = group["spec"]
        .as_object()
        .into_iter()
        .flat_map(|fields| fields.keys());
    let unknown = fields.filter(|field| !matches!(field.as_str(), "replicas" | "deletion"));
    unknown
        .map(|field| (format!("spec.{field}"), None))
        .collect()
}

fn approval(spec: Option<&Value>) -> Result<ApprovedEffects, String> {
    let text = |field: &str| {
        let value = spec.and_then(|spec| spec[field].as_str());
        value
            .map(str::to_owned)
            .ok_or(format!("spec.{field}: missing"))
    };
    Ok(ApprovedEffects {
        group: text("group")?,
        effects_digest: text("effectsDigest")?,
        expires_at: Timestamp(1_000),
    })
}

pub(crate) fn yaml(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: vm.codeconnect.vmworld.com/v1alpha1\nkind: VmGroup\n\
         metadata:\n  name: {name}\nspec:\n{spec}"
    )
}

pub(crate) fn web(replicas: u32) -> String {
    yaml("web", &format!("  replicas: {replicas}\n"))
}

pub(crate) fn key(name: &str) -> GroupKey {
    GroupKey::new("default", name)
}

pub(crate) struct Scene {
    folder: tempfile::TempDir,
}

impl Scene {
    pub(crate) fn new() -> Scene {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("groups")).unwrap();
        Scene { folder }
    }

    pub(crate) fn groups(&self) -> PathBuf {
        self.folder.path().join("groups")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Somebody has written a file, a while ago.
    pub(crate) fn put(&self, file: &str, text: &str) {
        let file = self.groups().join(file);
        fs::write(&file, text).unwrap();
        let file = fs::File::options().write(true).open(file).unwrap();
        file.set_modified(SystemTime::now() - 10 * QUIET).unwrap();
    }

    /// The file system with the groups is not there: its mount point is, and empty.
    pub(crate) fn unmount(&self) {
        fs::rename(self.groups(), self.folder.path().join("unmounted")).unwrap();
        fs::create_dir(self.groups()).unwrap();
    }

    pub(crate) fn mount(&self) {
        fs::remove_dir(self.groups()).unwrap();
        fs::rename(self.folder.path().join("unmounted"), self.groups()).unwrap();
    }

    pub(crate) fn take_away(&self, file: &str) {
        fs::remove_file(self.groups().join(file)).unwrap();
    }

    pub(crate) fn open(&self) -> Arc<Groups> {
        Arc::new(Groups::open(&self.groups(), &self.state(), SCHEMA).unwrap())
    }
}

pub(crate) fn object(groups: &Groups, name: &str) -> GroupObject {
    let found = groups
        .objects()
        .into_iter()
        .find(|object| object.key == key(name));
    found.unwrap_or_else(|| panic!("no group {name}"))
}

pub(crate) fn target(object: &GroupObject) -> ObjectTarget {
    ObjectTarget {
        key: object.key.clone(),
        uid: object.uid.clone(),
        resource_version: object.resource_version,
    }
}

pub(crate) fn write_status(target: ObjectTarget, phase: &str) -> Request {
    let status = Status {
        phase: Some(phase.into()),
        ..Status::default()
    };
    Request::WriteStatus {
        id: RequestId(7),
        target,
        status: Box::new(status),
    }
}

pub(crate) fn claim(target: ObjectTarget) -> Request {
    Request::WriteMeta {
        id: RequestId(8),
        target,
        change: MetaChange::Claim {
            identity: "i-1".into(),
            replace_demo: false,
        },
    }
}

pub(crate) fn release(target: ObjectTarget) -> Request {
    Request::WriteMeta {
        id: RequestId(9),
        target,
        change: MetaChange::Release,
    }
}

/// The answer, and what else happened.
pub(crate) fn answered(mut events: Vec<Event>) -> (WriteResult, Vec<Event>) {
    let Event::GroupAnswered { result, .. } = events.remove(0) else {
        panic!("no answer");
    };
    (result, events)
}

pub(crate) fn done(events: Vec<Event>) -> GroupObject {
    match answered(events).0 {
        WriteResult::Done(object) => *object,
        other => panic!("not done: {other:?}"),
    }
}
