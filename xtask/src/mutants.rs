//! `cargo xtask mutants`: changes the pure crates in one place at a time, and sees whether a test
//! notices.

mod explained;
mod record;
mod tool;
mod tree;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::Verdict;
use crate::voice::{print, say, took};
use crate::workspace::Workspace;
use explained::Explained;
use record::{Outcome, Record, Tally};
use tool::{CRATES, Crate, Mutant, Tool};
use tree::Tree;

/// Mutants a call of cargo-mutants: few, because the time is looked at in between, and what was
/// decided is written down.
const BATCH_MAX: usize = 8;

/// Change vmgroup-core and vmgroup-reconcile in one place at a time, and see whether a test notices.
///
/// cargo-mutants makes the changes ("mutants"): another operator, another constant answer, an arm
/// of a match left out. A mutant of core has to be caught by the unit tests of core; one of
/// reconcile by stories in the simulated world, or, where these let it pass, by its own tests, by
/// the script with a fault at every place and by schedules. What no test notices is missed: a
/// better test is needed, or, where the mutant does what the code does, a line in
/// xtask/mutants.json that says why nothing can tell them apart.
///
/// All work is done in a copy of the sources (target/mutants/tree), so files can be edited
/// meanwhile. What is decided is kept in docs/reference/mutants.json by file, as long as the file
/// stays as it is, its tests aside; every run goes on where the last one stopped. Whole runs take
/// hours. Name files or folders to begin with them:
///
///   cargo xtask mutants --minutes 30 host/core/src/check
///
///   cargo xtask mutants --missed host/core/src/check
///
/// Prints a line for each file, and for each mutant that was missed:
///
///   host/core/src/check/size.rs  caught=31 missed=1 timeout=0 unviable=2 open=0 killed=96.9%
///
/// killed is (caught + timeout) / (all decided − unviable); a missed mutant that is explained still
/// counts as missed there.
///
/// Exit codes: 0 all that was decided was caught or is explained, 1 some was missed, 2 it could not
/// be run.
#[derive(Args)]
pub(crate) struct Mutants {
    /// Files or folders whose mutants are run: all of both crates if none is named.
    places: Vec<String>,
    /// How long, builds of the first mutants aside; a batch that was begun is ended.
    #[arg(long, value_name = "N", default_value_t = 30)]
    minutes: u64,
    /// Only every N-th mutant, beginning with the K-th (from 1 on), for machines that share the work.
    #[arg(long, value_name = "K/N")]
    shard: Option<Shard>,
    /// Run those once more that were missed, because there are better tests.
    #[arg(long)]
    missed: bool,
    /// Forget what was decided, and decide all again.
    #[arg(long, conflicts_with = "missed")]
    anew: bool,
    /// Only say what was decided so far.
    #[arg(long, conflicts_with_all = ["missed", "anew"])]
    status: bool,
}

/// A part of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shard {
    index: usize,
    count: usize,
}

impl std::str::FromStr for Shard {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (index, count) = text.split_once('/').context("a shard is K/N, like 1/4")?;
        let (index, count) = (index.parse()?, count.parse()?);
        ensure!(
            (1..=count).contains(&index),
            "there is no part {index} of {count}: the first is 1/{count}"
        );
        Ok(Shard { index, count })
    }
}

impl Shard {
    fn has(self, place: usize) -> bool {
        place % self.count == self.index - 1
    }
}

impl Mutants {
    pub(crate) fn run(self, workspace: &Workspace) -> Result<Verdict> {
        let tool = Tool::ready(workspace)?;
        let tree = Tree::of(workspace)?;
        let explained = Explained::read(workspace)?;
        let mut record = Record::read(workspace, tool.list(&tree)?, &tree)?;
        let mutants = self.chosen(record.all())?;
        if self.anew {
            record.forget(&mutants);
        }
        if !self.status {
            self.decide(&tool, &tree, &mutants, &mut record)?;
        }
        Ok(report(&mutants, &record, &explained))
    }

    /// The mutants that this run is about.
    fn chosen(&self, all: &[Mutant]) -> Result<Vec<Mutant>> {
        for place in &self.places {
            ensure!(
                all.iter().any(|mutant| mutant.is_in(place)),
                "there is nothing to change in {place}\nhint: name a file or folder of {}",
                CRATES.map(|it| it.folder).join(" or ")
            );
        }
        let numbered = all.iter().enumerate();
        let chosen = numbered.filter(|(place, mutant)| {
            self.shard.is_none_or(|shard| shard.has(*place))
                && (self.places.is_empty() || self.places.iter().any(|it| mutant.is_in(it)))
        });
        Ok(chosen.map(|(_, mutant)| mutant.clone()).collect())
    }

