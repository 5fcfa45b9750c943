//! Building answers.

use crate::{Action, Effect, NextLook, Plan, PowerOff, PowerOffMode, Reason, Refusal};

impl Reason {
    /// A reason: one of the codes of `describe`, and text for people.
    pub fn new(code: &str, message: impl Into<String>) -> Reason {
        Reason {
            code: code.to_owned(),
            message: message.into(),
        }
    }
}

impl Effect {
    /// Ask a member's operating system to shut down.
    pub fn soft_power_off(member: &str) -> Effect {
        Effect::PowerOff(PowerOff {
            member: member.to_owned(),
            mode: PowerOffMode::Soft,
        })
    }

    /// Cut a member's power.
    pub fn hard_power_off(member: &str) -> Effect {
        Effect::PowerOff(PowerOff {
            member: member.to_owned(),
            mode: PowerOffMode::Hard,
        })
    }

    /// The effect with its reason, as a plan holds it.
    pub fn because(self, code: &str, message: impl Into<String>) -> Action {
        Action {
            effect: self,
            reason: Reason::new(code, message),
        }
    }
}

/// The empty plan: nothing to do, look again when something changes.
#[allow(clippy::derivable_impls, reason = "the type is generated")]
impl Default for Plan {
    fn default() -> Plan {
        Plan {
            actions: Vec::new(),
            next_look: None,
            memo: None,
            notes: Vec::new(),
        }
    }
}

impl Plan {
    /// Asks for a look in `after_ms`, unless an earlier one is asked for.
    pub fn look_within(&mut self, after_ms: u64, reason: Reason) {
        if self
            .next_look
            .as_ref()
            .is_none_or(|look| after_ms < look.after_ms)
        {
            self.next_look = Some(NextLook { after_ms, reason });
        }
    }
}

impl Refusal {
    /// A refusal that waits until something changes.
    pub fn new(code: &str, message: impl Into<String>) -> Refusal {
        Refusal {
            reason: Reason::new(code, message),
            next_look: None,
        }
    }
}
