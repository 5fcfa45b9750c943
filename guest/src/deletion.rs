//! The group is being deleted: every member goes, and nothing else is done.

use vmgroup_sdk::Effect;

use crate::draft::{Draft, Priority};
use crate::reasons;

/// Deletes every member that is free; the others follow when they are.
pub(crate) fn delete_members(draft: &mut Draft<'_>) {
    let free = draft.open_to_deletion();
    for member in &free {
        let action = Effect::Delete(member.id.clone())
            .because(reasons::GROUP_DELETED, "the group is being deleted");
        draft.act(Priority::Remove, member.slot, action);
    }
    let seen = draft.seen;
    let busy = (seen.members.iter())
        .filter(|m| seen.operation_on(m.slot).is_some())
        .count();
    let held = seen.members.len() - busy - free.len();
    if held > 0 {
        draft.note(format!("{held} members cannot be deleted: see their holds"));
    }
}

#[cfg(test)]
mod tests {
    use vmgroup_sdk::testing::{member, observation, operation};
    use vmgroup_sdk::{Hold, Observation, OperationKind};

    use super::*;

    fn deleted(seen: &Observation) -> Vec<Effect> {
        let mut draft = Draft::new(seen);
        delete_members(&mut draft);
        let actions = draft.into_plan().actions;
        actions.into_iter().map(|action| action.effect).collect()
    }

    #[test]
    fn every_free_member_goes_at_once() {
        let mut seen = observation(2);
        seen.members = vec![member(0), member(1)];
        assert_eq!(
            deleted(&seen),
            [Effect::Delete("vm-0".into()), Effect::Delete("vm-1".into())]
        );
    }

    #[test]
    fn busy_and_held_members_stay() {
        let mut seen = observation(3);
        seen.members = vec![member(0), member(1), member(2)];
        seen.members[1].holds = vec![Hold::ForeignDisk];
        seen.operations = vec![operation(OperationKind::PowerOn, 2)];
        assert_eq!(deleted(&seen), [Effect::Delete("vm-0".into())]);
    }
}
