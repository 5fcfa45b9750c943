//! Mutants that nothing can tell from the code, each with the reason.

use anyhow::{Context, Result};
use serde::Deserialize;

use super::tool::Mutant;
use crate::workspace::Workspace;

/// Where the reasons stand.
pub(super) const FILE: &str = "xtask/mutants.json";

/// All that are explained.
pub(super) struct Explained(Vec<Entry>);

/// One of them. The line of the code stands with it, so that a reason does not outlive what it
/// speaks of.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    file: String,
    /// What was changed, as cargo-mutants says it, without the place.
    mutant: String,
    /// The line that was changed, without its indent.
    line: String,
    /// Why no test can notice.
    why: String,
}

impl Explained {
    pub(super) fn read(workspace: &Workspace) -> Result<Self> {
        let text = std::fs::read_to_string(workspace.path(FILE))
            .with_context(|| format!("failed to read {FILE}"))?;
        let entries = serde_json::from_str(&text).with_context(|| format!("{FILE} is no list"))?;
        Ok(Explained(entries))
    }

    /// Why a mutant cannot be noticed.
    pub(super) fn why(&self, mutant: &Mutant) -> Option<&str> {
        let mut entries = self.0.iter();
        let entry = entries.find(|entry| {
            entry.file == mutant.file && entry.line == mutant.line && entry.mutant == mutant.what()
        });
        entry.map(|entry| entry.why.as_str())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_reason_is_for_one_change_of_one_line() {
        let explained = Explained(vec![Entry {
            file: "a.rs".to_owned(),
            mutant: "replace > with >= in f".to_owned(),
            line: "if a > b {".to_owned(),
            why: "both are the same".to_owned(),
        }]);
        let mutant = |name: &str, line: &str| Mutant {
            name: name.to_owned(),
            package: "p".to_owned(),
            file: "a.rs".to_owned(),
            line: line.to_owned(),
        };
        for (name, line, expected) in [
            ("a.rs:3:7: replace > with >= in f", "if a > b {", true),
            ("a.rs:9:7: replace > with >= in f", "if a > b {", true),
            ("a.rs:3:7: replace > with >= in f", "if a > c {", false),
            ("a.rs:3:7: replace > with < in f", "if a > b {", false),
        ] {
            let why = explained.why(&mutant(name, line));
            assert_eq!(why.is_some(), expected, "{name} on {line}");
        }
    }
}
