//! Left-overs: VMs of the demo, of a former identity, or from another vCenter, that become
//! members where their owner wants that.

use std::collections::{BTreeMap, BTreeSet};

use vmgroup_core::group::{Adoption, DeletionPolicy, GroupKey, Mode, Spec};
use vmgroup_core::limits::SLOTS_MAX;
use vmgroup_core::names;
use vmgroup_core::observation::{Slot, WakeReason};
use vmgroup_core::status::{SlotRecord, Standing};
use vmgroup_core::time::Monotonic;

use crate::event::ReadResult;
use crate::group::{Folder, Group, Stage};
use crate::inventory::{FolderId, Known, Vm, VmId};
use crate::limits::LEFT_OVERS_AGAIN_MS;
use crate::machine::Machine;
use crate::operation::{Verdict, Work, judge};
use crate::pipeline::{Next, stalled};
use crate::request::{Read, Request};

/// A look into a folder for left-overs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Search {
    begun_at: Monotonic,
    /// What was found in the demo's; none as long as that is looked into.
    of_demo: Option<BTreeMap<VmId, Option<FolderId>>>,
}

impl Machine {
    /// Looks once for left-overs: of the demo, whose folder mostly is the group's, and of a
    /// group of that name that let go of its VMs.
    pub(crate) fn look_for_left_overs(&mut self, key: &GroupKey) -> Option<Next> {
        if self.groups.get(key)?.left_overs.is_some() {
            return None;
        }
        let of_demo = has_the_demos_folder(key).then(BTreeMap::new);
        self.look_into_folder(key, of_demo);
        Some(Next::Wait)
    }

    /// A person may take away what was found, or move it, and nothing tells of that.
    pub(crate) fn look_again_for_left_overs(&mut self, key: &GroupKey) {
        if let Some(group) = self.groups.get_mut(key) {
            group.left_overs = None;
        }
        self.wake(key, LEFT_OVERS_AGAIN_MS, WakeReason::TimeCame);
    }

    fn look_into_folder(
        &mut self,
        key: &GroupKey,
        of_demo: Option<BTreeMap<VmId, Option<FolderId>>>,
    ) {
        let read = Read::FolderNamed(match of_demo {
            None => names::demo_folder_name(key),
            Some(_) => names::folder_name(key),
        });
        let begun_at = self.now.monotonic;
        self.ask(key, |id| {
            let stage = Stage::LookingForLeftOvers(Search { begun_at, of_demo });
            (stage, Request::Read { id, read })
        });
    }

    /// Marks left-overs of the demo, VMs of a former identity, and members that
    /// were made in another vCenter, if their owner wants that. None if there are
    /// none to be marked.
    pub(crate) fn adopt(&mut self, key: &GroupKey) -> Option<Next> {
        let group = self.groups.get(key)?;
        let is = |what: fn(&Spec) -> bool| group.object.spec.as_ref().is_ok_and(what);
        if group.object.adoption != Some(Adoption::Adopt) || is(|it| it.mode == Mode::Observe) {
            return None;
        }
        // Members are marked here before they are let go; others are left as they are.
        let lets_go = group.object.deleting && is(|it| it.deletion == DeletionPolicy::Orphan);
        if !lets_go && let Some(next) = self.see_left_overs(key) {
            return Some(next);
        }
        let group = self.groups.get(key)?;
        let unmarked = match lets_go {
            true => Vec::new(),
            false => self.left_overs_of(group),
        };
        let sorted = self.membership(group);
        let brought = sorted.other_vcenter;
        let former = sorted.other_identity.iter().map(|(vm, _)| (vm, None));
        let former = former.filter(|_| !group.object.deleting);
        let own: BTreeSet<Slot> = unmarked.iter().filter_map(|(_, slot)| *slot).collect();
        let busy: BTreeSet<&VmId> = group
            .operations
            .values()
            .filter_map(|operation| operation.vm.as_ref())
            .collect();
        let is_free = |slot: &Slot| {
            !group.slots.contains_key(slot)
                && !group.operations.contains_key(slot)
                && !brought.values().any(|taken| taken == slot)
        };
        let mut free = (0..SLOTS_MAX).filter(|slot| is_free(slot) && !own.contains(slot));
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
        for (vm, own) in unmarked.into_iter().chain(former) {
            if busy.contains(vm) {
                waiting = true;
                continue;
            }
            // A member whose group got another identity is in its slot already.
            let mut records = group.slots.iter();
            let recorded = records.find(|(_, record)| record.vm == *vm);
            let recorded = recorded.map(|(slot, _)| *slot);
            let own = own.filter(|slot| is_free(slot) && !works.contains_key(slot));
            // Without a slot it stays a stranger.
            let Some(slot) = recorded.or(own).or_else(|| free.next()) else {
                continue;
            };
            waiting = true;
            if !group.operations.contains_key(&slot) {
                works.insert(slot, (Work::Adopt, vm.clone()));
            }
        }
        if let (true, Err(message)) = (waiting, &group.object.spec) {
            // Nobody can tell what the owner wants done to them, nor whether the group only
            // observes.
            return Some(stalled("InvalidSpec", message.clone()));
        }
        match (works.is_empty(), waiting) {
            (false, _) => Some(Next::Own(works)),
            (true, true) => Some(Next::Wait),
            (true, false) => None,
        }
    }

    /// The VM was found among the left-overs, and is where it was and as it was: who moves one
    /// out of the folder takes it away from the group.
    pub(crate) fn is_still_left_over(&self, key: &GroupKey, vm: &Vm) -> bool {
        let group = self.groups.get(key);
        let found = group.and_then(|group| group.left_overs.as_ref()?.get(&vm.id));
        found.is_some_and(|folder| *folder == vm.folder) && is_left_over(key, vm)
    }

