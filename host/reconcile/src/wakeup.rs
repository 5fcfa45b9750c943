//! When a group is looked at next, and why.

use std::collections::{BTreeMap, BTreeSet};

use vmgroup_core::group::GroupKey;
use vmgroup_core::observation::WakeReason;
use vmgroup_core::time::Monotonic;

/// When, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wakeup {
    /// When.
    pub(crate) at: Monotonic,
    /// Why.
    pub(crate) reason: WakeReason,
}

/// The next wake-up of every group. A group has at most one: at the earliest
/// time, for the reason that explains most.
#[derive(Debug, Clone, Default)]
pub(crate) struct Agenda {
    by_group: BTreeMap<GroupKey, Wakeup>,
    by_time: BTreeSet<(Monotonic, GroupKey)>,
}

impl Agenda {
    /// Looks at the group at `wakeup.at` at the latest.
    pub(crate) fn wake(&mut self, group: &GroupKey, wakeup: Wakeup) {
        let mut wakeup = wakeup;
        if let Some(known) = self.by_group.get(group) {
            self.by_time.remove(&(known.at, group.clone()));
            wakeup = Wakeup {
                at: known.at.min(wakeup.at),
                reason: stronger(known.reason, wakeup.reason),
            };
        }
        self.by_time.insert((wakeup.at, group.clone()));
        self.by_group.insert(group.clone(), wakeup);
    }

    /// Forgets the group's wake-up.
    pub(crate) fn forget(&mut self, group: &GroupKey) {
        if let Some(wakeup) = self.by_group.remove(group) {
            self.by_time.remove(&(wakeup.at, group.clone()));
        }
    }

    /// Takes the first group whose time has come.
    pub(crate) fn due(&mut self, now: Monotonic) -> Option<(GroupKey, WakeReason)> {
        let (at, group) = self.by_time.first()?.clone();
        if at > now {
            return None;
        }
        self.by_time.remove(&(at, group.clone()));
        let wakeup = self.by_group.remove(&group)?;
        Some((group, wakeup.reason))
    }

    /// When the first group is due.
    pub(crate) fn next(&self) -> Option<Monotonic> {
        self.by_time.first().map(|(at, _)| *at)
    }
}

/// The word for a wake-up that stands for several: the one that explains most.
pub(crate) fn stronger(a: WakeReason, b: WakeReason) -> WakeReason {
    let rank = |reason: WakeReason| match reason {
        WakeReason::Started => 7,
        WakeReason::ObjectChanged => 6,
        WakeReason::Approved => 5,
        WakeReason::ModuleChanged => 4,
        WakeReason::OperationEnded => 3,
        WakeReason::VmChanged => 2,
        WakeReason::TimeCame => 1,
        WakeReason::Unknown => 0,
    };
    if rank(a) >= rank(b) { a } else { b }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64, reason: WakeReason) -> Wakeup {
        Wakeup {
            at: Monotonic(ms),
            reason,
        }
    }

    #[test]
    fn a_group_is_woken_once_at_the_earliest_time_for_the_strongest_reason() {
        let mut agenda = Agenda::default();
        let web = GroupKey::new("a", "web");
        agenda.wake(&web, at(50, WakeReason::TimeCame));
        agenda.wake(&web, at(20, WakeReason::VmChanged));
        agenda.wake(&web, at(90, WakeReason::ObjectChanged));
        assert_eq!(agenda.next(), Some(Monotonic(20)));
        assert_eq!(agenda.due(Monotonic(19)), None);
        assert_eq!(
            agenda.due(Monotonic(20)),
            Some((web.clone(), WakeReason::ObjectChanged))
        );
        assert_eq!(agenda.due(Monotonic(1_000)), None);
    }

    #[test]
    fn a_group_that_is_forgotten_is_not_woken() {
        let mut agenda = Agenda::default();
        let web = GroupKey::new("a", "web");
        agenda.wake(&web, at(50, WakeReason::TimeCame));
        agenda.forget(&web);
        assert_eq!((agenda.next(), agenda.due(Monotonic(50))), (None, None));
    }

    #[test]
    fn of_two_reasons_the_one_that_explains_more_is_told() {
        use WakeReason::{
            Approved, ModuleChanged, ObjectChanged, OperationEnded, Started, TimeCame, Unknown,
            VmChanged,
        };
        let weakest_first = [
            Unknown,
            TimeCame,
            VmChanged,
            OperationEnded,
            ModuleChanged,
            Approved,
            ObjectChanged,
            Started,
        ];
        for two in weakest_first.windows(2) {
            assert_eq!(
                [stronger(two[0], two[1]), stronger(two[1], two[0])],
                [two[1]; 2]
            );
        }
    }
}
