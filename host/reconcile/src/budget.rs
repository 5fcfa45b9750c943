//! What may be taken down in an hour: by one group, and by one module over all
//! of its groups. A module that has just taken over gets little, so that a bad
//! one is noticed before it has been everywhere.

use std::collections::{BTreeMap, VecDeque};

use vmgroup_core::check::Spending;
use vmgroup_core::group::GroupKey;
use vmgroup_core::observation::{Budget, Slot};
use vmgroup_core::time::Timestamp;

use crate::group::{Group, Stage, count};
use crate::limits::{
    BUDGET_OF_GROUP, BUDGET_OF_MODULE, BUDGET_OF_SWAPPED_MODULE, BUDGET_WINDOW_MS, SWAP_IS_NEW_MS,
};
use crate::machine::Machine;
use crate::operation::Bill;

/// Effects that cost something and were begun in the last hour, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Window {
    begun: VecDeque<(Timestamp, Spending)>,
}

impl Window {
    pub(crate) fn spend(&mut self, spending: Spending, now: Timestamp) {
        self.forget(now);
        if spending != Spending::default() {
            self.begun.push_back((now, spending));
        }
    }

    /// What is left of an allowance, and when more of it will be.
    fn left(&self, allowance: Spending, reserved: Spending, now: Timestamp) -> Budget {
        let counting = self
            .begun
            .iter()
            .filter(|(at, _)| now.since(*at) < BUDGET_WINDOW_MS);
        let spent = counting
            .clone()
            .fold(reserved, |sum, (_, spending)| sum.and(*spending));
        let oldest = counting.map(|(at, _)| *at).next().unwrap_or(now);
        Budget {
            deletes: allowance.deletes.saturating_sub(spent.deletes),
            disruptions: allowance.disruptions.saturating_sub(spent.disruptions),
            scaled_down: 0,
            window_ends: oldest.plus(BUDGET_WINDOW_MS),
        }
    }

    /// The clock by which it was written down was set.
    pub(crate) fn move_by(&mut self, moved: impl Fn(&mut Timestamp)) {
        self.begun.iter_mut().for_each(|(at, _)| moved(at));
    }

    fn forget(&mut self, now: Timestamp) {
        self.begun
            .retain(|(at, _)| now.since(*at) < BUDGET_WINDOW_MS);
    }
}

/// Members too many that the owner's scale-down has left: their deletes are paid for by it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ScaleDown {
    /// Replicas and spares that were wanted when it was last looked at.
    wanted: Option<u32>,
    left: u32,
}

impl ScaleDown {
    /// So many members are wanted, and so many there or on their way, of which no module makes
    /// more than the surge above those.
    pub(crate) fn follow(&mut self, wanted: u32, there: u32, surge: u32) {
        let before = self.wanted.replace(wanted).unwrap_or(wanted);
        let lowered = self.left.saturating_add(before.saturating_sub(wanted));
        let left = lowered.saturating_sub(wanted.saturating_sub(before));
        let too_many = there.saturating_sub(wanted);
        self.left = left.min(too_many).max(too_many.saturating_sub(surge));
    }
}

/// What modules have spent, by digest, and when one took over from another.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spenders {
    windows: BTreeMap<String, Window>,
    swapped: BTreeMap<String, Timestamp>,
}

impl Spenders {
    /// The module of that digest took over from another one.
    pub(crate) fn swapped_in(&mut self, digest: String, now: Timestamp) {
        self.swapped.retain(|_, at| now.since(*at) < SWAP_IS_NEW_MS);
        self.swapped.insert(digest, now);
    }

    pub(crate) fn spend(&mut self, digest: &str, spending: Spending, now: Timestamp) {
        let window = self.windows.entry(digest.to_owned()).or_default();
        window.spend(spending, now);
        self.windows.retain(|_, window| !window.begun.is_empty());
    }

    /// The clock by which it was written down was set.
    pub(crate) fn move_by(&mut self, moved: impl Fn(&mut Timestamp)) {
        let windows = self.windows.values_mut();
        windows.for_each(|window| window.move_by(&moved));
        self.swapped.values_mut().for_each(moved);
    }

    fn left(&self, digest: &str, reserved: Spending, now: Timestamp) -> Budget {
        let nothing = Window::default();
        let window = self.windows.get(digest).unwrap_or(&nothing);
        match self.swapped.get(digest) {
            Some(at) if now.since(*at) < SWAP_IS_NEW_MS => {
                let left = window.left(BUDGET_OF_SWAPPED_MODULE, reserved, now);
                Budget {
                    window_ends: left.window_ends.min(at.plus(SWAP_IS_NEW_MS)),
                    ..left
                }
            }
            _ => window.left(BUDGET_OF_MODULE, reserved, now),
        }
    }
}

