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

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$case_doc:meta])* $case:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash,
            serde::Serialize, serde::Deserialize,
        )]
        pub enum $name { $($(#[$case_doc])* #[serde(rename = $text)] $case),+ }

        impl $name {
            /// Every case, in the order of the contract.
            pub const ALL: &'static [$name] = &[$($name::$case),+];

            /// The word of the contract.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$case => $text),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use words;

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
    /// How old the oldest part of the view is.
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
/// mostly is. Everything is there in what the host writes.
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
        Observation {
            as_of: text.as_of.unwrap_or(text.context.now),
            context: text.context,
            desired: text.desired,
            members: text.members,
            operations: text.operations,
            failures: text.failures,
            complete: text.complete,
        }
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

words!(
    /// Whether the group is wanted.
    Phase { /// Cannot be told.
        Unknown = "unknown", /// Wanted.
        Normal = "normal", /// Being deleted.
        Deleting = "deleting" });
words!(
    /// Why the host looks at a group.
    WakeReason { /// Cannot be told.
        Unknown = "unknown", /// The host started or took over.
        Started = "started", /// The object changed.
        ObjectChanged = "object-changed", /// A VM changed.
        VmChanged = "vm-changed", /// An operation ended.
        OperationEnded = "operation-ended", /// A time came.
        TimeCame = "time-came", /// Another module decides.
        ModuleChanged = "module-changed", /// Held effects were approved.
        Approved = "approved" });
words!(
    /// Power state of a VM.
    PowerState { /// Cannot be told.
        Unknown = "unknown", /// Running.
        On = "on", /// Powered off.
        Off = "off", /// Suspended.
        Suspended = "suspended" });
words!(
    /// Which members go first.
    RemovalPolicy { /// Cannot be told.
        Unknown = "unknown", /// Youngest first.
        Newest = "newest", /// Oldest first.
        Oldest = "oldest", /// Highest slot first.
        HighestSlot = "highest-slot" });
words!(
    /// What may be done about drift.
    UpdatePolicy { /// Cannot be told.
        Unknown = "unknown", /// Hot reconfiguration.
        InPlace = "in-place", /// Reconfiguration, powered off if need be.
        PowerCycle = "power-cycle", /// Replacement in steps.
        RollingReplace = "rolling-replace", /// Nothing.
        OnDelete = "on-delete" });
words!(
    /// What may be done about failure.
    HealPolicy { /// Cannot be told.
        Unknown = "unknown", /// Nothing.
        Never = "never", /// Delete and clone anew.
        Replace = "replace" });
words!(
    /// What to do about a foreign change of power.
    PowerDriftPolicy { /// Cannot be told.
        Unknown = "unknown", /// Bring it back after the grace period.
        Enforce = "enforce", /// Leave it alone.
        Report = "report" });
words!(
    /// How members may be parked.
    Parking { /// Cannot be told.
        Unknown = "unknown", /// Not at all.
        Forbidden = "forbidden", /// Powered off.
        PowerOff = "power-off", /// Suspended.
        Suspend = "suspend" });
words!(
    /// Whether vCenter reaches the VM.
    Connection { /// Cannot be told.
        Unknown = "unknown", /// Reached.
        Connected = "connected", /// Its host is not reached.
        Disconnected = "disconnected", /// Its files are not reached.
        Inaccessible = "inaccessible" });
words!(
    /// Health of a member.
    Health { /// Cannot be told.
        Unknown = "unknown", /// Not yet once as the group wants it.
        Starting = "starting", /// As it should be.
        Ready = "ready", /// Not as it should be.
        Unready = "unready", /// Broken.
        Failed = "failed" });
words!(
    /// The least that would bring a member to the spec.
    Drift { /// Cannot be told.
        Unknown = "unknown", /// Nothing.
        None = "none", /// A hot reconfiguration.
        InPlace = "in-place", /// A reconfiguration while powered off.
        PowerCycle = "power-cycle", /// A new VM.
        Replace = "replace" });
words!(
    /// Why nothing may be done to a member.
    Hold { /// Cannot be told.
        Unknown = "unknown", /// An administrator's wish.
        Administrator = "administrator", /// Not reached.
        Unreachable = "unreachable", /// In a failover.
        Failover = "failover", /// Waits for an answer.
        Question = "question", /// Somebody else's task.
        ForeignTask = "foreign-task", /// Deletion only: a foreign disk.
        ForeignDisk = "foreign-disk", /// Deletion only: a foreign snapshot.
        ForeignSnapshot = "foreign-snapshot", /// Deletion only: Destroy disabled.
        DestroyDisabled = "destroy-disabled", /// Two VMs claim the slot.
        Duplicate = "duplicate" });
words!(
    /// What an operation does.
    OperationKind { /// Cannot be told.
        Unknown = "unknown", /// Clone.
        Clone = "clone", /// Power on.
        PowerOn = "power-on", /// Power off.
        PowerOff = "power-off", /// Suspend.
        Suspend = "suspend", /// Reconfigure.
        Reconfigure = "reconfigure", /// Delete.
        Delete = "delete" });
words!(
    /// How far an operation is.
    OperationStage { /// Cannot be told.
        Unknown = "unknown", /// Waiting for its turn.
        Queued = "queued", /// vCenter has it, or may have it.
        Started = "started" });
words!(
    /// What kind of failure.
    FailureClass { /// Cannot be told.
        Unknown = "unknown", /// Something the spec names is missing.
        NotFound = "not-found", /// A stranger has the name.
        NameTaken = "name-taken", /// A privilege is missing.
        NoPermission = "no-permission", /// Not enough capacity.
        InsufficientResources = "insufficient-resources", /// Values refused.
        Invalid = "invalid", /// Will likely pass.
        Transient = "transient" });
