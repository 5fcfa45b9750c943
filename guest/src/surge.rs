//! How many members above the wanted number there may be while some are replaced.

use vmgroup_sdk::{Hold, Member, Observation, Operation};

use crate::headroom::Headroom;
use crate::{heal, update};

/// The surge that the host allows: none unless a member may be replaced.
pub(crate) fn allowed(seen: &Observation) -> u64 {
    let replaceable = |m| update::is_outdated(seen, m) || heal::is_allowed(seen, m);
    if seen.members.iter().any(replaceable) {
        seen.desired.max_surge.into()
    } else {
        0
    }
}

/// The surge that the members to be replaced ask for, also while something else is done to
/// them: what stands in already would go, and be made again. Those that may not be
/// deleted ask for none: their surge would stay for ever. Broken members ask
/// for it only where they cannot be deleted first, since enough have to stay.
pub(crate) fn wanted(seen: &Observation, headroom: &Headroom) -> u64 {
    let allowed = allowed(seen);
    if allowed == 0 || !headroom.has_deletes() {
        return 0;
    }
    let to_replace = replaceable(seen)
        .filter(|m| {
            update::is_outdated(seen, m) || (heal::is_due(seen, m) && !headroom.allows_idle(m))
        })
        .count() as u64;
    to_replace.min(allowed)
}

/// The surge that stays, though no more of it would be made: what stands in for a member that
/// may go as soon as nothing else is done to it.
pub(crate) fn kept(seen: &Observation, headroom: &Headroom) -> u64 {
    let is_occupied = |m: &Member| seen.operation_on(m.slot).is_some() || !m.is_free_to_delete();
    let occupied = replaceable(seen)
        .filter(|m| is_occupied(m) && heal::is_due(seen, m) && headroom.allows_idle(m))
        .filter(|m| !update::is_outdated(seen, m))
        .count() as u64;
    (wanted(seen, headroom) + occupied).min(allowed(seen))
}

/// Members that may be deleted, now or soon, and are not being.
fn replaceable(seen: &Observation) -> impl Iterator<Item = &Member> {
    let is_going = |m: &Member| seen.operation_on(m.slot).is_some_and(Operation::may_delete);
    let members = seen.members.iter();
    members.filter(move |m| may_be_deleted_soon(m) && !is_going(m))
}

/// What somebody else does to the member passes by itself.
fn may_be_deleted_soon(member: &Member) -> bool {
    let passes = |hold: &Hold| *hold == Hold::ForeignTask;
    member.is_there() && member.holds.iter().all(passes)
}

#[cfg(test)]
mod tests {
    use vmgroup_sdk::testing::{member, observation, operation};
    use vmgroup_sdk::{Drift, HealPolicy, Health, OperationKind, UpdatePolicy};

    use super::*;

    /// Found by profile calm, seed 2756287: what stood in went while the answer to a power-on
    /// was waited for, and was made again.
    #[test]
    fn a_member_that_is_to_be_replaced_asks_for_a_surge_until_it_goes() {
        let mut seen = observation(2);
        seen.desired.update = UpdatePolicy::RollingReplace;
        seen.desired.max_surge = 1;
        seen.members = vec![member(0), member(1)];
        seen.members[0].drift = Drift::Replace;
        for (kind, expected) in [
            (None, 1),
            (Some(OperationKind::PowerOn), 1),
            (Some(OperationKind::Delete), 0),
        ] {
            seen.operations = kind.map(|kind| operation(kind, 0)).into_iter().collect();
            assert_eq!(wanted(&seen, &Headroom::new(&seen)), expected, "{kind:?}");
        }
    }

    /// What stood in went while vCenter moved the other one, and was made again.
    #[test]
    fn a_task_of_somebody_else_leaves_what_stands_in_where_it_is() {
        let mut seen = observation(1);
        seen.desired.update = UpdatePolicy::RollingReplace;
        seen.desired.max_surge = 1;
        seen.members = vec![member(0)];
        seen.members[0].drift = Drift::Replace;
        for (hold, expected) in [(Hold::ForeignTask, 1), (Hold::ForeignSnapshot, 0)] {
            seen.members[0].holds = vec![hold];
            assert_eq!(wanted(&seen, &Headroom::new(&seen)), expected, "{hold:?}");
        }
    }

    /// What stood in was destroyed while it still booted.
    #[test]
    fn what_stands_in_for_a_member_that_may_go_stays_until_that_can() {
        let mut seen = observation(2);
        (seen.desired.heal, seen.desired.max_surge) = (HealPolicy::Replace, 1);
        seen.members = vec![member(0), member(1), member(2)];
        seen.members[0].health = Health::Failed;
        seen.members[0].health_since = 0;
        seen.members[2].health = Health::Starting;
        let both = |seen: &Observation| {
            let headroom = Headroom::new(seen);
            (wanted(seen, &headroom), kept(seen, &headroom))
        };
        assert_eq!(both(&seen), (0, 0), "it goes now");
        let reconfigure = operation(OperationKind::Reconfigure, 0);
        seen.operations = vec![reconfigure];
        assert_eq!(both(&seen), (0, 1));
        seen.operations.clear();
        seen.members[0].holds = vec![Hold::ForeignTask];
        assert_eq!(both(&seen), (0, 1));
        seen.members[0].holds = vec![Hold::Administrator];
        assert_eq!(both(&seen), (0, 0));
    }

    #[test]
    fn a_broken_member_that_goes_down_for_its_update_asks_for_none() {
        let mut seen = observation(3);
        seen.desired.heal = HealPolicy::Replace;
        seen.desired.max_surge = 1;
        seen.members = vec![member(0), member(1), member(2)];
        seen.members[0].health = Health::Unready;
        seen.members[0].health_since = 0;
        seen.operations = vec![operation(OperationKind::PowerOff, 0)];
        assert_eq!(wanted(&seen, &Headroom::new(&seen)), 0);
    }

    #[test]
    fn a_broken_member_that_may_not_go_first_asks_for_one_also_while_it_is_busy() {
        let mut seen = observation(2);
        seen.desired.heal = HealPolicy::Replace;
        seen.desired.max_surge = 1;
        seen.desired.max_unavailable = 0;
        seen.members = vec![member(0), member(1)];
        seen.members[0].health = Health::Failed;
        seen.members[0].health_since = 0;
        for (kind, expected) in [
            (None, 1),
            (Some(OperationKind::Reconfigure), 1),
            (Some(OperationKind::Delete), 0),
        ] {
            seen.operations = kind.map(|kind| operation(kind, 0)).into_iter().collect();
            assert_eq!(wanted(&seen, &Headroom::new(&seen)), expected, "{kind:?}");
        }
    }
}
