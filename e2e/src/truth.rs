//! What truly is in vCenter, told from its inventory and the VMs' markers.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use vmgroup_rig::{Control, Vm};

const MARKER: &str = "vmgroup.marker";

/// The VMs of a group, by slot.
pub type Members = BTreeMap<u64, Vm>;

/// All VMs, by MoID.
#[track_caller]
pub(crate) fn vms(control: &Control) -> BTreeMap<String, Vm> {
    let all = control.vms().expect("the simulator answers").vms;
    all.into_iter().map(|vm| (vm.moid.clone(), vm)).collect()
}

/// The VMs whose marker names the group and agrees with the VM.
#[track_caller]
pub(crate) fn members(control: &Control, namespace: &str, name: &str) -> Members {
    members_among(&vms(control), namespace, name)
}

/// The same among VMs that were read before.
#[track_caller]
pub(crate) fn members_among(vms: &BTreeMap<String, Vm>, namespace: &str, name: &str) -> Members {
    let mut members = Members::new();
    for vm in vms.values() {
        let Some(marker) = agreeing_marker(vm) else {
            continue;
        };
        if marker["namespace"] == namespace && marker["name"] == name {
            let slot = marker["slot"].as_u64().expect("a marker has a slot");
            let other = members.insert(slot, vm.clone());
            assert_eq!(other, None, "slot {slot} of {namespace}/{name} has two VMs");
        }
    }
    members
}

/// The slots, in order.
pub fn member_slots(members: &Members) -> Vec<u64> {
    members.keys().copied().collect()
}

/// At most one VM stands in each slot of each group.
#[track_caller]
pub(crate) fn assert_no_slot_twice(vms: &BTreeMap<String, Vm>) {
    let mut taken = BTreeSet::new();
    for vm in vms.values() {
        if let Some(marker) = agreeing_marker(vm) {
            let slot = (marker["identity"].to_string(), marker["slot"].to_string());
            assert!(
                taken.insert(slot.clone()),
                "slot {slot:?} has two VMs: {vm:?}"
            );
        }
    }
}

fn agreeing_marker(vm: &Vm) -> Option<Value> {
    let marker: Value = serde_json::from_str(vm.markers.get(MARKER)?).ok()?;
    (marker["instanceUuid"] == *vm.instance_uuid).then_some(marker)
}
