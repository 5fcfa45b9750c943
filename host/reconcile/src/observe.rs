//! Step 1, pure: from the replicas to what a decision may see.

use std::collections::BTreeSet;

use vmgroup_core::group::{Amount, Spec};
use vmgroup_core::observation::{
    Budget, Context, Desired, Failure, Member, Observation, Phase, PowerWish, Slot,
};
use vmgroup_core::status::PowerWishRecord;
use vmgroup_core::time::{Now, Timestamp};
use vmgroup_core::zone::zone;

use crate::group::{Group, count};
use crate::inventory::Inventory;
use crate::limits::ACTIONS_PER_PLAN;
use crate::member::{members, not_ahead};
use crate::membership::Membership;
use crate::operation::{Operation, Work};

/// Everything that a decision on the group may see. Also notes in the group
/// since when its members are as they are.
pub(crate) fn observe(
    group: &mut Group,
    spec: &Spec,
    sorted: &Membership,
    inventory: &Inventory,
    view: &View,
) -> Observation {
    let wish = power_wish(group, spec, view.now.utc);
    let members = members(group, spec, sorted, inventory, view.now);
    // Of more there is nothing to be replaced: they are one too many.
    let max_surge = spec.max_surge.rounded_up(spec.replicas).min(spec.replicas);
    let there = count(staying(group, &members).len());
    let wanted = spec.replicas.saturating_add(spec.spares);
    group.scale_down.follow(wanted, there, max_surge);
    let mut failures: Vec<Failure> = group
        .failures
        .iter()
        .map(|(slot, failure)| Failure {
            slot: *slot,
            class: failure.class,
            count: failure.count,
            last: failure.last,
        })
        .collect();
    failures.sort_by_key(|failure| failure.slot);
    Observation {
        context: Context {
            phase: if group.object.deleting {
                Phase::Deleting
            } else {
                Phase::Normal
            },
            now: view.now.utc,
            zone: zone(&spec.settings, view.now.utc),
            woken: group.woken,
            settings: spec.settings.clone(),
            memo: group
                .memo
                .as_ref()
                .filter(|memo| Some(&memo.module) == view.module.as_ref())
                .map(|memo| memo.text.clone()),
            violations: group.violations.clone(),
        },
        desired: Desired {
            replicas: spec.replicas,
            max_unavailable: max_unavailable(spec),
            max_surge,
            min_alive: spec.min_alive,
            spares: spec.spares,
            power: wish,
            removal: spec.removal,
            update: spec.update,
            heal: spec.heal,
            heal_after_ms: spec.heal_after_ms,
            parking: spec.parking,
            budget: Budget {
                scaled_down: group.scaled_down(),
                ..view.budget
            },
            max_actions: ACTIONS_PER_PLAN,
        },
        members,
        operations: group
            .operations
            .iter()
            .map(|(slot, operation)| operation.shown(*slot))
            .collect(),
        failures,
        complete: view.complete,
        as_of: view.as_of,
    }
}

/// Slots with a member, or with one that comes, but for those that go at the cost of a budget.
fn staying(group: &Group, members: &[Member]) -> BTreeSet<Slot> {
    let operations = || group.operations.iter();
    let stays = operations().filter(|(_, it)| it.work == Work::Clone || it.is_scaled_down);
    let filled = members.iter().map(|member| member.slot);
    let mut slots: BTreeSet<Slot> = filled.chain(stays.map(|(slot, _)| *slot)).collect();
    let goes = |it: &Operation| it.work == Work::Delete && it.bill.is_none() && !it.is_scaled_down;
    for (slot, _) in operations().filter(|(_, it)| goes(it)) {
        slots.remove(slot);
    }
    slots
}

/// As Kubernetes does for Deployments: a percentage that leaves no room for a
/// replacement at all is raised to one member. Whoever says none means none.
fn max_unavailable(spec: &Spec) -> u32 {
    let down = spec.max_unavailable.rounded_down(spec.replicas);
    let up = spec.max_surge.rounded_up(spec.replicas);
    let is_some = matches!(spec.max_unavailable, Amount::Percent(1..));
    if is_some && down == 0 && up == 0 {
        1
    } else {
        down
    }
}

/// What the observation needs besides group and inventory.
#[derive(Debug, Clone)]
pub(crate) struct View {
    /// The time of the decision.
    pub(crate) now: Now,
    /// The feed is up.
    pub(crate) complete: bool,
    /// When it last gave a sign of life.
    pub(crate) as_of: Timestamp,
    /// Digest of the module that will decide.
    pub(crate) module: Option<String>,
    /// What may be taken down.
    pub(crate) budget: Budget,
}

fn power_wish(group: &mut Group, spec: &Spec, now: Timestamp) -> PowerWish {
    let before = group.power_wish.as_ref().map(|wish| wish.state);
    if before.is_some_and(|before| before != spec.power_state) {
        // No member was ever as it is wanted now: it follows at once, also after a restart.
        for record in group.slots.values_mut() {
            record.started = false;
        }
    }
    if before != Some(spec.power_state) {
        group.power_wish = Some(PowerWishRecord {
            state: spec.power_state,
            since: now,
        });
    }
    if let Some(wish) = &mut group.power_wish {
        wish.since = not_ahead(wish.since, now);
    }
    PowerWish {
        state: spec.power_state,
        drift: spec.power_drift,
        grace_ms: spec.power_grace_ms,
        since: group.power_wish.as_ref().map_or(now, |wish| wish.since),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_that_leave_no_room_leave_room_for_one() {
        for (unavailable, surge, expected) in [
            (Amount::Count(3), Amount::Count(0), 3),
            (Amount::Percent(25), Amount::Count(0), 1),
            (Amount::Percent(50), Amount::Percent(1), 2),
            (Amount::Percent(10), Amount::Percent(0), 1),
            (Amount::Percent(10), Amount::Percent(1), 0),
            (Amount::Percent(0), Amount::Percent(0), 0),
            (Amount::Count(0), Amount::Count(0), 0),
        ] {
            let spec = Spec {
                replicas: 4,
                max_unavailable: unavailable,
                max_surge: surge,
                ..Spec::nothing()
            };
            assert_eq!(
                max_unavailable(&spec),
                expected,
                "{unavailable:?}, {surge:?}"
            );
        }
    }
}
