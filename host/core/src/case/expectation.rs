//! What a case expects, and how that is written.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::check::Rule;
use crate::observation::OperationKind;
use crate::plan::Effect;

/// What a module must answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ExpectationText", into = "ExpectationText")]
pub struct Expectation {
    /// The answer itself.
    pub answer: ExpectedAnswer,
    /// The rules that refuse or hold the plan.
    pub violations: BTreeSet<Rule>,
    /// When it wants to look again, in milliseconds; not compared if none.
    pub next_look_ms: Option<u64>,
}

/// The answer that a module must give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExpectedAnswer {
    /// A plan with exactly these actions, in any order.
    Actions(Vec<ExpectedAction>),
    /// A refusal with this reason code.
    Refusal {
        /// The code.
        code: String,
    },
    /// Any plan that breaks no rule, or any refusal, without actions of these
    /// kinds.
    Lawful {
        /// The kinds.
        never: BTreeSet<OperationKind>,
    },
}

/// One action that a plan must have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedAction {
    /// What.
    pub effect: Effect,
    /// Code of its reason; not compared if none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

impl std::fmt::Display for ExpectedAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ExpectedAnswer::Actions(actions) => write!(f, "a plan of {} action(s)", actions.len()),
            ExpectedAnswer::Refusal { code } => write!(f, "a refusal for {code}"),
            ExpectedAnswer::Lawful { .. } => f.write_str("anything lawful"),
        }
    }
}

/// An expectation as it is written.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ExpectationText {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    actions: Option<Vec<ExpectedAction>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refusal: Option<RefusalText>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lawful: Option<LawfulText>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    violations: BTreeSet<Rule>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_look: Option<NextLookText>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RefusalText {
    code: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LawfulText {
    #[serde(default)]
    never: BTreeSet<OperationKind>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NextLookText {
    after_ms: u64,
}

impl TryFrom<ExpectationText> for Expectation {
    type Error = &'static str;

    fn try_from(text: ExpectationText) -> Result<Self, Self::Error> {
        let ExpectationText {
            actions,
            refusal,
            lawful,
            violations,
            next_look,
        } = text;
        let answer = match (actions, refusal, lawful) {
            (Some(actions), None, None) => ExpectedAnswer::Actions(actions),
            (None, Some(RefusalText { code }), None) => ExpectedAnswer::Refusal { code },
            (None, None, Some(LawfulText { never })) => ExpectedAnswer::Lawful { never },
            (None, None, None) => {
                return Err(
                    "nothing is expected: one of `actions`, `refusal` and `lawful` has to \
                            be there",
                );
            }
            _ => return Err("`actions`, `refusal` and `lawful` exclude one another"),
        };
        if !violations.is_empty() && !matches!(answer, ExpectedAnswer::Actions(_)) {
            return Err("`violations` can be expected of `actions` only");
        }
        let next_look_ms = next_look.map(|look| look.after_ms);
        Ok(Expectation {
            answer,
            violations,
            next_look_ms,
        })
    }
}

impl From<Expectation> for ExpectationText {
    fn from(expectation: Expectation) -> Self {
        let (mut actions, mut refusal, mut lawful) = (None, None, None);
        match expectation.answer {
            ExpectedAnswer::Actions(expected) => actions = Some(expected),
            ExpectedAnswer::Refusal { code } => refusal = Some(RefusalText { code }),
            ExpectedAnswer::Lawful { never } => lawful = Some(LawfulText { never }),
        }
        ExpectationText {
            actions,
            refusal,
            lawful,
            violations: expectation.violations,
            next_look: expectation
                .next_look_ms
                .map(|after_ms| NextLookText { after_ms }),
        }
    }
}
