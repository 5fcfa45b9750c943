//! What was decided, by the file that was changed.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::tool::Mutant;
use super::tree::Tree;
use crate::tidy::before_tests;
use crate::workspace::Workspace;

/// What became of a mutant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// A test failed.
    Caught,
    /// No test failed.
    Missed,
    /// The tests did not end.
    Timeout,
    /// It does not compile.
    Unviable,
}

/// Where the record stands.
pub(super) const FILE: &str = "docs/reference/mutants.json";

/// All that was decided.
pub(super) struct Record {
    path: PathBuf,
    /// Every mutant that there is, those of a file side by side.
    all: Vec<Mutant>,
    files: BTreeMap<String, Entry>,
}

/// What was decided of one file.
struct Entry {
    /// Hash of its code.
    source: String,
    /// By the mutant's name.
    mutants: BTreeMap<String, Outcome>,
}

/// An entry as it is written down: a letter for each mutant of the file, in the order in
/// which cargo-mutants lists them.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    source: String,
    outcomes: String,
}

/// Stands for a mutant that is not decided.
const OPEN: char = '-';

impl Outcome {
    const ALL: [Outcome; 4] = [
        Outcome::Caught,
        Outcome::Missed,
        Outcome::Timeout,
        Outcome::Unviable,
    ];

    fn letter(self) -> char {
        match self {
            Outcome::Caught => 'c',
            Outcome::Missed => 'm',
            Outcome::Timeout => 't',
            Outcome::Unviable => 'u',
        }
    }

    fn of_letter(letter: char) -> Option<Outcome> {
        Outcome::ALL.into_iter().find(|it| it.letter() == letter)
    }
}

impl Record {
    /// What was decided of these mutants, which are all there are. What is recorded of code
    /// that is another one by now is forgotten.
    pub(super) fn read(workspace: &Workspace, all: Vec<Mutant>, tree: &Tree) -> Result<Self> {
        let path = workspace.path(FILE);
        let written: BTreeMap<String, Written> = match std::fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text)
                .with_context(|| format!("{FILE} is no record\nhint: git checkout {FILE}"))?,
            Err(_) => BTreeMap::new(),
        };
        let mut files = BTreeMap::new();
        for of_file in all.chunk_by(|one, next| one.file == next.file) {
            let file = &of_file[0].file;
            let Some(written) = written.get(file) else {
                continue;
            };
            let is_current = written.source == code_hash(&tree.text(file)?);
            if is_current && written.outcomes.chars().count() == of_file.len() {
                files.insert(file.clone(), written.expand(of_file));
            }
        }
        Ok(Record { path, all, files })
    }

    pub(super) fn all(&self) -> &[Mutant] {
        &self.all
    }

    pub(super) fn write(&self) -> Result<()> {
        let files = self.all.chunk_by(|one, next| one.file == next.file);
        let written: BTreeMap<&String, Written> = files
            .filter_map(|of_file| {
                let file = &of_file[0].file;
                Some((file, self.files.get(file)?.shorten(of_file)))
            })
            .collect();
        let text = serde_json::to_string_pretty(&written)? + "\n";
        std::fs::write(&self.path, text)
            .with_context(|| format!("failed to write {}", self.path.display()))
    }

    pub(super) fn forget(&mut self, mutants: &[Mutant]) {
        for mutant in mutants {
            if let Some(entry) = self.files.get_mut(&mutant.file) {
                entry.mutants.remove(&mutant.name);
            }
        }
    }

    pub(super) fn outcome(&self, mutant: &Mutant) -> Option<Outcome> {
        let entry = self.files.get(&mutant.file)?;
        entry.mutants.get(&mutant.name).copied()
    }

    pub(super) fn decided(&mut self, mutant: &Mutant, outcome: Outcome, tree: &Tree) -> Result<()> {
        let source = code_hash(&tree.text(&mutant.file)?);
        let fresh = || Entry {
            source,
            mutants: BTreeMap::new(),
        };
        let entry = self.files.entry(mutant.file.clone());
        let mutants = &mut entry.or_insert_with(fresh).mutants;
        mutants.insert(mutant.name.clone(), outcome);
        Ok(())
    }
}

impl Written {
    fn expand(&self, of_file: &[Mutant]) -> Entry {
        let outcomes = self.outcomes.chars().map(Outcome::of_letter);
        let mutants = of_file.iter().zip(outcomes);
        let mutants = mutants.filter_map(|(mutant, outcome)| Some((mutant.name.clone(), outcome?)));
        Entry {
            source: self.source.clone(),
            mutants: mutants.collect(),
        }
    }
}

