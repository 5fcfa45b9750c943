//! What a decision may see, in the shape of the contract (`wit/reconciler.wit`
//! documents every field) and of the case format: the JSON of these types is
//! the `input` of a fixture.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::defaults;
use crate::plan::Violation;
use crate::time::Timestamp;

/// A numbered place in a group.
pub type Slot = u32;

/// Opaque name of a VM within one observation; the host uses its MoID.
pub type MemberId = String;

mod vocabulary;

pub(crate) use vocabulary::words;
pub use vocabulary::*;

/// All that a decision may see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", from = "ObservationText")]
pub struct Observation {
    /// Circumstances of the call.
    pub context: Context,
    /// What the group's owner asks for.
    pub desired: Desired,
    /// Sorted by slot, then id.
    pub members: Vec<Member>,
    /// Sorted by slot.
    pub operations: Vec<Operation>,
    /// Sorted by slot.
    pub failures: Vec<Failure>,
    /// False while the view may lack VMs.
    pub complete: bool,
    /// When the view was last known to be up to date.
    pub as_of: Timestamp,
}

impl Observation {
    /// The member of that id.
    pub fn member(&self, id: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.id == id)
    }

    /// Slots that a member fills, or an operation in flight concerns.
    pub fn slots_in_use(&self) -> BTreeSet<Slot> {
        let members = self.members.iter().map(|member| member.slot);
        members
            .chain(self.operations.iter().map(|operation| operation.slot))
            .collect()
    }

    /// Puts every list in the order that the contract promises.
    pub fn sort(&mut self) {
        self.members
            .sort_by(|a, b| (a.slot, &a.id).cmp(&(b.slot, &b.id)));
        self.operations
            .sort_by(|a, b| (a.slot, &a.member, a.kind).cmp(&(b.slot, &b.member, b.kind)));
        self.failures
            .sort_by_key(|failure| (failure.slot, failure.class));
        for member in &mut self.members {
            member.labels.sort();
            member.holds.sort();
        }
    }
}

/// An observation as people write it in a case: what is left out is as it
/// mostly is, and lists have any order. Everything is there in what the host writes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ObservationText {
    context: Context,
    desired: Desired,
    members: Vec<Member>,
    #[serde(default)]
    operations: Vec<Operation>,
    #[serde(default)]
    failures: Vec<Failure>,
    #[serde(default = "defaults::complete")]
    complete: bool,
    /// The time of the decision if left out.
    #[serde(default)]
    as_of: Option<Timestamp>,
}

impl From<ObservationText> for Observation {
    fn from(text: ObservationText) -> Self {
        let mut observation = Observation {
            as_of: text.as_of.unwrap_or(text.context.now),
            context: text.context,
            desired: text.desired,
            members: text.members,
            operations: text.operations,
            failures: text.failures,
            complete: text.complete,
        };
        observation.sort();
        observation
    }
}

/// Circumstances of the call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Context {
    /// Whether the group is wanted or being deleted.
    #[serde(default = "defaults::phase")]
    pub phase: Phase,
    /// The time of the decision.
    pub now: Timestamp,
    /// The zone that the settings name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<Zone>,
    /// Why the host looks.
    #[serde(default = "defaults::woken")]
    pub woken: WakeReason,
    /// Canonical JSON.
    #[serde(default = "defaults::settings")]
    pub settings: String,
    /// What the previous plan of this module asked to be remembered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memo: Option<String>,
    /// Violations of the previous plan.
    #[serde(default)]
    pub violations: Vec<Violation>,
}

/// Offset of a time zone at the time of the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Zone {
    /// Minutes east of UTC.
    pub offset_minutes: i32,
    /// When the offset changes next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_transition: Option<Timestamp>,
}

/// What the group's owner asks for, with every percentage resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Desired {
    /// Filled slots wanted.
    pub replicas: u32,
    /// Members that may be down at a time by the module's doing.
    #[serde(default = "defaults::one")]
    pub max_unavailable: u32,
    /// Members above `replicas` during a replacement.
    #[serde(default = "defaults::one")]
    pub max_surge: u32,
    /// Members that must stay up.
    #[serde(default = "defaults::zero")]
    pub min_alive: u32,
    /// Members above `replicas` kept in reserve.
    #[serde(default = "defaults::zero")]
    pub spares: u32,
    /// The power state wanted.
    #[serde(default = "defaults::power_wish")]
    pub power: PowerWish,
    /// Which members go first.
    #[serde(default = "defaults::removal")]
    pub removal: RemovalPolicy,
    /// What may be done about drift.
    #[serde(default = "defaults::update")]
    pub update: UpdatePolicy,
    /// What may be done about failure.
    #[serde(default = "defaults::heal")]
    pub heal: HealPolicy,
    /// Milliseconds of failure before healing.
    #[serde(default = "defaults::heal_after_ms")]
    pub heal_after_ms: u64,
    /// Whether members may be parked, and how.
    #[serde(default = "defaults::parking")]
    pub parking: Parking,
    /// What may be taken down in this window.
    #[serde(default = "defaults::budget")]
    pub budget: Budget,
    /// Most actions in one plan.
    #[serde(default = "defaults::max_actions")]
    pub max_actions: u32,
}

