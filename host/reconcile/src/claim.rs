//! Whose group it is: its vCenter, its identity, its finalizer. Nothing is cloned or deleted
//! before this is clear.

use std::collections::{BTreeMap, BTreeSet};

use vmgroup_core::group::{Adoption, GroupKey, Mode, Spec};
use vmgroup_core::names;
use vmgroup_core::observation::Slot;
use vmgroup_core::time::Timestamp;

use crate::event::ReadResult;
use crate::group::{Folder, Group, Stage};
use crate::inventory::VmId;
use crate::machine::Machine;
use crate::membership::Membership;
use crate::pipeline::{Next, stalled};
use crate::request::{MetaChange, RequestId};

impl Machine {
    /// What is recorded is of this vCenter, or forgotten. The operator may have been pointed
    /// to a wrong one: nothing is made here, and nothing given up, before the owner names this
    /// one. An answer about left-overs that stands since long ago was to another question.
    pub(crate) fn settle_in(&mut self, key: &GroupKey) -> Option<Next> {
        let elsewhere = self.is_elsewhere(key);
        let here = self.session.vcenter().to_owned();
        let group = self.groups.get_mut(key)?;
        if elsewhere {
            // What has not begun there never will.
            group.drop_queued();
        }
        let is_sent_here =
            group.object.adoption.is_some() && group.object.vcenter.as_ref() == Some(&here);
        if elsewhere && !group.has_nothing() && !is_sent_here {
            // What is in flight there keeps nobody waiting here.
            self.queue.free_group(key);
            return Some(recorded_elsewhere(key, &here));
        }
        group.vcenter = Some(here);
        if elsewhere {
            self.forget_records(key);
        }
        None
    }

    /// What is recorded of the group is of another vCenter than the session's.
    pub(crate) fn is_elsewhere(&self, key: &GroupKey) -> bool {
        let group = self.groups.get(key);
        let recorded = group.and_then(|group| group.vcenter.as_ref());
        recorded.is_some_and(|recorded| *recorded != self.session.vcenter())
    }

