//! Ground truth of a run, for the oracles: what the simulated API server and
//! vCenter did. Nothing in it comes from a host's own words.

use vmgroup_core::group::GroupKey;
use vmgroup_core::marker::Marker;
use vmgroup_core::observation::Slot;
use vmgroup_core::plan;
use vmgroup_core::time::Monotonic;
use vmgroup_reconcile::event::{CallResult, GroupObject};
use vmgroup_reconcile::inventory::{TaskId, VmId};
use vmgroup_reconcile::request::Call;

use crate::kind::Kind;
use crate::vcenter::VmTruth;

/// One thing that truly happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// A group's object has a new version.
    Revised {
        /// When.
        at: Monotonic,
        /// The object as it is since then.
        object: Box<GroupObject>,
    },
    /// A group's object is gone.
    Vanished {
        /// When.
        at: Monotonic,
        /// Its last version.
        object: Box<GroupObject>,
        /// Its finalizer was taken away by a person.
        by_hand: bool,
        /// VMs whose marker agreed and named the group's identity when its finalizer
        /// went.
        members: Vec<VmId>,
        /// Clones for that identity that were running then.
        clones: Vec<TaskId>,
        /// VMs of anybody were in the group's folder then, or at the last look at it.
        occupied: bool,
    },
    /// The API server was restored from a backup: these are all objects.
    Restored {
        /// When.
        at: Monotonic,
        /// Every object as it is since then.
        objects: Vec<GroupObject>,
    },
    /// The VMs of an identity are so many since then, by slot; those whose
    /// marker agrees count.
    Counted {
        /// When.
        at: Monotonic,
        /// The identity.
        identity: String,
        /// Slots that are filled, one entry a VM.
        slots: Vec<Slot>,
    },
    /// A person has taken a member's marker away, or made a template of it.
    Parted {
        /// When.
        at: Monotonic,
        /// The identity that its marker named.
        identity: String,
    },
    /// Updates of a session's feed get lost.
    UpdatesLost {
        /// Since when.
        at: Monotonic,
        /// Until when.
        until: Monotonic,
    },
    /// Requests of a kind are refused.
    Denied {
        /// Since when.
        at: Monotonic,
        /// Until when, unless all trouble ends before.
        until: Monotonic,
        /// Which kind.
        kind: Kind,
    },
    /// A module was asked, and answered.
    Decided(Box<Decided>),
    /// Another module is in that place since then.
    Swapped {
        /// When.
        at: Monotonic,
        /// Name of the module's place.
        name: Option<String>,
        /// What is in it.
        digest: String,
    },
    /// A host wrote the lease.
    Leased {
        /// When.
        at: Monotonic,
        /// Which host.
        host: usize,
        /// It gave the lease up.
        given_up: bool,
    },
    /// vCenter took a call, or refused it.
    Called(Box<Called>),
    /// A call had its effect, at once or by the end of its task.
    Effect(Box<Effect>),
    /// A call's task ended, or was lost, without an effect.
    Failed {
        /// When.
        at: Monotonic,
        /// Operation id of the call.
        operation_id: String,
        /// Kind of the call.
        kind: Kind,
    },
    /// A session was asked for.
    LoggedIn {
        /// When.
        at: Monotonic,
        /// By which host.
        host: usize,
        /// In which of its lives.
        life: u32,
        /// The version of the credentials.
        version: String,
        /// They were accepted.
        accepted: bool,
        /// The answer was not lost, and the host did not stand still before it asked.
        heard: bool,
    },
    /// An operator that is correct never does this.
    Misdeed {
        /// When.
        at: Monotonic,
        /// What, with the ids concerned.
        text: String,
    },
}

/// What a module answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    /// When it was asked.
    pub at: Monotonic,
    /// Which host asked.
    pub host: usize,
    /// About which group.
    pub group: GroupKey,
    /// The module's digest.
    pub digest: String,
    /// What it wants done; none if it gave no plan.
    pub plan: Option<Vec<plan::Effect>>,
    /// Everything in words that it was given.
    pub words: Vec<String>,
}

/// A request that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// When.
    pub at: Monotonic,
    /// From which host.
    pub host: usize,
    /// What it asks for.
    pub kind: Kind,
    /// Whoever it was for could be reached.
    pub reached: bool,
    /// What it is about, if nobody may make such requests.
    pub denied: Option<String>,
    /// The group that it is about, if it names one and nobody was reached.
    pub in_vain_for: Option<GroupKey>,
}

/// A time in which somebody could not be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    /// Since when.
    pub from: Monotonic,
    /// Until when.
    pub to: Monotonic,
    /// The API server, not vCenter.
    pub of_cluster: bool,
}

/// A call as it reached vCenter.
#[derive(Debug, Clone, PartialEq)]
pub struct Called {
    /// When.
    pub at: Monotonic,
    /// The group that asked.
    pub group: GroupKey,
    /// Its operation id.
    pub operation_id: String,
    /// Which host sent it.
    pub host: usize,
    /// That host stood still, or died, between its last look and this call.
    pub held_up: bool,
    /// What.
    pub call: Call,
    /// vCenter's answer, whether or not it arrived.
    pub result: CallResult,
    /// The VM concerned as it was just before; none for clones, folders and
    /// VMs that do not exist.
    pub target: Option<VmTruth>,
    /// Slots of the clone's identity that VMs or running clones fill, this one's
    /// included.
    pub population: u32,
}

/// An effect as it happened in vCenter.
#[derive(Debug, Clone, PartialEq)]
pub struct Effect {
    /// When.
    pub at: Monotonic,
    /// The group that asked.
    pub group: GroupKey,
    /// Operation id of the call.
    pub operation_id: String,
    /// As of the call.
    pub held_up: bool,
    /// Kind of the call.
    pub kind: Kind,
    /// Something is different since then.
    pub changed: bool,
    /// The VM concerned; a clone's new one.
    pub vm: Option<VmId>,
    /// Its marker before a destruction, or after anything else, if it agrees.
    pub marker: Option<Marker>,
    /// VMs that agree to fill the same slot of the same group, after it.
    pub claimants: Vec<VmId>,
}

impl Fact {
    /// When it happened.
    pub fn at(&self) -> Monotonic {
        match self {
            Fact::Revised { at, .. }
            | Fact::Vanished { at, .. }
            | Fact::LoggedIn { at, .. }
            | Fact::Restored { at, .. }
            | Fact::Counted { at, .. }
            | Fact::Parted { at, .. }
            | Fact::UpdatesLost { at, .. }
            | Fact::Denied { at, .. }
            | Fact::Swapped { at, .. }
            | Fact::Leased { at, .. }
            | Fact::Failed { at, .. }
            | Fact::Misdeed { at, .. } => *at,
            Fact::Decided(decided) => decided.at,
            Fact::Called(called) => called.at,
            Fact::Effect(effect) => effect.at,
        }
    }
}
