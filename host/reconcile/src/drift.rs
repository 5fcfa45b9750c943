//! What would bring a member to the spec, and what vCenter has refused of that.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use vmgroup_core::group::{GroupKey, Spec};
use vmgroup_core::hash;
use vmgroup_core::observation::{Drift, Member, PowerState, Slot, UpdatePolicy};
use vmgroup_core::time::{Monotonic, Now};

use crate::group::Group;
use crate::inventory::{Known, Vm, VmId};
use crate::limits::REFUSED_MS;
use crate::machine::Machine;
use crate::operation::Work;

/// Hardware that vCenter refuses the members of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    cpus: u32,
    memory_mib: u64,
    /// While they run, of these.
    running: BTreeSet<VmId>,
    /// While one is off, too: so is that of all others.
    off: bool,
    /// What vCenter says.
    message: String,
    /// It is asked again then.
    refused_until: Monotonic,
}

impl Refused {
    fn new(spec: &Spec, now: Monotonic) -> Self {
        Refused {
            cpus: spec.cpus,
            memory_mib: spec.memory_mib,
            running: BTreeSet::new(),
            off: false,
            message: String::new(),
            refused_until: now.plus(REFUSED_MS),
        }
    }

    /// The owner wants other hardware, or it is time to ask again.
    pub(crate) fn is_over(&self, spec: &Spec, now: Now) -> bool {
        let is_wanted = (self.cpus, self.memory_mib) == (spec.cpus, spec.memory_mib);
        !is_wanted || now.monotonic >= self.refused_until
    }

    /// Some member is not as it should be for it.
    pub(crate) fn concerns(&self, members: &[Member]) -> bool {
        let waits = |member: &Member| match member.drift {
            Drift::None | Drift::Replace => false,
            Drift::Unknown | Drift::InPlace | Drift::PowerCycle => {
                self.off || self.running.contains(&member.id)
            }
        };
        members.iter().any(waits)
    }

    /// When it is asked for again.
    pub(crate) fn until(&self) -> Monotonic {
        self.refused_until
    }

    /// What its owner has to do about it, if the operator may do nothing.
    pub(crate) fn asks(&self, policy: UpdatePolicy) -> Option<String> {
        let message = &self.message;
        if self.off {
            return Some(format!(
                "{message}; vCenter refuses this hardware also while the VM is off: change \
                 spec.resources, or the VM, and it is asked again within a day"
            ));
        }
        let waits = policy == UpdatePolicy::InPlace && !self.running.is_empty();
        waits.then(|| {
            format!(
                "{message}; vCenter refuses this hardware while the VM runs: power the VM off, or \
                 let PowerCycle be the update strategy"
            )
        })
    }
}

/// The least that would bring a VM to the spec.
pub(crate) fn drift(known: &Known, spec: &Spec, refused: Option<&Refused>) -> Drift {
    let vm = &known.vm;
    if !known.is_readable() {
        return Drift::Unknown;
    }
    // Where templates are never followed, an old one does not keep the hardware from it.
    let keeps = matches!(
        spec.update,
        UpdatePolicy::InPlace | UpdatePolicy::PowerCycle
    );
    let recorded = vm.spec_hash.as_ref();
    let hardware = hash::reconfigured(vm.spec_hash.as_deref(), spec);
    let is_kept = keeps && hardware.is_some() && hardware.as_ref() != recorded;
    match hash::compare(vm.spec_hash.as_deref(), spec) {
        hash::Difference::None => Drift::None,
        hash::Difference::Template if !is_kept => Drift::Replace,
        // Nothing that is known would bring it there.
        _ if refused.is_some_and(|refused| refused.off) => Drift::Unknown,
        _ if vm.power == PowerState::Off => Drift::InPlace,
        _ if refused.is_some_and(|refused| refused.running.contains(&vm.id)) => Drift::PowerCycle,
        _ if grows_while_running(vm, spec) => Drift::InPlace,
        _ => Drift::PowerCycle,
    }
}

/// Nothing has to be taken away, and what has to be added can be while it runs.
pub(crate) fn grows_while_running(vm: &Vm, spec: &Spec) -> bool {
    let grows = |has: u64, wanted: u64, hot_add| match has.cmp(&wanted) {
        Ordering::Less => hot_add,
        Ordering::Equal => true,
        Ordering::Greater => false,
    };
    grows(vm.cpus.into(), spec.cpus.into(), vm.cpu_hot_add)
        && grows(vm.memory_mib, spec.memory_mib, vm.memory_hot_add)
}