impl Group {
    /// Deletes that its owner's scale-down pays for.
    pub(crate) fn scaled_down(&self) -> u32 {
        let operations = self.operations.values();
        let under_way = count(operations.filter(|it| it.is_scaled_down).count());
        self.scale_down.left.saturating_sub(under_way)
    }

    /// An operation is over that its owner's scale-down pays for.
    pub(crate) fn has_scaled_down(&mut self) {
        self.scale_down.left = self.scale_down.left.saturating_sub(1);
    }

    /// Of what is committed, and has not been begun.
    fn bills(&self) -> impl Iterator<Item = &Bill> {
        let operations = self.operations.values();
        operations.filter_map(|operation| operation.bill.as_ref())
    }
}

impl Machine {
    /// What the module may still take down in the group. What is committed counts as spent,
    /// also what other groups are committing at this moment.
    pub(crate) fn budget(&self, group: &Group, digest: Option<&str>) -> Budget {
        let now = self.now.utc;
        let sum = |costs: &mut dyn Iterator<Item = Spending>| {
            costs.fold(Spending::default(), Spending::and)
        };
        let unpaid = sum(&mut group.bills().map(|bill| bill.cost));
        let of_group = Budget {
            scaled_down: group.scaled_down(),
            ..group.spent.left(BUDGET_OF_GROUP, unpaid, now)
        };
        let Some(digest) = digest else {
            return of_group;
        };
        let reserved = self.groups.values().filter_map(|other| match &other.stage {
            Stage::Committing(commit) if commit.module.as_deref() == Some(digest) => {
                Some(commit.plan.as_ref()?.spending())
            }
            _ => None,
        });
        let unpaid = self.groups.values().flat_map(Group::bills);
        let unpaid = unpaid.filter(|bill| bill.module == digest);
        let reserved = sum(&mut reserved.chain(unpaid.map(|bill| bill.cost)));
        tighter(of_group, self.spenders.left(digest, reserved, now))
    }

    /// The slot's operation is begun, and paid for: what is called off before costs nothing. What
    /// the owner's scale-down pays for it pays when it is over.
    pub(crate) fn pay(&mut self, key: &GroupKey, slot: Slot) {
        let now = self.now.utc;
        let Some(group) = self.groups.get_mut(key) else {
            return;
        };
        let operation = group.operations.get_mut(&slot);
        let Some(Bill { cost, module }) = operation.and_then(|it| it.bill.take()) else {
            return;
        };
        let cost = Spending {
            scaled_down: 0,
            ..cost
        };
        group.spent.spend(cost, now);
        self.spenders.spend(&module, cost, now);
    }
}

