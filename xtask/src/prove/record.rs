//! What the pieces have shown, by the sources that they speak of.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::piece::Piece;
use crate::tidy::{before_tests, is_test};
use crate::workspace::Workspace;

/// Where the record stands.
const FILE: &str = "docs/reference/proof.json";

/// By piece.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Record(pub(super) BTreeMap<String, Entry>);

/// What one piece has shown of one state of its sources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// Hash of the sources.
    pub(super) sources: String,
    /// Where the next run begins.
    pub(super) next: u64,
    /// Seconds of all runs.
    pub(super) seconds: u64,
    /// Figures, added up or the largest.
    pub(super) figures: BTreeMap<String, u64>,
}

impl Record {
    pub(super) fn read(workspace: &Workspace) -> Result<Self> {
        let path = workspace.path(FILE);
        if !path.is_file() {
            return Ok(Record::default());
        }
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("failed to read {FILE}"))?;
        serde_json::from_str(&text)
            .with_context(|| format!("{FILE} is no record\nhint: git checkout {FILE}"))
    }

    pub(super) fn write(&self, workspace: &Workspace) -> Result<()> {
        let path = workspace.path(FILE);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let text = serde_json::to_string_pretty(self)? + "\n";
        std::fs::write(&path, text).with_context(|| format!("failed to write {FILE}"))
    }

    pub(super) fn of(&self, piece: &str) -> Option<&Entry> {
        self.0.get(piece)
    }

    /// The entry of a piece for these sources: a new one if they have changed.
    pub(super) fn entry(&mut self, piece: &str, sources: &str) -> &mut Entry {
        let fresh = || Entry {
            sources: sources.to_owned(),
            next: 1,
            seconds: 0,
            figures: BTreeMap::new(),
        };
        let entry = self.0.entry(piece.to_owned()).or_insert_with(fresh);
        if entry.sources != sources {
            *entry = fresh();
        }
        entry
    }
}

impl Entry {
    /// Adds what a run has shown.
    pub(super) fn add(&mut self, figures: &BTreeMap<String, u64>, piece: &Piece, took: Duration) {
        self.seconds += took.as_secs();
        for (name, figure) in figures {
            if piece.next == Some(name) {
                self.next = *figure;
            } else if piece.adds.contains(&name.as_str()) || piece.zeroes().any(|zero| zero == name)
            {
                *self.figures.entry(name.clone()).or_default() += figure;
            } else {
                let most = self.figures.entry(name.clone()).or_default();
                *most = (*most).max(*figure);
            }
        }
    }

    pub(super) fn summary(&self) -> String {
        let figures = self.figures.iter();
        let figures: Vec<String> = figures.map(|(name, it)| format!("{it} {name}")).collect();
        format!("{} in {} s", figures.join(", "), self.seconds)
    }
}

/// A hash over names and contents of all files below these places, tests aside: they
/// prove something of the sources, and change nothing about them.
pub(super) fn digest(workspace: &Workspace, places: &[&str]) -> Result<String> {
    let mut hash = Sha256::new();
    for place in places {
        let path = Path::new(place);
        let files = if workspace.path(path).is_dir() {
            workspace.files_below(path)?
        } else {
            vec![path.to_path_buf()]
        };
        for file in files {
            let below = file.strip_prefix(path).unwrap_or(&file);
            // The workspace's own lock is a place by itself; others cargo writes as it likes.
            if is_test(below) || below.ends_with("Cargo.lock") {
                continue;
            }
            let mut bytes = std::fs::read(workspace.path(&file))
                .with_context(|| format!("failed to read {}", file.display()))?;
            if let Ok(text) = std::str::from_utf8(&bytes) {
                bytes.truncate(before_tests(text).len());
            }
            hash.update(file.to_string_lossy().as_bytes());
            hash.update([0]);
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        }
    }
    let digest = hash.finalize();
    Ok(digest[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::pieces::PIECES;
    use super::*;

    #[test]
    fn a_record_goes_on_with_the_same_sources_and_begins_anew_with_others() {
        let mut record = Record::default();
        let piece = &PIECES[0];
        let figures = [("schedules", 100), ("breaches", 0), ("next seed", 101)];
        let figures = figures
            .map(|(name, figure)| (name.to_owned(), figure))
            .into();
        for round in 1..=2 {
            let entry = record.entry(piece.name, "a");
            entry.add(&figures, piece, Duration::from_secs(3));
            assert_eq!(entry.figures["schedules"], 100 * round);
            assert_eq!((entry.next, entry.seconds), (101, 3 * round));
        }
        assert_eq!(record.entry(piece.name, "b").next, 1);
    }

    #[test]
    fn a_hash_follows_names_and_contents() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("Cargo.toml"), "").unwrap();
        std::fs::create_dir(folder.path().join("src")).unwrap();
        let workspace = Workspace::at(folder.path()).unwrap();
        let hash = |name: &str, text: &str| {
            let path = folder.path().join("src").join(name);
            std::fs::write(&path, text).unwrap();
            let hash = digest(&workspace, &["src"]).unwrap();
            std::fs::remove_file(path).unwrap();
            hash
        };
        let one = hash("a", "x");
        assert_eq!(one, hash("a", "x"));
        assert_ne!(one, hash("a", "y"));
        assert_ne!(one, hash("b", "x"));
        let tested = "x\n#[cfg(test)]\nmod tests {\n}\n";
        assert_eq!(
            hash("a", "x\n"),
            hash("a", tested),
            "what its tests say is no part of it"
        );
        let listed = |code: &str| format!("#[cfg(test)]\nmod tests;\n{code}\n");
        assert_ne!(hash("a", &listed("x")), hash("a", &listed("y")));
        assert_eq!(hash("tests.rs", "x"), hash("tests.rs", "y"));
        assert_eq!(hash("Cargo.lock", "x"), hash("Cargo.lock", "y"));
        std::fs::write(folder.path().join("Cargo.lock"), "x").unwrap();
        let locked = || digest(&workspace, &["Cargo.lock"]).unwrap();
        let before = locked();
        std::fs::write(folder.path().join("Cargo.lock"), "y").unwrap();
        assert_ne!(locked(), before);
    }
}
