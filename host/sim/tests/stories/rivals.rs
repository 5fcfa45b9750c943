//! Two hosts that both act, as after a failed fence.

use vmgroup_core::group::Spec;
use vmgroup_sim::deed::Deed;
use vmgroup_sim::faults::{Unsent, WorldFault};

use crate::stage::{Stage, key, spec};

/// Found by profile rivals, seeds 70 and 145: the host whose own clones had
/// failed removed folder and finalizer while the other one's were running.
#[test]
fn a_group_is_not_let_go_while_clones_of_another_host_run() {
    for wait_ms in (250..4_000).step_by(250) {
        let mut stage = Stage::rivals(Vec::new());
        stage.create("web", spec(3));
        stage.world.run_for(wait_ms);
        stage.act(Deed::Delete(key("web")));
        stage.until_empty(600);
        assert_eq!(stage.vms("web").len(), 0, "{wait_ms}");
        stage.assert_safe();
    }
}

/// Found by profile rivals, seed 196: both hosts counted their commits alone, so
/// that two effects had one operation id.
#[test]
fn commits_of_two_hosts_have_numbers_of_their_own() {
    let mut stage = Stage::rivals(Vec::new());
    stage.create("web", spec(2));
    stage.world.run_for(60_000);
    for replicas in [0, 2, 0, 2] {
        stage.act(Deed::Scale(key("web"), replicas));
        stage.world.run_for(120_000);
    }
    let breaches = vmgroup_sim::oracles::s7_effect_once(stage.world.facts());
    assert!(breaches.is_empty(), "{breaches:#?}\n{}", stage.story());
}

/// Found by profile rivals, seeds 66 and 2640: each host carried its own commit on, so
/// that after a scale-down there were more clones than any spec wanted.
#[test]
fn one_host_waits_while_the_other_one_works() {
    for wait_ms in (250..4_000).step_by(250) {
        let mut stage = Stage::rivals(Vec::new());
        stage.create("web", spec(4));
        stage.world.run_for(wait_ms);
        stage.act(Deed::Scale(key("web"), 2));
        stage.until_phase("web", "RUNNING", 120);
        stage.world.run_for(60_000);
        assert_eq!(stage.vms("web").len(), 2, "{wait_ms}");
        stage.assert_safe();
    }
}

#[test]
fn what_one_host_leaves_undone_the_other_one_does() {
    for host in [0, 1] {
        let mut stage = Stage::rivals(Vec::new());
        stage.create("web", spec(4));
        stage.world.run_for(500);
        stage.world.suffer(&WorldFault::Freeze(host, 600_000));
        stage.until_phase("web", "RUNNING", 120);
        stage.assert_safe();
    }
}

fn without_template() -> Spec {
    Spec {
        template: "missing".into(),
        ..spec(1)
    }
}

#[test]
fn both_hosts_remember_what_failed_before_the_other_ones_turn() {
    let mut stage = Stage::rivals(Vec::new());
    stage.create("web", without_template());
    stage.world.run_for(3_600_000);
    assert!(stage.calls() < 40, "{} calls", stage.calls());
    stage.act(Deed::AddTemplate("missing".into()));
    stage.until_phase("web", "RUNNING", 600);
}

#[test]
fn a_host_that_was_outrun_goes_on_when_the_other_one_is_gone() {
    for host in [0, 1] {
        for frozen_at in (10_000..100_000).step_by(10_000) {
            let mut stage = Stage::rivals(Vec::new());
            stage.create("web", without_template());
            stage.world.run_for(frozen_at);
            stage.world.suffer(&WorldFault::Freeze(host, 36_000_000));
            stage.act(Deed::AddTemplate("missing".into()));
            stage.until_phase("web", "RUNNING", 600);
        }
    }
}

#[test]
fn an_operator_that_is_alone_does_not_take_itself_for_another_one() {
    for wait_ms in (0..2_000).step_by(100) {
        let mut stage = Stage::new(Vec::new());
        stage.create("web", spec(3));
        stage.world.run_for(wait_ms);
        stage.act(Deed::Scale(key("web"), 5));
        stage.world.run_for(5);
        stage.act(Deed::Scale(key("web"), 3));
        stage.until_phase("web", "RUNNING", 60);
        stage.world.suffer(&WorldFault::Crash(0, Unsent::Dropped));
        stage.world.run_for(10_000);
        stage.act(Deed::WipeStatus(key("web")));
        stage.act(Deed::Scale(key("web"), 4));
        stage.until_phase("web", "RUNNING", 60);
        let story = stage.story();
        assert!(!story.contains("another operator"), "{story}");
        stage.assert_safe();
    }
}

#[test]
fn a_status_of_the_former_run_that_a_restore_brings_back_is_no_other_operators() {
    let mut stage = Stage::settled(spec(3));
    stage.world.run_for(10_000);
    let backup = stage.world.now().monotonic.0;
    stage.world.suffer(&WorldFault::Crash(0, Unsent::Dropped));
    stage.world.run_for(10_000);
    stage.act(Deed::Scale(key("web"), 1));
    stage.until_phase("web", "RUNNING", 60);
    let ago = stage.world.now().monotonic.0 - backup;
    stage.world.suffer(&WorldFault::RestoreCluster(ago));
    stage.world.run_for(60_000);
    assert_eq!(stage.running("web"), 3);
    let story = stage.story();
    assert!(!story.contains("another operator"), "{story}");
    stage.assert_safe();
}

/// Found by profile rivals, seed 1072046: what a host had seen before it stood still was
/// enough for it to create a folder, though the group was gone.
#[test]
fn a_host_that_stood_still_looks_again_before_it_creates_a_folder() {
    for host in [0, 1] {
        for frozen_at in 80..200 {
            let mut stage = Stage::rivals(Vec::new());
            stage.create("web", spec(2));
            stage.world.run_for(frozen_at);
            stage.world.suffer(&WorldFault::Freeze(host, 36_000));
            stage.world.run_for(4_500);
            stage.act(Deed::Delete(key("web")));
            stage.until_empty(600);
            stage.world.run_for(60_000);
            stage.assert_gone_with_its_folder();
        }
    }
}

/// Found by profile rivals, seed 986362: a host that had been without news for so long that the
/// other one had begun went on with the next step of its own.
#[test]
fn a_host_without_news_carries_nothing_on_before_it_has_asked() {
    for host in [0, 1] {
        for cut_at in (50..2_000).step_by(50) {
            let mut stage = Stage::rivals(Vec::new());
            stage.create("web", spec(3));
            stage.until_phase("web", "RUNNING", 120);
            stage.act(Deed::Scale(key("web"), 1));
            stage.world.run_for(cut_at);
            stage.world.suffer(&WorldFault::StallWatch(host, 24_000));
            stage.world.suffer(&WorldFault::LagFeed(host, 20_000));
            stage.world.run_for(1_000);
            stage.act(Deed::Scale(key("web"), 3));
            stage.until_phase("web", "RUNNING", 120);
            stage.world.run_for(60_000);
            stage.assert_safe();
        }
    }
}
