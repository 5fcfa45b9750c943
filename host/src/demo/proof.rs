//! Whether the world is what the groups ask for: ground truth only, nothing in
//! the operator's own words but what it wrote for people to read.

use vmgroup_core::group::GroupKey;
use vmgroup_core::observation::PowerState;
use vmgroup_sim::oracles;
use vmgroup_sim::world::World;

use super::sandbox::Sandbox;
use super::stage::{BYSTANDER, TEMPLATE};

/// The group's VMs are there and run, and its status says so of this spec.
pub(crate) fn runs(world: &World<Sandbox>, key: &GroupKey) -> bool {
    let Some(object) = world.cluster().group(key) else {
        return false;
    };
    let (Ok(spec), status) = (&object.spec, &object.status) else {
        return false;
    };
    let members = world.vcenter().vms().filter(|vm| {
        vm.agreed().is_some_and(|marker| marker.group() == *key)
            && vm.power == PowerState::On
            && vm.cpus == spec.cpus
            && vm.memory_mib == spec.memory_mib
    });
    status.phase.as_deref() == Some("RUNNING")
        && status.observed_generation == Some(object.generation)
        && status.current_replicas == Some(spec.replicas)
        && status
            .intent
            .as_ref()
            .is_none_or(|intent| intent.steps.is_empty())
        && u32::try_from(members.count()) == Ok(spec.replicas)
}

/// The group needs a person, and its status says why.
pub(crate) fn needs_a_person(world: &World<Sandbox>, key: &GroupKey, word: &str) -> bool {
    world.cluster().group(key).is_some_and(|object| {
        let status = &object.status;
        status.phase.as_deref() == Some("ERROR")
            && status.observed_generation == Some(object.generation)
            && status
                .last_message
                .as_deref()
                .is_some_and(|text| text.contains(word))
    })
}

/// No group, no VM of ours, no folder of ours.
pub(crate) fn is_empty(world: &World<Sandbox>) -> bool {
    let vcenter = world.vcenter();
    world.cluster().groups().next().is_none()
        && vcenter
            .vms()
            .all(|vm| vm.name == TEMPLATE || vm.name == BYSTANDER)
        && vcenter.folders().count() == 2
}

/// All that went wrong, whatever the end looks like.
pub(crate) fn breaches(world: &World<Sandbox>) -> Vec<String> {
    let mut found: Vec<String> = oracles::safety(world)
        .iter()
        .map(ToString::to_string)
        .collect();
    let (now, foreign) = (world.vcenter(), world.vcenter().foreign());
    for was in foreign {
        if now.vm(&was.id) != Some(was) {
            found.push(format!("`{}`, which is not ours, has changed", was.name));
        }
    }
    found
}