impl Entry {
    fn shorten(&self, of_file: &[Mutant]) -> Written {
        let outcome = |mutant: &Mutant| self.mutants.get(&mutant.name).copied();
        let letters = of_file
            .iter()
            .map(|mutant| outcome(mutant).map_or(OPEN, Outcome::letter));
        Written {
            source: self.source.clone(),
            outcomes: letters.collect(),
        }
    }
}

/// A hash of what can be mutated: the tests stand at the end of a file and are left out, so that a
/// better test does not make everything undecided.
fn code_hash(text: &str) -> String {
    let digest = Sha256::digest(before_tests(text).as_bytes());
    let bytes = digest[..8].iter();
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

/// How many of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tally {
    pub(super) caught: usize,
    pub(super) missed: usize,
    pub(super) timeout: usize,
    pub(super) unviable: usize,
    /// Not decided yet.
    pub(super) open: usize,
    /// Of those missed.
    pub(super) explained: usize,
}

impl Tally {
    pub(super) fn add(&mut self, outcome: Option<Outcome>, is_explained: bool) {
        match outcome {
            Some(Outcome::Caught) => self.caught += 1,
            Some(Outcome::Missed) => {
                self.missed += 1;
                self.explained += usize::from(is_explained);
            }
            Some(Outcome::Timeout) => self.timeout += 1,
            Some(Outcome::Unviable) => self.unviable += 1,
            None => self.open += 1,
        }
    }

    pub(super) fn merge(&mut self, other: &Tally) {
        self.caught += other.caught;
        self.missed += other.missed;
        self.timeout += other.timeout;
        self.unviable += other.unviable;
        self.open += other.open;
        self.explained += other.explained;
    }

    pub(super) fn decided(&self) -> usize {
        self.caught + self.missed + self.timeout + self.unviable
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            caught,
            missed,
            timeout,
            unviable,
            open,
            explained,
        } = self;
        write!(
            formatter,
            "caught={caught} missed={missed} timeout={timeout} unviable={unviable} open={open}"
        )?;
        if *explained > 0 {
            write!(formatter, " explained={explained}")?;
        }
        let (killed, viable) = (caught + timeout, caught + timeout + missed);
        if viable > 0 {
            write!(
                formatter,
                " killed={:.1}%",
                killed as f64 * 100.0 / viable as f64
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_first_test_of_a_file_decides_nothing_anew() {
        let code = "fn a() {\n}\n";
        let tested = format!("{code}\n#[cfg(test)]\nmod tests {{\n    fn b() {{}}\n}}\n");
        assert_eq!(code_hash(code), code_hash(&tested));
        assert_ne!(code_hash(code), code_hash("fn a() {}\n"));
    }

    #[test]
    fn what_is_unviable_or_open_is_not_in_the_rate() {
        let mut tally = Tally::default();
        let outcomes = [
            (Some(Outcome::Caught), false),
            (Some(Outcome::Caught), true),
            (Some(Outcome::Timeout), false),
            (Some(Outcome::Missed), true),
            (Some(Outcome::Unviable), false),
            (None, true),
        ];
        for (outcome, is_explained) in outcomes {
            tally.add(outcome, is_explained);
        }
        assert_eq!(
            tally.to_string(),
            "caught=2 missed=1 timeout=1 unviable=1 open=1 explained=1 killed=75.0%"
        );
        assert_eq!(
            Tally::default().to_string(),
            "caught=0 missed=0 timeout=0 unviable=0 open=0"
        );
        let mut twice = tally;
        twice.merge(&tally);
        assert_eq!((tally.decided(), twice.decided()), (5, 10));
    }

    #[test]
    fn what_is_written_down_is_read_again() {
        let mutant = |change: &str| Mutant {
            name: format!("a.rs:1:1: {change}"),
            package: "p".to_owned(),
            file: "a.rs".to_owned(),
            line: String::new(),
        };
        let all = ["b", "c", "d", "e", "f"].map(mutant);
        let outcomes = Outcome::ALL.into_iter().zip(&all);
        let entry = Entry {
            source: "hash".to_owned(),
            mutants: outcomes
                .map(|(outcome, mutant)| (mutant.name.clone(), outcome))
                .collect(),
        };
        let written = entry.shorten(&all);
        assert_eq!(written.outcomes, "cmtu-");
        assert_eq!(written.expand(&all).mutants, entry.mutants);
    }

    #[test]
    fn better_tests_leave_what_was_decided() {
        let code = "fn f() {}\n";
        let tested = "fn f() {}\n\n#[cfg(test)]\nmod tests {\n    fn g() {}\n}\n";
        let better = tested.replace("fn g", "fn h");
        assert_eq!(code_hash(tested), code_hash(&better));
        assert_ne!(
            code_hash(tested),
            code_hash(&tested.replace("fn f", "fn e"))
        );
        assert_ne!(code_hash(code), code_hash("fn e() {}\n"));
    }
}
