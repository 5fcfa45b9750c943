//! What was decided, by the file that was changed.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::tool::Mutant;
use super::tree::Tree;
use crate::workspace::Workspace;

/// What became of a mutant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
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

/// All that was decided. It lies with what was built: whoever has neither can make both.
pub(super) struct Record {
    path: PathBuf,
    files: BTreeMap<String, Entry>,
}

/// What was decided of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    /// Hash of its code.
    source: String,
    /// By the mutant's name.
    mutants: BTreeMap<String, Outcome>,
}

impl Record {
    pub(super) fn read(workspace: &Workspace) -> Result<Self> {
        let path = workspace.target("mutants/record.json");
        let files = match std::fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text)
                .with_context(|| format!("{} is no record", workspace.shown(&path)))?,
            Err(_) => BTreeMap::new(),
        };
        Ok(Record { path, files })
    }

    pub(super) fn write(&self) -> Result<()> {
        let text = serde_json::to_string_pretty(&self.files)?;
        std::fs::write(&self.path, text)
            .with_context(|| format!("failed to write {}", self.path.display()))
    }

    /// Forgets what was decided of a file whose code is another one by now.
    pub(super) fn keep_only_current(&mut self, file: &str, tree: &Tree) -> Result<()> {
        let source = code_hash(&tree.text(file)?);
        if self.files.get(file).is_some_and(|it| it.source != source) {
            self.files.remove(file);
        }
        Ok(())
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

/// A hash of what can be mutated: the tests stand at the end of a file and are left out, so that a
/// better test does not make everything undecided.
fn code_hash(text: &str) -> String {
    let code = text.split("\n#[cfg(test)]\nmod tests").next();
    let digest = Sha256::digest(code.unwrap_or(text).as_bytes());
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
