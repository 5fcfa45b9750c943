//! Empty by proof: a slot is free only if the VM that it had answers
//! ManagedObjectNotFound *and* no VM with its identity is found anywhere in the
//! vCenter. Leaving the feed's view proves nothing. A VM that plainly is another's now
//! keeps no slot.

use std::collections::{BTreeMap, BTreeSet};

use vmgroup_core::group::{Adoption, GroupKey};
use vmgroup_core::marker::Marker;
use vmgroup_core::names;
use vmgroup_core::observation::{Connection, Slot, WakeReason};
use vmgroup_core::status::SlotRecord;

use crate::backoff::Backoff;
use crate::event::ReadResult;
use crate::group::{Group, Stage};
use crate::inventory::{Vm, VmId};
use crate::limits::{PROOF_RETRY_MOST_MS, PROOF_RETRY_MS};
use crate::machine::{Asker, Machine};
use crate::membership::Tie;
use crate::operation::{Verdict, Work, judge};
use crate::pipeline::Next;
use crate::request::{Read, Request};
use crate::unsure::Unproven;

impl Machine {
    /// Brings the group's record of its slots in line with the feed, and asks
    /// for proof where the feed shows no VM. None if there is nothing to prove.
    pub(crate) fn prove(&mut self, key: &GroupKey) -> Option<Next> {
        self.let_others_go(key);
        let departed = self.record_members(key);
        let now = self.now.monotonic;
        let group = self.groups.get_mut(key)?;
        let searches = group.untold || group.object.deleting;
        group.unproven.retain(|slot, _| {
            group.slots.contains_key(slot) || (searches && !group.searched.contains(slot))
        });
        let mut doubtful = Vec::new();
        let mut retry = None;
        for (slot, record) in &group.slots {
            let busy = group
                .operations
                .get(slot)
                .is_some_and(super::operation::Operation::is_started);
            let seen = self.inventory.vm(&record.vm).is_some();
            if seen && !departed.contains(slot) {
                group.unproven.remove(slot);
            }
            if seen && !busy {
                // A delete that was recorded may never have been begun.
                group.destroyed.remove(slot);
            }
            if busy || (seen && !departed.contains(slot)) {
                continue;
            }
            match group.unproven.get(slot) {
                Some(unproven) if now < unproven.again_at => {
                    retry = retry.into_iter().chain([unproven.again_at]).min();
                }
                _ => doubtful.push((*slot, record.vm.clone())),
            }
        }
        if let Some(at) = retry {
            self.wake(key, at.since(now), WakeReason::TimeCame);
        }
        if doubtful.is_empty() {
            return None;
        }
        let mut waiting = BTreeMap::new();
        for (slot, vm) in doubtful {
            waiting.insert(self.read_for(key, Read::Vm(vm)), slot);
        }
        self.groups.get_mut(key)?.stage = Stage::Proving(waiting);
        Some(Next::Wait)
    }

    /// One answer on the way to a proof.
    pub(crate) fn proof_read(&mut self, key: &GroupKey, slot: Slot, result: ReadResult) {
        if !self.session.is_live() || self.is_elsewhere(key) {
            // It may be another vCenter's.
            return;
        }
        match result {
            ReadResult::Vm(vm) => self.recorded_vm_is_there(key, slot, *vm),
            ReadResult::Gone => {
                let group = self.groups.get(key);
                let record = group.and_then(|group| group.slots.get(&slot)).cloned();
                if let Some(record) = record {
                    self.vm_is_gone(&record.vm);
                }
                self.search_slot(key, slot);
            }
            ReadResult::Vms(vms) => {
                let left_alone = self.is_left_alone(key, slot);
                let is_shown = self.is_shown(key, slot);
                let ours = vms.into_iter().filter(|vm| match self.tie(key, slot, vm) {
                    tie if left_alone => tie.may_fill(),
                    // One that was made in another vCenter waits for its owner's word.
                    Tie::Brought => !self.ignores(key),
                    tie => tie.holds_slot(),
                });
                let ours: Vec<Vm> = ours.collect();
                if ours.is_empty()
                    && let Some(group) = self.groups.get_mut(key)
                {
                    group.searched.insert(slot);
                }
                if ours.is_empty() && left_alone {
                    self.forget_slot(key, slot);
                } else if ours.is_empty() && !is_shown {
                    self.slot_is_empty(key, slot);
                }
                for vm in ours {
                    self.record_slot(key, slot, vm.id.clone());
                    self.put_stray(vm);
                }
            }
            ReadResult::Failed { fault } => match judge(&Work::Clone, &fault) {
                Verdict::Failed(_, why) => self.slot_is_unknown(key, slot, why),
                _ => self.slot_is_unknown(key, slot, "the session has ended".into()),
            },
            _ => self.slot_is_unknown(key, slot, "the answer says nothing of it".into()),
        }
    }

