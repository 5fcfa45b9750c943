//! Schedules drawn by seed: deeds and faults in any order, then quiet. Whatever
//! happened, nothing unsafe did, and the world settles. `vmgroup-prove` runs
//! them by the thousand.

use vmgroup_sim::schedule::{Cast, Profile, Schedule, explain};
use vmgroup_sim::trace::Detail;

use crate::stage::{Native, modules};

fn cast(schedule: &Schedule) -> Cast<Native> {
    Cast {
        decide: Native::sound(),
        modules: modules(),
        factory: schedule.operators(),
    }
}

#[test]
fn drawn_schedules_are_safe_and_settle() {
    for profile in [Profile::USUAL, Profile::LEASED] {
        for seed in 1..=40 {
            let schedule = Schedule::draw(seed, &profile);
            let breaches = schedule.run(cast, Detail::Nothing).breaches;
            assert!(breaches.is_empty(), "{}", explain(&schedule, cast));
        }
    }
}
