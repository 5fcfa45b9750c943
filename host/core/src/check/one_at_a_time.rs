//! One action per slot, and none where an operation is in flight.

use std::collections::BTreeMap;

use super::Rule;
use super::situation::{Situation, listed};
use crate::observation::Slot;
use crate::plan::{Effect, Violation};

pub(super) fn check(situation: &Situation<'_>, found: &mut Vec<Violation>) {
    let mut by_slot: BTreeMap<Slot, Vec<&Effect>> = BTreeMap::new();
    for action in &situation.plan.actions {
        if let Some(slot) = situation.slot(&action.effect) {
            by_slot.entry(slot).or_default().push(&action.effect);
        }
    }
    for (slot, effects) in by_slot {
        let text = || listed(effects.iter().map(|effect| crate::render::effect(effect)));
        if effects.len() > 1 {
            found.push(Rule::OneAtATime.violation(format!(
                "slot {slot}: {} in one plan; plan the next one when the first has ended",
                text()
            )));
        }
        let operation = situation.operation_in(slot).or_else(|| {
            let mut members = effects.iter().filter_map(|effect| situation.member(effect));
            members.find_map(|member| situation.operation_on(member))
        });
        if let Some(operation) = operation {
            let (kind, stage) = (operation.kind, operation.stage);
            found.push(Rule::OneAtATime.violation(format!(
                "{}: {kind} is {stage} in slot {slot}; wait until it has ended",
                text()
            )));
        }
    }
}
