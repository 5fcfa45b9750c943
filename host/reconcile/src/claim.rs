//! Whose group and whose VMs: identity, finalizer, and what somebody else left
//! behind. Nothing is cloned or deleted before this is clear.

use std::collections::{BTreeMap, BTreeSet};

use vmgroup_core::group::{Adoption, DeletionPolicy, GroupKey, Mode, Spec};
use vmgroup_core::limits::SLOTS_MAX;
use vmgroup_core::names;
use vmgroup_core::observation::Slot;
use vmgroup_core::status::{SlotRecord, Standing};
use vmgroup_core::time::Monotonic;

use crate::event::ReadResult;
use crate::group::{Folder, Stage};
use crate::inventory::{Known, Vm, VmId};
use crate::machine::{Machine, target};
use crate::operation::{Verdict, Work, judge};
use crate::pipeline::{Next, stalled};
use crate::request::{MetaChange, Read, Request, RequestId};

impl Machine {
    /// What is recorded is of this vCenter, or forgotten. The operator may have been pointed
    /// to a wrong one: nothing is made here, and nothing given up, before the owner says so.
    pub(crate) fn settle_in(&mut self, key: &GroupKey) -> Option<Next> {
        let here = self.session.vcenter().to_owned();
        let group = self.groups.get_mut(key)?;
        let elsewhere = match &group.vcenter {
            Some(recorded) => *recorded != here,
            None => false,
        };
        if elsewhere && !group.has_nothing() && group.object.adoption.is_none() {
            return Some(recorded_elsewhere(key));
        }
        group.vcenter = Some(here);
        if elsewhere {
            self.forget_records(key);
        }
        None
    }

    /// MoIDs of another vCenter are other things' here.
    fn forget_records(&mut self, key: &GroupKey) {
        if let Some(group) = self.groups.get_mut(key) {
            group.folder = Folder::Unknown;
            group.left_overs = None;
            group.slots.clear();
            group.unproven.clear();
            group.destroyed.clear();
            group.operations.clear();
            group.failures.clear();
        }
        self.queue.free_group(key);
        self.queued.remove(key);
        self.started.retain(|(group, _)| group != key);
        self.recorded.retain(|_, group| group != key);
        self.closing.retain(|_, group| group != key);
        let what = "this is another vCenter: what was recorded of the former one is forgotten";
        self.note(Some(key), false, what, String::new());
    }

    /// Puts identity and finalizer on the object, unless VMs or another object
    /// speak against it. None if the group is claimed and nothing does.
    pub(crate) fn claim(&mut self, key: &GroupKey, spec: &Spec) -> Option<Next> {
        let group = self.groups.get(key)?;
        let adoption = group.object.adoption;
        if group.object.deleting && !group.object.finalizer {
            // Only the demo's finalizer keeps it.
            return match adoption {
                None => Some(adoption_required(key, "the demo's finalizer stands on it")),
                Some(Adoption::Ignore) => Some(self.release(key)),
                Some(Adoption::Adopt) => self.look_for_left_overs(key),
            };
        }
        let sorted = self.membership(group);
        let leaves = group.object.deleting
            && group.has_nothing()
            && sorted.members.is_empty()
            && sorted.other_vcenter.is_empty();
        if let Some(conflict) = self.conflict(key) {
            // A copied object that is deleted has nothing of its own to clear up.
            return Some(if leaves { self.release(key) } else { conflict });
        }
        let group = self.groups.get(key)?;
        if group.is_claimed() || group.object.deleting || spec.mode == Mode::Observe {
            return None;
        }
        if let Some(next) = self.look_for_left_overs(key) {
            return Some(next);
        }
        let group = self.groups.get(key)?;
        let left_overs = group.left_overs.as_deref().unwrap_or_default();
        if adoption.is_none() {
            if group.object.demo_finalizer {
                return Some(adoption_required(key, "the demo's finalizer stands on it"));
            }
            if let Some(first) = left_overs.first() {
                let what = format!(
                    "its folder holds {} unmarked VMs, {first} first",
                    left_overs.len()
                );
                return Some(adoption_required(key, &what));
            }
        }
        let sorted = self.membership(group);
        let others: BTreeSet<&String> = sorted
            .other_identity
            .iter()
            .map(|(_, other)| other)
            .collect();
        // The one that the annotation names goes on; the others' VMs become its members.
        let is_named = group.object.identity.is_some();
        let identity = match (adoption, others.len()) {
            (_, 0) | (Some(Adoption::Ignore), _) => group.identity().to_owned(),
            (Some(Adoption::Adopt), _) if is_named => group.identity().to_owned(),
            (None, _) => return Some(other_identity(key, &sorted.other_identity)),
            (Some(Adoption::Adopt), 1) => others.into_iter().next().cloned()?,
            (Some(Adoption::Adopt), several) => {
                let message = format!(
                    "VMs of {several} former groups {key} exist; set the annotation {} to the \
                     identity that is to go on",
                    vmgroup_core::group::IDENTITY_ANNOTATION
                );
                return Some(stalled("AdoptionRequired", message));
            }
        };
        let change = MetaChange::Claim {
            identity,
            replace_demo: group.object.demo_finalizer,
        };
        let target = target(&group.object);
        self.ask(key, |id| {
            let request = Request::WriteMeta { id, target, change };
            (Stage::Claiming, request)
        });
        Some(Next::Wait)
    }

