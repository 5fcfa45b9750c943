//! That what was committed once is done once.

use std::collections::{BTreeMap, BTreeSet};

use vmgroup_core::names::OperationId;

use super::Breach;
use crate::history::Fact;
use crate::kind::Kind;

/// S7: one effect per group, slot, kind and intent, whatever became of the object
/// in between. The operation id names group, slot and intent.
pub fn s7_effect_once(facts: &[Fact]) -> Vec<Breach> {
    let mut seen: BTreeSet<(&str, Kind)> = BTreeSet::new();
    let mut last: BTreeMap<&String, (&str, Kind)> = BTreeMap::new();
    let mut breaches = Vec::new();
    for fact in facts {
        let Fact::Effect(effect) = fact else { continue };
        let of_slot = !matches!(
            effect.kind,
            Kind::CreateFolder | Kind::DestroyFolder | Kind::ShutdownGuest
        );
        let what = (effect.operation_id.as_str(), effect.kind);
        // What its own effect left, a person has undone, or a call of an earlier commit that
        // was on its way while its host stood still: the second one is due.
        let before = effect.vm.as_ref().and_then(|vm| {
            let before = last.get(vm).copied();
            let is_late = before.is_some_and(|(id, _)| is_earlier(&effect.operation_id, id));
            if !(effect.held_up && is_late) {
                last.insert(vm, what);
            }
            before
        });
        let undone = before == Some(what) && effect.kind.changes_power();
        if of_slot && effect.changed && !seen.insert(what) && !undone {
            breaches.push(Breach {
                oracle: "S7",
                at: effect.at,
                text: format!(
                    "{} had its effect again under `{}`",
                    effect.kind, effect.operation_id
                ),
            });
        }
    }
    breaches
}

/// The operation was committed before the other one.
fn is_earlier(operation: &str, other: &str) -> bool {
    let intent = |id: &str| OperationId::parse(id)?.committed.map(|(_, intent)| intent);
    intent(operation)
        .zip(intent(other))
        .is_some_and(|(one, other)| one < other)
}
