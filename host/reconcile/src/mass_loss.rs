//! Many members gone at once are rather a fault of the view, or of vCenter,
//! than a reason to clone a second fleet.

use std::collections::{BTreeMap, BTreeSet};

use vmgroup_core::group::GroupKey;
use vmgroup_core::time::Monotonic;

use crate::inventory::VmId;
use crate::limits::{MASS_LOSS_LEAST, MASS_LOSS_PERCENT, MASS_LOSS_WINDOW_MS};

/// Members of one vCenter that became unknown or vanished.
#[derive(Debug, Clone, Default)]
pub(crate) struct MassLoss {
    lost: BTreeMap<VmId, Loss>,
    was_on: bool,
}

#[derive(Debug, Clone, Copy)]
struct Loss {
    lost_at: Monotonic,
    /// It does not exist any more.
    is_gone: bool,
}

impl MassLoss {
    /// A member became unknown. One that stays so is lost once.
    pub(crate) fn lost(&mut self, vm: &VmId, lost_at: Monotonic) {
        let is_gone = false;
        let loss = Loss { lost_at, is_gone };
        self.lost.entry(vm.clone()).or_insert(loss);
    }

    /// A member vanished, not by our doing, however long it has been unknown.
    pub(crate) fn gone(&mut self, vm: &VmId, lost_at: Monotonic) {
        let is_gone = true;
        self.lost.insert(vm.clone(), Loss { lost_at, is_gone });
    }

    /// It is on, and was not when this was last asked.
    pub(crate) fn has_begun(&mut self, is_on: bool) -> bool {
        let was_on = std::mem::replace(&mut self.was_on, is_on);
        is_on && !was_on
    }

    /// A member is back.
    pub(crate) fn found(&mut self, vm: &VmId) {
        self.lost.remove(vm);
    }

    /// Too many members were lost within the window, in a vCenter that has these `members`.
    pub(crate) fn is_on(
        &mut self,
        members: &BTreeMap<VmId, BTreeSet<GroupKey>>,
        now: Monotonic,
    ) -> bool {
        let is_recent = |loss: &Loss| now.since(loss.lost_at) < MASS_LOSS_WINDOW_MS;
        self.lost
            .retain(|vm, loss| is_recent(loss) || !loss.is_gone && members.contains_key(vm));
        let recent = || self.lost.iter().filter(|(_, loss)| is_recent(loss));
        // Those that are unknown are members still.
        let missing = recent().filter(|(vm, _)| !members.contains_key(*vm));
        let known = members.len() + missing.count();
        recent().count() > MASS_LOSS_LEAST.max(known * MASS_LOSS_PERCENT / 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(number: u64) -> VmId {
        format!("vm-{number}")
    }

    fn members(numbers: std::ops::Range<u64>) -> BTreeMap<VmId, BTreeSet<GroupKey>> {
        let web = GroupKey::new("shop", "web");
        numbers.map(|it| (name(it), [web.clone()].into())).collect()
    }

    fn after_losing(count: u64) -> MassLoss {
        let mut mass_loss = MassLoss::default();
        (0..count).for_each(|at| mass_loss.gone(&name(at), Monotonic(at)));
        mass_loss
    }

    #[test]
    fn five_lost_members_are_an_accident_and_six_are_a_mass_loss() {
        let ten = members(100..110);
        assert!(!after_losing(5).is_on(&ten, Monotonic(10)));
        assert!(after_losing(6).is_on(&ten, Monotonic(10)));
    }

    #[test]
    fn in_a_large_vcenter_five_percent_may_go() {
        assert!(!after_losing(50).is_on(&members(100..1_050), Monotonic(100)));
        assert!(after_losing(51).is_on(&members(100..1_049), Monotonic(100)));
    }

    #[test]
    fn members_that_are_unknown_count_once_among_all() {
        let unknown = |count| {
            let mut mass_loss = MassLoss::default();
            (0..count).for_each(|number| mass_loss.lost(&name(number), Monotonic(0)));
            mass_loss.is_on(&members(0..1_000), Monotonic(1))
        };
        assert!(!unknown(50));
        assert!(unknown(51));
    }

    #[test]
    fn members_that_come_back_do_not_hide_others_that_are_gone() {
        let mut mass_loss = after_losing(6);
        (100..110).for_each(|number| mass_loss.found(&name(number)));
        assert!(mass_loss.is_on(&members(100..110), Monotonic(10)));
    }

    #[test]
    fn a_mass_loss_is_over_when_its_window_ends() {
        let ten = members(100..110);
        assert!(!after_losing(6).is_on(&ten, Monotonic(MASS_LOSS_WINDOW_MS)));
        assert!(!after_losing(6).is_on(&ten, Monotonic(MASS_LOSS_WINDOW_MS + 10)));
    }

    #[test]
    fn members_that_stay_unknown_are_lost_once_and_once_more_when_they_vanish() {
        let six = members(0..6);
        let mut mass_loss = MassLoss::default();
        let mut looked = |at: u64, is_gone: bool| {
            for vm in six.keys() {
                match is_gone {
                    true => mass_loss.gone(vm, Monotonic(at)),
                    false => mass_loss.lost(vm, Monotonic(at)),
                }
            }
            mass_loss.is_on(&six, Monotonic(at))
        };
        assert!(looked(0, false));
        assert!(!looked(MASS_LOSS_WINDOW_MS, false));
        assert!(!looked(3 * MASS_LOSS_WINDOW_MS, false));
        assert!(looked(3 * MASS_LOSS_WINDOW_MS, true));
    }
}
