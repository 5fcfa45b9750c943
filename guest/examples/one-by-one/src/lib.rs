//! A module to copy: it fills the highest free slots first, one at a time, and
//! waits until a member is ready before it clones the next.
//!
//! It never repairs, updates or replaces anything; [`OneByOne::reconcile`]
//! is all of it.

use vmgroup_sdk::{
    Action, Description, Effect, Health, Member, Observation, Phase, Plan, PowerState, Reconciler,
    Refusal, SettingsError,
};

/// One member after the other, from the highest slot down.
pub struct OneByOne;

vmgroup_sdk::export!(OneByOne);

impl Reconciler for OneByOne {
    fn describe() -> Description {
        Description {
            name: "one-by-one".into(),
            version: "0.1.0".into(),
            reason_codes: ["next", "power-on", "surplus", "group-deleted"]
                .map(String::from)
                .into(),
            settings_schema: r#"{"type": "object", "additionalProperties": false}"#.into(),
            default_settings: "{}".into(),
        }
    }

    fn validate_settings(settings: &str) -> Result<(), Vec<SettingsError>> {
        if settings == "{}" {
            return Ok(());
        }
        Err(vec![SettingsError {
            pointer: String::new(),
            message: "this module has no settings".into(),
        }])
    }

    fn reconcile(seen: &Observation) -> Result<Plan, Refusal> {
        let actions = match seen.context.phase {
            // What is not known is left alone: the host would refuse the plan.
            _ if !seen.complete => Vec::new(),
            Phase::Unknown => Vec::new(),
            Phase::Deleting => delete_all(seen),
            // One thing at a time: what is in flight ends first.
            Phase::Normal if !seen.operations.is_empty() => Vec::new(),
            Phase::Normal => power_on(seen)
                .or_else(|| next_clone(seen))
                .or_else(|| surplus(seen))
                .into_iter()
                .collect(),
        };
        let actions_max = seen.desired.max_actions as usize;
        Ok(Plan {
            actions: actions.into_iter().take(actions_max).collect(),
            ..Plan::default()
        })
    }
}

fn power_on(seen: &Observation) -> Option<Action> {
    if seen.desired.power.state != PowerState::On {
        return None;
    }
    let is_off = |m: &&Member| m.power == PowerState::Off && m.health == Health::Starting;
    let member = seen.idle_members().find(is_off)?;
    Some(Effect::PowerOn(member.id.clone()).because("power-on", "is new"))
}

fn next_clone(seen: &Observation) -> Option<Action> {
    let members = seen.members.len();
    let all_ready = seen.members.iter().all(|m| m.health == Health::Ready);
    if !all_ready || members >= seen.desired.replicas as usize {
        return None;
    }
    let slot = seen.free_slots().next_back()?;
    let message = format!("all {members} members are ready, here is the next");
    Some(Effect::Clone(slot).because("next", message))
}

fn surplus(seen: &Observation) -> Option<Action> {
    let there = seen.members.iter().filter(|m| m.is_there()).count();
    let keep = seen.desired.replicas.max(seen.desired.min_alive);
    if there <= keep as usize {
        return None;
    }
    let mut members = seen.idle_members().filter(|m| m.is_free_to_delete());
    let lowest = members.next()?;
    Some(Effect::Delete(lowest.id.clone()).because("surplus", "the lowest slot goes first"))
}

fn delete_all(seen: &Observation) -> Vec<Action> {
    seen.idle_members()
        .filter(|m| m.is_free_to_delete())
        .map(|m| Effect::Delete(m.id.clone()).because("group-deleted", "the group goes"))
        .collect()
}

#[cfg(test)]
mod tests {
    use vmgroup_sdk::testing::{member, observation};

    use super::*;

    fn effects(seen: &Observation) -> Vec<Effect> {
        let plan = OneByOne::reconcile(seen).expect("this module never refuses");
        plan.actions.into_iter().map(|a| a.effect).collect()
    }

    #[test]
    fn the_highest_slot_is_filled_first() {
        assert_eq!(effects(&observation(3)), [Effect::Clone(2)]);
    }

    #[test]
    fn the_next_one_waits_until_the_first_is_ready() {
        let mut seen = observation(3);
        seen.members = vec![member(2)];
        seen.members[0].health = Health::Starting;
        assert_eq!(effects(&seen), []);
        seen.members[0].health = Health::Ready;
        assert_eq!(effects(&seen), [Effect::Clone(1)]);
    }

    #[test]
    fn a_new_member_is_powered_on() {
        let mut seen = observation(3);
        seen.members = vec![member(3)];
        seen.members[0].health = Health::Starting;
        seen.members[0].power = PowerState::Off;
        assert_eq!(effects(&seen), [Effect::PowerOn("vm-3".into())]);
    }

    #[test]
    fn one_too_many_goes_from_the_lowest_slot() {
        let mut seen = observation(1);
        seen.members = vec![member(0), member(1)];
        assert_eq!(effects(&seen), [Effect::Delete("vm-0".into())]);
    }

    #[test]
    fn a_deleted_group_loses_all_members_at_once() {
        let mut seen = observation(2);
        seen.context.phase = Phase::Deleting;
        seen.members = vec![member(0), member(1)];
        assert_eq!(effects(&seen).len(), 2);
    }

    #[test]
    fn nothing_follows_from_an_incomplete_view() {
        let mut seen = observation(2);
        seen.complete = false;
        assert_eq!(effects(&seen), []);
    }
}
