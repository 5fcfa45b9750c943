//! cargo-mutants: installing it, asking it for the mutants, and having it run some of them.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::record::Outcome;
use super::tree::Tree;
use crate::child;
use crate::voice::{print, say};
use crate::workspace::Workspace;

/// The version whose output is read here.
const CARGO_MUTANTS: &str = "27.0.0";

/// Seconds after which tests count as endless: several times what they take on a busy machine.
const TIMEOUT: u64 = 25;

/// Random cases that a property is held against.
const CASES: &str = "500";

/// Seconds that a mutant may take in one try, before the tool itself counts as hanging.
const PATIENCE: u64 = 600;

/// A crate that is changed, and what has to notice.
pub(super) struct Crate {
    pub(super) package: &'static str,
    pub(super) folder: &'static str,
    /// The packages whose tests are run.
    tested: &'static [&'static str],
    /// Which of their tests: those of a later try are only built for what the earlier ones let pass.
    tries: &'static [&'static [&'static str]],
}

/// In the order in which they are run.
pub(super) const CRATES: [Crate; 2] = [
    Crate {
        package: "vmgroup-core",
        folder: "host/core",
        tested: &["vmgroup-core"],
        // Its test beside the sources only reads the cases, and costs as much to build as all.
        tries: &[&["--lib"]],
    },
    Crate {
        package: "vmgroup-reconcile",
        folder: "host/reconcile",
        tested: &["vmgroup-reconcile", "vmgroup-sim", "vmgroup-prove"],
        // Without its sandbox, whose build takes minutes.
        tries: &[
            &["--no-default-features", "--test=stories"],
            &[
                "--no-default-features",
                "--lib",
                "--test=anywhere",
                "--test=schedules",
            ],
        ],
    },
];

/// One change of the code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mutant {
    /// What cargo-mutants calls it: `FILE:LINE:COLUMN: CHANGE`.
    pub(super) name: String,
    pub(super) package: String,
    pub(super) file: String,
    /// The line that is changed, without its indent.
    pub(super) line: String,
}

impl Mutant {
    /// The change, without its place.
    pub(super) fn what(&self) -> &str {
        self.name.splitn(4, ':').nth(3).unwrap_or_default().trim()
    }

    /// A field left out of a struct: cargo-mutants 27 runs these of a file whatever pattern it is
    /// given, so they are asked for all at once.
    pub(super) fn escapes_patterns(&self) -> bool {
        self.what().starts_with("delete field ")
    }