    /// Another object, or VMs of one, have this group's identity.
    fn conflict(&self, key: &GroupKey) -> Option<Next> {
        let group = self.groups.get(key)?;
        if let Some(problem) = names::identity_problem(group.identity()) {
            let message = format!(
                "its annotation {} is none that the operator could write on VMs: {problem}; \
                 remove the annotation, or restore its former value",
                vmgroup_core::group::IDENTITY_ANNOTATION
            );
            return Some(stalled("IdentityConflict", message));
        }
        let sorted = self.membership(group);
        if let Some(vm) = sorted.foreign.first() {
            let owner = self
                .inventory
                .vm(vm)
                .and_then(|known| known.marker.as_ref());
            let owner = owner.map_or_else(String::new, |marker| marker.group().to_string());
            let message = format!(
                "its identity belongs to the group {owner} (see VM {vm}); this object is a copy: \
                 delete it, or remove its identity annotation"
            );
            return Some(stalled("IdentityConflict", message));
        }
        let older = self.groups.values().find(|other| {
            other.object.identity.is_some()
                && other.object.identity == group.object.identity
                && (other.object.created_at, other.key()) < (group.object.created_at, key)
        });
        // VMs that name this group say more than who is older.
        if let Some(older) = older.filter(|_| sorted.members.is_empty()) {
            let message = format!(
                "it has the identity of the older group {}; remove its identity annotation",
                older.key()
            );
            return Some(stalled("IdentityConflict", message));
        }
        if group.object.adoption.is_none() && !sorted.other_vcenter.is_empty() {
            return Some(other_vcenter(key, &sorted.other_vcenter));
        }
        if !group.is_claimed() || group.object.adoption.is_some() {
            return None;
        }
        if !group.object.deleting && !sorted.other_identity.is_empty() {
            return Some(other_identity(key, &sorted.other_identity));
        }
        let recorded = |(vm, _): &&(VmId, String)| {
            let mut records = group.slots.values();
            records.any(|record| record.vm == *vm)
        };
        let left_behind = sorted.other_identity.iter().find(recorded);
        left_behind.map(|(vm, identity)| identity_changed(key, vm, identity))
    }

    /// Looks once into the folder that the demo would have used.
    fn look_for_left_overs(&mut self, key: &GroupKey) -> Option<Next> {
        if self.groups.get(key)?.left_overs.is_some() {
            return None;
        }
        let read = Read::FolderNamed(names::folder_name(key));
        let begun_at = self.now.monotonic;
        self.ask(key, |id| {
            let stage = Stage::LookingForLeftOvers { begun_at };
            (stage, Request::Read { id, read })
        });
        Some(Next::Wait)
    }

