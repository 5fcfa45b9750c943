//! Members that nothing tells of: a backup without statuses was restored, or an older one, or
//! a person has wiped the status. Those in view are recorded again; for those that were moved
//! out of it, each slot that the group may have is searched once: where a status tells
//! nothing, and before a deleted group is let go.

use std::collections::BTreeMap;

use vmgroup_core::group::{GroupKey, Spec};
use vmgroup_core::limits::SLOTS_MAX;
use vmgroup_core::observation::{Slot, WakeReason};

use crate::group::{Group, Stage};
use crate::limits::SEARCHES_AT_A_TIME;
use crate::machine::Machine;
use crate::pipeline::Next;
use crate::standing::deleting;

impl Machine {
    /// Searches slots, some at a time. None if none is left, or nobody can tell at this moment
    /// and the group does not wait for it.
    pub(crate) fn search_untold(&mut self, key: &GroupKey) -> Option<Next> {
        let now = self.now.monotonic;
        let group = self.groups.get_mut(key)?;
        let mut unknown = unknown_slots(group);
        if unknown.is_empty() {
            let mut begun = group.operations.keys();
            group.untold = begun.any(|slot| !is_told(group, *slot));
            return None;
        }
        // Those that could not be searched come again when all others were.
        let again_at = |slot: &Slot| group.unproven.get(slot).map(|it| it.again_at);
        let last = unknown.iter().filter_map(again_at).max();
        if unknown.iter().any(|slot| again_at(slot).is_none()) {
            unknown.retain(|slot| again_at(slot).is_none());
        } else if let Some(at) = last.filter(|at| *at > now) {
            let ends = group.object.deleting && group.has_nothing();
            let standing = ends.then(|| deleting(group, 0));
            self.wake(key, at.since(now), WakeReason::TimeCame);
            return standing.map(Next::Stand);
        }
        unknown.sort_by_key(again_at);
        group.stage = Stage::Proving(BTreeMap::new());
        for slot in unknown.into_iter().take(SEARCHES_AT_A_TIME) {
            self.search_slot(key, slot);
        }
        Some(Next::Wait)
    }
}

/// Slots of which nobody knows whether a VM is in them.
fn unknown_slots(group: &Group) -> Vec<Slot> {
    let all = group.object.spec.as_ref().map_or(0, slots);
    let is_known = |slot: &Slot| is_told(group, *slot) || group.operations.contains_key(slot);
    (0..all).filter(|slot| !is_known(slot)).collect()
}

/// It has a VM, or none, as far as anybody has told or looked.
fn is_told(group: &Group, slot: Slot) -> bool {
    group.searched.contains(&slot) || group.slots.contains_key(&slot)
}

/// How many slots the members of such a group can have.
fn slots(spec: &Spec) -> Slot {
    let surge = spec.max_surge.rounded_up(spec.replicas);
    let above = surge.saturating_add(spec.spares);
    spec.replicas.saturating_add(above).min(SLOTS_MAX)
}
