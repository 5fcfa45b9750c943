//! What the operator does when nothing is told it any more: its own times, not the next
//! sign of life, make it look.

use vmgroup_core::observation::PowerState;
use vmgroup_reconcile::inventory;
use vmgroup_sim::deed::{Deed, Which};
use vmgroup_sim::faults::{Fault, RequestFault, WorldFault};
use vmgroup_sim::kind::Kind;
use vmgroup_sim::options::{Options, VCenterOptions};
use vmgroup_sim::random::Latency;

use crate::stage::{Stage, key, spec};

/// A world whose feed never says that nothing has changed.
fn quiet(faults: Vec<Fault>, replicas: u32) -> Stage {
    quiet_in(VCenterOptions::default(), faults, replicas)
}

fn quiet_in(vcenter: VCenterOptions, faults: Vec<Fault>, replicas: u32) -> Stage {
    let options = Options {
        vcenter: VCenterOptions {
            feed_idle_ms: 3_600_000,
            ..vcenter
        },
        ..Options::default()
    };
    let mut stage = Stage::with(options, faults);
    stage.create("web", spec(replicas));
    stage.until_phase("web", "RUNNING", 60);
    stage
}

#[test]
fn a_task_that_the_feed_does_not_show_is_looked_for() {
    let mut stage = quiet(Vec::new(), 2);
    stage.world.suffer(&WorldFault::LoseUpdates(0, 8_000));
    stage.act(Deed::Scale(key("web"), 3));
    stage.until_phase("web", "RUNNING", 40);
    stage.assert_safe();
}

#[test]
fn an_effect_that_the_feed_does_not_show_is_looked_for() {
    let mut stage = quiet(Vec::new(), 1);
    stage.world.suffer(&WorldFault::LoseUpdates(0, 1_000));
    stage.act(Deed::Power(Which::Member(key("web"), 0), PowerState::Off));
    stage.world.run_for(2_000);
    stage.ask_for_power_off("web");
    stage.until_phase("web", "RUNNING", 20);
    stage.assert_safe();
}

#[test]
fn a_clone_that_failed_is_tried_again_after_its_time() {
    let full = inventory::Fault::InsufficientResources {
        message: "no host has room".into(),
    };
    let fault = Fault::Request {
        host: None,
        kind: Kind::Clone,
        nth: 1,
        what: RequestFault::TaskFails(full),
    };
    let stage = quiet(vec![fault], 1);
    let story = stage.story();
    assert!(story.contains("no host has room"), "{story}");
    stage.assert_safe();
}

#[test]
fn a_guest_that_does_not_shut_down_is_cut_off_after_its_time() {
    let slow = VCenterOptions {
        shutdown: Latency::exactly(600_000),
        ..VCenterOptions::default()
    };
    let mut stage = quiet_in(slow, Vec::new(), 1);
    stage.ask_for_power_off("web");
    stage.world.run_for(150_000);
    assert_eq!(stage.running("web"), 1, "it is given its time");
    stage.until_phase("web", "RUNNING", 120);
    let story = stage.story();
    assert!(story.contains("did not shut down"), "{story}");
    assert_eq!(stage.running("web"), 0);
    stage.assert_safe();
}

#[test]
fn a_folder_that_is_gone_when_a_clone_goes_to_it_is_made_anew() {
    let folder = {
        let stage = quiet(Vec::new(), 1);
        let root = stage.world.vcenter().root().clone();
        let folder = stage.world.vcenter().folder_named(&root, "default-web");
        folder.unwrap().id.clone()
    };
    let fault = Fault::Request {
        host: None,
        kind: Kind::Clone,
        nth: 2,
        what: RequestFault::Refused(inventory::Fault::NotFound {
            what: format!("folder {folder}"),
        }),
    };
    let mut stage = quiet(vec![fault], 1);
    stage.act(Deed::Scale(key("web"), 2));
    stage.until_phase("web", "RUNNING", 120);
    let story = stage.story();
    assert!(story.contains("it is made anew"), "{story}");
}