    /// Whether a VM is in the slot, wherever it is: one of the reads that the pass waits for.
    pub(crate) fn search_slot(&mut self, key: &GroupKey, slot: Slot) {
        let Some(group) = self.groups.get(key) else {
            return;
        };
        let identity = names::instance_uuid(group.identity(), slot);
        let id = self.read_for(key, Read::Identity(identity));
        let stage = self.groups.get_mut(key).map(|group| &mut group.stage);
        if let Some(Stage::Proving(waiting)) = stage {
            waiting.insert(id, slot);
        }
    }

    /// The owner has said that left-overs are left alone.
    fn ignores(&self, key: &GroupKey) -> bool {
        let group = self.groups.get(key);
        group.is_some_and(|group| group.object.adoption == Some(Adoption::Ignore))
    }

    /// The group goes, and the VM that the slot has stays: it is no member any more.
    fn is_left_alone(&self, key: &GroupKey, slot: Slot) -> bool {
        let deleting = |group: &Group| group.object.deleting;
        self.groups.get(key).is_some_and(deleting) && self.has_left(key, slot)
    }

    /// The VM that the slot has is in view.
    fn is_shown(&self, key: &GroupKey, slot: Slot) -> bool {
        let record = (self.groups.get(key)).and_then(|group| group.slots.get(&slot));
        record.is_some_and(|record| self.inventory.vm(&record.vm).is_some())
    }

    /// Nobody can tell where the slot's VM is, or whether another one is in the slot.
    fn slot_is_unknown(&mut self, key: &GroupKey, slot: Slot, why: String) {
        let now = self.now.monotonic;
        let is_shown = self.is_shown(key, slot);
        let Some(group) = self.groups.get_mut(key) else {
            return;
        };
        let first = Backoff::new(PROOF_RETRY_MS, PROOF_RETRY_MOST_MS);
        let before = group.unproven.get(&slot);
        let unproven = Unproven::again(before, first, &(key, slot), now, why);
        group.unproven.insert(slot, unproven);
        let ours = group.destroyed.contains(&slot);
        if let Some(record) = group.slots.get(&slot).filter(|_| !ours && !is_shown) {
            self.mass_loss.lost(&record.vm, now);
        }
    }

    /// The VM that the slot has exists, wherever it is, and may have ceased to be
    /// a member.
    fn recorded_vm_is_there(&mut self, key: &GroupKey, slot: Slot, vm: Vm) {
        if vm.connection == Connection::Connected {
            self.mass_loss.found(&vm.id);
        }
        // Its owner is asked about it, and its record is all that says so.
        let is_asked_about = self.tie(key, slot, &vm) == Tie::Former && !self.ignores(key);
        if self.inventory.vm(&vm.id).is_some() {
            self.put(vm);
        } else {
            self.put_stray(vm);
        }
        if !is_asked_about && self.is_left_alone(key, slot) {
            self.search_slot(key, slot);
        }
    }

    /// All answers are in, unless one of them asked for another.
    pub(crate) fn proofs_in(&mut self, key: &GroupKey) {
        let Some(group) = self.groups.get_mut(key) else {
            return;
        };
        if matches!(&group.stage, Stage::Proving(waiting) if waiting.is_empty()) {
            group.stage = Stage::Idle;
            let woken = group.woken;
            self.wake(key, 0, woken);
        }
    }

