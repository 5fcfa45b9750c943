//! Members that differ from the spec follow it as far as the policy allows.
//!
//! | policy          | drift in-place | drift power-cycle             | drift replace |
//! |-----------------|----------------|-------------------------------|---------------|
//! | in-place        | reconfigure    | wait                          | wait          |
//! | power-cycle     | reconfigure    | soft off, reconfigure, on     | wait          |
//! | rolling-replace | reconfigure    | soft off, reconfigure, on     | delete        |
//! | on-delete       | wait           | wait                          | wait          |
//!
//! Where none may be down, rolling replacement takes a new VM for what takes a power cycle, too.
//!
//! Broken members halt what takes good ones down: if the new spec is at fault,
//! it does not spread.

use vmgroup_sdk::{Drift, Effect, Member, Observation, PowerState, Reason, UpdatePolicy};

use crate::draft::{Draft, Priority};
use crate::headroom::Headroom;
use crate::heal::{self, wait_for_boots, wait_for_budget};
use crate::memory::Memory;
use crate::reasons;
use crate::settings::Settings;

/// Takes the next step for every member that differs.
pub(crate) fn follow_spec(
    draft: &mut Draft<'_>,
    headroom: &mut Headroom,
    memory: &mut Memory,
    settings: &Settings,
) {
    let policy = draft.seen.desired.update;
    match policy {
        UpdatePolicy::InPlace => reconfigure_in_place(draft),
        UpdatePolicy::PowerCycle | UpdatePolicy::RollingReplace => {
            reconfigure_in_place(draft);
            power_cycle(draft, headroom, memory, settings);
            if policy == UpdatePolicy::RollingReplace {
                replace(draft, headroom);
            }
        }
        UpdatePolicy::OnDelete | UpdatePolicy::Unknown => {}
    }
}

/// Whether the member is to be replaced because it differs. A difference that
/// takes less is not worth a new VM, unless none may be down.
pub(crate) fn is_outdated(seen: &Observation, member: &Member) -> bool {
    let takes_a_new_vm = match member.drift {
        Drift::Replace => true,
        Drift::PowerCycle => seen.desired.max_unavailable == 0,
        Drift::None | Drift::InPlace | Drift::Unknown => false,
    };
    seen.desired.update == UpdatePolicy::RollingReplace && takes_a_new_vm
}

/// Whether the member is to be shut down, changed, and brought back.
pub(crate) fn is_cycled(seen: &Observation, member: &Member) -> bool {
    let policy = seen.desired.update;
    let cycles = matches!(
        policy,
        UpdatePolicy::PowerCycle | UpdatePolicy::RollingReplace
    );
    cycles && member.drift == Drift::PowerCycle && !is_outdated(seen, member)
}

fn reconfigure_in_place(draft: &mut Draft<'_>) {
    for member in draft.open_members() {
        let is_suspended = member.power == PowerState::Suspended;
        if member.drift == Drift::InPlace && !is_suspended {
            let action = Effect::Reconfigure(member.id.clone())
                .because(reasons::UPDATE_IN_PLACE, "differs from the spec");
            draft.act(Priority::Update, member.slot, action);
        }
    }
}

/// A member that is off already is reconfigured; one that is on is shut down
/// if enough others are up. `power` brings it back.
fn power_cycle(
    draft: &mut Draft<'_>,
    headroom: &mut Headroom,
    memory: &mut Memory,
    settings: &Settings,
) {
    let mut differing = draft.open_members();
    // What is to be replaced for its health gets the new hardware with that.
    let goes =
        |m: &Member| headroom.has_deletes() && m.is_free_to_delete() && heal::is_due(draft.seen, m);
    differing.retain(|m| is_cycled(draft.seen, m) && !goes(m));
    for member in unused_first(differing, headroom) {
        let effect = match member.power {
            PowerState::Off => Effect::Reconfigure(member.id.clone()),
            // A boot is not cut short for new hardware, unless it takes too long.
            PowerState::On if let Some(remaining_ms) = headroom.boots_for_ms(member) => {
                let reason = Reason::new(reasons::HEAL_DUE, "a member is given time to boot");
                draft.look_within(remaining_ms, reason);
                continue;
            }
            PowerState::On if headroom.interrupt(member) => {
                memory.remember_cycle(&member.id);
                settings.power_off(draft.seen, member)
            }
            PowerState::On if !headroom.has_disruptions() => {
                wait_for_budget(draft, "power-cycle a member");
                continue;
            }
            PowerState::On => {
                wait_for_boots(draft, headroom, member);
                continue;
            }
            PowerState::Suspended | PowerState::Unknown => continue,
        };
        let action = effect.because(
            reasons::UPDATE_POWER_CYCLE,
            "differs from the spec in what cannot be changed while running",
        );
        draft.act(Priority::Update, member.slot, action);
    }
}

fn replace(draft: &mut Draft<'_>, headroom: &mut Headroom) {
    let mut outdated = draft.open_to_deletion();
    outdated.retain(|m| is_outdated(draft.seen, m));
    for member in unused_first(outdated, headroom) {
        if headroom.replace(member) {
            let action = Effect::Delete(member.id.clone())
                .because(reasons::UPDATE_REPLACE, "differs from the spec");
            draft.act(Priority::Update, member.slot, action);
        } else if !headroom.has_deletes() {
            wait_for_budget(draft, "replace a differing member");
        } else {
            wait_for_boots(draft, headroom, member);
        }
    }
}

/// Members that nobody uses cost nothing to take down.
fn unused_first<'a>(members: Vec<&'a Member>, headroom: &Headroom) -> Vec<&'a Member> {
    let (used, mut in_order): (Vec<_>, Vec<_>) =
        members.into_iter().partition(|m| headroom.serves(m));
    in_order.extend(used);
    in_order
}

