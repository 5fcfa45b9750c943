//! Many members gone at once are rather a fault of the view, or of vCenter,
//! than a reason to clone a second fleet.

use std::collections::BTreeMap;

use vmgroup_core::time::Monotonic;

use crate::inventory::VmId;
use crate::limits::{MASS_LOSS_LEAST, MASS_LOSS_PERCENT, MASS_LOSS_WINDOW_MS};

/// Members of one vCenter that became unknown or vanished lately, and when.
#[derive(Debug, Clone, Default)]
pub(crate) struct MassLoss {
    lost: BTreeMap<VmId, Monotonic>,
}

impl MassLoss {
    /// A member became unknown or vanished, not by our doing.
    pub(crate) fn lost(&mut self, vm: &VmId, now: Monotonic) {
        self.lost.entry(vm.clone()).or_insert(now);
    }

    /// A member is back.
    pub(crate) fn found(&mut self, vm: &VmId) {
        self.lost.remove(vm);
    }

    /// Too many of `members` were lost within the window.
    pub(crate) fn is_on(&mut self, members: usize, now: Monotonic) -> bool {
        self.lost
            .retain(|_, at| now.since(*at) < MASS_LOSS_WINDOW_MS);
        let known = members + self.lost.len();
        self.lost.len() > MASS_LOSS_LEAST.max(known * MASS_LOSS_PERCENT / 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after_losing(count: u64) -> MassLoss {
        let mut mass_loss = MassLoss::default();
        (0..count).for_each(|at| mass_loss.lost(&format!("vm-{at}"), Monotonic(at)));
        mass_loss
    }

    #[test]
    fn five_lost_members_are_an_accident_and_six_are_a_mass_loss() {
        assert!(!after_losing(5).is_on(10, Monotonic(10)));
        assert!(after_losing(6).is_on(10, Monotonic(10)));
    }

    #[test]
    fn in_a_large_vcenter_five_percent_may_go() {
        assert!(!after_losing(50).is_on(950, Monotonic(100)));
        assert!(after_losing(51).is_on(949, Monotonic(100)));
    }

    #[test]
    fn members_that_come_back_do_not_hide_others_that_are_gone() {
        let mut mass_loss = after_losing(6);
        (100..110).for_each(|number| mass_loss.found(&format!("vm-{number}")));
        assert!(mass_loss.is_on(10, Monotonic(10)));
    }

    #[test]
    fn a_mass_loss_is_over_when_its_window_ends() {
        assert!(!after_losing(6).is_on(10, Monotonic(MASS_LOSS_WINDOW_MS)));
        assert!(!after_losing(6).is_on(10, Monotonic(MASS_LOSS_WINDOW_MS + 10)));
    }
}