    /// Marks left-overs of the demo, VMs of a former identity, and members that
    /// were made in another vCenter, if their owner wants that. None if there are
    /// none to be marked.
    pub(crate) fn adopt(&mut self, key: &GroupKey) -> Option<Next> {
        let group = self.groups.get(key)?;
        let unwanted = |spec: &Spec| {
            let lets_go = group.object.deleting && spec.deletion == DeletionPolicy::Orphan;
            spec.mode == Mode::Observe || lets_go
        };
        if group.object.adoption != Some(Adoption::Adopt)
            || group.object.spec.as_ref().is_ok_and(unwanted)
        {
            return None;
        }
        if let Some(next) = self.look_for_left_overs(key) {
            return Some(next);
        }
        let group = self.groups.get(key)?;
        // Who took the marker from a member wanted it to be none: it is no left-over.
        let mut unmarked: Vec<&Vm> = group
            .left_overs
            .iter()
            .flatten()
            .filter_map(|vm| Some(&self.inventory.vm(vm)?.vm))
            .filter(|vm| is_left_over(key, vm))
            .collect();
        if !unmarked.is_empty() {
            let of_slot = |slot| names::instance_uuid(group.identity(), slot);
            let of_slots: BTreeSet<String> = (0..SLOTS_MAX).map(of_slot).collect();
            unmarked.retain(|vm| {
                let uuid = vm.instance_uuid.as_ref();
                !uuid.is_some_and(|uuid| of_slots.contains(uuid))
            });
        }
        let sorted = self.membership(group);
        let brought = sorted.other_vcenter;
        let former = sorted.other_identity.iter().map(|(vm, _)| vm);
        let former = former.filter(|_| !group.object.deleting);
        let busy: BTreeSet<&VmId> = group
            .operations
            .values()
            .filter_map(|operation| operation.vm.as_ref())
            .collect();
        let mut free = (0..).filter(|slot: &Slot| {
            !group.slots.contains_key(slot)
                && !group.operations.contains_key(slot)
                && !brought.values().any(|taken| taken == slot)
        });
        let mut works = BTreeMap::new();
        let mut waiting = false;
        for (vm, slot) in &brought {
            // It keeps its slot, which another VM may have by now: then it is a
            // stranger.
            let has_it = |record: &SlotRecord| record.vm == *vm;
            if !group.slots.get(slot).is_none_or(has_it) || works.contains_key(slot) {
                continue;
            }
            waiting = true;
            if !group.operations.contains_key(slot) {
                works.insert(*slot, (Work::Adopt, vm.clone()));
            }
        }
        for vm in unmarked.into_iter().map(|vm| &vm.id).chain(former) {
            waiting = true;
            if !busy.contains(vm) {
                works.insert(free.next()?, (Work::Adopt, vm.clone()));
            }
        }
        match (works.is_empty(), waiting) {
            (false, _) => Some(Next::Own(works)),
            (true, true) => Some(Next::Wait),
            (true, false) => None,
        }
    }

    /// A read that a pass waits for.
    pub(crate) fn read_for_pass(&mut self, key: &GroupKey, id: RequestId, result: ReadResult) {
        let Some(group) = self.groups.get_mut(key) else {
            return;
        };
        match &mut group.stage {
            Stage::Proving(waiting) => {
                if let Some(slot) = waiting.remove(&id) {
                    let all_in = waiting.is_empty();
                    self.proof_read(key, slot, result);
                    if all_in {
                        self.proofs_in(key);
                    }
                }
            }
            Stage::LookingForLeftOvers { begun_at } => {
                let begun_at = *begun_at;
                group.stage = Stage::Idle;
                self.left_overs_read(key, begun_at, result);
            }
            Stage::ClosingFolder { begun_at } => {
                let begun_at = *begun_at;
                group.stage = Stage::Idle;
                self.folder_closed(key, begun_at, result);
            }
            _ => {}
        }
    }

    fn left_overs_read(&mut self, key: &GroupKey, begun_at: Monotonic, result: ReadResult) {
        let Some(group) = self.groups.get_mut(key) else {
            return;
        };
        match result {
            ReadResult::Folder { id, vms, .. } => {
                let left_overs = vms.iter().filter(|vm| is_left_over(key, vm));
                group.left_overs = Some(left_overs.map(|vm| vm.id.clone()).collect());
                if is_folder_of(key, &vms) {
                    group.folder_is(Folder::Known(id));
                }
                let woken = group.woken;
                self.wake(key, 0, woken);
            }
            ReadResult::NoFolder => {
                group.left_overs = Some(Vec::new());
                group.folder_is(Folder::Absent { begun_at });
                let woken = group.woken;
                self.wake(key, 0, woken);
            }
            ReadResult::Failed { fault } => {
                self.try_later(key);
                if let Verdict::Failed(_, message) = judge(&Work::Clone, &fault) {
                    let message = format!("the group's folder cannot be read: {message}");
                    let reason = "OperationFailed";
                    self.report(key, Standing::Failing { reason, message });
                }
            }
            _ => self.try_later(key),
        }
    }

