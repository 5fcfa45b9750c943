//! A schedule that breaks something, made as small as it still breaks it.

use super::{Cast, Item, Schedule, Ways};
use crate::deed::Deed;
use crate::faults::LossRates;
use crate::host::Decide;
use crate::oracles::Breach;
use crate::trace::Detail;

/// Most runs that a shrinking takes.
const RUNS_MAX: usize = 300;

/// The smallest schedule found.
#[derive(Debug, Clone)]
pub struct Shrunk {
    /// It breaks the same oracle.
    pub schedule: Schedule,
    /// What it breaks.
    pub breaches: Vec<Breach>,
    /// How many runs that took.
    pub runs: usize,
}

/// Leaves out whatever is not needed to break the same oracle: hosts, losses,
/// vCenter's ways, the finale, then items, half of them at a time, at last one by one.
pub fn shrink(
    schedule: &Schedule,
    breaches: Vec<Breach>,
    mut run: impl FnMut(&Schedule) -> Vec<Breach>,
) -> Shrunk {
    let flaw = breaches.first().map(shape).unwrap_or_default();
    let mut shrunk = Shrunk {
        schedule: schedule.clone(),
        breaches,
        runs: 0,
    };
    for candidate in [
        Schedule {
            hosts: 1,
            ..shrunk.schedule.clone()
        },
        Schedule {
            losses: LossRates::default(),
            ..shrunk.schedule.clone()
        },
        Schedule {
            ways: Ways::default(),
            ..shrunk.schedule.clone()
        },
        Schedule {
            deletes_all: false,
            ..shrunk.schedule.clone()
        },
    ] {
        shrunk.attempt(candidate, &flaw, &mut run);
    }
    let mut width = shrunk.schedule.items.len().div_ceil(2);
    while width > 0 && shrunk.runs < RUNS_MAX {
        let mut from = 0;
        let mut left_out = false;
        while from < shrunk.schedule.items.len() {
            let mut items: Vec<Item> = shrunk.schedule.items.clone();
            let mut index = 0;
            items.retain(|item| {
                index += 1;
                let kept = index <= from || index > from + width;
                kept || is_scenery(item)
            });
            let candidate = Schedule {
                items,
                ..shrunk.schedule.clone()
            };
            if shrunk.attempt(candidate, &flaw, &mut run) {
                left_out = true;
            } else {
                from += width;
            }
        }
        if !(left_out && width == 1) {
            width /= 2;
        }
    }
    shrunk
}

/// What a schedule breaks, as small as it gets, with the trace of that run: for
/// a person to read.
pub fn explain<D: Decide>(schedule: &Schedule, cast: impl Fn(&Schedule) -> Cast<D>) -> String {
    let breaches = schedule.run(&cast, Detail::Nothing).breaches;
    if breaches.is_empty() {
        return format!("{schedule}breaks nothing\n");
    }
    let shrunk = shrink(schedule, breaches, |candidate| {
        candidate.run(&cast, Detail::Nothing).breaches
    });
    let run = shrunk.schedule.run(&cast, Detail::Everything);
    // What repeats for ever says nothing.
    let told = |line: &&str| {
        !line.ends_with("FeedIdle") && !line.contains("LeaseSeen") && !line.contains(" lease ")
    };
    let trace: Vec<&str> = run.trace.lines().filter(told).collect();
    let breaches: Vec<String> = run.breaches.iter().map(ToString::to_string).collect();
    format!(
        "{}\n\n{}\n(found in {} runs)\n\n{}\n",
        breaches.join("\n"),
        shrunk.schedule,
        shrunk.runs,
        trace.join("\n")
    )
}

/// A breach without its numbers: what it has in common with one that is smaller.
fn shape(breach: &Breach) -> String {
    let text = breach.text.chars().filter(|it| !it.is_ascii_digit());
    let words: String = text.take(24).collect();
    format!("{} {words}", breach.oracle)
}

/// Without it nothing can be as it should.
fn is_scenery(item: &Item) -> bool {
    matches!(item, Item::Deed(_, Deed::AddTemplate(_)))
}

impl Shrunk {
    /// Takes the candidate if it has that flaw.
    fn attempt(
        &mut self,
        candidate: Schedule,
        flaw: &str,
        run: &mut impl FnMut(&Schedule) -> Vec<Breach>,
    ) -> bool {
        if candidate == self.schedule || self.runs >= RUNS_MAX {
            return false;
        }
        self.runs += 1;
        let breaches = run(&candidate);
        let breaks = breaches.iter().any(|breach| shape(breach) == flaw);
        if breaks {
            self.schedule = candidate;
            self.breaches = breaches;
        }
        breaks
    }
}
