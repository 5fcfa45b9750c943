//! A case: an observation, and what a module must answer to it. Fixtures and
//! records of decisions are one format, JSON, and read strictly: a field that is
//! not known, and a missing expectation, are errors.

mod expectation;

use serde::{Deserialize, Serialize};

use crate::check::{Circumstances, Rule, check};
use crate::limits::{CASE_BYTES_MAX, PROBLEM_CHARS_MAX};
use crate::observation::Observation;
use crate::plan::{Action, Answer, Effect, NextLook, Plan};
use crate::render;
use crate::text::one_line;

pub use expectation::{Expectation, ExpectedAction, ExpectedAnswer};

/// One case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Case {
    /// What the module must do and why, in one sentence.
    pub description: String,
    /// What the module sees.
    pub input: Observation,
    /// What it must answer.
    pub expect: Expectation,
    /// What a module did answer, in records of decisions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actual: Option<Actual>,
}

/// What a module did answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actual {
    /// Digest of the module.
    pub module: String,
    /// Its answer.
    pub answer: Answer,
}

/// Why a text is no case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaseError {
    /// Not the JSON of a case.
    #[error("line {line}, column {column}: {problem}")]
    Malformed {
        /// Line, from 1.
        line: usize,
        /// Column, from 1; 0 if the whole line is meant.
        column: usize,
        /// What is wrong.
        problem: String,
    },
    /// Too large to be one.
    #[error("case has {bytes} bytes, the limit is {CASE_BYTES_MAX}")]
    TooLarge {
        /// Bytes.
        bytes: usize,
    },
}

/// One way in which an answer is not the one that is expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// An action is not there.
    #[error("- {}", expected_action(.0))]
    Missing(ExpectedAction),
    /// An action is there that should not be.
    #[error("+ {} ({}: {})", render::effect(&.0.effect), .0.reason.code, .0.reason.message)]
    Unexpected(Action),
    /// An action is there for another reason.
    #[error(
        "! {}: the code is {actual}, expected is {expected}",
        render::effect(effect)
    )]
    OtherCode {
        /// The action.
        effect: Effect,
        /// The code expected.
        expected: String,
        /// The code given.
        actual: String,
    },
    /// A refusal for a plan, or the reverse, or another refusal.
    #[error("! the answer is {actual}, expected is {expected}")]
    OtherAnswer {
        /// What was expected.
        expected: String,
        /// What came.
        actual: String,
    },
    /// An action of a kind that must not be.
    #[error("! {} must never be done here", render::effect(.0))]
    Forbidden(Effect),
    /// A rule refuses or holds the plan.
    #[error("! {rule} refuses or holds the plan: {message}")]
    Violates {
        /// Id of the rule.
        rule: String,
        /// What it says.
        message: String,
    },
    /// A rule should refuse or hold the plan, and does not.
    #[error("! {0} should refuse or hold the plan")]
    NoViolation(Rule),
    /// Another next look.
    #[error("! next look in {} ms, expected is {expected}", shown(*actual))]
    OtherLook {
        /// Milliseconds expected.
        expected: u64,
        /// Milliseconds asked for.
        actual: Option<u64>,
    },
}

