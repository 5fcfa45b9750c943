//! What one call tells the next. All of it may be lost: the host shows a member that
//! was shut down for its update as one that has yet to start. Only one whose guest goes
//! down after that had been given up then comes back after the grace period, or, where
//! foreign changes of power are only reported, by hand.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use vmgroup_sdk::{Observation, PowerState};

use crate::update;

/// The contract's bound on a memo, in bytes.
const MEMO_MAX: usize = 4096;

/// Members that this module shuts down to bring them back.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Memory {
    cycling: BTreeSet<String>,
}

impl Memory {
    /// What the previous plan asked to be remembered, without what is done or
    /// gone. A memo that is not understood is no memo.
    pub(crate) fn recall(seen: &Observation) -> Memory {
        let memo = seen.context.memo.as_deref().unwrap_or("{}");
        let mut memory: Memory = serde_json::from_str(memo).unwrap_or_default();
        memory.cycling.retain(|id| {
            let member = seen.members.iter().find(|m| m.id == *id);
            member.is_some_and(|m| {
                let finished = m.power == PowerState::On && !update::is_cycled(seen, m);
                !finished || seen.operation_on(m.slot).is_some()
            })
        });
        memory
    }

    /// Whether this module shut the member down.
    pub(crate) fn is_cycling(&self, id: &str) -> bool {
        self.cycling.contains(id)
    }

    /// The member is being shut down and has to come back.
    pub(crate) fn remember_cycle(&mut self, id: &str) {
        self.cycling.insert(id.to_owned());
    }

    /// The memo for the next call; none if there is nothing to remember.
    pub(crate) fn memo(mut self) -> Option<String> {
        while !self.cycling.is_empty() {
            match serde_json::to_string(&self) {
                Ok(memo) if memo.len() <= MEMO_MAX => return Some(memo),
                _ => self.cycling.pop_last(),
            };
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use vmgroup_sdk::testing::{member, observation};
    use vmgroup_sdk::{Drift, UpdatePolicy};

    use super::*;

    fn recalled(power: PowerState, drift: Drift) -> Option<String> {
        recalled_under(UpdatePolicy::PowerCycle, power, drift)
    }

    fn recalled_under(update: UpdatePolicy, power: PowerState, drift: Drift) -> Option<String> {
        let mut seen = observation(1);
        seen.desired.update = update;
        seen.context.memo = Some(r#"{"cycling":["vm-0","vm-gone"]}"#.into());
        seen.members = vec![member(0)];
        seen.members[0].power = power;
        seen.members[0].drift = drift;
        Memory::recall(&seen).memo()
    }

    /// It came back at once whenever a person powered it off later.
    #[test]
    fn a_member_that_is_on_and_no_longer_to_be_cycled_is_forgotten() {
        let kept = Some(r#"{"cycling":["vm-0"]}"#.to_owned());
        let recalled = |power| recalled_under(UpdatePolicy::OnDelete, power, Drift::PowerCycle);
        assert_eq!(recalled(PowerState::Off), kept);
        assert_eq!(recalled(PowerState::On), None);
    }

    #[test]
    fn a_member_is_remembered_until_it_is_back() {
        let kept = Some(r#"{"cycling":["vm-0"]}"#.to_owned());
        assert_eq!(recalled(PowerState::On, Drift::PowerCycle), kept);
        assert_eq!(recalled(PowerState::Off, Drift::PowerCycle), kept);
        assert_eq!(recalled(PowerState::Off, Drift::None), kept);
        assert_eq!(recalled(PowerState::On, Drift::None), None);
    }

    #[test]
    fn a_memo_of_another_shape_is_no_memo() {
        let mut seen = observation(1);
        seen.context.memo = Some("last night".into());
        assert_eq!(Memory::recall(&seen), Memory::default());
    }

    #[test]
    fn a_memo_stays_within_its_bound() {
        let mut memory = Memory::default();
        for id in 0..1_000 {
            memory.remember_cycle(&format!("vm-{id}"));
        }
        let memo = memory.memo().expect("something to remember");
        assert!(memo.len() <= MEMO_MAX && memo.len() > MEMO_MAX / 2);
    }
}
