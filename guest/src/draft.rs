//! The plan while the steps write it.

use std::collections::BTreeSet;

use vmgroup_sdk::{Action, Member, NextLook, Observation, Plan, Reason};

/// The contract's bound on remarks.
const NOTES_MAX: usize = 8;

/// Which actions stay when there are more than the plan may have. What gives
/// the group's users something comes before what takes something away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Priority {
    /// Power that is missing.
    Raise,
    /// Members that are missing.
    Fill,
    /// Members that are broken.
    Heal,
    /// Members or power that the owner no longer wants.
    Remove,
    /// Members that differ from the spec.
    Update,
}

impl Priority {
    const FIRST_TO_LAST: [Priority; 5] = [
        Priority::Raise,
        Priority::Fill,
        Priority::Heal,
        Priority::Remove,
        Priority::Update,
    ];
}

/// Actions with one per slot, and when to look again.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    /// What the plan is for.
    pub(crate) seen: &'a Observation,
    taken: BTreeSet<u32>,
    actions: Vec<(Priority, Action)>,
    next_look: Option<NextLook>,
    notes: Vec<String>,
}

impl<'a> Draft<'a> {
    /// The empty plan. A slot with an operation in flight is taken from the start.
    pub(crate) fn new(seen: &'a Observation) -> Draft<'a> {
        Draft {
            seen,
            taken: seen.operations.iter().map(|o| o.slot).collect(),
            actions: Vec::new(),
            next_look: None,
            notes: Vec::new(),
        }
    }

    /// Members that may be touched and that no step has chosen yet.
    pub(crate) fn open_members(&self) -> Vec<&'a Member> {
        let open = |m: &&Member| m.is_free_to_act() && !self.taken.contains(&m.slot);
        self.seen.members.iter().filter(open).collect()
    }

    /// Members that may be deleted and that no step has chosen yet.
    pub(crate) fn open_to_deletion(&self) -> Vec<&'a Member> {
        let mut open = self.open_members();
        open.retain(|m| m.is_free_to_delete());
        open
    }

    /// Chooses the slot for an action.
    pub(crate) fn act(&mut self, priority: Priority, slot: u32, action: Action) {
        if self.taken.insert(slot) {
            self.actions.push((priority, action));
        }
    }

    /// Asks for a look in `after_ms`, unless an earlier one is asked for.
    pub(crate) fn look_within(&mut self, after_ms: u64, reason: Reason) {
        let sooner = |look: &NextLook| after_ms < look.after_ms;
        if self.next_look.as_ref().is_none_or(sooner) {
            self.next_look = Some(NextLook { after_ms, reason });
        }
    }

    /// A remark for people who read the plan.
    pub(crate) fn note(&mut self, text: impl Into<String>) {
        if self.notes.len() < NOTES_MAX {
            self.notes.push(text.into());
        }
    }

    /// The plan, cut to what the host accepts. What is cut is planned again
    /// when the first operations have ended.
    pub(crate) fn into_plan(mut self) -> Plan {
        let actions_max = self.seen.desired.max_actions as usize;
        if self.actions.len() > actions_max {
            let wanted = self.actions.len();
            self.actions = Priority::FIRST_TO_LAST
                .into_iter()
                .flat_map(|p| self.actions.iter().filter(move |(own, _)| *own == p))
                .take(actions_max)
                .cloned()
                .collect();
            self.notes.truncate(NOTES_MAX - 1);
            self.note(format!(
                "{actions_max} of {wanted} actions are planned: a plan may have no more"
            ));
        }
        Plan {
            actions: self.actions.into_iter().map(|(_, action)| action).collect(),
            next_look: self.next_look,
            memo: None,
            notes: self.notes,
        }
    }
}

#[cfg(test)]
mod tests {
    use vmgroup_sdk::Effect;
    use vmgroup_sdk::testing::observation;

    use super::*;

    #[test]
    fn a_plan_that_is_too_long_keeps_what_gives_most() {
        let mut seen = observation(3);
        seen.desired.max_actions = 1;
        let mut draft = Draft::new(&seen);
        draft.act(
            Priority::Update,
            0,
            Effect::Delete("vm-0".into()).because("a", ""),
        );
        draft.act(
            Priority::Raise,
            1,
            Effect::PowerOn("vm-1".into()).because("b", ""),
        );
        let plan = draft.into_plan();
        assert_eq!(
            plan.actions,
            [Effect::PowerOn("vm-1".into()).because("b", "")]
        );
        assert_eq!(
            plan.notes,
            ["1 of 2 actions are planned: a plan may have no more"]
        );
    }

    #[test]
    fn a_slot_is_chosen_once() {
        let seen = observation(1);
        let mut draft = Draft::new(&seen);
        draft.act(Priority::Fill, 0, Effect::Clone(0).because("a", ""));
        draft.act(Priority::Fill, 0, Effect::Clone(0).because("b", ""));
        assert_eq!(draft.into_plan().actions.len(), 1);
    }

    #[test]
    fn the_earliest_look_wins() {
        let seen = observation(1);
        let mut draft = Draft::new(&seen);
        for after_ms in [30, 10, 20] {
            draft.look_within(after_ms, Reason::new("a", ""));
        }
        assert_eq!(draft.into_plan().next_look.map(|l| l.after_ms), Some(10));
    }
}
