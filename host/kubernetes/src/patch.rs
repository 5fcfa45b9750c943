//! How an object of ours is written: by a JSON patch that first tests that it
//! is still that object at that version.
//!
//! A PUT would also refuse another UID and version, but to the API server what
//! it leaves out is taken away: to leave labels and annotations out of a PUT of
//! the status takes them from whoever applied them, who could then never remove
//! them. A server-side apply to `/status` passes over the UID, which matters
//! when a restored cluster counts versions anew.

use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use vmgroup_reconcile::event::WriteResult;
use vmgroup_reconcile::request::ObjectTarget;

use crate::adapter::{Adapter, within};
use crate::convert::{group_object, version_of};
use crate::error::Failure;
use crate::limits::REQUEST;
use crate::object::Object;

/// Whom the API server notes as the writer of a field.
pub(crate) const FIELD_MANAGER: &str = "vmgroup";

/// What of an object is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Its metadata.
    Meta,
    /// Its subresource status.
    Status,
}

impl Adapter {
    /// Does the operations if the object is still the target.
    pub(crate) async fn patch(
        &self,
        target: &ObjectTarget,
        part: Part,
        operations: Vec<Value>,
    ) -> WriteResult {
        let mut all = tests(target);
        all.extend(operations);
        let patch = match serde_json::from_value(Value::Array(all)) {
            Ok(patch) => Patch::Json::<()>(patch),
            Err(error) => {
                return WriteResult::Failed {
                    message: error.to_string(),
                };
            }
        };
        let key = &target.key;
        let params = PatchParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let groups = self.groups(&key.namespace);
        let written = match part {
            Part::Meta => {
                within(REQUEST, &key.name, groups.patch(&key.name, &params, &patch)).await
            }
            Part::Status => {
                let patched = groups.patch_status(&key.name, &params, &patch);
                within(REQUEST, &key.name, patched).await
            }
        };
        match written {
            Ok(object) => WriteResult::Done(Box::new(group_object(&object))),
            // A test of the patch that fails is told apart from other invalid
            // patches only by looking at the object again.
            Err(Failure::Invalid(message)) => match self.expected(target).await {
                Ok(_) => WriteResult::Failed { message },
                Err(result) => result,
            },
            Err(failure) => failure.of_write(),
        }
    }

    /// The object, if it is still the target at that version; otherwise what
    /// the write would have come to.
    pub(crate) async fn expected(&self, target: &ObjectTarget) -> Result<Object, WriteResult> {
        let object = self.read(&target.key).await.map_err(Failure::of_read)?;
        if object.uid().as_deref() != Some(&target.uid) {
            return Err(WriteResult::Gone);
        }
        if version_of(&object) != target.resource_version {
            return Err(WriteResult::Conflict);
        }
        Ok(object)
    }
}

fn tests(target: &ObjectTarget) -> Vec<Value> {
    let version = target.resource_version.to_string();
    vec![
        json!({"op": "test", "path": "/metadata/uid", "value": target.uid}),
        json!({"op": "test", "path": "/metadata/resourceVersion", "value": version}),
    ]
}
