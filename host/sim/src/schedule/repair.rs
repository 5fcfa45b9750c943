//! What a person does who finds the world after the trouble: everything that
//! the operator rightly leaves to a person.

use vmgroup_core::group::{Adoption, DeletionPolicy, GroupKey, Mode, Spec};
use vmgroup_core::marker::{HOLD_KEY, Marker};
use vmgroup_core::names;
use vmgroup_core::observation::{Connection, Slot};
use vmgroup_reconcile::event::GroupObject;
use vmgroup_reconcile::inventory::Heartbeat;

use super::draw::{POISON, TEMPLATE};
use crate::deed::{Deed, Place, Which};
use crate::history::Fact;
use crate::host::Decide;
use crate::samples::small_spec;
use crate::vcenter::VmTruth;
use crate::world::World;

/// No schedule fills a slot above.
const SLOTS_MAX: Slot = 32;

/// Puts everything right.
pub(super) fn everything<D: Decide>(world: &mut World<D>) {
    // A new session looks at everything anew: those that work stay.
    if !world.vcenter().accepts(world.cluster().credentials()) {
        act(world, &Deed::Rotate("credentials-good".into(), true));
    }
    act(world, &Deed::Swap(None, "default".into()));
    let vms: Vec<VmTruth> = world.vcenter().vms().cloned().collect();
    for vm in vms {
        heal(world, &vm);
    }
    let groups: Vec<GroupKey> = world.cluster().groups().map(|it| it.key.clone()).collect();
    for group in groups {
        mend(world, &group);
    }
}

/// Deletes every group.
pub(super) fn delete_all<D: Decide>(world: &mut World<D>) {
    let groups: Vec<GroupKey> = world.cluster().groups().map(|it| it.key.clone()).collect();
    for group in groups {
        act(world, &Deed::Delete(group));
    }
}

/// Does what the statuses ask a person for: approves what is held, adopts, says which
/// identity it is, corrects specs, makes room, and sees to members that are unknown. True if
/// there was anything.
pub(super) fn answer<D: Decide>(world: &mut World<D>) -> bool {
    let mut answered = false;
    let unknown: Vec<VmTruth> = world
        .cluster()
        .groups()
        .filter(|object| {
            let mut conditions = object.status.conditions.iter();
            conditions.any(|it| it.kind == "Ready" && it.reason == "MembersUnknown")
        })
        .flat_map(|object| object.status.slots.values())
        .filter_map(|slot| world.vcenter().vm(&slot.vm).cloned())
        .collect();
    for vm in unknown {
        answered |= heal(world, &vm);
    }
    let asking: Vec<GroupObject> = world.cluster().groups().cloned().collect();
    for group in asking {
        if group
            .status
            .held
            .as_ref()
            .is_some_and(|held| !held.effects.is_empty())
        {
            let name = format!("approval-{}-{}", group.key.name, world.now().monotonic.0);
            let approval = GroupKey::new(&group.key.namespace, name);
            answered |= act(world, &Deed::Approve(approval, group.key.clone()));
        }
        let message = group.status.last_message.as_deref().unwrap_or_default();
        if message.contains("another VM may have its name") {
            answered |= rename_former(world, &group);
        }
        let mut conditions = group.status.conditions.iter();
        let stalled = conditions.find(|it| it.kind == "Stalled" && it.status == "True");
        answered |= match stalled.map(|it| it.reason.as_str()) {
            Some("NameTaken") => make_room(world, &group),
            Some("AdoptionRequired") => adopt(world, &group),
            Some("IdentityConflict") => identify(world, &group),
            Some("InvalidSpec") => {
                let spec = Box::new(Ok(small_spec(2, TEMPLATE)));
                act(world, &Deed::Edit(group.key.clone(), spec))
            }
            _ => false,
        };
    }
    answered
}

/// Adopts, or, where that is asked for already, says which of several former groups
/// goes on. True if anything was done.
fn adopt<D: Decide>(world: &mut World<D>, group: &GroupObject) -> bool {
    if group.adoption.is_none() {
        let deed = Deed::Adopt(group.key.clone(), Some(Adoption::Adopt));
        return bring_back(world, &group.key) || act(world, &deed);
    }
    let former = world.vcenter().vms().find_map(|vm| {
        let marker = vm.agreed().filter(|marker| marker.group() == group.key);
        marker.map(|marker| marker.identity)
    });
    let deed = former.map(|former| Deed::Identify(group.key.clone(), former));
    deed.is_some_and(|deed| act(world, &deed))
}

