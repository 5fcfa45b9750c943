//! A simulation that lies is found out, with few operations.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use vmgroup_honest::answer::{Answer, Outcome};
use vmgroup_honest::cluster::Clusters;
use vmgroup_honest::pair::Pair;
use vmgroup_honest::planted::Planted;
use vmgroup_honest::run::{Effort, Failure, run};
use vmgroup_honest::vcenter::Vcenters;

fn caught<P: Pair>(pair: P, lie: fn(&P::Operation, &mut Answer)) -> Failure {
    let effort = Effort {
        first_seed: 1,
        sequences: 40,
        length: 60,
        time: Duration::from_secs(60),
        shrinking: Duration::from_secs(30),
    };
    let report = run(&mut Planted { pair, lie }, effort).unwrap();
    report.failure.expect("the lie was believed")
}

#[test]
fn a_vcenter_that_cuts_the_power_of_a_vm_that_is_off_is_found_out() {
    let failure = caught(Vcenters::default(), |_, answer| {
        let fault = "task failed: InvalidPowerState (Off)";
        if answer.outcome == Outcome::Fault(fault.into()) {
            answer.outcome = Outcome::Fine("task succeeded".into());
        }
    });
    // A login, a VM and the call.
    assert!(failure.operations.len() <= 4, "{failure}");
    assert!(
        failure.to_string().contains("InvalidPowerState"),
        "{failure}"
    );
}

#[test]
fn an_api_server_that_hides_a_version_is_found_out() {
    let failure = caught(Clusters::default(), |operation, answer| {
        if Clusters::kind(operation) == "flurry" {
            answer.shown.remove("news of groups 2");
        }
    });
    // An object, and what changes it twice.
    assert!(failure.operations.len() <= 3, "{failure}");
    assert!(
        failure.to_string().contains("news of groups 2"),
        "{failure}"
    );
}