/// What both leave of a group's budget and its module's, until the one that binds leaves more.
fn tighter(group: Budget, module: Budget) -> Budget {
    let (a, b) = (group, module);
    let binds = |one: &Budget, other: &Budget| {
        one.deletes < other.deletes || one.disruptions < other.disruptions
    };
    Budget {
        deletes: a.deletes.min(b.deletes),
        disruptions: a.disruptions.min(b.disruptions),
        scaled_down: group.scaled_down,
        window_ends: match (binds(&a, &b), binds(&b, &a)) {
            (true, false) => a.window_ends,
            (false, true) => b.window_ends,
            // Each binds in something of its own: either may be what is waited for.
            (true, true) => a.window_ends.min(b.window_ends),
            (false, false) => a.window_ends.max(b.window_ends),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use vmgroup_core::check::{Circumstances, check};
    use vmgroup_core::observation::Observation;
    use vmgroup_core::plan::{Action, Effect, Plan, Reason};
    use vmgroup_core::time::Now;

    use super::*;
    use crate::event::Event;
    use crate::group::Commit;
    use crate::machine::tests::{machine, object};
    use crate::operation::{Operation, Work};

    const HOUR: u64 = BUDGET_WINDOW_MS;

    fn deletes(deletes: u32) -> Spending {
        Spending {
            deletes,
            ..Spending::default()
        }
    }

    #[test]
    fn what_was_spent_counts_for_an_hour() {
        let mut window = Window::default();
        window.spend(deletes(3), Timestamp(0));
        window.spend(deletes(4), Timestamp(HOUR / 2));
        let left = |now| window.left(deletes(10), Spending::default(), Timestamp(now));
        assert_eq!(
            (left(HOUR / 2).deletes, left(HOUR / 2).window_ends.0),
            (3, HOUR)
        );
        assert_eq!(
            (left(HOUR).deletes, left(HOUR).window_ends.0),
            (6, HOUR * 3 / 2)
        );
        assert_eq!(left(HOUR * 2).deletes, 10);
    }

    #[test]
    fn what_counts_no_more_is_not_remembered() {
        let mut window = Window::default();
        let mut kept_after = |at| {
            window.spend(deletes(1), Timestamp(at));
            window.begun.len()
        };
        let kept = [0, 1, HOUR, HOUR + 1, HOUR * 3].map(&mut kept_after);
        assert_eq!(kept, [1, 2, 2, 2, 1]);
        window.spend(deletes(0), Timestamp(HOUR * 5));
        assert!(window.begun.is_empty());

        let mut spenders = Spenders::default();
        spenders.spend("a", deletes(0), Timestamp(0));
        assert!(spenders.windows.is_empty());
        let mut new_after = |digest: &str, at| {
            spenders.swapped_in(digest.into(), Timestamp(at));
            spenders.swapped.len()
        };
        let new = [("a", 0), ("b", 1), ("c", SWAP_IS_NEW_MS), ("d", HOUR * 9)];
        let new = new.map(|(digest, at)| new_after(digest, at));
        assert_eq!(new, [1, 2, 2, 1]);
    }

    #[test]
    fn what_is_being_committed_counts_as_spent() {
        let window = Window::default();
        let left = window.left(deletes(10), deletes(4), Timestamp(0));
        assert_eq!(left.deletes, 6);
    }

    /// A group that commits the replacement of both of its members, as that module decided.
    fn committing(digest: &str) -> Machine {
        let mut machine = machine(None);
        let object = object("busy");
        let key = object.key.clone();
        machine.step(Event::GroupsListed(vec![object]), Now::default());
        let outdated =
            |slot| json!({ "id": format!("vm-{slot}"), "slot": slot, "drift": "replace" });
        let seen = json!({
            "context": { "now": 0 },
            "desired": { "replicas": 2, "maxUnavailable": 2, "update": "rolling-replace" },
            "members": [outdated(0), outdated(1)],
        });
        let seen: Observation = serde_json::from_value(seen).expect("an observation");
        let delete = |id: &str| Action {
            effect: Effect::Delete(id.into()),
            reason: Reason {
                code: "update".into(),
                message: "is outdated".into(),
            },
        };
        let plan = Plan {
            actions: vec![delete("vm-0"), delete("vm-1")],
            ..Plan::default()
        };
        let checked = check(&seen, &plan, &Circumstances::default());
        let commit = Commit {
            operations: BTreeMap::new(),
            plan: checked.checked().cloned(),
            module: Some(digest.into()),
            used_approvals: Vec::new(),
            is_outdated: false,
        };
        machine.groups.get_mut(&key).expect("a group").stage = Stage::Committing(Box::new(commit));
        machine
    }

    #[test]
    fn a_scale_down_pays_for_what_it_left_and_for_no_surge() {
        // What is wanted, what is there, and what is paid for, with a surge of two.
        let looks = |looks: &[(u32, u32, u32)]| {
            let mut scale_down = ScaleDown::default();
            for (wanted, there, expected) in looks {
                scale_down.follow(*wanted, *there, 2);
                assert_eq!(
                    scale_down.left, *expected,
                    "{wanted} of {there} in {looks:?}"
                );
            }
        };
        // The module made two too many, and two are gone.
        looks(&[(3, 3, 0), (3, 5, 0), (3, 3, 0)]);
        looks(&[(5, 5, 0), (3, 5, 2), (3, 4, 1), (3, 3, 0), (3, 5, 0)]);
        looks(&[(5, 7, 0), (3, 7, 2)]);
        looks(&[(5, 5, 0), (3, 5, 2), (4, 5, 1), (5, 5, 0)]);
        // Nothing is known of before a restart: what no surge explains is the owner's.
        looks(&[(3, 7, 2)]);
    }

    #[test]
    fn what_another_group_is_committing_counts_against_its_module_alone() {
        let mut machine = committing("a");
        for digest in ["a", "b"] {
            machine.spenders.swapped_in(digest.into(), Timestamp(0));
        }
        let web = Group::restore(object("web"), None, Timestamp(0));
        let left = |digest| machine.budget(&web, Some(digest)).deletes;
        assert_eq!((left("a"), left("b")), (8, 10));
    }

    #[test]
    fn a_scale_down_has_paid_for_a_delete_when_that_is_over_and_not_when_it_failed() {
        let mut group = Group::restore(object("web"), None, Timestamp(0));
        group.scale_down.follow(5, 5, 2);
        group.scale_down.follow(3, 5, 2);
        let commit = ("of-web", 1, Some(1));
        let mut operation = Operation::queued(Work::Delete, None, commit, Timestamp(0));
        operation.is_scaled_down = true;
        group.operations.insert(4, operation.clone());
        assert_eq!(group.scaled_down(), 1);
        group.operations.clear();
        assert_eq!(group.scaled_down(), 2, "it failed");
        group.operations.insert(4, operation);
        group.operations.clear();
        group.has_scaled_down();
        assert_eq!(group.scaled_down(), 1, "it is over");
    }

    /// An edit called ten deletes off that had yet to begin, and for an hour nothing was left.
    #[test]
    fn what_is_called_off_before_it_begins_costs_nothing() {
        let key = GroupKey::new("shop", "web");
        let mut machine = machine(None);
        let mut group = Group::restore(object("web"), None, Timestamp(0));
        for slot in 0..2 {
            let commit = ("of-web", 1, Some(1));
            let mut operation = Operation::queued(Work::Delete, None, commit, Timestamp(0));
            operation.bill = Some(Bill {
                cost: deletes(1),
                module: "a".into(),
            });
            group.operations.insert(slot, operation);
        }
        machine.groups.insert(key.clone(), group);
        machine.spenders.swapped_in("a".into(), Timestamp(0));
        let of_module = |machine: &Machine| {
            let other = Group::restore(object("db"), None, Timestamp(0));
            machine.budget(&other, Some("a")).deletes
        };
        let of_group = |machine: &Machine| machine.budget(&machine.groups[&key], None).deletes;
        assert_eq!((of_group(&machine), of_module(&machine)), (8, 8));
        machine.pay(&key, 0);
        machine.pay(&key, 0);
        assert_eq!((of_group(&machine), of_module(&machine)), (8, 8));
        machine.groups.get_mut(&key).expect("a group").drop_queued();
        assert_eq!((of_group(&machine), of_module(&machine)), (9, 9));
    }

    #[test]
    fn a_module_that_took_over_gets_little_for_a_while() {
        let mut spenders = Spenders::default();
        let left =
            |spenders: &Spenders, now| spenders.left("new", Spending::default(), Timestamp(now));
        assert_eq!(left(&spenders, 0).deletes, BUDGET_OF_MODULE.deletes);
        spenders.swapped_in("new".into(), Timestamp(0));
        spenders.spend("new", deletes(4), Timestamp(HOUR / 2));
        let tight = left(&spenders, HOUR / 2);
        assert_eq!(tight.deletes, BUDGET_OF_SWAPPED_MODULE.deletes - 4);
        assert_eq!(tight.window_ends, Timestamp(SWAP_IS_NEW_MS));
        let later = left(&spenders, SWAP_IS_NEW_MS);
        assert_eq!(later.deletes, BUDGET_OF_MODULE.deletes - 4);
        assert_eq!(
            spenders
                .left("other", Spending::default(), Timestamp(0))
                .deletes,
            BUDGET_OF_MODULE.deletes
        );
    }

    #[test]
    fn the_tighter_of_two_budgets_says_when_there_is_more() {
        let budget = |deletes, disruptions, ends| Budget {
            deletes,
            disruptions,
            scaled_down: 0,
            window_ends: Timestamp(ends),
        };
        let cases = [
            (budget(1, 5, 10), budget(2, 5, 20), budget(1, 5, 10)),
            (budget(2, 5, 10), budget(1, 5, 20), budget(1, 5, 20)),
            (budget(1, 5, 10), budget(2, 3, 20), budget(1, 3, 10)),
            (budget(1, 5, 20), budget(2, 3, 10), budget(1, 3, 10)),
            (budget(1, 5, 30), budget(1, 3, 20), budget(1, 3, 20)),
            (budget(5, 1, 30), budget(3, 1, 20), budget(3, 1, 20)),
            (budget(1, 1, 30), budget(1, 1, 20), budget(1, 1, 30)),
        ];
        for (a, b, expected) in cases {
            assert_eq!(tighter(a, b), expected);
        }
    }
}
