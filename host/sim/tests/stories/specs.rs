//! Specs under which nothing is done, and nothing is lost: those that cannot be
//! understood, and those that only observe.

use vmgroup_core::group::{Mode, Spec};
use vmgroup_core::observation::{PowerDriftPolicy, PowerState};
use vmgroup_sim::deed::Deed;
use vmgroup_sim::faults::Unsent;

use crate::stage::{Stage, key, spec};

fn broken() -> Box<Result<Spec, String>> {
    Box::new(Err("spec.replicas: -3 is not in 0..=1000".into()))
}

fn assert_refused(stage: &Stage) {
    stage.says("web", "spec.replicas");
}

#[test]
fn a_group_that_never_had_a_vm_goes_whatever_its_spec_says() {
    let mut stage = Stage::new(Vec::new());
    stage.act(Deed::Create(key("web"), broken()));
    stage.until_phase("web", "ERROR", 60);
    assert_refused(&stage);
    stage.act(Deed::Finalizer(key("web"), true));
    stage.act(Deed::Delete(key("web")));
    stage.world.run_for(60_000);
    assert_eq!(stage.calls(), 0, "{}", stage.story());
    stage.act(Deed::Finalizer(key("web"), false));
    stage.until_empty(60);
}

#[test]
fn a_group_that_has_no_vm_any_more_goes_whatever_its_spec_says() {
    let mut stage = Stage::settled(spec(0));
    stage.act(Deed::Edit(key("web"), broken()));
    stage.until_phase("web", "ERROR", 60);
    stage.act(Deed::Delete(key("web")));
    stage.until_empty(60);
}

#[test]
fn members_stay_until_the_spec_can_be_understood_again() {
    let mut stage = Stage::settled(spec(2));
    let calls = stage.calls();
    stage.act(Deed::Edit(key("web"), broken()));
    stage.until_phase("web", "ERROR", 60);
    stage.act(Deed::Delete(key("web")));
    stage.world.run_for(600_000);
    assert_refused(&stage);
    assert_eq!((stage.running("web"), stage.calls()), (2, calls));
    stage.edit("web", spec(2));
    stage.until_empty(120);
    assert!(stage.ids("web").is_empty(), "{}", stage.story());
    stage.assert_safe();
}

fn observed(replicas: u32) -> Spec {
    Spec {
        mode: Mode::Observe,
        ..spec(replicas)
    }
}

#[test]
fn whoever_only_observes_claims_nothing() {
    let mut stage = Stage::new(Vec::new());
    stage.create("web", observed(2));
    stage.world.run_for(60_000);
    assert_eq!(stage.identity("web"), None);
    assert!(!stage.has_finalizer("web"));
}

#[test]
fn a_group_that_is_only_observed_goes_without_its_vms() {
    let mut stage = Stage::settled(spec(2));
    let calls = stage.calls();
    stage.edit("web", observed(2));
    stage.world.run_for(10_000);
    stage.act(Deed::Delete(key("web")));
    stage.until_empty(120);
    assert_eq!((stage.running("web"), stage.calls()), (2, calls));
}

#[test]
fn a_group_that_is_only_observed_and_lacks_nothing_is_running() {
    let mut stage = Stage::settled(spec(2));
    stage.edit("web", observed(2));
    stage.world.run_for(60_000);
    stage.until_phase("web", "RUNNING", 1);
}

#[test]
fn a_group_that_is_only_observed_tells_what_would_be_done() {
    let mut stage = Stage::new(Vec::new());
    stage.create("web", observed(2));
    stage.world.run_for(30_000);
    stage.says("web", "2 action(s) would be taken");
    let planned = stage
        .status("web")
        .last_decision
        .expect("a decision")
        .actions;
    assert_eq!((planned.len(), stage.calls()), (2, 0), "{planned:?}");
    stage.edit("web", spec(2));
    stage.until_phase("web", "RUNNING", 60);
    let decided = stage.status("web").last_decision;
    stage.world.run_for(3_600_000);
    assert_eq!(
        stage.status("web").last_decision,
        decided,
        "one that changed something"
    );
}

#[test]
fn members_that_no_status_tells_of_stay_until_the_spec_can_be_understood_again() {
    let mut stage = Stage::settled(spec(2));
    stage.act(Deed::Edit(key("web"), broken()));
    stage.until_phase("web", "ERROR", 60);
    let calls = stage.calls();
    stage.act(Deed::WipeStatus(key("web")));
    stage.world.crash(0, Unsent::Dropped);
    stage.act(Deed::Delete(key("web")));
    stage.world.run_for(600_000);
    assert_refused(&stage);
    assert_eq!((stage.running("web"), stage.calls()), (2, calls));
}

/// Every VM of the group is in that power state.
fn all_are(stage: &Stage, power: PowerState) -> bool {
    let vms = stage.world.vcenter().vms();
    let mut members = vms.filter(|vm| vm.agreed().is_some());
    members.all(|vm| vm.power == power)
}

#[test]
fn members_that_were_off_as_wanted_are_suspended_when_that_is_wanted() {
    let mut stage = Stage::new(Vec::new());
    for power_state in [PowerState::Off, PowerState::Suspended, PowerState::On] {
        let wanted = Spec {
            power_state,
            ..spec(2)
        };
        if stage.is_there("web") {
            stage.edit("web", wanted);
        } else {
            stage.create("web", wanted);
        }
        stage.world.run_for(120_000);
        stage.until_phase("web", "RUNNING", 60);
        assert!(all_are(&stage, power_state), "{}", stage.story());
    }
}

#[test]
fn a_wish_that_was_edited_while_nobody_looked_is_followed_though_drift_is_only_reported() {
    let reported = Spec {
        power_drift: PowerDriftPolicy::Report,
        ..spec(2)
    };
    let mut stage = Stage::settled(reported.clone());
    stage.world.crash(0, Unsent::Dropped);
    let off = Spec {
        power_state: PowerState::Off,
        ..reported
    };
    stage.edit("web", off);
    stage.world.run_for(120_000);
    assert!(all_are(&stage, PowerState::Off), "{}", stage.story());
    stage.until_phase("web", "RUNNING", 60);
    stage.assert_safe();
}
