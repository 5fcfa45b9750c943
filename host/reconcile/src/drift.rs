//! What would bring a member to the spec, and what vCenter has refused of that.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use vmgroup_core::group::{Amount, GroupKey, Spec};
use vmgroup_core::hash;
use vmgroup_core::observation::{Drift, Member, PowerState, Slot, UpdatePolicy};
use vmgroup_core::time::{Monotonic, Now};

use crate::inventory::{Fault, Known, Vm, VmId};
use crate::limits::REFUSED_MS;
use crate::machine::Machine;
use crate::operation::Work;

/// One VM that is refused its hardware while it is off may be to blame; two are not.
const PROOF: usize = 2;

/// Hardware that vCenter refuses the members of a group, and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    terms: Terms,
    /// While they run, of these.
    running: BTreeMap<VmId, String>,
    /// While they are off, too.
    off: BTreeMap<VmId, String>,
    /// It is asked for again then.
    refused_until: Monotonic,
}

/// On what it was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Terms {
    cpus: u32,
    memory_mib: u64,
    update: UpdatePolicy,
    max_unavailable: Amount,
}

impl Terms {
    fn of(spec: &Spec) -> Self {
        Terms {
            cpus: spec.cpus,
            memory_mib: spec.memory_mib,
            update: spec.update,
            max_unavailable: spec.max_unavailable,
        }
    }
}

impl Refused {
    fn new(spec: &Spec, now: Monotonic) -> Self {
        Refused {
            terms: Terms::of(spec),
            running: BTreeMap::new(),
            off: BTreeMap::new(),
            refused_until: now.plus(REFUSED_MS),
        }
    }

    /// The owner wants something else, or it is time to ask again.
    pub(crate) fn is_over(&self, spec: &Spec, now: Now) -> bool {
        self.terms != Terms::of(spec) || now.monotonic >= self.refused_until
    }

    /// Forgets those that are as they should be, or are gone. True if none is left.
    pub(crate) fn forget_settled(&mut self, members: &[Member]) -> bool {
        let waits = |vm: &VmId| {
            let member = members.iter().find(|member| member.id == *vm);
            member.is_some_and(|it| !matches!(it.drift, Drift::None | Drift::Replace))
        };
        self.running.retain(|vm, _| waits(vm));
        self.off.retain(|vm, _| waits(vm));
        self.running.is_empty() && self.off.is_empty()
    }

    /// When it is asked for again.
    pub(crate) fn until(&self) -> Monotonic {
        self.refused_until
    }

    /// Nothing that is known would bring the VM there.
    fn is_hopeless(&self, vm: &VmId) -> bool {
        self.off.len() >= PROOF || self.off.contains_key(vm)
    }

    /// Remembers what vCenter says; false if that is nothing new.
    fn note(&mut self, vm: VmId, power: PowerState, message: String) -> bool {
        let said = match power {
            PowerState::On => self.running.insert(vm, message),
            PowerState::Off => self.off.insert(vm, message),
            PowerState::Suspended | PowerState::Unknown => Some(message),
        };
        said.is_none()
    }

    /// What its owner has to do about it, if the operator may do nothing.
    pub(crate) fn asks(&self) -> Option<String> {
        if let Some(message) = self.off.values().next() {
            return Some(format!(
                "{message}; vCenter refuses this hardware also while the VM is off: change spec.cpu \
                 or spec.memory; it is asked for again within a day"
            ));
        }
        let waits = self.terms.update == UpdatePolicy::InPlace;
        let message = self.running.values().next().filter(|_| waits)?;
        Some(format!(
            "{message}; vCenter refuses this hardware while the VM runs: power the VM off, or set \
             spec.updateStrategy.type to PowerCycle"
        ))
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
        _ if refused.is_some_and(|refused| refused.is_hopeless(&vm.id)) => Drift::Unknown,
        _ if vm.power == PowerState::Off => Drift::InPlace,
        _ if refused.is_some_and(|it| it.running.contains_key(&vm.id)) => Drift::PowerCycle,
        _ if grows_while_running(vm, spec) => Drift::InPlace,
        _ => Drift::PowerCycle,
    }
}

/// The policy has that drift brought away: the group is not as it should be before it is gone.
pub(crate) fn is_to_be_updated(policy: UpdatePolicy, drift: Drift) -> bool {
    match policy {
        UpdatePolicy::RollingReplace => drift != Drift::None,
        UpdatePolicy::PowerCycle => matches!(drift, Drift::InPlace | Drift::PowerCycle),
        UpdatePolicy::InPlace | UpdatePolicy::OnDelete | UpdatePolicy::Unknown => false,
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

impl Machine {
    /// vCenter refuses the slot's member its new hardware as it stands. That is no failure to
    /// wait after: something else brings it there, or nothing does.
    pub(crate) fn is_refused_hardware(
        &mut self,
        key: &GroupKey,
        slot: Slot,
        fault: &Fault,
        why: &str,
    ) -> bool {
        let message = format!("could not reconfigure slot {slot}: {why}");
        let refused = self.groups.get_mut(key).is_some_and(|group| {
            let operation = group.operations.get(&slot);
            let asked = operation.filter(|operation| {
                operation.work == Work::Reconfigure
                    && operation.generation == Some(group.object.generation)
            });
            let looked_at = asked.and_then(|it| it.vm.as_ref().zip(it.power));
            let (Some((vm, looked)), Ok(spec)) = (looked_at, &group.object.spec) else {
                return false;
            };
            let shown = self.inventory.vm(vm).map(|known| known.vm.power);
            let power = match fault {
                Fault::InvalidPowerState { existing } => *existing,
                // It may have been powered on since the look, and off since the refusal.
                _ if looked == PowerState::Off && shown != Some(looked) => PowerState::On,
                _ => looked,
            };
            let now = self.now.monotonic;
            let refused = group.refused.get_or_insert_with(|| Refused::new(spec, now));
            let is_new = refused.note(vm.clone(), power, message.clone());
            if is_new {
                // What failed before was on the way to this.
                group.failures.remove(&slot);
            }
            is_new
        });
        if refused {
            self.abandon(key, slot);
            self.note(Some(key), true, "refused", message);
        }
        refused
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
