//! Fewer members than wanted: free slots are filled, lowest first.

use std::collections::BTreeSet;

use vmgroup_sdk::{Effect, FailureClass, Observation, OperationKind};

use crate::draft::{Draft, Priority};
use crate::settings::Settings;
use crate::{reasons, surge};

/// Clones into free slots until replicas + spares + surge slots are filled.
pub(crate) fn fill_slots(draft: &mut Draft<'_>, surge: u64, settings: &Settings) {
    let seen = draft.seen;
    let filled = filled_slots(seen);
    let wanted = u64::from(seen.desired.replicas) + u64::from(seen.desired.spares);
    let missing = wanted.saturating_sub(filled);
    let room = (wanted + surge::allowed(seen)).saturating_sub(seen.vms());
    let clones = (wanted + surge)
        .saturating_sub(filled)
        .min(room)
        .min(settings.max_clones_per_plan.get().into());

    let (free, refused): (Vec<u32>, Vec<u32>) = seen
        .free_slots()
        .take(seen.failures.len().saturating_add(clones as usize))
        .partition(|&slot| !name_is_taken(seen, slot));
    let slots = free.into_iter().chain(refused).take(clones as usize);
    for (already, slot) in (0..).zip(slots) {
        let action = if already < missing {
            let message = format!("{filled} of {wanted} slots are filled");
            Effect::Clone(slot).because(reasons::SCALE_UP, message)
        } else {
            Effect::Clone(slot).because(reasons::SURGE, "stands in while others are replaced")
        };
        draft.act(Priority::Fill, slot, action);
    }
}

/// Slots with a VM that stays, or with one on its way. A member that cannot
/// be read holds its slot.
fn filled_slots(seen: &Observation) -> u64 {
    let going: BTreeSet<u32> = (seen.operations.iter())
        .filter(|o| o.kind == OperationKind::Delete)
        .map(|o| o.slot)
        .collect();
    let coming = seen.operations.iter().filter(|o| o.may_clone());
    let mut filled: Vec<u32> = (seen.members.iter().map(|m| m.slot))
        .chain(coming.map(|o| o.slot))
        .filter(|slot| !going.contains(slot))
        .collect();
    filled.sort_unstable();
    filled.dedup();
    filled.len() as u64
}

/// A stranger has the name of the slot's VM: any other free slot is better.
fn name_is_taken(seen: &Observation, slot: u32) -> bool {
    seen.failures
        .iter()
        .any(|f| f.slot == slot && f.class == FailureClass::NameTaken)
}

#[cfg(test)]
mod tests {
    use vmgroup_sdk::testing::{member, observation, operation};
    use vmgroup_sdk::{Connection, Drift, Failure, HealPolicy, Health, Hold, UpdatePolicy};

    use super::*;

    fn filled(seen: &Observation, surge: u64) -> Vec<(u32, String)> {
        let mut draft = Draft::new(seen);
        fill_slots(&mut draft, surge, &Settings::default());
        let actions = draft.into_plan().actions;
        actions
            .into_iter()
            .filter_map(|action| match action.effect {
                Effect::Clone(slot) => Some((slot, action.reason.code)),
                _ => None,
            })
            .collect()
    }

    fn slots(seen: &Observation) -> Vec<u32> {
        filled(seen, 0).into_iter().map(|(slot, _)| slot).collect()
    }

    #[test]
    fn the_lowest_free_slots_are_filled() {
        let mut seen = observation(4);
        seen.members = vec![member(1), member(3)];
        assert_eq!(slots(&seen), [0, 2]);
    }

    #[test]
    fn clones_in_flight_count() {
        let mut seen = observation(2);
        seen.operations = vec![operation(OperationKind::Clone, 0)];
        assert_eq!(slots(&seen), [1]);
    }

    #[test]
    fn a_member_that_cannot_be_read_holds_its_slot() {
        let mut seen = observation(2);
        seen.members = vec![member(0), member(1)];
        seen.members[0].connection = Connection::Inaccessible;
        seen.members[0].holds = vec![Hold::Unreachable];
        assert_eq!(slots(&seen), [0; 0]);
    }

    #[test]
    fn a_broken_member_that_is_going_is_followed_within_the_surge() {
        let mut seen = observation(2);
        seen.desired.heal = HealPolicy::Replace;
        seen.desired.max_surge = 1;
        seen.members = vec![member(0), member(1)];
        seen.members[1].health = Health::Failed;
        seen.operations = vec![operation(OperationKind::Delete, 1)];
        assert_eq!(slots(&seen), [2]);
        seen.members[1].health = Health::Ready;
        assert_eq!(slots(&seen), [0; 0], "no surge where nothing is replaced");
    }

    #[test]
    fn surge_is_named_as_such() {
        let mut seen = observation(1);
        seen.desired.update = UpdatePolicy::RollingReplace;
        seen.desired.max_surge = 1;
        seen.members = vec![member(0)];
        seen.members[0].drift = Drift::Replace;
        assert_eq!(filled(&seen, 1), [(1, "surge".to_owned())]);
    }

    #[test]
    fn spares_are_filled_too() {
        let mut seen = observation(1);
        seen.desired.spares = 2;
        assert_eq!(slots(&seen), [0, 1, 2]);
    }

    #[test]
    fn a_slot_whose_name_is_taken_comes_last() {
        let mut seen = observation(1);
        seen.desired.max_surge = 1;
        seen.failures = vec![Failure {
            slot: 0,
            class: FailureClass::NameTaken,
            count: 1,
            last: 0,
        }];
        assert_eq!(slots(&seen), [1]);
        seen.desired.max_surge = 0;
        assert_eq!(slots(&seen), [0]);
    }
}
