//! Many sequences, one after another, each drawn from a seed.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::Result;
use vmgroup_sim::random::Random;

use crate::compare::compare;
use crate::pair::Pair;
use crate::shrink::{Shrunk, shrink};
use crate::totals::Totals;

/// How much is tried.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// The seed of the first sequence; each one counts up.
    pub first_seed: u64,
    /// How many sequences at most.
    pub sequences: u64,
    /// How many operations each has.
    pub length: usize,
    /// No sequence begins after so long.
    pub time: Duration,
    /// Time to make a failing sequence short.
    pub shrinking: Duration,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Report {
    /// What was carried out.
    pub totals: Totals,
    /// How long it took.
    pub took: Duration,
    /// The seed after the last one that was run.
    pub next_seed: u64,
    /// The first sequence on which the sides disagree.
    pub failure: Option<Failure>,
}

/// A sequence on which the sides disagree.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Its seed.
    pub seed: u64,
    /// The shortest one found.
    pub operations: Vec<String>,
    /// Both answers.
    pub differences: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure {
            seed,
            operations,
            differences,
        } = self;
        writeln!(f, "the sides disagree on seed {seed} after:")?;
        for operation in operations {
            writeln!(f, "  {operation}")?;
        }
        writeln!(f, "about:")?;
        for difference in differences {
            writeln!(f, "{difference}")?;
        }
        Ok(())
    }
}

/// Tries sequences until the effort is spent or the sides disagree.
///
/// # Errors
/// The harness itself is in trouble.
pub fn run<P: Pair>(pair: &mut P, effort: Effort) -> Result<Report> {
    let begun = Instant::now();
    let mut totals = Totals::default();
    let mut failure = None;
    let mut next_seed = effort.first_seed;
    for seed in effort.first_seed..effort.first_seed.saturating_add(effort.sequences) {
        if begun.elapsed() > effort.time {
            break;
        }
        next_seed = seed.saturating_add(1);
        let operations = P::draw(&mut Random::new(seed), effort.length);
        let comparison = compare(pair, &operations)?;
        totals.add(&comparison);
        if let Some(found) = comparison.disagreement {
            let shrunk = shrink(pair, &operations, found, effort.shrinking)?;
            failure = Some(told(seed, &shrunk));
            break;
        }
    }
    Ok(Report {
        totals,
        took: begun.elapsed(),
        next_seed,
        failure,
    })
}

fn told<O: fmt::Display>(seed: u64, shrunk: &Shrunk<O>) -> Failure {
    let differences = &shrunk.disagreement.differences;
    Failure {
        seed,
        operations: shrunk.operations.iter().map(ToString::to_string).collect(),
        differences: differences.iter().map(ToString::to_string).collect(),
    }
}