/// Removes what an orphaned group of the same identity has let go of, if it is in the way of a
/// slot. True if there was anything.
fn make_room<D: Decide>(world: &mut World<D>, group: &GroupObject) -> bool {
    let orphaned = world.facts().iter().any(|fact| match fact {
        Fact::Revised { object, .. } => {
            let orphans = |spec: &Spec| spec.deletion == DeletionPolicy::Orphan;
            object.deleting
                && object.spec.as_ref().is_ok_and(orphans)
                && object.known_as() == group.known_as()
        }
        _ => false,
    });
    let in_the_way = |vm: &&VmTruth| is_born_for(vm, group) && vm.agreed().is_none();
    let vms: Vec<VmTruth> = world
        .vcenter()
        .vms()
        .filter(|_| orphaned)
        .filter(in_the_way)
        .cloned()
        .collect();
    vms.iter().filter(|vm| heal(world, vm)).count() > 0
}

/// Gives VMs that were left alone under a former identity other names. True if there was any.
fn rename_former<D: Decide>(world: &mut World<D>, group: &GroupObject) -> bool {
    let is_former = |vm: &&VmTruth| {
        let marker = vm.agreed();
        marker.is_some_and(|it| {
            it.group() == group.key && Some(&it.identity) != group.identity.as_ref()
        }) && !vm.name.starts_with("former-")
    };
    let former = world.vcenter().vms().filter(is_former);
    let deeds: Vec<Deed> = former
        .map(|vm| Deed::Rename(Which::Id(vm.id.clone()), format!("former-{}", vm.id)))
        .collect();
    deeds.iter().filter(|deed| act(world, deed)).count() > 0
}

/// Does what the status says about an identity, if there is anything wrong with it. True if
/// anything was done.
fn identify<D: Decide>(world: &mut World<D>, group: &GroupObject) -> bool {
    if !is_in_conflict(world, group) {
        return false;
    }
    // No status tells of its members under another identity.
    if bring_back(world, &group.key) {
        return true;
    }
    let message = group.status.last_message.as_deref().unwrap_or_default();
    let key = group.key.clone();
    let former = message.split_once("have the identity ");
    let may_return = group.adoption.is_none() && message.contains("put that back");
    let deed = if former.is_some() && group.deleting && !may_return {
        Deed::Adopt(key, Some(Adoption::Ignore))
    } else if let Some((_, rest)) = former {
        let former = rest.split(';').next().unwrap_or_default().trim();
        Deed::Identify(key, former.into())
    } else if message.contains("write a name of its own") {
        let another = format!("of-{}", key.name);
        Deed::Identify(key, another)
    } else {
        Deed::Unclaim(key)
    };
    act(world, &deed)
}

/// Another object or another group's VM has the group's identity, a VM of its own has another
/// one, or no VM can have it.
fn is_in_conflict<D: Decide>(world: &World<D>, group: &GroupObject) -> bool {
    let identity = group.known_as();
    let has_it = |other: &GroupObject| other.key != group.key && other.known_as() == identity;
    let contradicts = |vm: &VmTruth| {
        let marker = vm.agreed();
        marker.is_some_and(|it| (it.group() == group.key) != (it.identity == identity))
    };
    names::identity_problem(identity).is_some()
        || world.cluster().groups().any(has_it)
        || world.vcenter().vms().any(contradicts)
}

/// Nothing in the cluster tells of former members that were moved out of view: whoever
/// adopts sees to it that they are all there. True if one was not.
fn bring_back<D: Decide>(world: &mut World<D>, group: &GroupKey) -> bool {
    let elsewhere = world.vcenter().elsewhere();
    let moved = world.vcenter().vms().filter(|vm| {
        let marker = vm.marker();
        vm.folder == *elsewhere && marker.is_some_and(|marker| marker.group() == *group)
    });
    let moved: Vec<Which> = moved.map(|vm| Which::Id(vm.id.clone())).collect();
    let mut acted = false;
    for vm in moved {
        acted |= act(world, &Deed::Move(vm, Place::Root));
    }
    acted
}

