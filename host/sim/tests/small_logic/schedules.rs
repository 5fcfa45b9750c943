//! Schedules drawn at random: people who meddle and things that go wrong, then
//! time to settle.

use vmgroup_sim::schedule::{Cast, Profile, Schedule, explain};
use vmgroup_sim::trace::Detail;

use super::{SmallLogic, module};

fn cast(schedule: &Schedule) -> Cast<SmallLogic> {
    Cast {
        decide: SmallLogic,
        modules: vec![module()],
        factory: schedule.operators(),
    }
}

#[test]
fn a_hundred_schedules_break_nothing() {
    for seed in 0..100 {
        let schedule = Schedule::draw(seed, &Profile::USUAL);
        let breaches = schedule.run(cast, Detail::Nothing).breaches;
        assert!(breaches.is_empty(), "{}", explain(&schedule, cast));
    }
}
