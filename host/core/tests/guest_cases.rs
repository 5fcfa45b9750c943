//! The cases that modules are tested with, as the rules see them: what a case
//! expects of a module is itself a plan that the rules let pass, or refuse for
//! the reasons that the case names.
#![allow(clippy::disallowed_methods, reason = "the test reads its own files")]

use std::fs;
use std::path::{Path, PathBuf};

use vmgroup_core::case::{Case, ExpectedAnswer};
use vmgroup_core::check::Circumstances;
use vmgroup_core::plan::{Action, Answer, NextLook, Plan, Reason};

#[test]
fn every_plan_that_a_case_expects_is_lawful() {
    let mut plans = 0;
    let mut wrong = Vec::new();
    for path in files() {
        let text = fs::read_to_string(&path).expect("the file can be read");
        let case = match Case::parse(&text) {
            Ok(case) => case,
            Err(error) => {
                wrong.push(format!("{}: {error}", path.display()));
                continue;
            }
        };
        let Some(answer) = expected(&case) else {
            continue;
        };
        plans += 1;
        let mismatches = case
            .judge(&answer, &Circumstances::default())
            .err()
            .unwrap_or_default();
        wrong.extend(
            mismatches
                .iter()
                .map(|mismatch| format!("{}: {mismatch}", path.display())),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(plans > 10, "only {plans} plans were found");
}

/// The plan that the case expects, if it expects a certain one.
fn expected(case: &Case) -> Option<Answer> {
    let ExpectedAnswer::Actions(actions) = &case.expect.answer else {
        return None;
    };
    let reason = |code: Option<&str>| Reason {
        code: code.unwrap_or("any").to_owned(),
        message: String::new(),
    };
    let actions = actions.iter().map(|expected| Action {
        effect: expected.effect.clone(),
        reason: reason(expected.code.as_deref()),
    });
    let next_look = case.expect.next_look_ms;
    Some(Answer::Plan(Plan {
        actions: actions.collect(),
        next_look: next_look.map(|after_ms| NextLook {
            after_ms,
            reason: reason(None),
        }),
        ..Plan::default()
    }))
}

fn files() -> Vec<PathBuf> {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../guest/cases");
    let mut files = Vec::new();
    for folder in ["laws", "default"] {
        let entries = fs::read_dir(cases.join(folder)).expect("the folder can be read");
        files.extend(entries.map(|entry| entry.expect("an entry").path()));
    }
    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "json")
    });
    files.sort();
    files
}
