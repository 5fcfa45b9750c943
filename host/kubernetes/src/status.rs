//! Writes: the whole status of a group, if the object is still that one at
//! that version.

use serde_json::json;
use vmgroup_core::status::Status;
use vmgroup_reconcile::event::WriteResult;
use vmgroup_reconcile::request::ObjectTarget;

use crate::adapter::Adapter;
use crate::patch::Part;

impl Adapter {
    /// Replaces the status. What it lacks is gone afterwards, whoever wrote it.
    pub(crate) async fn write_status(&self, target: &ObjectTarget, status: &Status) -> WriteResult {
        let add = json!({"op": "add", "path": "/status", "value": status});
        self.patch(target, Part::Status, vec![add]).await
    }
}
