//! One script, told again and again with one fault: at every call, after every step, and
//! at every half second.
#![allow(clippy::unwrap_used, missing_docs)]
#![allow(
    clippy::needless_pass_by_value,
    reason = "a story reads better with values"
)]

#[path = "../stories/stage.rs"]
#[allow(dead_code, reason = "the stories use the rest")]
mod stage;

use vmgroup_core::time::Monotonic;
use vmgroup_sim::deed::Deed;
use vmgroup_sim::faults::{Fault, RequestFault, Unsent, WorldFault};
use vmgroup_sim::kind::Kind;
use vmgroup_sim::options::Options;

use crate::stage::{Stage, key, spec, spoiled};

/// Create, scale up, scale down, delete; safe at the end.
fn script(stage: &mut Stage) {
    stage.create("web", spec(3));
    stage.until_phase("web", "RUNNING", 600);
    stage.act(Deed::Scale(key("web"), 5));
    stage.until_phase("web", "RUNNING", 600);
    assert_eq!(stage.running("web"), 5, "{}", stage.story());
    stage.act(Deed::Scale(key("web"), 2));
    stage.until_phase("web", "RUNNING", 600);
    assert_eq!(stage.running("web"), 2, "{}", stage.story());
    stage.act(Deed::Delete(key("web")));
    stage.until_empty(600);
    assert_eq!(stage.vms("web").len(), 0);
    stage.assert_safe();
}

#[test]
fn the_script_runs_without_faults() {
    script(&mut Stage::new(Vec::new()));
}

#[test]
fn a_lost_answer_to_any_call_duplicates_and_loses_nothing() {
    for kind in Kind::ALL.iter().copied() {
        for nth in 1..=4 {
            for what in [RequestFault::LostAfter, RequestFault::LostBefore] {
                let fault = spoiled(kind, nth, what);
                script(&mut Stage::new(vec![fault]));
            }
        }
    }
}

#[test]
fn a_crash_before_or_after_any_call_duplicates_and_loses_nothing() {
    for kind in Kind::ALL.iter().copied() {
        for nth in 1..=3 {
            for what in [RequestFault::CrashBefore, RequestFault::CrashAfter] {
                let fault = Fault::Request {
                    host: Some(0),
                    kind,
                    nth,
                    what,
                };
                script(&mut Stage::new(vec![fault]));
            }
        }
    }
}

#[test]
fn a_crash_after_any_step_duplicates_and_loses_nothing() {
    for after_step in 1..=250 {
        for unsent in [Unsent::Dropped, Unsent::Sent] {
            script(&mut Stage::new(vec![Fault::Crash {
                host: 0,
                after_step,
                unsent,
            }]));
        }
    }
}

#[test]
fn an_outage_of_vcenter_a_lost_session_and_a_lost_feed_are_survived() {
    let troubles = [
        WorldFault::RestartVCenter(60_000),
        WorldFault::CutVCenter(30_000),
        WorldFault::ExpireSession(0),
        WorldFault::DropFeed(0),
        WorldFault::ReconnectWatch(0),
        WorldFault::CutCluster(30_000),
        WorldFault::ClockJump(3_600_000),
        WorldFault::ClockJump(-3_600_000),
    ];
    for what in troubles {
        for at in (500..10_000).step_by(500) {
            let fault = Fault::At {
                at: Monotonic(at),
                what: what.clone(),
            };
            script(&mut Stage::new(vec![fault]));
        }
    }
}

#[test]
fn a_second_host_takes_over_when_the_first_one_freezes_or_dies() {
    for at in (1_000..20_000).step_by(1_000) {
        let options = Options {
            hosts: 2,
            restart_ms: 60_000,
            ..Options::default()
        };
        let freeze = Fault::At {
            at: Monotonic(at),
            what: WorldFault::Freeze(0, 60_000),
        };
        script(&mut Stage::with(options.clone(), vec![freeze]));
        let crash = Fault::At {
            at: Monotonic(at),
            what: WorldFault::Crash(0, Unsent::Sent),
        };
        script(&mut Stage::with(options, vec![crash]));
    }
}
