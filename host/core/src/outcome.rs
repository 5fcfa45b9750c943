//! The one table from what came of a decision to what it does to the group's
//! status, to the next attempt, and to the module's reputation.
//!
//! What the same module would do again on the same observation, on any machine,
//! is blamed on it. Wall-clock time is not: a slow machine breaks that limit too.

use crate::observation::words;
use crate::status::Standing;

words!(
    /// What came of a decision. The words are also metric labels.
    Outcome { /// A plan that may be carried out.
        Clear = "clear", /// A plan of which a part waits for approval.
        Held = "held", /// A plan that breaks rules.
        Violation = "violation", /// The module will not decide.
        Refusal = "refusal", /// The module gave up.
        Trap = "trap", /// The module used up its fuel.
        Fuel = "fuel", /// The module took too long.
        Deadline = "deadline", /// The module asked for too much memory.
        Memory = "memory", /// The module asked for too large tables.
        Table = "table", /// The module handed too much to the host at once.
        HostCall = "host-call", /// The answer is too large.
        Output = "output", /// The answer is none.
        Malformed = "malformed", /// No instance could be made of the module.
        Instantiate = "instantiate", /// The observation broke the contract.
        Observation = "observation", /// The engine failed.
        Internal = "internal" });

/// What an outcome leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Consequence {
    /// What becomes of the status.
    pub report: Report,
    /// When the module is asked again, if nothing changes.
    pub backoff: Backoff,
    /// Who is to blame.
    pub blame: Blame,
}

/// What becomes of the status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// It follows from the observation and the plan.
    AsObserved,
    /// `Standing::Held`.
    Held,
    /// `Standing::Refused`.
    Refused,
    /// `Standing::Stalled` for this reason.
    Stalled(&'static str),
    /// `Standing::Failing` for this reason.
    Failing(&'static str),
}

/// When the module is asked again, if nothing changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backoff {
    /// When its answer says; after growing pauses if it does not.
    AsAsked,
    /// After growing pauses.
    Growing,
}

/// Who is to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The module: it counts towards its return.
    Module,
    /// Nobody.
    Nobody,
    /// The operator: a bug of ours.
    Host,
}

impl Outcome {
    /// The outcome of a failed call, by the engine's label for it. A label that
    /// is not known is the operator's fault.
    pub fn of_failure(label: &str) -> Outcome {
        use Outcome::{
            Deadline, Fuel, HostCall, Instantiate, Malformed, Memory, Observation, Output, Table,
            Trap,
        };
        let failures = [
            Trap,
            Fuel,
            Deadline,
            Memory,
            Table,
            HostCall,
            Output,
            Malformed,
            Instantiate,
            Observation,
        ];
        let known = failures
            .into_iter()
            .find(|outcome| outcome.as_str() == label);
        known.unwrap_or(Outcome::Internal)
    }

    /// What it leads to.
    pub fn consequence(self) -> Consequence {
        let (report, backoff, blame) = match self {
            Outcome::Clear => (Report::AsObserved, Backoff::AsAsked, Blame::Nobody),
            Outcome::Held => (Report::Held, Backoff::AsAsked, Blame::Nobody),
            Outcome::Violation => (Report::Refused, Backoff::Growing, Blame::Module),
            Outcome::Refusal => (
                Report::Stalled("ModuleRefused"),
                Backoff::AsAsked,
                Blame::Nobody,
            ),
            Outcome::Trap
            | Outcome::Fuel
            | Outcome::Memory
            | Outcome::Table
            | Outcome::HostCall
            | Outcome::Output
            | Outcome::Malformed
            | Outcome::Instantiate => (
                Report::Stalled("ModuleFailed"),
                Backoff::Growing,
                Blame::Module,
            ),
            Outcome::Deadline => (
                Report::Failing("ModuleTooSlow"),
                Backoff::Growing,
                Blame::Nobody,
            ),
            Outcome::Observation | Outcome::Internal => (
                Report::Failing("DecisionFailed"),
                Backoff::Growing,
                Blame::Host,
            ),
        };
        Consequence {
            report,
            backoff,
            blame,
        }
    }

