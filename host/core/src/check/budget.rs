//! Only so much is taken down in a time: what is beyond the budget waits for a
//! person. Deletion of the group and the power state that the owner asked for cost
//! nothing; the owner's scale-down has a budget of its own.

use std::collections::BTreeSet;

use super::checked::Spending;
use super::situation::{Situation, interrupts, is_delete};
use crate::observation::PowerState;
use crate::plan::Effect;

/// The effects beyond the budget, last slots first to wait.
pub(super) fn held(situation: &Situation<'_>) -> BTreeSet<Effect> {
    let budget = situation.observation.desired.budget;
    let mut left = Spending {
        deletes: budget.deletes,
        disruptions: budget.disruptions,
        scaled_down: budget.scaled_down,
    };
    let mut effects: Vec<_> = situation
        .on_members()
        .map(|(action, member)| (member.slot, &action.effect))
        .collect();
    effects.sort();
    let mut held = BTreeSet::new();
    for (_, effect) in effects {
        let cost = cost(situation, effect);
        match left.less(cost) {
            Some(rest) => left = rest,
            None => {
                held.insert(effect.clone());
            }
        }
    }
    held
}

/// What an effect takes from the budget.
pub(super) fn cost(situation: &Situation<'_>, effect: &Effect) -> Spending {
    let nothing = Spending::default();
    let Some(member) = situation.member(effect) else {
        return nothing;
    };
    if situation.is_deleting() {
        return nothing;
    }
    if is_delete(effect) {
        let by_owner = situation.is_scaled_down(member);
        return Spending {
            deletes: u32::from(!by_owner),
            scaled_down: u32::from(by_owner),
            ..nothing
        };
    }
    let is_off = member.power == PowerState::Off;
    if interrupts(effect, member) && !is_off && !is_wished(situation, effect) {
        return Spending {
            disruptions: 1,
            ..nothing
        };
    }
    nothing
}

fn is_wished(situation: &Situation<'_>, effect: &Effect) -> bool {
    let wish = situation.observation.desired.power.state;
    match effect {
        Effect::PowerOff(_) => wish == PowerState::Off,
        Effect::Suspend(_) => wish == PowerState::Suspended,
        _ => false,
    }
}
