//! Writes: the whole status of a group, if the object is still that one at
//! that version.

use kube::api::{DynamicObject, ObjectMeta, PostParams};
use serde_json::json;
use vmgroup_core::status::Status;
use vmgroup_reconcile::event::WriteResult;
use vmgroup_reconcile::request::ObjectTarget;

use crate::adapter::{Adapter, group_resource, within};
use crate::convert::group_object;
use crate::limits::REQUEST;

/// Whom the API server notes as the writer of a field.
pub(crate) const FIELD_MANAGER: &str = "vmgroup";

impl Adapter {
    /// Replaces the status. A PUT, not a server-side apply: both refuse another
    /// resourceVersion, but only a PUT also refuses another UID (an apply to
    /// `/status` was tried, and the API server passes over the UID it names),
    /// which matters when a restored cluster counts versions anew. What the
    /// status lacks is gone afterwards, whoever wrote it.
    pub(crate) async fn write_status(&self, target: &ObjectTarget, status: &Status) -> WriteResult {
        let key = &target.key;
        let status = match serde_json::to_value(status) {
            Ok(status) => status,
            Err(error) => {
                return WriteResult::Failed {
                    message: error.to_string(),
                };
            }
        };
        let object = DynamicObject {
            metadata: ObjectMeta {
                name: Some(key.name.clone()),
                namespace: Some(key.namespace.clone()),
                uid: Some(target.uid.clone()),
                resource_version: Some(target.resource_version.to_string()),
                ..ObjectMeta::default()
            },
            data: json!({ "status": status }),
            ..DynamicObject::new(&key.name, &group_resource())
        };
        let params = PostParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PostParams::default()
        };
        let groups = self.groups(&key.namespace);
        match within(
            REQUEST,
            &key.name,
            groups.replace_status(&key.name, &params, &object),
        )
        .await
        {
            Ok(object) => WriteResult::Done(Box::new(group_object(&object))),
            Err(failure) => failure.of_write(),
        }
    }
}
