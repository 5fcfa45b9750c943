//! What the CRD's crate does for this one.

use serde_json::Value;
use vmgroup_core::group::Spec;
use vmgroup_core::time::Timestamp;

/// How objects are understood. An error names the field first, such as
/// `spec.cpu is 0: …`; it is shown at that field's place.
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    /// The spec of a `VmGroup`, from what stands under `spec`.
    pub spec: fn(Option<&Value>) -> Result<Spec, String>,
    /// Paths of the fields, such as `spec.replcas`, that a `VmGroup` does not have,
    /// each with the field that it resembles.
    pub unknown_fields: fn(&Value) -> Vec<Unknown>,
    /// The effects that a `PlanApproval` approves, from what stands under `spec`.
    pub approval: fn(Option<&Value>) -> Result<ApprovedEffects, String>,
}

/// The path of a field that there is not, and the name of the one that it resembles.
pub type Unknown = (String, Option<String>);

/// What an approval says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovedEffects {
    /// Name of the group.
    pub group: String,
    /// Digest of the effects.
    pub effects_digest: String,
    /// It counts for nothing from then on.
    pub expires_at: Timestamp,
}
