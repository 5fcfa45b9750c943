//! Drawn schedules break nothing; the same seed gives the same bytes, in this
//! process and in another one.

use std::process::Command;

use vmgroup_prove::logic;
use vmgroup_prove::runner::{self, Order};
use vmgroup_sim::schedule::{Profile, Schedule};
use vmgroup_sim::trace::Detail;

#[test]
fn a_few_schedules_of_every_profile_break_nothing() {
    let order = Order {
        first: 1,
        count: 270,
        for_at_most: None,
        threads: 2,
        profile: None,
        failures_max: 1,
    };
    let tally = runner::run(order, logic::cast, |_| {});
    if let Some((seed, breaches)) = tally.failures.first_key_value() {
        panic!("seed {seed}: {breaches:?}\nhint: vmgroup-prove --first {seed} --count 1 --explain");
    }
    assert_eq!((tally.schedules, tally.next), (270, 271));
    assert_eq!(tally.profiles.len(), Profile::ALL.len());
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    for (seed, profile) in (1..).zip(Profile::ALL) {
        let schedule = Schedule::draw(seed, profile);
        let trace = || schedule.run(logic::cast, Detail::Everything).trace;
        let (first, second) = (trace(), trace());
        assert!(first.lines().count() > 50, "{schedule}");
        assert_eq!(first, second, "{schedule}");
    }
}

#[test]
fn another_process_gives_the_same_bytes_too() {
    let schedule = Schedule::draw(2, &Profile::LEASED);
    let here = schedule.run(logic::cast, Detail::Everything).trace;
    let there = Command::new(env!("CARGO_BIN_EXE_vmgroup-prove"))
        .args(["--first", "2", "--profile", "leased", "--trace"])
        .output()
        .expect("the runner starts");
    let there = String::from_utf8(there.stdout).expect("a trace is text");
    assert_eq!(there, format!("{schedule}\n{here}"));
}