    /// It is in this file or below this folder.
    pub(super) fn is_in(&self, place: &str) -> bool {
        let place = place.trim_end_matches('/');
        let rest = self.file.strip_prefix(place);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// What cargo-mutants says of a mutant.
#[derive(Deserialize)]
struct Told {
    name: String,
    package: String,
    file: String,
    span: Span,
}

#[derive(Deserialize)]
struct Span {
    start: Start,
}

#[derive(Deserialize)]
struct Start {
    line: usize,
}

/// cargo-mutants, and where it builds.
pub(super) struct Tool {
    binary: PathBuf,
    build: PathBuf,
    out: PathBuf,
}

impl Tool {
    /// Installs it if it is not there.
    pub(super) fn ready(workspace: &Workspace) -> Result<Self> {
        let root = workspace.target("mutants/tools");
        let binary = root.join("bin/cargo-mutants");
        if !binary.is_file() {
            say(format_args!(
                "mutants: installing cargo-mutants {CARGO_MUTANTS}"
            ));
            let mut install = child::cargo();
            install
                .args(["install", "cargo-mutants", "--locked", "--version"])
                .arg(CARGO_MUTANTS)
                .arg("--root")
                .arg(&root);
            child::run_shown(&mut install)?;
        }
        Ok(Tool {
            binary,
            build: workspace.target("mutants/build"),
            out: workspace.target("mutants/out"),
        })
    }

    /// All mutants of both crates, by file.
    pub(super) fn list(&self, tree: &Tree) -> Result<Vec<Mutant>> {
        let mut list = self.command(tree);
        list.args(["--list", "--json"]);
        for part in &CRATES {
            list.args(["--package", part.package]);
        }
        let told: Vec<Told> = serde_json::from_str(&child::output(&mut list)?)
            .context("cargo-mutants lists something else than mutants")?;
        let mutants = told.into_iter().map(|told| {
            let text = tree.text(&told.file)?;
            let line = text.lines().nth(told.span.start.line - 1);
            Ok(Mutant {
                line: line.unwrap_or_default().trim().to_owned(),
                name: told.name,
                package: told.package,
                file: told.file,
            })
        });
        mutants.collect()
    }

    /// The tests have to pass as long as nothing is changed.
    pub(super) fn check_sound(&self, part: &Crate, tree: &Tree) -> Result<()> {
        for tests in part.tries {
            self.check_sound_by(part, tests, tree)?;
        }
        Ok(())
    }

    /// They have to be done well within the time that a mutant has, so that no slow machine is
    /// taken for one that hangs; what is built is built before that.
    fn check_sound_by(&self, part: &Crate, tests: &[&str], tree: &Tree) -> Result<()> {
        self.test_sound(part, &[tests, &["--no-run"]].concat(), tree, None)?;
        self.test_sound(
            part,
            tests,
            tree,
            Some(Duration::from_secs(TIMEOUT * 4 / 5)),
        )
    }

    fn test_sound(
        &self,
        part: &Crate,
        tests: &[&str],
        tree: &Tree,
        limit: Option<Duration>,
    ) -> Result<()> {
        let mut test = child::cargo();
        test.args(["test", "--quiet", "--profile=mutants"]);
        for package in part.tested {
            test.args(["--package", package]);
        }
        test.args(tests)
            .env("CARGO_TARGET_DIR", &self.build)
            // As cargo-mutants does because of `cap_lints`; with other flags all is built anew.
            .env("CARGO_ENCODED_RUSTFLAGS", "--cap-lints=warn")
            .current_dir(tree.root());
        let log = self.out.with_extension("sound.txt");
        let status = child::run_logged(part.package, &mut test, &log, limit)?;
        if !status.success() {
            print(child::last_lines(&log, 30)?);
            bail!("the tests of {} fail without any mutant", part.package);
        }
        Ok(())
    }

    /// Decides some mutants of one file.
    pub(super) fn decide<'m>(
        &self,
        part: &Crate,
        tree: &Tree,
        mutants: &[&'m Mutant],
    ) -> Result<Vec<(&'m Mutant, Outcome)>> {
        let undecided = mutants.iter().map(|mutant| (*mutant, Outcome::Missed));
        let mut decided: Vec<(&Mutant, Outcome)> = undecided.collect();
        for tests in part.tries {
            // What hangs in one try may be caught by a later one.
            let open = |outcome| matches!(outcome, Outcome::Missed | Outcome::Timeout);
            let left = decided.iter().filter(|(_, outcome)| open(*outcome));
            let left: Vec<&Mutant> = left.map(|(mutant, _)| *mutant).collect();
            if left.is_empty() {
                break;
            }
            for (mutant, outcome) in self.decide_by(part, tests, tree, &left)? {
                let known = decided.iter_mut().find(|(known, _)| *known == mutant);
                if let Some((_, known)) = known.filter(|_| outcome != Outcome::Missed) {
                    *known = outcome;
                }
            }
        }
        Ok(decided)
    }

    fn decide_by<'m>(
        &self,
        part: &Crate,
        tests: &[&str],
        tree: &Tree,
        mutants: &[&'m Mutant],
    ) -> Result<Vec<(&'m Mutant, Outcome)>> {
        let mut run = self.command(tree);
        run.args(["--in-place", "--baseline=skip", "--no-shuffle"])
            .arg(format!("--timeout={TIMEOUT}"))
            .arg("--output")
            .arg(&self.out)
            .args(["--package", part.package])
            .args(mutants.first().map(|one| format!("--file={}", one.file)));
        for package in part.tested {
            run.args(["--test-package", package]);
        }
        for test in tests {
            run.arg(format!("--cargo-arg={test}"));
        }
        for mutant in mutants {
            run.arg("--re").arg(exactly(&mutant.name));
        }
        fs::create_dir_all(&self.out)?;
        let log = self.out.with_extension("txt");
        let limit = Duration::from_secs(PATIENCE * mutants.len() as u64);
        let status = child::run_logged("cargo-mutants", &mut run, &log, Some(limit))?;
        // 2 and 3 say that some were missed, or took too long.
        ensure!(
            status.code().is_some_and(|code| [0, 2, 3].contains(&code)),
            "cargo-mutants failed ({status}):\n{}",
            child::last_lines(&log, 30)?
        );
        let outcomes = fs::read_to_string(self.out.join("mutants.out/outcomes.json"))
            .context("cargo-mutants left no outcomes")?;
        let outcomes = outcomes_in(&outcomes)?;
        let of = |mutant: &'m Mutant| {
            let mut all = outcomes.iter();
            let (_, outcome) = all
                .find(|(name, _)| *name == mutant.name)
                .with_context(|| format!("cargo-mutants did not decide {}", mutant.name))?;
            Ok((mutant, *outcome))
        };
        mutants.iter().copied().map(of).collect()
    }

    fn command(&self, tree: &Tree) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(["mutants", "--colors=never"])
            .env("CARGO_TARGET_DIR", &self.build)
            // A few properties take a fourth of these by default, and the rules' model four times as
            // many, which is longer than all other tests together.
            .env("PROPTEST_CASES", CASES)
            // Nobody reads where a mutant failed, and finding that takes longer than the test.
            .env("RUST_BACKTRACE", "0")
            .current_dir(tree.root());
        command
    }
}