impl Group {
    /// Remembers that vCenter refuses a member its new hardware; `false` if that is of no
    /// consequence.
    fn refuse(&mut self, slot: Slot, power: PowerState, message: String, now: Monotonic) -> bool {
        let Ok(spec) = &self.object.spec else {
            return false;
        };
        let operation = self.operations.get(&slot);
        let asked = operation.filter(|it| {
            it.work == Work::Reconfigure && it.generation == Some(self.object.generation)
        });
        let Some(vm) = asked.and_then(|operation| operation.vm.clone()) else {
            return false;
        };
        let refused = self.refused.get_or_insert_with(|| Refused::new(spec, now));
        match power {
            PowerState::On => {
                refused.running.insert(vm);
            }
            PowerState::Off => refused.off = true,
            PowerState::Suspended | PowerState::Unknown => return false,
        }
        refused.message = message;
        true
    }
}

impl Machine {
    /// vCenter refuses the slot's member its new hardware as it stands. That is no failure to
    /// wait after: something else brings it there, or nothing does.
    pub(crate) fn is_refused_hardware(&mut self, key: &GroupKey, slot: Slot, why: &str) -> bool {
        let now = self.now.monotonic;
        let message = format!("could not reconfigure slot {slot}: {why}");
        let Some(group) = self.groups.get_mut(key) else {
            return false;
        };
        let operation = group.operations.get(&slot);
        let vm = operation.and_then(|operation| operation.vm.as_ref());
        let Some(known) = vm.and_then(|vm| self.inventory.vm(vm)) else {
            return false;
        };
        if !group.refuse(slot, known.vm.power, message.clone(), now) {
            return false;
        }
        self.abandon(key, slot);
        self.note(Some(key), true, "refused", message);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::tests::vm;

    #[test]
    fn drift_asks_for_the_least_that_brings_a_vm_to_the_spec() {
        let spec = |cpus, memory_mib, template: &str| Spec {
            cpus,
            memory_mib,
            template: template.into(),
            ..Spec::nothing()
        };
        let wanted = spec(2, 2_048, "base");
        let made_for = |made_for: Spec, change: fn(&mut Vm)| {
            let mut vm = Vm {
                spec_hash: Some(hash::spec_hash(&made_for)),
                power: PowerState::On,
                cpus: made_for.cpus,
                memory_mib: made_for.memory_mib,
                cpu_hot_add: true,
                memory_hot_add: true,
                ..vm("vm-1")
            };
            change(&mut vm);
            drift(&Known::new(vm), &wanted, None)
        };
        let less = || spec(1, 1_024, "base");
        let more = || spec(4, 4_096, "base");
        for (made, change, expected) in [
            (spec(2, 2_048, "base"), (|_| {}) as fn(&mut Vm), Drift::None),
            (
                spec(2, 2_048, "base"),
                |vm| vm.instance_uuid = None,
                Drift::Unknown,
            ),
            (
                spec(2, 2_048, "old"),
                |vm| vm.power = PowerState::Off,
                Drift::Replace,
            ),
            (less(), |_| {}, Drift::InPlace),
            (less(), |vm| vm.cpu_hot_add = false, Drift::PowerCycle),
            (less(), |vm| vm.memory_hot_add = false, Drift::PowerCycle),
            (
                spec(2, 1_024, "base"),
                |vm| vm.cpu_hot_add = false,
                Drift::InPlace,
            ),
            (
                spec(1, 2_048, "base"),
                |vm| vm.memory_hot_add = false,
                Drift::InPlace,
            ),
            (more(), |_| {}, Drift::PowerCycle),
            (spec(4, 1_024, "base"), |_| {}, Drift::PowerCycle),
            (spec(1, 4_096, "base"), |_| {}, Drift::PowerCycle),
            (more(), |vm| vm.power = PowerState::Off, Drift::InPlace),
        ] {
            let told = format!("{} CPUs, {} MiB", made.cpus, made.memory_mib);
            assert_eq!(made_for(made, change), expected, "{told}");
        }
    }
}