/// The power state wanted, and how firmly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PowerWish {
    /// The state itself.
    #[serde(default = "defaults::power_on")]
    pub state: PowerState,
    /// What to do about a foreign change.
    #[serde(default = "defaults::power_drift")]
    pub drift: PowerDriftPolicy,
    /// Milliseconds for which a foreign change is left alone.
    #[serde(default = "defaults::grace_ms")]
    pub grace_ms: u64,
    /// When the owner last changed `state`.
    #[serde(default = "defaults::start")]
    pub since: Timestamp,
}

/// What may be taken down before `window_ends`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Budget {
    /// Deletes left.
    #[serde(default = "defaults::budget_count")]
    pub deletes: u32,
    /// Other disruptions left.
    #[serde(default = "defaults::budget_count")]
    pub disruptions: u32,
    /// Deletes of members too many that cost nothing.
    #[serde(default = "defaults::scaled_down")]
    pub scaled_down: u32,
    /// When the window ends.
    #[serde(default = "defaults::never")]
    pub window_ends: Timestamp,
}

/// A VM that fills a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Member {
    /// MoID.
    pub id: MemberId,
    /// The slot it fills.
    pub slot: Slot,
    /// Power state.
    #[serde(default = "defaults::power_on")]
    pub power: PowerState,
    /// Since when.
    #[serde(default = "defaults::start")]
    pub power_since: Timestamp,
    /// Whether vCenter reaches it.
    #[serde(default = "defaults::connection")]
    pub connection: Connection,
    /// Health.
    #[serde(default = "defaults::health")]
    pub health: Health,
    /// Since when.
    #[serde(default = "defaults::start")]
    pub health_since: Timestamp,
    /// The least that would bring it to the spec.
    #[serde(default = "defaults::drift")]
    pub drift: Drift,
    /// Virtual CPUs.
    #[serde(default = "defaults::one")]
    pub cpus: u32,
    /// Memory in MiB.
    #[serde(default = "defaults::memory_mib")]
    pub memory_mib: u64,
    /// When it was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// Labels that the owner allows the module to see, sorted.
    #[serde(default)]
    pub labels: Vec<(String, String)>,
    /// Why nothing may be done to it, sorted.
    #[serde(default)]
    pub holds: Vec<Hold>,
}

/// One effect in flight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Operation {
    /// What it does.
    pub kind: OperationKind,
    /// The slot it concerns.
    pub slot: Slot,
    /// The member it concerns; none for a clone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<MemberId>,
    /// How far it is.
    pub stage: OperationStage,
    /// Since when.
    pub since: Timestamp,
}

/// Operations on a slot that failed since one last succeeded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Failure {
    /// The slot.
    pub slot: Slot,
    /// What kind of failure.
    pub class: FailureClass,
    /// How many.
    pub count: u32,
    /// When the last one was.
    pub last: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observation() -> Observation {
        let text = r#"{
            "context": { "now": 5 }, "desired": { "replicas": 3 },
            "members": [
                { "id": "vm-10", "slot": 4, "holds": ["question", "administrator"] },
                { "id": "vm-9", "slot": 0 },
                { "id": "vm-1", "slot": 4 }
            ],
            "operations": [
                { "kind": "clone", "slot": 7, "stage": "queued", "since": 0 },
                { "kind": "delete", "slot": 0, "member": "vm-9", "stage": "started", "since": 0 }
            ]
        }"#;
        serde_json::from_str(text).expect("it is an observation")
    }

    #[test]
    fn lists_of_a_text_are_sorted_by_slot_and_then_by_id() {
        let sorted = observation();
        let ids: Vec<_> = sorted
            .members
            .iter()
            .map(|member| member.id.as_str())
            .collect();
        assert_eq!(ids, ["vm-9", "vm-1", "vm-10"]);
        assert_eq!(
            sorted.members[2].holds,
            [Hold::Administrator, Hold::Question]
        );
        assert_eq!(sorted.operations[0].slot, 0);
    }

    #[test]
    fn a_slot_is_in_use_by_a_member_or_an_operation() {
        assert_eq!(observation().slots_in_use(), BTreeSet::from([0, 4, 7]));
        assert_eq!(
            observation().member("vm-9").map(|member| member.slot),
            Some(0)
        );
        assert_eq!(observation().member("vm-2"), None);
    }

    #[test]
    fn a_written_observation_leaves_nothing_to_defaults() {
        let text = serde_json::to_string(&observation()).expect("it is plain data");
        assert_eq!(
            serde_json::from_str::<Observation>(&text).ok(),
            Some(observation())
        );
        let unknown = text.replace("\"complete\"", "\"competle\"");
        assert!(serde_json::from_str::<Observation>(&unknown).is_err());
    }
}