    /// The slot has this VM.
    pub(crate) fn record_slot(&mut self, key: &GroupKey, slot: Slot, vm: VmId) {
        let Some(group) = self.groups.get_mut(key) else {
            return;
        };
        group.unproven.remove(&slot);
        group.searched.remove(&slot);
        group.destroyed.remove(&slot);
        // Whatever failed before, the slot is filled: a clone may have failed half way.
        group.failures.remove(&slot);
        if let Some(before) = group.slots.insert(slot, SlotRecord::new(vm.clone())) {
            self.strike(key, &before.vm);
            // What fills the slot now is in its place: a host that was added again gives its
            // VMs other MoIDs.
            self.mass_loss.found(&before.vm);
        }
        self.recorded.entry(vm).or_default().insert(key.clone());
    }

    /// The slot is proven empty.
    fn slot_is_empty(&mut self, key: &GroupKey, slot: Slot) {
        let Some(group) = self.groups.get_mut(key) else {
            return;
        };
        let half_way = group.failures.get(&slot);
        let half_way = half_way.is_some_and(|failure| failure.of_delete);
        let ours = group.destroyed.remove(&slot) || half_way;
        group.unproven.remove(&slot);
        if let Some(record) = group.slots.remove(&slot) {
            // What failed, failed on the VM that is gone: a delete may have failed half way.
            group.failures.remove(&slot);
            self.strike(key, &record.vm);
            self.vm_is_gone(&record.vm);
            if !ours {
                self.has_lost(key, &record.vm);
                let detail = format!("{} of slot {slot} was removed by somebody else", record.vm);
                self.note(Some(key), true, "member vanished", detail);
            }
        }
    }

    /// A VM that is another group's does not keep a slot here: it counts as lost, so that with
    /// many of them a person is asked first. Nor does a member under an identity that the
    /// group does not have any more, if its owner lets it stay behind. A group that is being
    /// deleted reads them first.
    fn let_others_go(&mut self, key: &GroupKey) {
        let Some(group) = self.groups.get(key).filter(|it| !it.object.deleting) else {
            return;
        };
        let ignores = self.ignores(key);
        let mut others = Vec::new();
        for (slot, record) in &group.slots {
            let idle = !group.operations.contains_key(slot);
            let Some(known) = self.inventory.vm(&record.vm).filter(|_| idle) else {
                continue;
            };
            let named = known.agreed().map(Marker::group);
            let taken = named.is_some_and(|named| named != *key);
            let is_left = || matches!(self.tie(key, *slot, &known.vm), Tie::Former | Tie::Brought);
            if taken || (ignores && is_left()) {
                others.push((*slot, taken.then(|| record.vm.clone())));
            }
        }
        for (slot, taken) in others {
            if let Some(vm) = taken {
                self.has_lost(key, &vm);
            }
            self.forget_slot(key, slot);
        }
    }

    /// Members that the feed shows and the record lacks, such as after the
    /// status was lost. A record is replaced only if its VM is proven gone, or
    /// plainly is no member any more while another VM is. Returns slots of a group
    /// that is being deleted whose VM seems to have ceased to be a member: the
    /// feed may have missed that it is one again, so that only a read tells.
    fn record_members(&mut self, key: &GroupKey) -> BTreeSet<Slot> {
        let Some(group) = self.groups.get(key) else {
            return BTreeSet::new();
        };
        let members = self.membership(group).members.into_iter();
        let new: Vec<(Slot, VmId)> = members
            .filter(|(slot, _)| !group.slots.contains_key(slot) || self.has_left(key, *slot))
            .filter_map(|(slot, vms)| Some((slot, vms.into_iter().next()?)))
            .collect();
        for (slot, vm) in new {
            self.record_slot(key, slot, vm);
        }
        let Some(group) = self.groups.get(key).filter(|group| group.object.deleting) else {
            return BTreeSet::new();
        };
        let idle = |slot: &&Slot| !group.operations.contains_key(slot);
        let idle = group.slots.keys().filter(idle).copied();
        idle.filter(|slot| self.has_left(key, *slot)).collect()
    }

