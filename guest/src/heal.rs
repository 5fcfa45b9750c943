//! Members that have been broken for too long are deleted, so that
//! `scale_up` fills their slots anew.

use vmgroup_sdk::{
    Effect, HealPolicy, Health, Member, Observation, PowerDriftPolicy, PowerState, Reason,
};

use crate::draft::{Draft, Priority};
use crate::headroom::Headroom;
use crate::reasons;

/// Deletes the broken members that availability and the budget let go.
pub(crate) fn replace_broken(draft: &mut Draft<'_>, headroom: &mut Headroom) {
    let seen = draft.seen;
    for member in draft.open_to_deletion() {
        let Some(remaining_ms) = due_in_ms(seen, member) else {
            continue;
        };
        if remaining_ms > 0 {
            let reason = Reason::new(
                reasons::HEAL_DUE,
                "a broken member is given time to recover",
            );
            draft.look_within(remaining_ms, reason);
        } else if headroom.replace(member) {
            let message = format!(
                "{} since {} s",
                if member.health == Health::Failed {
                    "failed"
                } else {
                    "unready"
                },
                seen.context.now.saturating_sub(member.health_since) / 1_000
            );
            let action = Effect::Delete(member.id.clone()).because(reasons::HEAL, message);
            draft.act(Priority::Heal, member.slot, action);
        } else if !headroom.has_deletes() {
            wait_for_budget(draft, "replace a broken member");
        } else {
            wait_for_boots(draft, headroom, member);
        }
    }
}

/// Whether the policy lets the member be replaced at this moment.
pub(crate) fn is_due(seen: &Observation, member: &Member) -> bool {
    due_in_ms(seen, member) == Some(0)
}

/// Says that the budget stands in the way, and looks again when it is renewed.
pub(crate) fn wait_for_budget(draft: &mut Draft<'_>, what: &str) {
    let budget = &draft.seen.desired.budget;
    let after_ms = budget.window_ends.saturating_sub(draft.seen.context.now);
    let message = format!("the budget to {what} is used up");
    draft.look_within(
        after_ms.max(1),
        Reason::new(reasons::BUDGET_RENEWS, message),
    );
}

/// A member that does not serve, and may not go yet, may once others are up, or have
/// taken too long for that. Nobody tells of the latter.
pub(crate) fn wait_for_boots(draft: &mut Draft<'_>, headroom: &Headroom, member: &Member) {
    if let Some(after_ms) = headroom
        .settles_in_ms()
        .filter(|_| !headroom.serves(member))
    {
        let reason = Reason::new(reasons::HEAL_DUE, "a member is given time to boot");
        draft.look_within(after_ms, reason);
    }
}

/// Whether the owner's policy has the member replaced, whatever else speaks
/// against it.
pub(crate) fn is_allowed(seen: &Observation, member: &Member) -> bool {
    let broken = matches!(member.health, Health::Failed | Health::Unready);
    seen.desired.heal == HealPolicy::Replace && broken && remaining_ms(seen, member) == 0
}

fn remaining_ms(seen: &Observation, member: &Member) -> u64 {
    let elapsed_ms = seen.context.now.saturating_sub(member.health_since);
    seen.desired.heal_after_ms.saturating_sub(elapsed_ms)
}

/// None if the policy never replaces the member as it is. An unknown health is
/// never healed. A member that is merely off is the business of `power`; if it
/// has failed so and is to be brought back, it is replaced.
fn due_in_ms(seen: &Observation, member: &Member) -> Option<u64> {
    if seen.desired.heal != HealPolicy::Replace {
        return None;
    }
    let wish = &seen.desired.power;
    let as_wished = member.power == wish.state || wish.state == PowerState::Unknown;
    let broken = match member.health {
        Health::Failed => as_wished || wish.drift == PowerDriftPolicy::Enforce,
        Health::Unready => as_wished,
        Health::Ready | Health::Starting | Health::Unknown => false,
    };
    broken.then(|| remaining_ms(seen, member))
}

#[cfg(test)]
mod tests {
    use vmgroup_sdk::Hold;
    use vmgroup_sdk::testing::{NOW, member, observation};

    use super::*;

    fn with_broken(health: Health, since: u64) -> Observation {
        let mut seen = observation(3);
        seen.desired.heal = HealPolicy::Replace;
        seen.members = vec![member(0), member(1), member(2)];
        seen.members[1].health = health;
        seen.members[1].health_since = since;
        seen
    }

    fn healed(seen: &Observation) -> (usize, Option<u64>) {
        let mut draft = Draft::new(seen);
        replace_broken(&mut draft, &mut Headroom::new(seen));
        let plan = draft.into_plan();
        (plan.actions.len(), plan.next_look.map(|l| l.after_ms))
    }

    #[test]
    fn a_member_that_has_been_broken_long_enough_goes() {
        assert_eq!(
            healed(&with_broken(Health::Failed, NOW - 600_000)),
            (1, None)
        );
        assert_eq!(
            healed(&with_broken(Health::Unready, NOW - 600_000)),
            (1, None)
        );
    }

    #[test]
    fn one_that_broke_just_now_is_looked_at_when_it_is_due() {
        let seen = with_broken(Health::Failed, NOW - 599_000);
        assert_eq!(healed(&seen), (0, Some(1_000)));
    }

    #[test]
    fn unknown_and_starting_are_not_broken() {
        assert_eq!(healed(&with_broken(Health::Unknown, 0)), (0, None));
        assert_eq!(healed(&with_broken(Health::Starting, 0)), (0, None));
    }

    #[test]
    fn a_held_member_is_not_healed() {
        let mut seen = with_broken(Health::Failed, 0);
        seen.members[1].holds = vec![Hold::ForeignSnapshot];
        assert_eq!(healed(&seen), (0, None));
    }

    #[test]
    fn a_member_that_somebody_turned_off_is_not_broken() {
        let mut seen = with_broken(Health::Unready, 0);
        seen.members[1].power = PowerState::Off;
        assert_eq!(healed(&seen), (0, None));
    }

    #[test]
    fn an_empty_budget_waits_for_its_window() {
        let mut seen = with_broken(Health::Failed, 0);
        seen.desired.budget.deletes = 0;
        assert_eq!(healed(&seen), (0, Some(3_600_000)));
    }
}