/// True if something was wrong with the VM.
fn heal<D: Decide>(world: &mut World<D>, vm: &VmTruth) -> bool {
    let which = || Which::Id(vm.id.clone());
    let made_by_hand = world.vcenter().foreign().any(|it| it.id == vm.id);
    // A restored backup beside its original, be it a template by now or without its
    // marker, in a slot or in the way of one; and a member without its marker.
    let marker = vm.marker();
    let agrees = |marker: &Marker| marker.instance_uuid == vm.instance_uuid;
    let has_slot = world.cluster().groups().any(|it| {
        let mut slots = it.status.slots.values();
        slots.any(|slot| slot.vm == vm.id)
    });
    let in_the_way = has_slot || world.cluster().groups().any(|it| is_born_for(vm, it));
    let agrees = marker.as_ref().is_some_and(agrees);
    let twin = made_by_hand && (in_the_way || agrees);
    // The late clone of a host that stood still is a copy if a member has its identity.
    if twin || (!made_by_hand && !agrees) {
        return act(world, &Deed::Destroy(which()));
    }
    if made_by_hand {
        return false;
    }
    let mut acted = false;
    if vm.connection != Connection::Connected {
        acted |= act(world, &Deed::Connect(which(), Connection::Connected));
    }
    if vm.question {
        acted |= act(world, &Deed::Question(which(), false));
    }
    if vm.failover {
        acted |= act(world, &Deed::Failover(which(), false));
    }
    if vm.is_silent() || matches!(vm.heartbeat, Heartbeat::Red | Heartbeat::Yellow) {
        acted |= act(world, &Deed::Guest(which(), Heartbeat::Green));
    }
    if vm.snapshot {
        acted |= act(world, &Deed::Snapshot(which(), false));
    }
    if vm.destroy_disabled {
        acted |= act(world, &Deed::Protect(which(), false)) && touch(world, vm);
    }
    // One out of view that has no slot any more was left alone by a group that goes: it
    // stays a template, for nothing would tell of the VM.
    if vm.template && (has_slot || vm.folder != *world.vcenter().elsewhere()) {
        acted |= act(world, &Deed::Template(which(), false));
    }
    if vm.extra_config.contains_key(HOLD_KEY) {
        acted |= act(world, &Deed::Hold(which(), false));
    }
    if let Some(marker) = vm.marker()
        && vm.disks != marker.disks
    {
        let now = world.now();
        let removed = world.vcenter_mut().by_hand(now, &vm.id, |vm| {
            vm.disks = marker.disks;
        });
        acted |= removed.is_ok();
    }
    acted
}

/// Edits what changes nothing in the spec of the VM's group, so that what was tried without
/// success is tried again at once.
fn touch<D: Decide>(world: &mut World<D>, vm: &VmTruth) -> bool {
    let Some(group) = vm.marker().map(|marker| marker.group()) else {
        return false;
    };
    let object = world.cluster().group(&group);
    let Some(Ok(mut spec)) = object.map(|object| object.spec.clone()) else {
        return false;
    };
    spec.allow
        .insert(format!("touched-{}", world.now().monotonic.0));
    act(world, &Deed::Edit(group, Box::new(Ok(spec))))
}

/// It has the instanceUuid that belongs to a slot of the group.
fn is_born_for(vm: &VmTruth, group: &GroupObject) -> bool {
    let Some(identity) = &group.identity else {
        return false;
    };
    let of_slot = |slot| vm.instance_uuid == names::instance_uuid(identity, slot);
    (0..SLOTS_MAX).any(of_slot)
}

fn mend<D: Decide>(world: &mut World<D>, group: &GroupKey) {
    act(world, &Deed::Finalizer(group.clone(), false));
    let Some(Ok(spec)) = world.cluster().group(group).map(|it| it.spec.clone()) else {
        return;
    };
    let mended = Spec {
        template: TEMPLATE.into(),
        suspend: false,
        mode: Mode::Apply,
        ..spec.clone()
    };
    let poisoned = spec.module.as_deref() == Some(POISON);
    if mended != spec && !poisoned {
        act(world, &Deed::Edit(group.clone(), Box::new(Ok(mended))));
    }
}

/// What cannot be done as things stand is not done: false then.
fn act<D: Decide>(world: &mut World<D>, deed: &Deed) -> bool {
    world.act(deed).is_ok()
}