    /// The slot's VM, as the feed shows it, is plainly no member any more.
    fn has_left(&self, key: &GroupKey, slot: Slot) -> bool {
        let record = self
            .groups
            .get(key)
            .and_then(|group| group.slots.get(&slot));
        let known = record.and_then(|record| self.inventory.vm(&record.vm));
        known.is_some_and(|known| !self.tie(key, slot, &known.vm).may_fill())
    }

    /// The VM is no member any more: it is a template by now, has no marker that speaks of
    /// the slot, or is another's.
    fn forget_slot(&mut self, key: &GroupKey, slot: Slot) {
        let Some(group) = self.groups.get_mut(key) else {
            return;
        };
        if let Some(record) = group.slots.remove(&slot) {
            group.destroyed.remove(&slot);
            group.failures.remove(&slot);
            self.strike(key, &record.vm);
            let detail = format!("{} of slot {slot} is no member any more", record.vm);
            self.note(Some(key), true, "left alone", detail);
        }
    }

    /// The VM is in no slot of the group any more; it may be in one of another.
    fn strike(&mut self, key: &GroupKey, vm: &VmId) {
        if let Some(groups) = self.recorded.get_mut(vm) {
            groups.remove(key);
            if groups.is_empty() {
                self.recorded.remove(vm);
            }
        }
    }

    /// No VM is in a slot of the group any more.
    pub(crate) fn strike_all(&mut self, key: &GroupKey) {
        self.recorded.retain(|_, groups| {
            groups.remove(key);
            !groups.is_empty()
        });
    }

    fn read_for(&mut self, key: &GroupKey, read: Read) -> crate::request::RequestId {
        let id = self.id();
        self.asked.insert(id, Asker::Pass(key.clone()));
        self.out.push(Request::Read { id, read });
        id
    }
}

#[cfg(test)]
mod tests {
    use vmgroup_core::time::Timestamp;

    use super::*;
    use crate::inventory::tests::marked;
    use crate::machine::tests::{machine, object};

    /// The group shop/web with a VM in each of six slots, which say that they are of a group
    /// of that name; after those of others were let go.
    fn with_vms_of(name: &str, deleting: bool) -> (Machine, GroupKey) {
        let mut machine = machine(None);
        let object = crate::event::GroupObject {
            deleting,
            ..object("web")
        };
        let key = object.key.clone();
        let group = Group::restore(object, None, Timestamp(0));
        machine.groups.insert(key.clone(), group);
        for slot in 0..6 {
            let id = format!("vm-{slot}");
            machine
                .inventory
                .put(marked(&id, |marker| marker.name = name.into()));
            machine.record_slot(&key, slot, id);
        }
        machine.let_others_go(&key);
        (machine, key)
    }

    /// Found by profile rare, seed 150: nobody could read a VM of a group whose identity had
    /// been copied, and when it was read it was the other one's.
    #[test]
    fn a_vm_of_another_group_keeps_no_slot_and_many_of_them_are_a_mass_loss() {
        for (name, deleting, kept) in [("web", false, 6), ("db", true, 6), ("db", false, 0)] {
            let (mut machine, key) = with_vms_of(name, deleting);
            assert_eq!(machine.groups[&key].slots.len(), kept, "{name} {deleting}");
            assert_eq!(machine.recorded.len(), kept);
            let lost = machine
                .mass_loss
                .is_on(&machine.recorded, machine.now.monotonic);
            assert_eq!(lost, kept == 0);
        }
    }

    #[test]
    fn a_vm_in_the_slot_of_one_group_is_not_struck_from_another() {
        let (mut machine, web) = with_vms_of("web", false);
        let db = GroupKey::new("shop", "db");
        machine.strike(&db, &"vm-0".into());
        assert_eq!(machine.recorded.len(), 6);
        machine.strike(&web, &"vm-0".into());
        assert_eq!(machine.recorded.len(), 5);
    }
}
