//! Case files: somebody's fixture, or a record that was sent in.

use vmgroup_core::case::{Case, CaseError};
use vmgroup_core::check::{Circumstances, Verdict as Checked, check};
use vmgroup_core::limits::PROBLEM_CHARS_MAX;
use vmgroup_core::plan::{Answer, Effect, Plan};

use crate::{Target, Verdict, seeds, text};

/// The target.
pub const TARGET: Target = Target {
    name: "case",
    about: "case files, and the rules on what stands in them",
    run,
    seeds: seeds::cases,
    words: &[
        "\"actual\":",
        "\"lawful\"",
        "\"deleting\"",
        "9007199254740991",
        "\"unknown\"",
        "null",
    ],
    bytes_max: 4_096,
    bounded: 12_000,
};

fn run(bytes: &[u8]) -> Verdict {
    let Some(text) = text(bytes) else {
        return Verdict::Refused;
    };
    match Case::parse(text) {
        Ok(case) => {
            reads_back(&case);
            judges(&case);
            Verdict::Accepted
        }
        Err(CaseError::Malformed {
            line,
            column,
            problem,
        }) => {
            let lines = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
            assert!(
                (1..=lines).contains(&line),
                "line {line} of {lines}: {problem}"
            );
            assert!(column <= text.len(), "column {column}: {problem}");
            assert!(!problem.is_empty());
            crate::assert_one_line(&problem, PROBLEM_CHARS_MAX);
            Verdict::Refused
        }
        Err(CaseError::TooLarge { bytes }) => panic!("{bytes} bytes of {}", text.len()),
    }
}

fn reads_back(case: &Case) {
    let written = case.to_text();
    let again = Case::parse(&written);
    let again = again.unwrap_or_else(|error| panic!("{error} in what was written: {written}"));
    assert_eq!(again, *case);
    assert_eq!(again.to_text(), written);
}

/// The rules hold for any plan on any observation, however little sense they make together.
fn judges(case: &Case) {
    let circumstances = Circumstances::default();
    let nothing = Answer::Plan(Plan::default());
    let actual = case
        .actual
        .as_ref()
        .map_or(&nothing, |actual| &actual.answer);
    if let Err(mismatches) = case.judge(actual, &circumstances) {
        assert!(!mismatches.is_empty());
        assert!(
            mismatches
                .iter()
                .all(|mismatch| !mismatch.to_string().is_empty())
        );
    }
    if let Answer::Plan(plan) = actual {
        let verdict = check(&case.input, plan, &circumstances);
        nothing_is_lost(plan, &verdict);
        if !case.input.complete {
            destroys_nothing(&verdict);
        }
    }
}

fn nothing_is_lost(plan: &Plan, verdict: &Checked) {
    match verdict {
        Checked::Clear(checked) => assert_eq!(checked.actions().len(), plan.actions.len()),
        Checked::Held { now, held } => {
            let together = now.actions().len() + held.actions.len();
            assert_eq!(together, plan.actions.len());
            assert!(!held.rules.is_empty() && !held.actions.is_empty());
        }
        Checked::Refused(violations) => {
            assert!(!violations.is_empty() && violations.is_sorted());
            assert!(
                violations
                    .iter()
                    .all(|violation| !violation.message.is_empty())
            );
        }
    }
}

fn destroys_nothing(verdict: &Checked) {
    let actions = verdict.checked().map_or(&[][..], |plan| plan.actions());
    for action in actions {
        let effect = &action.action.effect;
        let harmless = !matches!(effect, Effect::Clone(_) | Effect::Delete(_));
        assert!(harmless, "{effect:?} on an incomplete view");
    }
}
