//! The marker: what makes a VM a member. It stands in the VM's `extraConfig`.

use serde::{Deserialize, Serialize};

use crate::group::GroupKey;
use crate::observation::Slot;

/// Key in `extraConfig` that holds the marker, as JSON.
pub const MARKER_KEY: &str = "vmgroup.marker";
/// Key in `extraConfig` that holds the hash of the spec which the VM follows.
pub const SPEC_HASH_KEY: &str = "vmgroup.spec-hash";
/// Key in `extraConfig` by which an administrator holds a VM; any value but an
/// empty one does.
pub const HOLD_KEY: &str = "vmgroup.hold";

/// Who made the VM, for whom. At most 1 KiB as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Marker {
    /// Version of this format.
    pub version: u32,
    /// Name of this installation of the operator.
    pub install: String,
    /// Namespace of the group.
    pub namespace: String,
    /// Name of the group.
    pub name: String,
    /// Identity of the group.
    pub identity: String,
    /// The slot that the VM fills.
    pub slot: Slot,
    /// The VM's own `instanceUuid`: a copy inherits the marker, not this.
    pub instance_uuid: String,
    /// Device keys of the disks that the VM was born with.
    #[serde(default)]
    pub disks: Vec<i32>,
}

impl Marker {
    /// The format that this operator writes.
    pub const VERSION: u32 = 1;

    /// The marker as it is written; an empty string is no marker.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("a marker has only strings and numbers")
    }

    /// The marker in `text`; none if it is not one.
    pub fn parse(text: &str) -> Option<Marker> {
        if text.len() > 4096 {
            return None;
        }
        serde_json::from_str(text).ok()
    }

    /// The group that the marker names.
    pub fn group(&self) -> GroupKey {
        GroupKey::new(&self.namespace, &self.name)
    }
}
