//! What a person does who finds the world after the trouble: everything that
//! the operator rightly leaves to a person.

use vmgroup_core::group::{Adoption, GroupKey, Mode, Spec};
use vmgroup_core::marker::{HOLD_KEY, Marker};
use vmgroup_core::names;
use vmgroup_core::observation::{Connection, Slot};
use vmgroup_reconcile::event::GroupObject;

use super::draw::{POISON, TEMPLATE, key};
use crate::deed::{Deed, Place, Which};
use crate::host::Decide;
use crate::vcenter::VmTruth;
use crate::world::World;

/// No schedule fills a slot above.
const SLOTS_MAX: Slot = 32;

/// Puts everything right.
pub(super) fn everything<D: Decide>(world: &mut World<D>) {
    act(world, &Deed::Rotate("credentials-good".into(), true));
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

/// Approves what is held, adopts where that is asked for, and sees to the members
/// that a status calls unknown. True if there was anything.
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
    let asking: Vec<(GroupKey, bool, bool)> = world
        .cluster()
        .groups()
        .map(|object| {
            let stalled = object.status.conditions.iter().any(|it| {
                it.reason == "AdoptionRequired" && it.status == "True" && it.kind == "Stalled"
            });
            let adopts = stalled && object.adoption.is_none();
            (object.key.clone(), object.status.held.is_some(), adopts)
        })
        .collect();
    for (group, held, adopts) in asking {
        if held {
            let name = format!("approval-{}-{}", group.name, world.now().monotonic.0);
            answered |= world.act(&Deed::Approve(key(&name), group.clone())).is_ok();
        }
        if adopts && bring_back(world, &group) {
            answered = true;
        } else if adopts {
            let deed = Deed::Adopt(group, Some(Adoption::Adopt));
            answered |= world.act(&deed).is_ok();
        }
    }
    answered
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
    if vm.snapshot {
        acted |= act(world, &Deed::Snapshot(which(), false));
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
