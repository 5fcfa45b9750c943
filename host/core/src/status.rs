//! What the operator writes about a group, and what it reads back after a
//! restart: `docs/architecture.md` says which facts live here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::observation::{Connection, Drift, Health, OperationKind, PowerState, Slot, words};
use crate::plan::{Effect, Violation};
use crate::time::Timestamp;

words!(
    /// The demo's one-word summary.
    Phase { /// A person is needed.
        Error = "ERROR", /// On the way.
        Pending = "PENDING", /// As asked for.
        Running = "RUNNING" });

/// The status of a group.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Generation of the spec that the rest speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// RUNNING, PENDING or ERROR.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// Members that exist; the last number counted while it cannot be counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_replicas: Option<u32>,
    /// Members asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired_replicas: Option<u32>,
    /// Members that are as asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_replicas: Option<u32>,
    /// Members whose hardware and template follow the spec.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_replicas: Option<u32>,
    /// One sentence for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_message: Option<String>,
    /// Label selector of the scale subresource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// Ready, Reconciling, Stalled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// instanceUuid of the vCenter that the MoIDs of this status are of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vcenter: Option<String>,
    /// MoID of the group's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// Every slot that has, or may have, a VM. Keys are slot numbers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub slots: BTreeMap<Slot, SlotRecord>,
    /// What the operator has committed to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<Intent>,
    /// When `spec.powerState` last changed, and to what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_wish: Option<PowerWishRecord>,
    /// What the module asked to be remembered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memo: Option<Memo>,
    /// The last decision that changed something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_decision: Option<DecisionRecord>,
    /// Effects that wait for a PlanApproval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<HeldPlan>,
    /// UIDs of the PlanApprovals that were used and exist still, the last one last:
    /// each is used once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub used_approvals: Vec<String>,
    /// At most 50 members, abnormal ones first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<MemberStatus>,
    /// VMs that carry a marker of this group but do not agree with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub copies: Vec<String>,
}

/// The VM of a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SlotRecord {
    /// MoID.
    pub vm: String,
    /// The member was in the state that the group wants, since it was made, that state changed,
    /// or the operator took it down for an update.
    #[serde(default)]
    pub started: bool,
    /// Its guest has answered since it was last off or out of reach.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub answered: bool,
}

impl SlotRecord {
    /// Of a VM of which nothing has been seen yet.
    pub fn new(vm: String) -> Self {
        SlotRecord {
            vm,
            started: false,
            answered: false,
        }
    }
}

/// What the operator has committed to do, written before it is done. A step
/// without a task may have been asked of vCenter or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Intent {
    /// Grows with every commit of the group: the time of the commit in milliseconds
    /// since the Unix epoch, or one more than any that is known of, whichever is larger.
    pub id: u64,
    /// Which run of the operator wrote it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// Generation of the spec that was decided on.
    pub generation: i64,
    /// At most one per slot.
    pub steps: Vec<IntentStep>,
}

/// One committed effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct IntentStep {
    /// The slot.
    pub slot: Slot,
    /// clone, power-on, power-off, suspend, reconfigure or delete.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub kind: OperationKind,
    /// MoID of the member; none for a clone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vm: Option<String>,
    /// The commit that it came with: part of the operation id in vCenter.
    pub intent: u64,
    /// MoID of the task, when vCenter's answer arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
}

/// When the owner last changed the power state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PowerWishRecord {
    /// The state wanted.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub state: PowerState,
    /// Since when, in milliseconds since the Unix epoch.
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub since: Timestamp,
}

/// A module's memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Memo {
    /// Digest of the module that wrote it.
    pub module: String,
    /// At most 4 KiB.
    pub text: String,
}

/// The last decision, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct DecisionRecord {
    /// Digest of the module that decided.
    pub module: String,
    /// Generation of the spec that was decided on.
    pub generation: i64,
    /// "clone slot 3 (scale-up: 2 of 3 slots are filled)", at most 10 lines.
    #[serde(default)]
    pub actions: Vec<String>,
    /// How many more lines there were.
    #[serde(default)]
    pub more: u32,
}

/// Effects that wait for approval.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct HeldPlan {
    /// Digest over the held effects: what a PlanApproval names.
    pub effects_digest: String,
    /// Rule ids that hold it.
    pub rules: Vec<String>,
    /// Lines such as "delete vm-12 (slot 3)", at most 50.
    pub effects: Vec<String>,
    /// How many more lines there were.
    #[serde(default)]
    pub more: u32,
}

/// One member, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct MemberStatus {
    /// Slot.
    pub slot: Slot,
    /// MoID.
    pub vm: String,
    /// Name in vCenter.
    pub name: String,
    /// Power state.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub power: PowerState,
    /// Health.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub health: Health,
    /// Connection.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub connection: Connection,
    /// Drift.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub drift: Drift,
}

/// A condition as Kubernetes has it (`metav1.Condition`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Ready, Reconciling or Stalled.
    #[serde(rename = "type")]
    pub kind: String,
    /// True, False or Unknown.
    pub status: String,
    /// One CamelCase word for machines.
    pub reason: String,
    /// One sentence for people.
    pub message: String,
    /// When `status` last changed, RFC 3339.
    pub last_transition_time: String,
    /// Generation that the condition speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

/// Where a group stands: the one input of phase, conditions and message. The
/// table is in `Standing::summary`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// As asked for.
    Ready,
    /// On the way: what is missing or under way, in one sentence.
    Progressing(String),
    /// Suspended by its owner.
    Suspended,
    /// In Observe, and so many actions would be taken.
    Observing(u32),
    /// Being deleted: how many members are left.
    Deleting(u32),
    /// vCenter, or part of the view, cannot be read: nothing is counted.
    Unknown {
        /// CamelCase reason, such as `VCenterUnavailable`.
        reason: &'static str,
        /// One sentence.
        message: String,
    },
    /// Operations fail and are repeated.
    Failing {
        /// CamelCase reason, such as `CloneFailed`.
        reason: &'static str,
        /// One sentence.
        message: String,
    },
    /// Nothing happens until a person acts.
    Stalled {
        /// CamelCase reason, such as `TemplateNotFound` or `AdoptionRequired`.
        reason: &'static str,
        /// One sentence that says what to do.
        message: String,
    },
    /// The module's last plan broke rules.
    Refused(Vec<Violation>),
    /// Part of the plan waits for approval.
    Held {
        /// What a PlanApproval has to name.
        effects_digest: String,
        /// What waits.
        effects: Vec<Effect>,
    },
}
