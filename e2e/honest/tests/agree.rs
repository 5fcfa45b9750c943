//! The simulations and what they simulate give the same answers.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use vmgroup_honest::cluster::Clusters;
use vmgroup_honest::pair::Pair;
use vmgroup_honest::run::{Effort, Report, run};
use vmgroup_honest::vcenter::Vcenters;

/// About 2,000 operations, or as many as a busy machine manages in time.
const EFFORT: Effort = Effort {
    first_seed: 1,
    sequences: 60,
    length: 60,
    time: Duration::from_secs(45),
    shrinking: Duration::from_secs(60),
};

fn assert_honest<P: Pair>(report: &Report) {
    if let Some(failure) = &report.failure {
        panic!("{failure}");
    }
    let count = report.totals.count();
    assert!(count.all >= 200, "only {} operations were tried", count.all);
    assert!(
        count.faults * 10 >= count.all * 3,
        "only {} of {} operations were answered with a fault",
        count.faults,
        count.all
    );
    assert_eq!(report.totals.excessive::<P>(), [""; 0]);
    let (rarest, times) = report.totals.rarest::<P>();
    assert!(count.all < 2_000 || times > 0, "{rarest} was never tried");
}

#[test]
fn the_simulated_vcenter_answers_as_vcsim_does() {
    let report = run(&mut Vcenters::default(), EFFORT).unwrap();
    assert_honest::<Vcenters>(&report);
}

#[test]
fn the_simulated_api_server_answers_as_a_real_one_does() {
    let report = run(&mut Clusters::default(), EFFORT).unwrap();
    assert_honest::<Clusters>(&report);
}