    /// None once all that were found are in sight.
    fn see_left_overs(&mut self, key: &GroupKey) -> Option<Next> {
        if let Some(next) = self.look_for_left_overs(key) {
            return Some(next);
        }
        if !self.lost_sight_of_left_overs(key) {
            return None;
        }
        self.look_again_for_left_overs(key);
        Some(Next::Wait)
    }

    /// One that was found cannot be read any more.
    fn lost_sight_of_left_overs(&self, key: &GroupKey) -> bool {
        self.groups.get(key).is_some_and(|group| {
            let found = group.left_overs.iter().flat_map(BTreeMap::keys);
            let mut there = found.filter_map(|vm| self.inventory.vm(vm));
            there.any(|known| may_be_left_over(group, &known.vm))
        })
    }

    /// Left-overs that are still there; those that were members under this identity, with their
    /// slots.
    fn left_overs_of<'a>(&'a self, group: &'a Group) -> Vec<(&'a VmId, Option<Slot>)> {
        let found = group.left_overs.iter().flat_map(BTreeMap::keys);
        let there = found.filter_map(|vm| Some(&self.inventory.vm(vm)?.vm));
        let unmarked: Vec<&Vm> = there
            .filter(|vm| self.is_still_left_over(group.key(), vm))
            .collect();
        if unmarked.is_empty() {
            return Vec::new();
        }
        let of_slot = |slot| (names::instance_uuid(group.identity(), slot), slot);
        let of_slots: BTreeMap<String, Slot> = (0..SLOTS_MAX).map(of_slot).collect();
        let unmarked = unmarked.into_iter().filter_map(|vm| {
            let slot = of_slots.get(vm.instance_uuid.as_ref()?).copied();
            // Who took the marker from a member wanted it to be none: it is no left-over.
            let is_none = is_recorded(group, &vm.id) || (slot.is_some() && group.object.deleting);
            (!is_none).then_some((&vm.id, slot))
        });
        unmarked.collect()
    }

    pub(crate) fn left_overs_read(&mut self, key: &GroupKey, search: Search, result: ReadResult) {
        let Search { begun_at, of_demo } = search;
        let Some(group) = self.groups.get_mut(key) else {
            return;
        };
        if let ReadResult::Folder { vms, .. } = &result
            && group.object.adoption != Some(Adoption::Ignore)
            && let Some(vm) = vms.iter().find(|vm| may_be_left_over(group, vm))
        {
            let standing = unreadable(vm);
            self.try_later(key);
            self.report(key, standing);
            return;
        }
        let mut late = Vec::new();
        let (folder, found) = match result {
            ReadResult::Folder { id, vms, .. } => {
                let folder = is_folder_of(key, &vms).then_some(Folder::Known(id));
                let left_overs = vms.into_iter().filter(|vm| is_left_over(key, vm));
                let left_overs: Vec<Vm> = left_overs.collect();
                let found = left_overs.iter();
                let found = found.map(|vm| (vm.id.clone(), vm.folder.clone()));
                let found: BTreeMap<_, _> = found.collect();
                late = left_overs;
                late.retain(|vm| self.inventory.vm(&vm.id).is_none());
                (folder, found)
            }
            ReadResult::NoFolder => (Some(Folder::Absent { begun_at }), BTreeMap::new()),
            ReadResult::Failed { fault } => {
                self.try_later(key);
                if let Verdict::Failed(_, message) = judge(&Work::Clone, &fault) {
                    let message = format!("the group's folder cannot be read: {message}");
                    let reason = "OperationFailed";
                    self.report(key, Standing::Failing { reason, message });
                }
                return;
            }
            _ => return self.try_later(key),
        };
        // The feed has yet to show them.
        late.into_iter().for_each(|vm| self.put(vm));
        let Some(mut left_overs) = of_demo else {
            // This was the demo's, and the group's has another name.
            return self.look_into_folder(key, Some(found));
        };
        left_overs.extend(found);
        let Some(group) = self.groups.get_mut(key) else {
            return;
        };
        group.left_overs = Some(left_overs);
        if let Some(folder) = folder {
            group.folder_is(folder);
        }
        let woken = group.woken;
        self.wake(key, 0, woken);
    }
}

/// The demo would have used the very folder of the group.
fn has_the_demos_folder(key: &GroupKey) -> bool {
    names::demo_folder_name(key) == names::folder_name(key)
}

/// A VM as the demo made them: named after the group, and unmarked.
pub(crate) fn is_left_over(key: &GroupKey, vm: &Vm) -> bool {
    is_named_after(key, vm)
        && vm.marker.as_deref().unwrap_or_default().is_empty()
        && vm.instance_uuid.is_some()
        && !vm.template
}

/// Nobody can tell: its configuration cannot be read.
fn may_be_left_over(group: &Group, vm: &Vm) -> bool {
    let is_named_so = vm.name.is_empty() || is_named_after(group.key(), vm);
    is_named_so && vm.instance_uuid.is_none() && !vm.template && !is_recorded(group, &vm.id)
}

fn is_named_after(key: &GroupKey, vm: &Vm) -> bool {
    vm.name.starts_with(&format!("{}-replica-", key.name))
}

fn is_recorded(group: &Group, vm: &VmId) -> bool {
    group.slots.values().any(|record| record.vm == *vm)
}

fn unreadable(vm: &Vm) -> Standing {
    let annotation = vmgroup_core::group::ADOPTION_ANNOTATION;
    let (id, name) = (&vm.id, &vm.name);
    Standing::Failing {
        reason: "OperationFailed",
        message: format!(
            "VM {id} ({name}) in the group's folder cannot be read and may be a left-over: bring its \
             host or datastore back, or move it elsewhere; {annotation}=ignore goes on without it"
        ),
    }
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
