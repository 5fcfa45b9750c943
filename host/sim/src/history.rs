//! Ground truth of a run, for the oracles: what the simulated API server and
//! vCenter did. Nothing in it comes from a host's own words.

use vmgroup_core::group::GroupKey;
use vmgroup_core::marker::Marker;
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
        /// VMs whose marker agreed and named the group's identity then.
        members: Vec<VmId>,
        /// Clones for that identity that were running then.
        clones: Vec<TaskId>,
    },
    /// vCenter took a call, or refused it.
    Called(Box<Called>),
    /// A call had its effect, at once or by the end of its task.
    Effect(Box<Effect>),
    /// A session was asked for.
    LoggedIn {
        /// When.
        at: Monotonic,
        /// The version of the credentials.
        version: String,
        /// They were accepted.
        accepted: bool,
    },
    /// An operator that is correct never does this.
    Misdeed {
        /// When.
        at: Monotonic,
        /// What, with the ids concerned.
        text: String,
    },
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
    /// What.
    pub call: Call,
    /// vCenter's answer, whether or not it arrived.
    pub result: CallResult,
    /// The VM concerned as it was just before; none for clones, folders and
    /// VMs that do not exist.
    pub target: Option<VmTruth>,
    /// VMs of the clone's identity plus its running clones, this one included.
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
    /// Kind of the call.
    pub kind: Kind,
    /// Something is different since then.
    pub changed: bool,
    /// The VM concerned; a clone's new one.
    pub vm: Option<VmId>,
    /// Its marker before a destruction, or after anything else, if it agrees.
    pub marker: Option<Marker>,
    /// VMs that agree to fill the same slot of the same identity, after it.
    pub claimants: Vec<VmId>,
}

impl Fact {
    /// When it happened.
    pub fn at(&self) -> Monotonic {
        match self {
            Fact::Revised { at, .. }
            | Fact::Vanished { at, .. }
            | Fact::LoggedIn { at, .. }
            | Fact::Misdeed { at, .. } => *at,
            Fact::Called(called) => called.at,
            Fact::Effect(effect) => effect.at,
        }
    }
}