    /// The pass led to nothing: another one after a while.
    pub(crate) fn try_later(&mut self, key: &GroupKey) {
        let Some(group) = self.groups.get_mut(key) else {
            return;
        };
        group.stage = Stage::Idle;
        let wait = group.backoff.fail(key);
        self.wake(key, wait, vmgroup_core::observation::WakeReason::TimeCame);
        self.next_pass(key);
    }
}

/// A VM as the demo made them: named after the group, and unmarked.
pub(crate) fn is_left_over(key: &GroupKey, vm: &Vm) -> bool {
    vm.name.starts_with(&format!("{}-replica-", key.name))
        && vm.marker.as_deref().unwrap_or_default().is_empty()
        && vm.instance_uuid.is_some()
        && !vm.template
}

/// A folder of the group's name is the group's if it is empty, or holds VMs that
/// were made for the group, whatever has become of them.
pub(crate) fn is_folder_of(key: &GroupKey, vms: &[Vm]) -> bool {
    let ours = |vm: &Vm| {
        let marker = Known::new(vm.clone()).marker;
        is_left_over(key, vm) || marker.is_some_and(|marker| marker.group() == *key)
    };
    vms.is_empty() || vms.iter().any(ours)
}

fn adoption_required(key: &GroupKey, what: &str) -> Next {
    let annotation = vmgroup_core::group::ADOPTION_ANNOTATION;
    stalled(
        "AdoptionRequired",
        format!(
            "left-overs of the former operator: {what}; to go on, kubectl -n {} annotate vg {} \
             {annotation}=adopt (its VMs become members) or {annotation}=ignore (they are left alone)",
            key.namespace, key.name
        ),
    )
}

fn other_identity(key: &GroupKey, vms: &[(VmId, String)]) -> Next {
    let annotation = vmgroup_core::group::ADOPTION_ANNOTATION;
    let first = vms.first().map_or("", |(vm, _)| vm.as_str());
    stalled(
        "AdoptionRequired",
        format!(
            "{} VMs of a former group {key} exist, {first} first; to go on, annotate this one with \
             {annotation}=adopt (they become members) or {annotation}=ignore (they are left alone)",
            vms.len()
        ),
    )
}

fn identity_changed(key: &GroupKey, vm: &str, identity: &str) -> Next {
    let annotation = vmgroup_core::group::ADOPTION_ANNOTATION;
    stalled(
        "IdentityConflict",
        format!(
            "its identity annotation was changed: its VMs, {vm} first, have the identity \
             {identity}; put that back into the annotation {}, or let them stay behind: kubectl \
             -n {} annotate vg {} {annotation}=ignore",
            vmgroup_core::group::IDENTITY_ANNOTATION,
            key.namespace,
            key.name
        ),
    )
}

fn recorded_elsewhere(key: &GroupKey) -> Next {
    let annotation = vmgroup_core::group::ADOPTION_ANNOTATION;
    stalled(
        "AdoptionRequired",
        format!(
            "its VMs were made in another vCenter than the one that the operator works with: point \
             the operator to that one again; or, if this one took its place, kubectl -n {} annotate \
             vg {} {annotation}=adopt (those that were brought here become members again) or \
             {annotation}=ignore (they are left alone)",
            key.namespace, key.name
        ),
    )
}

fn other_vcenter(key: &GroupKey, vms: &BTreeMap<VmId, Slot>) -> Next {
    let annotation = vmgroup_core::group::ADOPTION_ANNOTATION;
    let first = vms.keys().next().map_or("", String::as_str);
    stalled(
        "AdoptionRequired",
        format!(
            "{} VMs of the group were made in another vCenter, {first} first: this one was rebuilt, \
             or they were brought here; to go on, kubectl -n {} annotate vg {} {annotation}=adopt \
             (they become members again) or {annotation}=ignore (they are left alone)",
            vms.len(),
            key.namespace,
            key.name
        ),
    )
}
