//! Many sequences, each drawn from a seed.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
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
#[derive(Debug, Clone, Default)]
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

impl Report {
    /// With what came of another pair at the same time.
    fn add(&mut self, other: Report) {
        self.totals.merge(other.totals);
        self.took = self.took.max(other.took);
        self.next_seed = self.next_seed.max(other.next_seed);
        self.failure = self.failure.take().or(other.failure);
    }
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
    try_seeds(pair, &Seeds::of(effort), effort)
}

/// The same with several pairs at a time, which wait for their servers most of the time.
///
/// # Errors
/// The harness itself is in trouble.
pub fn run_side_by_side<P: Pair>(
    make: impl Fn() -> P + Sync,
    effort: Effort,
    pairs: NonZeroUsize,
) -> Result<Report> {
    let seeds = Seeds::of(effort);
    let reports: Vec<_> = thread::scope(|scope| {
        let run = || try_seeds(&mut make(), &seeds, effort);
        let running: Vec<_> = (0..pairs.get()).map(|_| scope.spawn(run)).collect();
        let ended = running.into_iter().map(|one| {
            one.join()
                .unwrap_or_else(|_| Err(anyhow!("a pair panicked")))
        });
        ended.collect()
    });
    let mut all = Report::default();
    let mut trouble = None;
    for report in reports {
        match report {
            Ok(report) => all.add(report),
            Err(error) => trouble = trouble.or(Some(error)),
        }
    }
    match trouble {
        // What was found counts, whatever became of the others.
        Some(error) if all.failure.is_none() => Err(error),
        _ => Ok(all),
    }
}

/// The seeds that nobody has tried yet.
struct Seeds {
    next: AtomicU64,
    /// No more is to be tried.
    ended: AtomicBool,
    end: u64,
    deadline: Instant,
}

impl Seeds {
    fn of(effort: Effort) -> Self {
        Seeds {
            next: AtomicU64::new(effort.first_seed),
            ended: AtomicBool::new(false),
            end: effort.first_seed.saturating_add(effort.sequences),
            deadline: Instant::now() + effort.time,
        }
    }

    fn take(&self) -> Option<u64> {
        if self.ended.load(Ordering::Relaxed) || Instant::now() > self.deadline {
            return None;
        }
        let seed = self.next.fetch_add(1, Ordering::Relaxed);
        (seed < self.end).then_some(seed)
    }
}

/// Ends the others' work, too, if its owner does not come to an end.
struct Ending<'a> {
    seeds: &'a Seeds,
    is_well: bool,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        if !self.is_well {
            self.seeds.ended.store(true, Ordering::Relaxed);
        }
    }
}

fn try_seeds<P: Pair>(pair: &mut P, seeds: &Seeds, effort: Effort) -> Result<Report> {
    let begun = Instant::now();
    let mut ending = Ending {
        seeds,
        is_well: false,
    };
    let mut report = Report {
        next_seed: effort.first_seed,
        ..Report::default()
    };
    while let Some(seed) = seeds.take() {
        report.next_seed = seed.saturating_add(1);
        let operations = P::draw(&mut Random::new(seed), effort.length);
        let comparison = compare(pair, &operations)?;
        report.totals.add(&comparison);
        if let Some(found) = comparison.disagreement {
            seeds.ended.store(true, Ordering::Relaxed);
            let shrunk = shrink(pair, &operations, found, effort.shrinking)?;
            report.failure = Some(told(seed, &shrunk));
        }
    }
    report.took = begun.elapsed();
    ending.is_well = report.failure.is_none();
    Ok(report)
}

fn told<O: fmt::Display>(seed: u64, shrunk: &Shrunk<O>) -> Failure {
    let differences = &shrunk.disagreement.differences;
    Failure {
        seed,
        operations: shrunk.operations.iter().map(ToString::to_string).collect(),
        differences: differences.iter().map(ToString::to_string).collect(),
    }
}