impl Case {
    /// Reads a case.
    pub fn parse(text: &str) -> Result<Case, CaseError> {
        if text.len() > CASE_BYTES_MAX {
            return Err(CaseError::TooLarge { bytes: text.len() });
        }
        serde_json::from_str(text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            let problem = error.to_string();
            let position = format!(" at line {line} column {column}");
            // It quotes what stands there.
            let problem = problem.strip_suffix(&position).unwrap_or(&problem);
            let problem = one_line(problem, PROBLEM_CHARS_MAX);
            CaseError::Malformed {
                line,
                column,
                problem,
            }
        })
    }

    /// The case as it is written, with everything that may be left out.
    pub fn to_text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a case has only plain data");
        text.push('\n');
        text
    }

    /// Holds an answer against what is expected; plans are held against the
    /// rules, too.
    pub fn judge(
        &self,
        answer: &Answer,
        circumstances: &Circumstances,
    ) -> Result<(), Vec<Mismatch>> {
        let mut found = Vec::new();
        match (&self.expect.answer, answer) {
            (ExpectedAnswer::Actions(expected), Answer::Plan(plan)) => {
                compare(expected, &plan.actions, &mut found);
            }
            (ExpectedAnswer::Refusal { code }, Answer::Refusal(refusal))
                if *code == refusal.reason.code => {}
            (ExpectedAnswer::Lawful { never }, Answer::Plan(plan)) => {
                let effects = plan.actions.iter().map(|action| &action.effect);
                let forbidden = effects.filter(|effect| never.contains(&effect.kind()));
                found.extend(forbidden.cloned().map(Mismatch::Forbidden));
            }
            (ExpectedAnswer::Lawful { .. }, Answer::Refusal(_)) => {}
            (expected, actual) => found.push(Mismatch::OtherAnswer {
                expected: expected.to_string(),
                actual: answered(actual),
            }),
        }
        if let Answer::Plan(plan) = answer {
            self.judge_rules(plan, circumstances, &mut found);
        }
        self.judge_look(answer, &mut found);
        if found.is_empty() { Ok(()) } else { Err(found) }
    }

    fn judge_rules(&self, plan: &Plan, circumstances: &Circumstances, found: &mut Vec<Mismatch>) {
        use crate::check::Verdict;
        let verdict = check(&self.input, plan, circumstances);
        let reports: Vec<(String, String)> = match &verdict {
            Verdict::Clear(_) => Vec::new(),
            // To wait for an approval is lawful.
            Verdict::Held { .. } if matches!(self.expect.answer, ExpectedAnswer::Lawful { .. }) => {
                Vec::new()
            }
            Verdict::Held { held, .. } => {
                let effects: Vec<_> = held.effects().map(render::effect).collect();
                let effects = effects.join(", ");
                held.rules
                    .iter()
                    .map(|rule| (rule.to_string(), effects.clone()))
                    .collect()
            }
            Verdict::Refused(violations) => violations
                .iter()
                .map(|violation| (violation.rule.clone(), violation.message.clone()))
                .collect(),
        };
        let expected = &self.expect.violations;
        for rule in expected {
            if reports
                .iter()
                .all(|(reported, _)| reported != rule.as_str())
            {
                found.push(Mismatch::NoViolation(*rule));
            }
        }
        for (rule, message) in reports {
            if expected.iter().all(|expected| expected.as_str() != rule) {
                found.push(Mismatch::Violates { rule, message });
            }
        }
    }

    fn judge_look(&self, answer: &Answer, found: &mut Vec<Mismatch>) {
        let next_look: Option<&NextLook> = match answer {
            Answer::Plan(plan) => plan.next_look.as_ref(),
            Answer::Refusal(refusal) => refusal.next_look.as_ref(),
        };
        let actual = next_look.map(|look| look.after_ms);
        if let Some(expected) = self.expect.next_look_ms
            && actual != Some(expected)
        {
            found.push(Mismatch::OtherLook { expected, actual });
        }
    }
}

/// Pairs the actions by effect, each at most once.
fn compare(expected: &[ExpectedAction], actual: &[Action], found: &mut Vec<Mismatch>) {
    let mut left: Vec<&Action> = actual.iter().collect();
    left.sort();
    let mut expected: Vec<_> = expected.iter().collect();
    expected.sort();
    for wanted in expected {
        let Some(at) = left
            .iter()
            .position(|action| action.effect == wanted.effect)
        else {
            found.push(Mismatch::Missing(wanted.clone()));
            continue;
        };
        let action = left.remove(at);
        if let Some(code) = &wanted.code
            && *code != action.reason.code
        {
            found.push(Mismatch::OtherCode {
                effect: action.effect.clone(),
                expected: code.clone(),
                actual: action.reason.code.clone(),
            });
        }
    }
    found.extend(left.into_iter().cloned().map(Mismatch::Unexpected));
}

fn answered(answer: &Answer) -> String {
    match answer {
        Answer::Plan(plan) => format!("a plan of {} action(s)", plan.actions.len()),
        Answer::Refusal(refusal) => format!("a refusal for {}", refusal.reason.code),
    }
}

fn expected_action(action: &ExpectedAction) -> String {
    let effect = render::effect(&action.effect);
    action
        .code
        .as_ref()
        .map_or_else(|| effect.clone(), |code| format!("{effect} ({code})"))
}

fn shown(after_ms: Option<u64>) -> String {
    after_ms.map_or_else(|| "no".to_owned(), |after_ms| after_ms.to_string())
}

#[cfg(test)]
mod tests;
