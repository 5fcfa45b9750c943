//! Members in another power state than the owner wants.
//!
//! A member that has never been as wanted follows at once; so does one whose
//! state is older than the owner's wish, and one that `update` shut down.
//! Anything else is somebody else's change: it is brought back after the grace
//! period, or left alone, by policy.

use vmgroup_sdk::{Effect, Health, Member, Observation, PowerDriftPolicy, PowerState, Reason};

use crate::draft::{Draft, Priority};
use crate::headroom::Headroom;
use crate::memory::Memory;
use crate::reasons;
use crate::settings::Settings;

/// Powers on what is wanted on. Harmless, whatever the view may lack.
pub(crate) fn raise(draft: &mut Draft<'_>, memory: &Memory) {
    let seen = draft.seen;
    for member in draft.open_members() {
        let wished = seen.desired.power.state;
        // Only a VM that runs can be suspended.
        let first_on = wished == PowerState::Suspended && member.power == PowerState::Off;
        if wished == PowerState::On || first_on {
            let comes_back = memory.is_cycling(&member.id) && member.power == PowerState::Off;
            let verdict = if comes_back {
                Verdict::Follow(reasons::POWER_BACK, "was shut down for its update")
            } else {
                verdict(seen, member)
            };
            if let Some((code, message)) = follow(draft, verdict) {
                let action = Effect::PowerOn(member.id.clone()).because(code, message);
                draft.act(Priority::Raise, member.slot, action);
            }
        }
    }
}

/// Powers off or suspends what is wanted so.
pub(crate) fn lower(draft: &mut Draft<'_>, headroom: &mut Headroom, settings: &Settings) {
    let seen = draft.seen;
    for member in draft.open_members() {
        let effect = match (seen.desired.power.state, member.power) {
            (PowerState::Off, PowerState::On) => settings.power_off(seen, member),
            // A suspended operating system cannot be asked to shut down.
            (PowerState::Off, PowerState::Suspended) => Effect::hard_power_off(&member.id),
            (PowerState::Suspended, PowerState::On) => Effect::Suspend(member.id.clone()),
            _ => continue,
        };
        if let Some((code, message)) = follow(draft, verdict(seen, member))
            && headroom.lower(member)
        {
            draft.act(Priority::Remove, member.slot, effect.because(code, message));
        }
    }
}

/// What is to be done about a member's power state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    AsWished,
    LeaveAlone,
    Wait { remaining_ms: u64 },
    Follow(&'static str, &'static str),
}

fn verdict(seen: &Observation, member: &Member) -> Verdict {
    let wish = &seen.desired.power;
    if member.power == wish.state {
        return Verdict::AsWished;
    }
    if member.health == Health::Starting {
        return Verdict::Follow(reasons::POWER_FIRST, "is new");
    }
    if member.power_since < wish.since {
        return Verdict::Follow(reasons::POWER_WISH, "the owner changed the power state");
    }
    match wish.drift {
        PowerDriftPolicy::Report | PowerDriftPolicy::Unknown => Verdict::LeaveAlone,
        PowerDriftPolicy::Enforce => {
            let elapsed_ms = seen.context.now.saturating_sub(member.power_since);
            match wish.grace_ms.saturating_sub(elapsed_ms) {
                0 => Verdict::Follow(
                    reasons::POWER_DRIFT,
                    "somebody else changed the power state, and the grace period is over",
                ),
                remaining_ms => Verdict::Wait { remaining_ms },
            }
        }
    }
}

