//! More members than wanted: some go, by removal policy.
//!
//! Members that are to be replaced for their health go first: they would go
//! anyway. Those that are otherwise known to be broken, or that have not yet
//! started, go before all others, those that differ from a spec that is being
//! rolled out next; among equals the policy decides.

use std::collections::BTreeSet;

use vmgroup_sdk::{Effect, Health, Member, Observation, RemovalPolicy};

use crate::draft::{Draft, Priority};
use crate::headroom::Headroom;
use crate::heal::wait_for_budget;
use crate::{heal, reasons, update};

/// Deletes what exceeds replicas + spares + `surge`.
pub(crate) fn remove_surplus(draft: &mut Draft<'_>, headroom: &mut Headroom, surge: u64) {
    let seen = draft.seen;
    let wanted = u64::from(seen.desired.replicas) + u64::from(seen.desired.spares);
    let mut surplus = live_slots(seen).saturating_sub(wanted + surge);
    if surplus == 0 {
        return;
    }
    if seen.desired.removal == RemovalPolicy::Unknown {
        draft.note("there are members too many, but the removal policy is unknown");
        return;
    }
    let live = live_slots(seen);
    let mut free = u64::from(seen.desired.budget.scaled_down);
    let mut candidates = draft.open_to_deletion();
    seen.desired.removal.sort(&mut candidates);
    let turns = [
        Standing::ToBeReplaced,
        Standing::Broken,
        Standing::Outdated,
        Standing::Good,
    ];
    let in_turn = turns
        .into_iter()
        .flat_map(|turn| candidates.iter().filter(move |m| standing(seen, m) == turn));
    for member in in_turn {
        if surplus > 0 && headroom.remove(member, free > 0) {
            let message = format!("{live} members, {wanted} wanted");
            let action = Effect::Delete(member.id.clone()).because(reasons::SCALE_DOWN, message);
            draft.act(Priority::Remove, member.slot, action);
            surplus -= 1;
            free = free.saturating_sub(1);
        }
    }
    if surplus > 0 && free == 0 && !headroom.has_deletes() {
        wait_for_budget(draft, "remove a member too many");
    }
    if surplus > 0 {
        draft.note(format!(
            "{surplus} members too many stay: the others are held, busy or broken"
        ));
    }
}

/// Slots with a member that is there for certain and stays. A slot that two
/// VMs claim counts once; a member that cannot be read does not count, since
/// nothing may be deleted in the hope that it is alive.
fn live_slots(seen: &Observation) -> u64 {
    let going: BTreeSet<u32> = (seen.operations.iter())
        .filter(|o| o.may_delete())
        .map(|o| o.slot)
        .collect();
    let live = (seen.members.iter()).filter(|m| m.is_there() && !going.contains(&m.slot));
    let mut slots: Vec<u32> = live.map(|m| m.slot).collect();
    slots.sort_unstable();
    slots.dedup();
    slots.len() as u64
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    ToBeReplaced,
    Broken,
    Outdated,
    Good,
}

fn standing(seen: &Observation, member: &Member) -> Standing {
    match member.health {
        _ if heal::is_due(seen, member) => Standing::ToBeReplaced,
        Health::Failed | Health::Unready | Health::Starting => Standing::Broken,
        Health::Ready | Health::Unknown if update::is_outdated(seen, member) => Standing::Outdated,
        Health::Ready | Health::Unknown => Standing::Good,
    }
}

#[cfg(test)]
mod tests {
    use vmgroup_sdk::testing::{member, observation, operation};
    use vmgroup_sdk::{HealPolicy, Hold, OperationKind};

    use super::*;

    fn seen(replicas: u32, members: u32) -> Observation {
        let mut seen = observation(replicas);
        seen.members = (0..members).map(member).collect();
        seen
    }

    fn removed(seen: &Observation) -> Vec<u32> {
        let mut draft = Draft::new(seen);
        remove_surplus(&mut draft, &mut Headroom::new(seen), 0);
        let actions = draft.into_plan().actions;
        let slot = |effect: &Effect| match effect {
            Effect::Delete(id) => id.strip_prefix("vm-").and_then(|s| s.parse().ok()),
            _ => None,
        };
        actions.iter().filter_map(|a| slot(&a.effect)).collect()
    }

    #[test]
    fn the_newest_go_first() {
        assert_eq!(removed(&seen(2, 4)), [3, 2]);
    }

    #[test]
    fn the_oldest_go_first_when_wanted() {
        let mut seen = seen(2, 4);
        seen.desired.removal = RemovalPolicy::Oldest;
        assert_eq!(removed(&seen), [0, 1]);
    }

    #[test]
    fn a_broken_member_goes_before_the_newest() {
        let mut seen = seen(3, 4);
        seen.members[1].health = Health::Failed;
        assert_eq!(removed(&seen), [1]);
    }

    /// What stood in went while it booted, and was made again.
    #[test]
    fn a_member_that_is_to_be_replaced_goes_before_one_that_starts() {
        let mut seen = seen(3, 4);
        seen.members[3].health = Health::Starting;
        seen.members[1].health = Health::Failed;
        seen.members[1].health_since = 0;
        assert_eq!(removed(&seen), [3], "nobody heals it");
        seen.desired.heal = HealPolicy::Replace;
        assert_eq!(removed(&seen), [1]);
    }

    #[test]
    fn good_members_stay_while_broken_ones_are_held() {
        let mut seen = seen(3, 5);
        for broken in [0, 1] {
            seen.members[broken].health = Health::Failed;
            seen.members[broken].holds = vec![Hold::Administrator];
        }
        assert_eq!(removed(&seen), [0; 0]);
    }

    #[test]
    fn what_the_budget_keeps_is_looked_at_when_it_renews() {
        let mut seen = seen(3, 4);
        seen.desired.budget.deletes = 0;
        let look = |seen: &Observation, surge| {
            let mut draft = Draft::new(seen);
            remove_surplus(&mut draft, &mut Headroom::new(seen), surge);
            draft.into_plan().next_look.map(|look| look.after_ms)
        };
        assert_eq!(look(&seen, 0), None, "the owner's scale-down is free");
        seen.desired.budget.scaled_down = 0;
        assert_eq!(look(&seen, 0), Some(3_600_000), "left over from a surge");
    }

    #[test]
    fn a_slot_that_two_vms_claim_is_not_a_surplus() {
        let mut seen = seen(3, 3);
        let mut twin = member(2);
        twin.id = "vm-twin".into();
        seen.members.push(twin);
        for claimant in [2, 3] {
            seen.members[claimant].holds = vec![Hold::Duplicate];
        }
        assert_eq!(removed(&seen), [0; 0]);
    }

    #[test]
    fn a_clone_in_flight_is_not_a_surplus_yet() {
        let mut seen = seen(3, 3);
        seen.operations = vec![operation(OperationKind::Clone, 3)];
        assert_eq!(removed(&seen), [0; 0]);
    }

    #[test]
    fn a_member_that_is_going_is_not_counted_twice() {
        let mut seen = seen(3, 4);
        seen.operations = vec![operation(OperationKind::Delete, 3)];
        assert_eq!(removed(&seen), [0; 0]);
    }
}
