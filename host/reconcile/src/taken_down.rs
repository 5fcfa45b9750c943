//! Members that the operator itself takes down, and that come back: each follows its owner's wish
//! as a new one does, whichever module decides by then.

use vmgroup_core::group::{GroupKey, Spec};
use vmgroup_core::observation::{Drift, Parking, PowerState, Slot};

use crate::drift::{Refused, drift, is_to_be_updated};
use crate::inventory::{Known, Vm};
use crate::machine::Machine;
use crate::operation::Work;

impl Machine {
    /// The member, which is on, is about to be taken down by the slot's operation.
    pub(crate) fn expect_back(&mut self, key: &GroupKey, slot: Slot, vm: &Vm) {
        let Some(group) = self.groups.get_mut(key) else {
            return;
        };
        let comes_back = match group.operations.get(&slot).map(|it| &it.work) {
            // The rest of a deletion may be given up.
            Some(Work::Delete) => true,
            Some(Work::PowerOff(_)) => {
                let spec = group.object.spec.as_ref();
                spec.is_ok_and(|spec| is_cycled(vm, spec, group.refused.as_ref()))
            }
            _ => false,
        };
        if comes_back && let Some(record) = group.slots.get_mut(&slot) {
            record.started = false;
        }
    }

    /// What a restart found recorded is over. Nobody remembers what the member was taken down for.
    pub(crate) fn expect_recorded_back(&mut self, key: &GroupKey, slot: Slot) {
        let operation = self.groups.get(key).and_then(|it| it.operations.get(&slot));
        let recorded = operation.filter(|it| it.generation.is_none());
        let vm = recorded.and_then(|it| self.inventory.vm(it.vm.as_ref()?));
        if let Some(known) = vm {
            let as_it_was = Vm {
                power: PowerState::On,
                ..known.vm.clone()
            };
            self.expect_back(key, slot, &as_it_was);
        }
    }
}

/// Being off is a step of its update, and not what its owner or the module wants of it.
fn is_cycled(vm: &Vm, spec: &Spec, refused: Option<&Refused>) -> bool {
    spec.parking != Parking::PowerOff
        && is_to_be_updated(spec.update, Drift::PowerCycle)
        && drift(&Known::new(vm.clone()), spec, refused) == Drift::PowerCycle
}
