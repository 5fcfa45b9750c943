//! What groups are made of, for both sides.

use serde_json::{Value, json};
use vmgroup_core::group::Spec;
use vmgroup_core::status::{SlotRecord, Status};
use vmgroup_core::time::Timestamp;
use vmgroup_sim::samples::small_spec;

use super::operation::Wish;

/// A finalizer of somebody else.
pub(super) const FOREIGN_FINALIZER: &str = "example.com/theirs";

/// When approvals expire.
pub(super) const EXPIRES: Timestamp = Timestamp(4_102_444_800_000);

/// Digest of the effects that are approved.
pub(super) fn digest() -> String {
    format!("sha256:{}", "0123456789abcdef".repeat(4))
}

/// The spec as the operator reads it.
pub(super) fn spec(wish: Wish) -> Result<Spec, String> {
    match wish.replicas {
        Some(replicas) => Ok(small_spec(replicas, wish.template)),
        None => Err("the object has no spec".into()),
    }
}

/// The spec as its owner writes it.
pub(super) fn written(wish: Wish) -> Option<Value> {
    let template = wish.template;
    wish.replicas
        .map(|replicas| json!({"cpu": 1, "memory": 1, "replicas": replicas, "template": template}))
}

/// One of a few statuses.
pub(super) fn status(number: u32) -> Status {
    let slots = (0..number).map(|slot| {
        let record = SlotRecord {
            started: slot > 1,
            answered: slot > 2,
            ..SlotRecord::new(format!("vm-{slot}"))
        };
        (slot, record)
    });
    Status {
        phase: Some("RUNNING".into()),
        current_replicas: Some(number),
        last_message: Some(format!("{number} VMs run.")),
        slots: slots.collect(),
        ..Status::default()
    }
}