    fn decide(
        &self,
        tool: &Tool,
        tree: &Tree,
        mutants: &[Mutant],
        record: &mut Record,
    ) -> Result<()> {
        let (begun, limit) = (Instant::now(), Duration::from_secs(self.minutes * 60));
        for part in &CRATES {
            let waiting: Vec<&Mutant> = mutants
                .iter()
                .filter(|mutant| mutant.package == part.package)
                .filter(|mutant| match record.outcome(mutant) {
                    None => !self.missed,
                    Some(outcome) => self.missed && outcome == Outcome::Missed,
                })
                .collect();
            if waiting.is_empty() {
                continue;
            }
            say(format_args!(
                "{}: {} mutants to decide; the sound code first",
                part.package,
                waiting.len()
            ));
            tool.check_sound(part, tree)?;
            decide_in_batches(tool, part, tree, &waiting, record, begun, limit)?;
        }
        Ok(())
    }
}

fn decide_in_batches(
    tool: &Tool,
    part: &Crate,
    tree: &Tree,
    waiting: &[&Mutant],
    record: &mut Record,
    begun: Instant,
    limit: Duration,
) -> Result<()> {
    let mut done = 0;
    for batch in batches(waiting) {
        if begun.elapsed() >= limit {
            say(format_args!(
                "the time is up; {} are left",
                waiting.len() - done
            ));
            return Ok(());
        }
        for (mutant, outcome) in tool.decide(part, tree, batch)? {
            if outcome == Outcome::Missed {
                say(format_args!("missed: {}", mutant.name));
            }
            record.decided(mutant, outcome, tree)?;
        }
        record.write()?;
        done += batch.len();
        say(format_args!(
            "{}: {done} of {} after {}",
            part.package,
            waiting.len(),
            took(begun.elapsed())
        ));
    }
    Ok(())
}

/// Mutants of one file each.
fn batches<'a, 'm>(waiting: &'a [&'m Mutant]) -> Vec<&'a [&'m Mutant]> {
    let mut batches = Vec::new();
    for of_file in waiting.chunk_by(|one, next| one.file == next.file) {
        if of_file.iter().any(|mutant| mutant.escapes_patterns()) {
            batches.push(of_file);
        } else {
            batches.extend(of_file.chunks(BATCH_MAX));
        }
    }
    batches
}

/// Prints the figures, and what was missed without an explanation.
fn report(mutants: &[Mutant], record: &Record, explained: &Explained) -> Verdict {
    let mut all = Tally::default();
    for of_file in mutants.chunk_by(|one, next| one.file == next.file) {
        let mut tally = Tally::default();
        for mutant in of_file {
            tally.add(record.outcome(mutant), explained.why(mutant).is_some());
        }
        if tally.decided() > 0 {
            print(format_args!("{}  {tally}", of_file[0].file));
        }
        all.merge(&tally);
    }
    print(format_args!("all  {all}"));
    for mutant in mutants {
        match (record.outcome(mutant), explained.why(mutant)) {
            (Some(Outcome::Missed), None) => {
                print(format_args!("missed: {}\n    {}", mutant.name, mutant.line));
            }
            (Some(Outcome::Missed), Some(why)) => {
                print(format_args!("explained: {}: {why}", mutant.name));
            }
            (Some(_), Some(_)) => say(format_args!(
                "hint: {} is explained and was noticed: take it out of {}",
                mutant.name,
                explained::FILE
            )),
            (_, _) => {}
        }
    }
    if all.missed > all.explained {
        Verdict::Failed
    } else {
        Verdict::Fine
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shards_have_every_mutant_once() {
        let shards: Vec<Shard> = ["1/3", "2/3", "3/3"]
            .iter()
            .map(|text| text.parse().expect("it is one"))
            .collect();
        for place in 0..10 {
            let having = shards.iter().filter(|shard| shard.has(place)).count();
            assert_eq!(having, 1, "mutant {place}");
        }
    }

    #[test]
    fn a_batch_is_of_one_file_and_short_unless_patterns_are_escaped() {
        let mutant = |file: &str, change: &str| Mutant {
            name: format!("{file}:1:1: {change}"),
            package: "p".to_owned(),
            file: file.to_owned(),
            line: String::new(),
        };
        let mut all = vec![mutant("a.rs", "replace > with <"); BATCH_MAX + 1];
        all.push(mutant("b.rs", "delete field a from struct B"));
        all.extend(vec![mutant("b.rs", "replace > with <"); BATCH_MAX]);
        let waiting: Vec<&Mutant> = all.iter().collect();
        let sizes: Vec<usize> = batches(&waiting).iter().map(|it| it.len()).collect();
        assert_eq!(sizes, [BATCH_MAX, 1, BATCH_MAX + 1]);
    }

    #[test]
    fn a_shard_that_is_none_is_refused() {
        for text in ["0/3", "4/3", "3", "a/b", "0/0"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