    /// MoIDs of another vCenter are other things' here. Members that were not brought here
    /// are lost: with many of them, a person is asked before others are made.
    fn forget_records(&mut self, key: &GroupKey) {
        let Some(group) = self.groups.get(key) else {
            return;
        };
        let brought = self.membership(group).other_vcenter;
        let slots = group.slots.iter();
        let lost = slots.filter(|(slot, _)| !brought.values().any(|it| it == *slot));
        let lost: Vec<VmId> = lost.map(|(_, record)| record.vm.clone()).collect();
        lost.iter().for_each(|vm| self.has_lost(key, vm));
        if let Some(group) = self.groups.get_mut(key) {
            group.creation_lost = false;
            group.folder = Folder::Unknown;
            group.left_overs = None;
            group.slots.clear();
            group.unproven.clear();
            group.searched.clear();
            group.untold = true;
            group.destroyed.clear();
            group.operations.clear();
            group.failures.clear();
        }
        self.queue.free_group(key);
        self.queued.remove(key);
        self.started.retain(|(group, _)| group != key);
        self.strike_all(key);
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
        let leaves = leaves_nothing(group, &sorted);
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
        if adoption.is_none() {
            if group.object.demo_finalizer {
                return Some(adoption_required(key, "the demo's finalizer stands on it"));
            }
            let left_overs = group.left_overs.iter().flat_map(BTreeMap::keys);
            let count = left_overs.clone().count();
            if let Some(first) = left_overs.min() {
                let what = format!("its folder holds {count} unmarked VMs, {first} first");
                self.look_again_for_left_overs(key);
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
            (Some(Adoption::Adopt), 1) => {
                // Not one that has become another group's.
                let former = others.into_iter().next()?;
                let taken = self.is_taken(key, former);
                if taken { group.identity() } else { former }.to_owned()
            }
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
        Some(self.write_meta(key, change, Stage::Claiming))
    }

    /// Another object, or a VM of another group, has that identity.
    fn is_taken(&self, key: &GroupKey, identity: &str) -> bool {
        let mut others = self.groups.values().filter(|other| other.key() != key);
        let mut known = self.inventory.of_identity(identity);
        others.any(|other| other.identity() == identity)
            || known.any(|known| known.agreed().is_some_and(|it| it.group() != *key))
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
            let annotation = vmgroup_core::group::IDENTITY_ANNOTATION;
            let message = if group.identity() == group.object.uid {
                format!(
                    "its copy {owner} has taken its identity over (see VM {vm}); write a name of \
                     its own into the annotation {annotation} of this one"
                )
            } else {
                format!(
                    "its identity belongs to the group {owner} (see VM {vm}); this object is a \
                     copy: delete it, or remove its annotation {annotation}"
                )
            };
            return Some(stalled("IdentityConflict", message));
        }
        if let Some(conflict) = self.shares_identity(group, &sorted) {
            return Some(conflict);
        }
        if group.object.adoption.is_none() && !sorted.other_vcenter.is_empty() {
            return Some(other_vcenter(key, &sorted.other_vcenter));
        }
        // What is to be adopted is not adopted any more once the group goes.
        let is_settled = match group.object.adoption {
            None => false,
            Some(Adoption::Ignore) => true,
            Some(Adoption::Adopt) => !group.object.deleting,
        };
        // Somebody may have taken the annotation away before the object was deleted.
        let is_ours = group.is_claimed() || (group.object.deleting && group.object.finalizer);
        if !is_ours || is_settled {
            return None;
        }
        if !group.object.deleting && !sorted.other_identity.is_empty() {
            return Some(other_identity(key, &sorted.other_identity));
        }
        // Without its annotation, nor a status that tells, all of its name may be its own.
        let is_untold =
            group.object.identity.is_none() && group.has_nothing() && sorted.members.is_empty();
        let recorded = |(vm, _): &&(VmId, String)| {
            let mut records = group.slots.values();
            is_untold || records.any(|record| record.vm == *vm)
        };
        let left_behind = sorted.other_identity.iter().find(recorded);
        left_behind.map(|(vm, identity)| {
            let may_return = sorted.members.is_empty() && !self.is_taken(key, identity);
            identity_changed(key, vm, identity, may_return)
        })
    }

    /// Another object has its identity, and makes VMs under it or comes first.
    fn shares_identity(&self, group: &Group, sorted: &Membership) -> Option<Next> {
        let annotation = vmgroup_core::group::IDENTITY_ANNOTATION;
        let others = || {
            let others = self.groups.values();
            others.filter(|other| other.key() != group.key())
        };
        // VMs under way say as much as VMs.
        if let Some(maker) = others().find(|other| other.is_cloning(group.identity())) {
            let message = format!(
                "the group {} has its identity, too, and VMs of it are being made; write a name of \
                 its own into the annotation {annotation} of one of the two",
                maker.key()
            );
            return Some(stalled("IdentityConflict", message));
        }
        // VMs that name this group say more than who came first; and with VMs that have another
        // identity it is the one that was given this one.
        let was_given = group.identity() != group.object.uid && !sorted.other_identity.is_empty();
        let original = others()
            .filter(|other| other.identity() == group.identity())
            .find(|other| was_given || precedence(other) < precedence(group))
            .filter(|_| sorted.members.is_empty())?;
        let message = format!(
            "it has the identity of the group {}; remove its annotation {annotation}",
            original.key()
        );
        Some(stalled("IdentityConflict", message))
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
            Stage::LookingForLeftOvers(search) => {
                let search = std::mem::take(search);
                group.stage = Stage::Idle;
                self.left_overs_read(key, search, result);
            }
            Stage::ClosingFolder { begun_at } => {
                let begun_at = *begun_at;
                group.stage = Stage::Idle;
                self.folder_closed(key, begun_at, result);
            }
            _ => {}
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

/// Of two groups with one identity it is the one's whose UID it was, or else the older one's.
fn precedence(group: &Group) -> (bool, Timestamp, &GroupKey) {
    let object = &group.object;
    let is_its_uid = group.identity() == object.uid;
    (!is_its_uid, object.created_at, &object.key)
}

/// It is being deleted, and nothing is its own. Without its annotation, nor a status that tells,
/// all VMs of its name may be.
fn leaves_nothing(group: &Group, sorted: &Membership) -> bool {
    let object = &group.object;
    let is_told = object.identity.is_some()
        || object.adoption == Some(Adoption::Ignore)
        || sorted.other_identity.is_empty();
    object.deleting
        && is_told
        && group.has_nothing()
        && sorted.members.is_empty()
        && sorted.other_vcenter.is_empty()
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

/// Of a group that is being deleted. The former identity cannot be put back where others of its
/// VMs have the new one, or another group has the former one by now.
fn identity_changed(key: &GroupKey, vm: &str, identity: &str, may_return: bool) -> Next {
    let remedy = if may_return {
        let annotation = vmgroup_core::group::IDENTITY_ANNOTATION;
        format!("put that back into the annotation {annotation}, and they go with it")
    } else {
        "destroy these by hand".to_owned()
    };
    stalled(
        "IdentityConflict",
        format!(
            "its identity annotation was changed or taken away: VMs of its name, {vm} first, have \
             the identity {identity}; {remedy}, or let them stay behind: kubectl -n {} annotate \
             --overwrite vg {} {}=ignore",
            key.namespace,
            key.name,
            vmgroup_core::group::ADOPTION_ANNOTATION,
        ),
    )
}

fn recorded_elsewhere(key: &GroupKey, here: &str) -> Next {
    let adoption = vmgroup_core::group::ADOPTION_ANNOTATION;
    let vcenter = vmgroup_core::group::VCENTER_ANNOTATION;
    stalled(
        "AdoptionRequired",
        format!(
            "its VMs were made in another vCenter than the one that the operator works with: point \
             the operator to that one again; or, if this one took its place, kubectl -n {} annotate \
             --overwrite vg {} {vcenter}={here} {adoption}=adopt (those that were brought here \
             become members again), or with {adoption}=ignore (they are left alone)",
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
