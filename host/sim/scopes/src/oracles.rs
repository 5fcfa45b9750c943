//! What must hold, on the truth of the world: at each step, and in the end.

use std::collections::BTreeSet;

use vmgroup_core::group::GroupKey;
use vmgroup_core::names::OperationId;
use vmgroup_core::observation::PowerState;
use vmgroup_reconcile::event::GroupObject;
use vmgroup_reconcile::inventory::TaskId;
use vmgroup_reconcile::request::Call;

use crate::vcenter::Job;
use crate::world::{Breach, World, key};

/// After every step: S2 unique, S6 one actor, and no hot loop (L1).
pub(crate) fn always(world: &World) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for identity in identities(world) {
        let mut slots = BTreeSet::new();
        for (slot, vm) in world.vcenter.members(&identity) {
            if !slots.insert(slot) {
                breach(
                    &mut breaches,
                    "S2",
                    format!("{} is one VM too many in slot {slot}", vm.id),
                );
            }
        }
    }
    let acting = world
        .hosts
        .iter()
        .filter(|host| !host.frozen && host.seat.machine.is_acting());
    if world.scope.lease && acting.count() > 1 {
        breach(&mut breaches, "S6", "two hosts act at once".into());
    }
    if world.hosts.iter().any(|host| host.seat.hot) {
        breach(
            &mut breaches,
            "L1",
            "a host wants to be woken again and again at one moment".into(),
        );
    }
    breaches
}

/// vCenter works on a call: S1 bound, S4 justified, S10 committed. A call that a
/// frozen host had ready is let pass: L1 has to heal it.
pub(crate) fn call_started(
    world: &World,
    group: &GroupKey,
    task: &TaskId,
    breaches: &mut Vec<Breach>,
) {
    let job = &world.vcenter.tasks[task].value;
    if world.excused {
        return;
    }
    let object = world.cluster.group(group);
    let (least, most) = wanted(world, group);
    match &job.call {
        Call::Clone(clone) => {
            let identity = &clone.marker.identity;
            let count = world.vcenter.members(identity).len() + clones(world, identity).count();
            if count > most as usize {
                let text = format!("the clone makes {count} VMs of {group}, {most} are wanted");
                breach(breaches, "S1", text);
            }
        }
        Call::Destroy(vm) | Call::PowerOff(vm) => {
            let identity = object.and_then(|object| object.identity.clone());
            let identity = identity.unwrap_or_default();
            let down = |id: &str| {
                world.vcenter.jobs().any(|(_, job)| {
                    job.runs()
                        && !job.late
                        && matches!(job.call, Call::Destroy(_) | Call::PowerOff(_))
                        && job.call.vm() == Some(id)
                })
            };
            let members = world.vcenter.members(&identity);
            let left = members.iter().filter(|(_, vm)| !down(&vm.id)).count();
            let there = members.iter().any(|(_, member)| member.id == *vm);
            let released = object.is_none_or(|object| object.deleting);
            if !released && there && left < least as usize {
                let text = format!("{vm} is taken down, which leaves {left} of {least} VMs");
                breach(breaches, "S4", text);
            }
        }
        Call::DestroyFolder(folder) => {
            let mut inside = world.vcenter.vms.values();
            let inside = inside.find(|vm| vm.value.folder.as_ref() == Some(folder));
            if let Some(vm) = inside {
                let text = format!("{folder} is destroyed with {} in it", vm.value.id);
                breach(breaches, "S3", text);
            }
        }
        _ => {}
    }
    if world.hosts.len() == 1 || world.scope.lease {
        committed(object, job, breaches);
    }
}

/// S10: what is executed stands in the status.
fn committed(object: Option<&GroupObject>, job: &Job, breaches: &mut Vec<Breach>) {
    let intent = object.and_then(|object| object.status.intent.as_ref());
    let mut steps = intent.into_iter().flat_map(|intent| &intent.steps);
    let of_slot = !matches!(job.call, Call::DestroyFolder(_) | Call::CreateFolder { .. });
    let id = OperationId::parse(&job.operation_id);
    let named = id.and_then(|id| id.committed);
    if of_slot && !steps.any(|step| named == Some((step.slot, step.intent))) {
        breach(
            breaches,
            "S10",
            format!("{} is not committed", job.operation_id),
        );
    }
}

