//! What people can sensibly do as things stand. Their deeds are there to bring
//! about states, not to be compared: one that a real vCenter would refuse is
//! left out.

use vmgroup_core::observation::{Connection, PowerState};
use vmgroup_sim::vcenter::{VCenter, VmTruth};

use super::names::Names;
use super::operation::{Folder, Vm, What};

/// Whether somebody could do that.
pub(super) fn is_sensible(vcenter: &VCenter, names: &Names, what: &What) -> bool {
    let there = |vm: &Vm| vcenter.vm(&names.vm(*vm));
    let usable = |vm: &Vm| there(vm).filter(|vm| vm.connection == Connection::Connected);
    let free = |folder: &Folder, name: &str| is_free(vcenter, &names.folder(*folder), name);
    let named = |name: &str| names.named(name);
    match what {
        What::HandMakes(name, folder) => free(folder, &named(name)),
        What::HandPower(vm, power) => usable(vm).is_some_and(|vm| may_become(vm, *power)),
        What::HandDestroys(vm) | What::HandHolds(vm, _) | What::HandUnmarks(vm) => {
            usable(vm).is_some()
        }
        What::HandRenames(vm, name) => {
            usable(vm).is_some_and(|vm| is_free(vcenter, &vm.folder, &named(name)))
        }
        What::HandMoves(vm, folder) => {
            there(vm).is_some_and(|vm| free(folder, &vm.name) && vm.folder != names.folder(*folder))
        }
        What::HandCopies(vm, name, folder, _) => usable(vm).is_some() && free(folder, &named(name)),
        // vcsim takes VMs that do not exist into a view, where they break its feed.
        What::Track(vms) => vms.iter().all(|vm| there(vm).is_some()),
        What::Connects(vm, connection) => there(vm).is_some_and(|vm| vm.connection != *connection),
        _ => true,
    }
}

fn may_become(vm: &VmTruth, power: PowerState) -> bool {
    vm.power != power && (power != PowerState::Suspended || vm.power == PowerState::On)
}

fn is_free(vcenter: &VCenter, folder: &str, name: &str) -> bool {
    let exists = vcenter.folders().any(|it| it.id == folder);
    let taken = vcenter
        .vms()
        .any(|vm| vm.folder == folder && vm.name == name)
        || vcenter.folder_named(folder, name).is_some();
    exists && !taken
}
