//! Tasks that no operation follows, in vCenters that tell which call began a task and in
//! such that do not: one of them may still make a VM.

use vmgroup_core::group::Spec;
use vmgroup_core::observation::PowerState;
use vmgroup_sim::deed::Deed;
use vmgroup_sim::faults::{RequestFault, Unsent, WorldFault};
use vmgroup_sim::kind::Kind;
use vmgroup_sim::options::VCenterOptions;
use vmgroup_sim::random::Latency;

use crate::stage::{Stage, key, spec, spoiled};

/// Clones take five minutes.
fn slow_clones(tells_operations: bool) -> VCenterOptions {
    VCenterOptions {
        clone: Latency::exactly(300_000),
        tells_operations,
        ..VCenterOptions::default()
    }
}

#[test]
fn a_clone_whose_answer_was_lost_is_waited_for_as_long_as_it_may_run() {
    for tells_operations in [true, false] {
        let lost = spoiled(Kind::Clone, 1, RequestFault::LostAfter);
        let mut stage = Stage::on(slow_clones(tells_operations), vec![lost]);
        stage.create("web", spec(1));
        stage.until_phase("web", "RUNNING", 400);
        let story = stage.story();
        assert!(!story.contains("came of the clone"), "{story}");
        assert_eq!(stage.called(Kind::Clone), 1, "{story}");
        stage.assert_safe();
    }
}

#[test]
fn a_clone_that_was_never_begun_does_not_wait_for_those_of_others() {
    for tells_operations in [true, false] {
        let lost = spoiled(Kind::Clone, 2, RequestFault::LostBefore);
        let mut stage = Stage::on(slow_clones(tells_operations), vec![lost]);
        stage.create("web", spec(1));
        stage.world.run_for(10_000);
        stage.create("db", spec(1));
        stage.world.run_for(60_000);
        assert_eq!(
            stage.called(Kind::Clone),
            2,
            "one of each\n{}",
            stage.story()
        );
        stage.until_phase("db", "RUNNING", 400);
        stage.assert_safe();
    }
}

#[test]
fn a_clone_that_was_never_begun_does_not_wait_for_what_is_done_to_members() {
    for tells_operations in [true, false] {
        let vcenter = VCenterOptions {
            power: Latency::exactly(300_000),
            tells_operations,
            ..VCenterOptions::default()
        };
        let faults = vec![
            spoiled(Kind::PowerOff, 1, RequestFault::LostAfter),
            spoiled(Kind::Clone, 2, RequestFault::LostBefore),
        ];
        let mut stage = Stage::on(vcenter, faults);
        stage.create("web", spec(1));
        stage.until_phase("web", "RUNNING", 400);
        let off = Spec {
            settings: r#"{"powerOff":"hard"}"#.into(),
            power_state: PowerState::Off,
            ..spec(1)
        };
        stage.edit("web", off);
        stage.world.run_for(5_000);
        stage.create("db", spec(1));
        stage.world.run_for(60_000);
        assert_eq!(stage.ids("db").len(), 1, "{}", stage.story());
        stage.assert_safe();
    }
}

#[test]
fn a_clone_that_nobody_remembers_keeps_the_object_until_its_vm_is_there_and_gone() {
    for tells_operations in [true, false] {
        let mut stage = Stage::on(slow_clones(tells_operations), Vec::new());
        stage.create("web", spec(1));
        stage.until_phase("web", "RUNNING", 400);
        stage.act(Deed::Scale(key("web"), 2));
        stage.world.run_for(2_000);
        stage.world.suffer(&WorldFault::Crash(0, Unsent::Dropped));
        stage.act(Deed::WipeStatus(key("web")));
        stage.act(Deed::Delete(key("web")));
        stage.world.run_for(240_000);
        assert!(stage.is_there("web"), "{}", stage.story());
        stage.says("web", "may still make a VM of this group");
        assert_eq!(stage.status("web").current_replicas, Some(0));
        stage.until_empty(600);
        assert!(stage.ids("web").is_empty(), "{}", stage.story());
        stage.assert_safe();
    }
}

#[test]
fn a_group_goes_though_the_folder_of_another_one_is_still_being_removed() {
    for tells_operations in [true, false] {
        let vcenter = VCenterOptions {
            destroy: Latency::exactly(300_000),
            tells_operations,
            ..VCenterOptions::default()
        };
        let mut stage = Stage::on(vcenter, Vec::new());
        stage.create("web", spec(1));
        stage.create("db", spec(1));
        stage.until_phase("web", "RUNNING", 60);
        stage.until_phase("db", "RUNNING", 60);
        stage.act(Deed::Delete(key("web")));
        stage.world.run_for(150_000);
        stage.act(Deed::Delete(key("db")));
        // A VM each, then a folder each; nothing waits for anything of the other one.
        stage.world.run_for(500_000);
        assert!(!stage.is_there("web"), "{}", stage.story());
        stage.until_empty(130);
        stage.assert_safe();
    }
}

#[test]
fn a_destruction_that_was_begun_right_before_a_crash_is_waited_for() {
    let vcenter = VCenterOptions {
        destroy: Latency::exactly(30_000),
        ..VCenterOptions::default()
    };
    let crash = spoiled(Kind::Destroy, 1, RequestFault::CrashAfter);
    let mut stage = Stage::on(vcenter, vec![crash]);
    stage.settle(spec(2));
    stage.act(Deed::Scale(key("web"), 1));
    stage.world.run_for(60_000);
    stage.until_phase("web", "RUNNING", 60);
    let story = stage.story();
    assert_eq!(story.matches("committed delete").count(), 1, "{story}");
    assert_eq!(stage.ids("web").len(), 1);
    stage.assert_safe();
}
