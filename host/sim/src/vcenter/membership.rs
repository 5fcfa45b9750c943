//! Whose member each VM is: counted whenever that changes, for the oracles.

use std::collections::BTreeSet;

use vmgroup_core::observation::Slot;
use vmgroup_core::time::Now;

use super::{VCenter, VmTruth};
use crate::history::Fact;

impl VCenter {
    /// Looks again whose member the VM is.
    pub(super) fn count_anew(&mut self, now: Now, vm: &str) {
        let agreed = self.vms.get(vm).and_then(VmTruth::agreed);
        let fills = agreed.map(|marker| (marker.identity, marker.slot));
        let filled = match &fills {
            Some(fills) => self.membership.insert(vm.to_owned(), fills.clone()),
            None => self.membership.remove(vm),
        };
        if fills == filled {
            return;
        }
        let touched: BTreeSet<String> = [fills, filled]
            .into_iter()
            .flatten()
            .map(|(identity, _)| identity)
            .collect();
        for identity in touched {
            let slots: Vec<Slot> = self
                .membership
                .values()
                .filter(|(of, _)| *of == identity)
                .map(|(_, slot)| *slot)
                .collect();
            let at = now.monotonic;
            self.log.push(Fact::Counted {
                at,
                identity,
                slots,
            });
        }
    }
}