/// Before a task ends well: a folder that goes takes nothing with it.
pub(crate) fn before_end(world: &World, task: &TaskId, breaches: &mut Vec<Breach>) {
    if let Call::DestroyFolder(folder) = &world.vcenter.tasks[task].value.call
        && let Some(vm) = world
            .vcenter
            .vms
            .values()
            .find(|vm| vm.value.folder.as_ref() == Some(folder))
    {
        breach(
            breaches,
            "S3",
            format!("{folder} goes with {} in it", vm.value.id),
        );
    }
}

/// A task ended. S7: each effect is had once.
pub(crate) fn after_end(
    world: &mut World,
    effect: Option<(String, &'static str)>,
    breaches: &mut Vec<Breach>,
) {
    let Some((id, kind)) = effect.filter(|(_, kind)| *kind != "destroy folder") else {
        return;
    };
    if !world.effects.insert((id.clone(), kind)) {
        breach(
            breaches,
            "S7",
            format!("{kind} had its effect again under `{id}`"),
        );
    }
}

/// S5: the object went; no VM and no clone of its may be left.
pub(crate) fn object_gone(world: &World, object: &GroupObject, breaches: &mut Vec<Breach>) {
    let Some(identity) = &object.identity else {
        return;
    };
    let members = world.vcenter.members(identity);
    let left = members.first().map(|(_, vm)| vm.id.clone());
    let mut running = clones(world, identity).filter(|(_, job)| !job.late);
    if let Some(left) = left.or_else(|| running.next().map(|(id, _)| id.clone())) {
        breach(
            breaches,
            "S5",
            format!("{} is gone and {left} is not", object.key),
        );
    }
}

/// Why the world has not settled, if it has not: L1, L2.
pub(crate) fn unsettled(world: &World) -> Option<String> {
    if world.vcenter.jobs().any(|(_, job)| job.runs()) {
        return Some("a task runs".into());
    }
    for (number, wanted) in world.wanted.iter().enumerate() {
        let key = key(number);
        let identity = format!("uid-{}", key.name);
        let members = world.vcenter.members(&identity);
        let Some(object) = world.cluster.group(&key) else {
            let left = members.len()
                + world
                    .vcenter
                    .folders
                    .len()
                    .saturating_sub(others(world, number));
            if left > 0 {
                return Some(format!("{key} is gone and left VMs or its folder behind"));
            }
            continue;
        };
        if object.deleting {
            return Some(format!("{key} is still being deleted"));
        }
        let wanted = wanted.last().copied().unwrap_or_default() as usize;
        if members.len() != wanted {
            return Some(format!("{key} has {} VMs of {wanted}", members.len()));
        }
        if let Some((_, vm)) = members.iter().find(|(_, vm)| vm.power != PowerState::On) {
            return Some(format!("{} is {}", vm.id, vm.power));
        }
        let status = &object.status;
        let counted = status.current_replicas.map(|count| count as usize);
        if counted != Some(wanted) || status.phase.as_deref() != Some("RUNNING") {
            return Some(format!(
                "the status of {key} says {:?} and {counted:?}",
                status.phase
            ));
        }
    }
    None
}

/// Folders that other groups may have.
fn others(world: &World, number: usize) -> usize {
    (0..world.wanted.len())
        .filter(|other| *other != number && world.cluster.group(&key(*other)).is_some())
        .count()
}

/// The fewest and the most VMs that a revision asks for which is not older than
/// the one that was committed last.
fn wanted(world: &World, group: &GroupKey) -> (u32, u32) {
    let number = (0..world.wanted.len()).find(|number| key(*number) == *group);
    let revisions = number.map_or(&[][..], |number| &world.wanted[number][..]);
    let Some(object) = world.cluster.group(group) else {
        return (0, 0);
    };
    let committed = object
        .status
        .intent
        .as_ref()
        .map_or(1, |intent| intent.generation);
    let from = usize::try_from(committed.max(1) - 1).unwrap_or_default();
    let since = revisions.iter().skip(from);
    (
        since.clone().min().copied().unwrap_or_default(),
        since.max().copied().unwrap_or_default(),
    )
}

fn clones<'a>(world: &'a World, identity: &str) -> impl Iterator<Item = (&'a TaskId, &'a Job)> {
    world.vcenter.jobs().filter(move |(_, job)| {
        job.runs()
            && job.fails.is_none()
            && matches!(&job.call, Call::Clone(clone) if clone.marker.identity == identity)
    })
}

fn identities(world: &World) -> impl Iterator<Item = String> {
    (0..world.wanted.len()).map(|number| format!("uid-{}", key(number).name))
}

fn breach(breaches: &mut Vec<Breach>, oracle: &'static str, text: String) {
    breaches.push(Breach { oracle, text });
}