fn follow(draft: &mut Draft<'_>, verdict: Verdict) -> Option<(&'static str, &'static str)> {
    match verdict {
        Verdict::Follow(code, message) => Some((code, message)),
        Verdict::AsWished | Verdict::LeaveAlone => None,
        Verdict::Wait { remaining_ms } => {
            let message = "somebody else changed the power state, and its grace period is not over";
            draft.look_within(remaining_ms, Reason::new(reasons::GRACE_ENDS, message));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use vmgroup_sdk::testing::{NOW, member, observation};

    use super::*;

    fn seen(wished: PowerState, power: PowerState, since: u64) -> Observation {
        let mut seen = observation(1);
        seen.desired.power.state = wished;
        seen.members = vec![member(0)];
        seen.members[0].power = power;
        seen.members[0].power_since = since;
        seen
    }

    fn planned(seen: &Observation) -> (Option<(Effect, String)>, Option<u64>) {
        let mut draft = Draft::new(seen);
        raise(&mut draft, &Memory::recall(seen));
        lower(&mut draft, &mut Headroom::new(seen), &Settings::default());
        let mut plan = draft.into_plan();
        let action = plan.actions.pop().map(|a| (a.effect, a.reason.code));
        (action, plan.next_look.map(|l| l.after_ms))
    }

    fn power_on(code: &str) -> (Option<(Effect, String)>, Option<u64>) {
        (
            Some((Effect::PowerOn("vm-0".into()), code.to_owned())),
            None,
        )
    }

    #[test]
    fn a_foreign_power_off_is_left_alone_during_the_grace_period() {
        let seen = seen(PowerState::On, PowerState::Off, NOW - 299_000);
        assert_eq!(planned(&seen), (None, Some(1_000)));
    }

    #[test]
    fn a_foreign_power_off_is_brought_back_after_it() {
        let seen = seen(PowerState::On, PowerState::Off, NOW - 300_000);
        assert_eq!(planned(&seen), power_on(reasons::POWER_DRIFT));
    }

    #[test]
    fn a_change_from_the_future_waits_one_grace_period() {
        let seen = seen(PowerState::On, PowerState::Off, NOW + 1_000);
        assert_eq!(planned(&seen), (None, Some(300_000)));
    }

    #[test]
    fn reported_drift_is_left_alone_for_ever() {
        let mut seen = seen(PowerState::On, PowerState::Off, 0);
        seen.desired.power.drift = PowerDriftPolicy::Report;
        assert_eq!(planned(&seen), (None, None));
    }

    #[test]
    fn a_new_member_is_powered_on_at_once_even_where_drift_is_reported() {
        let mut seen = seen(PowerState::On, PowerState::Off, NOW);
        seen.desired.power.drift = PowerDriftPolicy::Report;
        seen.members[0].health = Health::Starting;
        assert_eq!(planned(&seen), power_on(reasons::POWER_FIRST));
    }

    #[test]
    fn a_newer_wish_is_followed_at_once() {
        let mut seen = seen(PowerState::On, PowerState::Suspended, NOW - 10);
        seen.desired.power.since = NOW - 5;
        assert_eq!(planned(&seen), power_on(reasons::POWER_WISH));
    }

    #[test]
    fn a_member_that_was_shut_down_for_its_update_comes_back_at_once() {
        let mut seen = seen(PowerState::On, PowerState::Off, NOW);
        seen.context.memo = Some(r#"{"cycling":["vm-0"]}"#.into());
        assert_eq!(planned(&seen), power_on(reasons::POWER_BACK));
    }

    #[test]
    fn lowering_follows_the_state_wished() {
        let lowered = |wished, power| planned(&seen(wished, power, 0)).0.map(|(effect, _)| effect);
        assert_eq!(
            lowered(PowerState::Off, PowerState::On),
            Some(Effect::soft_power_off("vm-0"))
        );
        assert_eq!(
            lowered(PowerState::Off, PowerState::Suspended),
            Some(Effect::hard_power_off("vm-0"))
        );
        assert_eq!(
            lowered(PowerState::Suspended, PowerState::On),
            Some(Effect::Suspend("vm-0".into()))
        );
        assert_eq!(
            lowered(PowerState::Suspended, PowerState::Off),
            Some(Effect::PowerOn("vm-0".into()))
        );
        assert_eq!(lowered(PowerState::Unknown, PowerState::Off), None);
    }
}
