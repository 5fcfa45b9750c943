//! Members that no status tells of: a backup without statuses was restored, or an older
//! one, or a person has wiped it. Those in view are recorded again; for those that were
//! moved out of it, each slot that the group may have is searched once: before anything is
//! decided by a status that tells nothing, and before a deleted group is let go.

use vmgroup_core::group::{GroupKey, Spec};
use vmgroup_core::limits::SLOTS_MAX;
use vmgroup_core::names;
use vmgroup_core::observation::{Slot, WakeReason};

use crate::group::{Group, Stage};
use crate::machine::Machine;
use crate::pipeline::Next;
use crate::report::deleting;
use crate::request::Read;

impl Machine {
    /// Searches one slot after another. None if none is left, or nobody can tell at this moment
    /// and the group does not wait for it.
    pub(crate) fn search_untold(&mut self, key: &GroupKey) -> Option<Next> {
        let now = self.now.monotonic;
        let group = self.groups.get_mut(key)?;
        let Some(slot) = next_slot(group) else {
            group.untold = false;
            return None;
        };
        let waits = group.unproven.get(&slot).map(|it| it.again_at);
        if let Some(at) = waits.filter(|at| *at > now) {
            let standing = group.object.deleting.then(|| deleting(group, 0));
            self.wake(key, at.since(now), WakeReason::TimeCame);
            return standing.map(Next::Stand);
        }
        let identity = names::instance_uuid(group.identity(), slot);
        let id = self.read_for(key, Read::Identity(identity));
        self.groups.get_mut(key)?.stage = Stage::Proving([(id, slot)].into());
        Some(Next::Wait)
    }
}

/// The first slot of which nobody knows whether a VM is in it.
fn next_slot(group: &Group) -> Option<Slot> {
    let spec = group.object.spec.as_ref().ok()?;
    (0..slots(spec)).find(|slot| {
        !group.searched.contains(slot)
            && !group.slots.contains_key(slot)
            && !group.operations.contains_key(slot)
    })
}

/// How many slots the members of such a group can have.
fn slots(spec: &Spec) -> Slot {
    let surge = spec.max_surge.rounded_up(spec.replicas);
    let above = surge.saturating_add(spec.spares);
    spec.replicas.saturating_add(above).min(SLOTS_MAX)
}