/// A pattern that only this name matches.
fn exactly(name: &str) -> String {
    let mut pattern = String::from("^");
    for letter in name.chars() {
        if r"\.+*?()|[]{}^$#&-~".contains(letter) {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('$');
    pattern
}

/// What cargo-mutants wrote down, by name.
fn outcomes_in(text: &str) -> Result<Vec<(String, Outcome)>> {
    #[derive(Deserialize)]
    struct Lab {
        outcomes: Vec<Scenario>,
    }
    #[derive(Deserialize)]
    struct Scenario {
        scenario: Kind,
        summary: String,
    }
    #[derive(Deserialize)]
    enum Kind {
        Baseline,
        Mutant(Named),
    }
    #[derive(Deserialize)]
    struct Named {
        name: String,
    }
    let lab: Lab = serde_json::from_str(text).context("these are no outcomes")?;
    let mut decided = Vec::new();
    for one in lab.outcomes {
        let Kind::Mutant(Named { name }) = one.scenario else {
            continue;
        };
        let outcome = match one.summary.as_str() {
            "CaughtMutant" => Outcome::Caught,
            "MissedMutant" => Outcome::Missed,
            "Timeout" => Outcome::Timeout,
            "Unviable" => Outcome::Unviable,
            other => bail!("nobody knows what {other} means for {name}"),
        };
        decided.push((name, outcome));
    }
    Ok(decided)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn mutant(name: &str, file: &str) -> Mutant {
        Mutant {
            name: name.to_owned(),
            package: "p".to_owned(),
            file: file.to_owned(),
            line: String::new(),
        }
    }

    #[test]
    fn a_change_has_no_place() {
        let mutant = mutant("src/a.rs:3:7: replace A::f -> b::C with d::E", "src/a.rs");
        assert_eq!(mutant.what(), "replace A::f -> b::C with d::E");
    }

    #[test]
    fn a_place_is_a_file_or_a_folder() {
        let mutant = mutant("n", "host/core/src/check/size.rs");
        for (place, expected) in [
            ("host/core", true),
            ("host/core/src/check/", true),
            ("host/core/src/check/size.rs", true),
            ("host/core/src/check/si", false),
            ("host/reconcile", false),
        ] {
            assert_eq!(mutant.is_in(place), expected, "{place}");
        }
    }

    #[test]
    fn a_pattern_matches_by_letter() {
        assert_eq!(exactly("a.rs:1: x || y_z"), r"^a\.rs:1: x \|\| y_z$");
    }

    #[test]
    fn outcomes_are_read_by_name() {
        let text = r#"{"outcomes": [
            {"scenario": "Baseline", "summary": "Success"},
            {"scenario": {"Mutant": {"name": "a", "file": "f"}}, "summary": "CaughtMutant"},
            {"scenario": {"Mutant": {"name": "b", "file": "f"}}, "summary": "Timeout"}
        ], "total_mutants": 2}"#;
        let expected = [
            ("a".to_owned(), Outcome::Caught),
            ("b".to_owned(), Outcome::Timeout),
        ];
        assert_eq!(outcomes_in(text).unwrap(), expected);
        assert!(outcomes_in(&text.replace("Timeout", "Other")).is_err());
    }
}
