//! What people do: to the groups' objects, and by hand in vCenter.

use std::fmt;

use serde_json::{Value, json};
use vmgroup_rig::Vm;

use crate::kill_points::Stage;

use super::world::Wishes;

/// Where a VM goes that somebody moves away: out of the operator's own folder.
const ELSEWHERE: &str = "/vcqaDC/vm";
/// It neither updates nor repairs, so no world settles as long as it decides.
const OTHER_MODULE: &str = "one-by-one";

/// What somebody wants a group to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) replicas: u64,
    pub(crate) cpus: u64,
}

/// One edit. `pick` chooses among the members that there are then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edit {
    Nothing,
    Create {
        group: &'static str,
        wish: Wish,
    },
    Scale {
        group: &'static str,
        replicas: u64,
    },
    Resize {
        group: &'static str,
        cpus: u64,
    },
    Delete {
        group: &'static str,
    },
    PowerOff {
        group: &'static str,
        pick: u64,
    },
    Move {
        group: &'static str,
        pick: u64,
    },
    Destroy {
        group: &'static str,
        pick: u64,
    },
    /// Another module decides until the faults end.
    Swap,
}

impl Edit {
    /// In one word, for counting.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Create { .. } => "create",
            Self::Scale { .. } => "scale",
            Self::Resize { .. } => "resize",
            Self::Delete { .. } => "delete",
            Self::PowerOff { .. } => "power off by hand",
            Self::Move { .. } => "move by hand",
            Self::Destroy { .. } => "destroy by hand",
            Self::Swap => "swap the module",
        }
    }

    /// Does it; false if it was left undone.
    ///
    /// # Panics
    /// When the API server refuses it. What vCenter refuses a person is left undone: the
    /// operator may be at the same VM.
    pub(crate) fn make(self, stage: &mut Stage<'_>, wishes: &mut Wishes) -> bool {
        let by_hand = |group, pick, act: &dyn Fn(&Stage<'_>, &Vm) -> bool| {
            member(stage, group, pick).is_some_and(|vm| act(stage, &vm))
        };
        let mut is_done = true;
        match self {
            Self::Nothing => {}
            Self::Create { group, wish } => stage.create(group, &spec(wish)),
            Self::Scale { group, replicas } => stage.patch(group, &json!({ "replicas": replicas })),
            Self::Resize { group, cpus } => stage.patch(group, &json!({ "cpu": cpus })),
            Self::Delete { group } => stage.delete(group),
            Self::Swap => stage.mount(OTHER_MODULE),
            Self::PowerOff { group, pick } => {
                is_done = by_hand(group, pick, &|stage, vm| {
                    stage.control().set_power(&vm.moid, "poweredOff").is_ok()
                });
            }
            Self::Move { group, pick } => {
                is_done = by_hand(group, pick, &|stage, vm| {
                    stage.control().move_vm(&vm.moid, ELSEWHERE).is_ok()
                });
            }
            Self::Destroy { group, pick } => {
                let vm = member(stage, group, pick);
                let destroyed = vm.filter(|vm| stage.control().delete_vm(&vm.moid).is_ok());
                is_done = destroyed.is_some();
                wishes.destroyed.extend(destroyed.map(|vm| vm.moid));
            }
        }
        if is_done {
            wishes.note(self);
        }
        is_done
    }
}

fn spec(wish: Wish) -> Value {
    json!({
        "cpu": wish.cpus,
        "memory": 1,
        "replicas": wish.replicas,
        "template": "vm-operator-template",
        "removalPolicy": "HighestSlot",
        "drift": { "power": { "graceSeconds": 1 } },
    })
}

fn member(stage: &Stage<'_>, group: &str, pick: u64) -> Option<Vm> {
    let members = stage.members(group);
    let place = pick.checked_rem(members.len() as u64)?;
    members.into_values().nth(usize::try_from(place).ok()?)
}

impl fmt::Display for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("no edit"),
            Self::Create { group, wish } => {
                let Wish { replicas, cpus } = wish;
                write!(f, "create {group} with {replicas} VMs of {cpus} CPUs")
            }
            Self::Scale { group, replicas } => write!(f, "scale {group} to {replicas}"),
            Self::Resize { group, cpus } => write!(f, "give {group} {cpus} CPUs"),
            Self::Delete { group } => write!(f, "delete {group}"),
            Self::PowerOff { group, .. } => write!(f, "power off a VM of {group} by hand"),
            Self::Move { group, .. } => write!(f, "move a VM of {group} by hand"),
            Self::Destroy { group, .. } => write!(f, "destroy a VM of {group} by hand"),
            Self::Swap => write!(f, "swap the module for {OTHER_MODULE}"),
        }
    }
}