    /// The standing that follows from the outcome alone; none where it follows
    /// from the plan. `message` is the text of the error or refusal.
    pub fn standing(self, message: &str) -> Option<Standing> {
        match self.consequence().report {
            Report::AsObserved | Report::Held | Report::Refused => None,
            Report::Stalled(reason) => Some(Standing::Stalled {
                reason,
                message: format!(
                    "no decision, nothing was done; use another module or other settings: {message}"
                ),
            }),
            Report::Failing(reason) => Some(Standing::Failing {
                reason,
                message: format!("no decision, nothing was done, tried again soon: {message}"),
            }),
        }
    }

    /// Whether the module decided badly. While a group is being deleted, the
    /// built-in module takes over after three of these.
    pub fn is_bad(self) -> bool {
        !matches!(self, Outcome::Clear | Outcome::Held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn every_outcome_but_a_plan_is_a_bad_decision() {
        let good: Vec<Outcome> = Outcome::ALL
            .iter()
            .copied()
            .filter(|outcome| !outcome.is_bad())
            .collect();
        assert_eq!(good, [Outcome::Clear, Outcome::Held]);
    }

    #[test]
    fn the_table_of_outcomes() {
        let table: Vec<String> = Outcome::ALL
            .iter()
            .map(|outcome| {
                let Consequence {
                    report,
                    backoff,
                    blame,
                } = outcome.consequence();
                format!("{outcome}: {report:?}, {backoff:?}, {blame:?}")
            })
            .collect();
        let expected = [
            "clear: AsObserved, AsAsked, Nobody",
            "held: Held, AsAsked, Nobody",
            "violation: Refused, Growing, Module",
            "refusal: Stalled(\"ModuleRefused\"), AsAsked, Nobody",
            "trap: Stalled(\"ModuleFailed\"), Growing, Module",
            "fuel: Stalled(\"ModuleFailed\"), Growing, Module",
            "deadline: Failing(\"ModuleTooSlow\"), Growing, Nobody",
            "memory: Stalled(\"ModuleFailed\"), Growing, Module",
            "table: Stalled(\"ModuleFailed\"), Growing, Module",
            "host-call: Stalled(\"ModuleFailed\"), Growing, Module",
            "output: Stalled(\"ModuleFailed\"), Growing, Module",
            "malformed: Stalled(\"ModuleFailed\"), Growing, Module",
            "instantiate: Stalled(\"ModuleFailed\"), Growing, Module",
            "observation: Failing(\"DecisionFailed\"), Growing, Host",
            "internal: Failing(\"DecisionFailed\"), Growing, Host",
        ];
        assert_eq!(table, expected);
    }

    #[test]
    fn only_failures_of_calls_are_found_by_label() {
        for outcome in Outcome::ALL.iter().copied() {
            let expected = match outcome {
                Outcome::Clear | Outcome::Held | Outcome::Violation | Outcome::Refusal => {
                    Outcome::Internal
                }
                failure => failure,
            };
            assert_eq!(Outcome::of_failure(outcome.as_str()), expected);
        }
        assert_eq!(Outcome::of_failure("never-heard-of"), Outcome::Internal);
    }

    #[test]
    fn a_failed_decision_has_a_standing_that_carries_its_text() {
        for outcome in Outcome::ALL.iter().copied() {
            let standing = outcome.standing("used up its fuel of 5 units");
            let from_plan = matches!(outcome, Outcome::Clear | Outcome::Held | Outcome::Violation);
            assert_eq!(standing.is_none(), from_plan, "{outcome}");
            if let Some(standing) = standing {
                let summary = standing.summary(1, &[], Timestamp(0));
                assert!(summary.message.contains("used up its fuel of 5 units"));
            }
        }
    }
}
