//! Looking for a seeded bug: seed after seed, until an oracle catches it.

use vmgroup_sim::oracles::Breach;
use vmgroup_sim::schedule::{Cast, Schedule};
use vmgroup_sim::trace::Detail;

use super::{Flaw, operators};
use crate::logic::{self, Native};

/// A bug that was caught.
#[derive(Debug, Clone)]
pub struct Caught {
    /// The seed whose schedule did.
    pub seed: u64,
    /// How many schedules that took.
    pub schedules: u64,
    /// What it broke first.
    pub breach: Breach,
}

/// Draws at most so many schedules from the first seed on. None if the bug gets
/// away.
pub fn hunt(flaw: &Flaw, first: u64, most: u64) -> Option<Caught> {
    let cast = |schedule: &Schedule| -> Cast<Native> {
        Cast {
            factory: operators(schedule, flaw.bug),
            ..logic::cast(schedule)
        }
    };
    for (schedules, seed) in (1..=most).zip(first..) {
        let schedule = Schedule::draw(seed, flaw.profile);
        let run = schedule.run(cast, Detail::Nothing);
        let mut breaches = run.breaches.into_iter();
        let Some(breach) = breaches.find(|breach| flaw.is_for(breach.oracle)) else {
            continue;
        };
        // What breaks without the bug, too, catches nothing.
        let sound = schedule.run(logic::cast, Detail::Nothing);
        if sound.breaches.is_empty() {
            return Some(Caught {
                seed,
                schedules,
                breach,
            });
        }
    }
    None
}