#[cfg(test)]
mod tests {
    use vmgroup_sdk::testing::{member, observation};
    use vmgroup_sdk::{Failure, FailureClass, Health, Plan};

    use super::*;

    fn seen(policy: UpdatePolicy, drift: Drift) -> Observation {
        let mut seen = observation(3);
        seen.desired.update = policy;
        seen.members = vec![member(0), member(1), member(2)];
        for member in &mut seen.members {
            member.drift = drift;
        }
        seen
    }

    fn plan(seen: &Observation) -> Plan {
        let (mut draft, mut memory) = (Draft::new(seen), Memory::recall(seen));
        let mut headroom = Headroom::new(seen);
        follow_spec(&mut draft, &mut headroom, &mut memory, &Settings::default());
        let mut plan = draft.into_plan();
        plan.memo = memory.memo();
        plan
    }

    fn effects(seen: &Observation) -> Vec<Effect> {
        plan(seen).actions.into_iter().map(|a| a.effect).collect()
    }

    #[test]
    fn hot_changes_are_made_to_all_members_at_once() {
        for policy in [UpdatePolicy::InPlace, UpdatePolicy::PowerCycle] {
            assert_eq!(effects(&seen(policy, Drift::InPlace)).len(), 3);
        }
    }

    #[test]
    fn in_place_waits_with_what_cannot_be_changed_hot() {
        assert_eq!(effects(&seen(UpdatePolicy::InPlace, Drift::PowerCycle)), []);
        assert_eq!(effects(&seen(UpdatePolicy::InPlace, Drift::Replace)), []);
    }

    #[test]
    fn a_power_cycle_takes_one_member_down_and_remembers_it() {
        let seen = seen(UpdatePolicy::PowerCycle, Drift::PowerCycle);
        let plan = plan(&seen);
        assert_eq!(plan.actions.len(), 1);
        assert_eq!(plan.actions[0].effect, Effect::soft_power_off("vm-0"));
        assert_eq!(plan.memo.as_deref(), Some(r#"{"cycling":["vm-0"]}"#));
    }

    #[test]
    fn a_member_that_would_not_shut_down_loses_its_power() {
        let mut seen = seen(UpdatePolicy::PowerCycle, Drift::PowerCycle);
        seen.failures = vec![Failure {
            slot: 0,
            class: FailureClass::Transient,
            count: 1,
            last: 0,
        }];
        assert_eq!(effects(&seen), [Effect::hard_power_off("vm-0")]);
    }

    #[test]
    fn a_member_that_is_off_is_reconfigured_and_no_other_is_taken_down() {
        let mut seen = seen(UpdatePolicy::PowerCycle, Drift::PowerCycle);
        seen.members[1].power = PowerState::Off;
        assert_eq!(effects(&seen), [Effect::Reconfigure("vm-1".into())]);
    }

    #[test]
    fn rolling_replacement_goes_on_while_enough_are_ready() {
        let mut seen = seen(UpdatePolicy::RollingReplace, Drift::Replace);
        assert_eq!(effects(&seen), [Effect::Delete("vm-0".into())]);
        seen.desired.max_unavailable = 0;
        assert_eq!(effects(&seen), []);
        seen.desired.max_unavailable = 2;
        assert_eq!(effects(&seen).len(), 2);
    }

    /// A template that does not come up has to be left behind again.
    #[test]
    fn what_never_came_up_is_replaced_one_after_the_other() {
        let mut seen = seen(UpdatePolicy::RollingReplace, Drift::Replace);
        for member in &mut seen.members {
            member.health = Health::Starting;
        }
        assert_eq!(effects(&seen), [Effect::Delete("vm-0".into())]);
        seen.members.remove(0);
        assert_eq!(effects(&seen), []);
    }

    #[test]
    fn a_rollback_replaces_the_one_that_does_not_come_up() {
        let mut seen = seen(UpdatePolicy::RollingReplace, Drift::None);
        seen.members[1].drift = Drift::Replace;
        seen.members[1].health = Health::Starting;
        assert_eq!(effects(&seen), [Effect::Delete("vm-1".into())]);
    }

    #[test]
    fn a_boot_is_cut_short_only_if_it_takes_too_long() {
        let mut seen = seen(UpdatePolicy::PowerCycle, Drift::None);
        seen.members[1].drift = Drift::PowerCycle;
        seen.members[1].health = Health::Starting;
        seen.members[1].health_since = seen.context.now;
        assert_eq!(effects(&seen), []);
        let look = plan(&seen).next_look.map(|look| look.after_ms);
        assert_eq!(look, Some(seen.desired.heal_after_ms));
        seen.context.now += seen.desired.heal_after_ms;
        assert_eq!(effects(&seen), [Effect::soft_power_off("vm-1")]);
    }

    #[test]
    fn where_none_may_be_down_another_one_takes_its_place_first() {
        let mut seen = seen(UpdatePolicy::RollingReplace, Drift::PowerCycle);
        seen.desired.max_unavailable = 0;
        assert_eq!(effects(&seen), []);
        seen.members.push(member(3));
        assert_eq!(effects(&seen), [Effect::Delete("vm-0".into())]);
    }

    #[test]
    fn on_delete_leaves_differing_members_alone() {
        assert_eq!(effects(&seen(UpdatePolicy::OnDelete, Drift::Replace)), []);
    }

    #[test]
    fn an_empty_budget_waits_for_its_window() {
        let mut seen = seen(UpdatePolicy::RollingReplace, Drift::Replace);
        seen.desired.budget.deletes = 0;
        let plan = plan(&seen);
        assert_eq!(plan.actions, []);
        assert_eq!(plan.next_look.map(|l| l.after_ms), Some(3_600_000));
    }
}
