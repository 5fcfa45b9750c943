//! Results that outlive the process: a file of lines, one for each run. What is there
//! is not run again.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::points::Plan;
use super::run::Outcome;

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The digest of the operator's binary.
    pub binary: String,
    /// The seed of the order.
    pub seed: u64,
    /// The number of the plan.
    pub number: usize,
    /// What happened.
    pub plan: String,
    /// Whether all faults of the plan happened.
    pub reached: bool,
    /// How often operators were killed.
    pub killed: u64,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// From a fault to its healing.
    pub convergence_ms: u64,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failure: Option<String>,
}

/// The file, and what it holds of this binary and seed.
#[derive(Debug)]
pub struct Ledger {
    binary: String,
    seed: u64,
    file: Mutex<File>,
    lines: Mutex<BTreeMap<usize, Line>>,
}

impl Ledger {
    /// Opens or makes it. A line that was cut by a kill counts for nothing.
    pub fn open(path: &Path, binary: &str, seed: u64) -> io::Result<Self> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let lines = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Line>(line).ok());
        let ours = lines.filter(|line| line.binary == binary && line.seed == seed);
        let lines = ours.map(|line| (line.number, line)).collect();
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        if !text.is_empty() && !text.ends_with('\n') {
            file.write_all(b"\n")?;
        }
        Ok(Self {
            binary: binary.to_owned(),
            seed,
            file: Mutex::new(file),
            lines: Mutex::new(lines),
        })
    }

    /// Whether a plan has been run.
    pub fn has(&self, number: usize) -> bool {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.contains_key(&number)
    }

    /// All lines, by number.
    pub fn lines(&self) -> Vec<Line> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.values().cloned().collect()
    }

    /// Adds a run.
    pub fn add(&self, plan: &Plan, outcome: &Outcome) -> io::Result<()> {
        let ms = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let line = Line {
            binary: self.binary.clone(),
            seed: self.seed,
            number: plan.number,
            plan: plan.to_string(),
            reached: outcome.is_reached(),
            killed: outcome.killed,
            took_ms: ms(outcome.took),
            convergence_ms: ms(outcome.convergence),
            failure: outcome.failure.clone(),
        };
        let text = serde_json::to_string(&line).map_err(io::Error::other)?;
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(file, "{text}")?;
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.insert(plan.number, line);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_ledger_remembers_runs_of_the_same_binary_and_seed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep/ledger.jsonl");
        let outcome = Outcome {
            faults: 1,
            hit: 0,
            killed: 1,
            took: Duration::from_secs(9),
            convergence: Duration::from_secs(2),
            failure: None,
        };
        let plan = Plan {
            number: 3,
            faults: Vec::new(),
        };
        let open = |binary: &str, seed| Ledger::open(&path, binary, seed).expect("a ledger");
        open("b", 1).add(&plan, &outcome).expect("written");
        fs::write(
            &path,
            fs::read_to_string(&path).expect("text") + "{\"binary\":\"b\",",
        )
        .expect("a line that was cut");
        assert!(open("b", 1).has(3) && !open("b", 1).has(2));
        assert!(!open("b", 2).has(3) && !open("c", 1).has(3));
        open("c", 1).add(&plan, &outcome).expect("written");
        assert_eq!(open("c", 1).lines().len(), 1);
        assert_eq!(open("b", 1).lines()[0].convergence_ms, 2_000);
    }
}
