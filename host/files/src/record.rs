//! What the state holds of a group: everything that an API server would.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;
use vmgroup_core::group::{Adoption, GroupKey, Spec};
use vmgroup_core::status::Status;
use vmgroup_core::time::Timestamp;
use vmgroup_reconcile::event::GroupObject;

use crate::document::GroupDocument;
use crate::schema::Schema;

/// One group. A field that is not known, as a later version may write it, is an
/// error: it would be lost with the next write.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Record {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) generation: i64,
    pub(crate) resource_version: u64,
    pub(crate) created_at: Timestamp,
    pub(crate) deleting: bool,
    pub(crate) finalizer: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) identity: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) adoption: Option<Adoption>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) vcenter: Option<String>,
    /// The file that the group was last seen in.
    pub(crate) file: PathBuf,
    /// The last spec that could be understood, as it was written; null if none could.
    pub(crate) spec: Value,
    /// Why the spec that is written now cannot be understood.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<String>,
    #[serde(default)]
    pub(crate) status: Status,
}

/// A group was deleted while its file still asked for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Tombstone {
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// What the file asked for: as long as it does, the group stays deleted.
    pub(crate) spec: Value,
}

/// Somebody wants a group deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Deletion {
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// A namesake that is created meanwhile is not meant.
    pub(crate) uid: String,
}

/// Something that has a file in the state, named after its group.
pub(crate) trait Stored: Serialize + for<'de> Deserialize<'de> {
    /// The folder of its kind.
    const FOLDER: &'static str;
    /// The group.
    fn key(&self) -> GroupKey;
}

macro_rules! stored {
    ($type:ty, $folder:literal) => {
        impl Stored for $type {
            const FOLDER: &'static str = $folder;

            fn key(&self) -> GroupKey {
                GroupKey::new(&self.namespace, &self.name)
            }
        }
    };
}
stored!(Record, "groups");
stored!(Tombstone, "deleted");
stored!(Deletion, "requests");

impl Record {
    /// What the machine sees. While a group is deleted, the last spec that could
    /// be understood says how: a slip of the pen must not turn `Orphan` into
    /// `Delete`.
    pub(crate) fn object(&self, schema: &Schema) -> GroupObject {
        GroupObject {
            key: self.key(),
            uid: self.uid.clone(),
            generation: self.generation,
            resource_version: self.resource_version,
            created_at: self.created_at,
            deleting: self.deleting,
            finalizer: self.finalizer,
            demo_finalizer: false,
            identity: self.identity.clone(),
            adoption: self.adoption,
            vcenter: self.vcenter.clone(),
            spec: self.spec(schema),
            status: self.status.clone(),
        }
    }

    fn spec(&self, schema: &Schema) -> Result<Spec, String> {
        let last = (schema.spec)(Some(&self.spec));
        match &self.problem {
            Some(problem) if !self.deleting || last.is_err() => Err(problem.clone()),
            _ => last,
        }
    }
}

/// The record of a document that is new.
pub(crate) fn created(file: &Path, document: &GroupDocument) -> Record {
    let (spec, problem) = match &document.spec {
        Ok(_) => (document.written.clone(), None),
        Err(problem) => (Value::Null, Some(problem.to_string())),
    };
    Record {
        namespace: document.key.namespace.clone(),
        name: document.key.name.clone(),
        uid: Uuid::new_v4().to_string(),
        generation: 1,
        resource_version: 1,
        created_at: now(),
        deleting: false,
        finalizer: false,
        identity: document.identity.clone(),
        adoption: document.adoption,
        vcenter: document.vcenter.clone(),
        file: file.to_owned(),
        spec,
        problem,
        status: vmgroup_core::status::Status::default(),
    }
}

/// The record after a change of the document; none if there is none.
pub(crate) fn changed(record: &Record, file: &Path, document: &GroupDocument) -> Option<Record> {
    let mut next = record.clone();
    match &document.spec {
        Ok(_) => {
            next.problem = None;
            next.spec = document.written.clone();
        }
        Err(problem) => next.problem = Some(problem.to_string()),
    }
    if next != *record {
        next = respecified(&next);
    }
    next.adoption = document.adoption;
    next.vcenter.clone_from(&document.vcenter);
    file.clone_into(&mut next.file);
    if next == *record {
        return None;
    }
    next.resource_version = record.resource_version + 1;
    Some(next)
}

/// A later version with another generation of the spec.
pub(crate) fn respecified(record: &Record) -> Record {
    Record {
        generation: record.generation + 1,
        resource_version: record.resource_version + 1,
        ..record.clone()
    }
}

pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
