//! The API server goes back in time.

use vmgroup_core::group::{Mode, Spec};
use vmgroup_core::observation::UpdatePolicy;
use vmgroup_core::time::Monotonic;
use vmgroup_sim::deed::{Deed, Place};
use vmgroup_sim::faults::{Fault, RequestFault, Unsent, WorldFault};
use vmgroup_sim::kind::Kind;
use vmgroup_sim::options::VCenterOptions;
use vmgroup_sim::random::Latency;

use crate::stage::{Stage, key, member, spec, spoiled};

/// Found by profile restores, seed 86: an older version of the same generation
/// was taken for an old event, so that nobody noticed that the finalizer was gone.
#[test]
fn a_restore_to_before_the_claim_is_noticed_and_the_group_claimed_again() {
    let mut stage = Stage::settled(spec(2));
    let all = stage.world.now().monotonic.0;
    stage.world.suffer(&WorldFault::RestoreCluster(all));
    stage.world.run_for(10_000);
    assert!(stage.has_finalizer("web"), "{}", stage.story());
    stage.act(Deed::Delete(key("web")));
    stage.until_empty(60);
    assert_eq!(stage.vms("web").len(), 0);
    stage.assert_safe();
}

/// Found by seed 611267: what a quiet group asks of a person was gone with its
/// status, and nobody wrote it again.
#[test]
fn a_status_that_somebody_wipes_is_written_again() {
    let mut stage = Stage::settled(spec(2));
    stage.world.run_for(60_000);
    let before = stage.status("web");
    stage.act(Deed::WipeStatus(key("web")));
    stage.world.run_for(10_000);
    let after = stage.status("web");
    assert_eq!(after.phase.as_deref(), Some("RUNNING"));
    assert_eq!(after.slots, before.slots, "{}", stage.story());
    stage.assert_safe();
}

/// Found by seed 781943: the list after the restore showed an older version of the
/// same spec, which was taken for an old list, and the status stayed what it was.
#[test]
fn a_restore_that_takes_nothing_but_the_status_back_is_noticed() {
    let mut stage = Stage::settled(spec(2));
    stage.world.run_for(60_000);
    let claimed_ago = stage.world.now().monotonic.0 - 1_000;
    stage.world.suffer(&WorldFault::RestoreCluster(claimed_ago));
    assert!(stage.has_finalizer("web"), "only the status went back");
    assert_ne!(stage.status("web").phase.as_deref(), Some("RUNNING"));
    stage.world.run_for(10_000);
    let phase = stage.status("web").phase;
    assert_eq!(phase.as_deref(), Some("RUNNING"), "{}", stage.story());
    stage.assert_safe();
}

/// Found by ten seeds, 248288 first: numbers counted from 1 in a status that was
/// wiped, and a task of the former number could be taken for the new call's.
#[test]
fn no_commits_number_comes_again_after_a_status_is_lost() {
    let mut stage = Stage::settled(spec(2));
    let number = |stage: &Stage| stage.status("web").intent.map(|intent| intent.id);
    let before = number(&stage);
    stage.world.crash(0, Unsent::Dropped);
    stage.act(Deed::WipeStatus(key("web")));
    stage.act(Deed::Scale(key("web"), 3));
    stage.until_phase("web", "RUNNING", 60);
    assert!(
        number(&stage) > before,
        "{:?} after {before:?}",
        number(&stage)
    );
    stage.assert_safe();
}

/// A group of one that stands, and a clock that has gone back by an hour since.
fn with_a_late_clock() -> Stage {
    let mut stage = Stage::settled(spec(1));
    stage.world.suffer(&WorldFault::ClockJump(-3_600_000));
    stage.world.run_for(10_000);
    stage
}

/// The object that was put back has the same generation: the answer that the group waited for
/// woke nobody, and it went on when the guest was down, minutes later.
#[test]
fn a_group_that_waits_for_an_answer_since_a_restore_goes_on_with_it() {
    let slow = spoiled(Kind::ShutdownGuest, 1, RequestFault::Slow(10_000));
    let vcenter = VCenterOptions {
        shutdown: Latency::between(120_000, 150_000),
        ..VCenterOptions::default()
    };
    let mut stage = Stage::on(vcenter, vec![slow]);
    let cycled = Spec {
        update: UpdatePolicy::PowerCycle,
        ..spec(2)
    };
    stage.settle(cycled.clone());
    stage.edit("web", Spec { cpus: 4, ..cycled });
    let edited = stage.world.now().monotonic;
    stage.world.run_for(3_000);
    assert_eq!(stage.called(Kind::ShutdownGuest), 1);
    let ago = stage.world.now().monotonic.since(edited);
    stage.world.suffer(&WorldFault::RestoreCluster(ago));
    stage.act(Deed::Destroy(member(1)));
    stage.world.run_for(30_000);
    assert_eq!(stage.ids("web").len(), 2, "{}", stage.story());
    stage.until_phase("web", "RUNNING", 600);
    stage.assert_safe();
}

/// Found by profile restores, seed 3001154: by a clock that had gone back the number could
/// not be the time, and counted on from the backup's, it came again.
#[test]
fn no_commits_number_comes_again_after_a_restore_and_a_clock_that_went_back() {
    let mut stage = with_a_late_clock();
    let backup = stage.world.now().monotonic;
    stage.act(Deed::Scale(key("web"), 2));
    stage.until_phase("web", "RUNNING", 60);
    stage.act(Deed::Destroy(member(1)));
    let ago = stage.world.now().monotonic.since(backup);
    stage.world.suffer(&WorldFault::RestoreCluster(ago + 1));
    stage.world.crash(0, Unsent::Dropped);
    stage.act(Deed::Scale(key("web"), 2));
    stage.world.run_for(60_000);
    assert_eq!(stage.running("web"), 2, "{}", stage.story());
    stage.assert_safe();
}

#[test]
fn no_commits_number_of_a_forgotten_group_comes_again_either() {
    let mut stage = with_a_late_clock();
    let backup = stage.world.now().monotonic;
    for replicas in [2, 3, 4] {
        stage.act(Deed::Scale(key("web"), replicas));
        stage.world.run_for(500);
    }
    stage.until_phase("web", "RUNNING", 60);
    stage.act(Deed::Delete(key("web")));
    stage.until_empty(60);
    // No task tells of it any more.
    stage.world.run_for(1_200_000);
    let ago = stage.world.now().monotonic.since(backup);
    stage.world.suffer(&WorldFault::RestoreCluster(ago + 1));
    stage.act(Deed::Scale(key("web"), 4));
    stage.until_phase("web", "RUNNING", 120);
    stage.assert_safe();
}

/// Found by profile rare, seed 10020506: a copied object took the identity over that its
/// original had no more, and counted its commits from the time.
#[test]
fn no_commits_number_under_an_identity_comes_again_with_a_copied_object() {
    let mut stage = with_a_late_clock();
    stage.act(Deed::CopyObject(key("web"), key("copy")));
    stage.act(Deed::Scale(key("web"), 0));
    stage.world.run_for(30_000);
    let number = |stage: &Stage, name| stage.status(name).intent.map(|intent| intent.id);
    let before = number(&stage, "web");
    stage.identify("web", "of-its-own");
    stage.until_phase("copy", "RUNNING", 60);
    let after = number(&stage, "copy");
    assert!(after > before, "{after:?} after {before:?}");
    stage.assert_safe();
}

/// Found by profile restores, seed 2835: the operator had doubts, could not read
/// the object for half a minute, and went on cloning for it.
#[test]
fn nothing_is_begun_for_a_group_that_a_restore_has_taken_away() {
    let lost = spoiled(Kind::WriteStatus, 4, RequestFault::LostAfter);
    for restored_at in (100..4_000).step_by(100) {
        let mut stage = Stage::new(vec![lost.clone()]);
        stage.world.run_for(1_000);
        stage.create("web", spec(12));
        stage.world.run_for(restored_at);
        stage
            .world
            .suffer(&WorldFault::RestoreCluster(restored_at + 1));
        stage.world.run_for(60_000);
        stage.assert_safe();
    }
}

/// Found by profile restores, seed 1745: versions count anew after a restore, and
/// the edit got the version that the operator knew already.
#[test]
fn an_edit_whose_version_was_seen_before_a_restore_is_followed() {
    let mut stage = Stage::new(Vec::new());
    let observed = Spec {
        mode: Mode::Observe,
        ..spec(2)
    };
    stage.create("web", observed);
    stage.world.run_for(10_000);
    let known = stage.world.cluster().group(&key("web")).unwrap();
    let known = known.resource_version;
    stage.world.suffer(&WorldFault::RestoreCluster(10_000));
    let restored = stage.world.cluster().group(&key("web")).unwrap();
    for _ in restored.resource_version + 1..known {
        stage.act(Deed::Rotate("credentials-1".into(), true));
    }
    stage.edit("web", spec(3));
    let edited = stage.world.cluster().group(&key("web")).unwrap();
    assert_eq!(edited.resource_version, known);
    stage.until_phase("web", "RUNNING", 120);
}

/// Found by profile restores, seed 11399: the restored status named the folder that
/// the deletion had removed, and every clone into it was refused for ever.
#[test]
fn a_group_that_a_restore_brings_back_gets_its_folder_anew() {
    let mut stage = Stage::settled(spec(2));
    let backup = stage.world.now().monotonic;
    stage.world.run_for(1_000);
    stage.act(Deed::Delete(key("web")));
    stage.until_empty(60);
    stage.world.run_for(10_000);
    let ago = stage.world.now().monotonic.since(backup);
    stage.world.suffer(&WorldFault::RestoreCluster(ago));
    stage.world.run_for(300_000);
    assert_eq!(stage.running("web"), 2, "{}", stage.story());
    stage.assert_safe();
}

/// Found by profile restores, seed 12794: the restored object had lost the other
/// controller's finalizer, and with nobody's left it could not go.
#[test]
fn a_restored_object_still_has_the_finalizers_of_others() {
    let mut stage = Stage::settled(spec(1));
    stage.act(Deed::Finalizer(key("web"), true));
    stage.act(Deed::Delete(key("web")));
    stage.world.run_for(60_000);
    stage.world.suffer(&WorldFault::RestoreCluster(10_000));
    stage.world.run_for(10_000);
    assert!(stage.is_there("web"));
    stage.act(Deed::Finalizer(key("web"), false));
    stage.until_empty(60);
}

/// Found by seed 56696 and, in profile restores, 6280: the host stood still after
/// its look, and cloned for a group that was gone, before it heard of that.
#[test]
fn a_look_that_is_answered_after_a_standstill_is_not_believed() {
    for nth in 1..=3 {
        let frozen = spoiled(Kind::ReadIdentity, nth, RequestFault::FreezeBefore(15_000));
        let mut stage = Stage::new(vec![frozen]);
        stage.world.run_for(5_000);
        stage.create("web", spec(3));
        stage.world.run_for(4_000);
        stage.world.suffer(&WorldFault::RestoreCluster(6_000));
        stage.world.run_for(60_000);
        stage.assert_safe();
    }
}

/// The operator believed its memory of the object: the one that was brought back
/// looked the same, and nobody looked at it again.
#[test]
fn an_object_that_a_restore_brings_back_right_after_its_release_is_released_again() {
    let mut stage = Stage::settled(spec(1));
    stage.act(Deed::Delete(key("web")));
    stage.until_empty(60);
    stage.world.suffer(&WorldFault::RestoreCluster(1));
    assert!(stage.is_there("web"));
    stage.until_empty(60);
    stage.assert_safe();
}

/// Found by profile restores, seed 15598: members went on being destroyed, because
/// the next edit after the restore got the generation of the one that was lost.
#[test]
fn what_was_committed_before_a_restore_is_not_carried_on_after_it() {
    let mut stage = Stage::settled(spec(4));
    stage.world.run_for(20_000);
    // The feed shows late that the members are off, which precedes their end; they
    // are powered on again after the grace period.
    stage.world.suffer(&WorldFault::LoseUpdates(0, 10_000));
    stage.act(Deed::Scale(key("web"), 0));
    stage.world.run_for(4_000);
    stage.world.suffer(&WorldFault::RestoreCluster(10_000));
    stage.world.run_for(1_000);
    stage.act(Deed::Scale(key("web"), 3));
    stage.until_phase("web", "RUNNING", 400);
    stage.assert_safe();
    assert!(stage.ids("web").len() >= 3, "{}", stage.story());
}

/// Found by profile restores, seed 12226: a decision on an edit that the restore undid
/// was committed on the next edit, which had the same generation.
#[test]
fn a_decision_on_a_spec_that_a_restore_undid_is_dropped() {
    let freeze = Fault::At {
        at: Monotonic(60_000),
        what: WorldFault::Freeze(0, 10_000),
    };
    let mut stage = Stage::new(vec![freeze]);
    stage.settle(spec(2));
    let before = stage.ids("web");
    let now = stage.world.now().monotonic.0;
    stage.world.run_for(62_000 - now);
    stage.act(Deed::Scale(key("web"), 0));
    stage.world.run_for(1_000);
    stage.world.suffer(&WorldFault::RestoreCluster(2_000));
    stage.act(Deed::Scale(key("web"), 5));
    stage.until_phase("web", "RUNNING", 60);
    let after = stage.ids("web");
    assert!(
        before.iter().all(|vm| after.contains(vm)),
        "{}",
        stage.story()
    );
    stage.assert_safe();
}

/// Found by profile restores, seed 28873: the answer to a commit came after the list in
/// which the group was missing, and the clones began.
#[test]
fn a_commit_that_is_answered_after_its_group_went_missing_begins_nothing() {
    let slow = spoiled(Kind::WriteStatus, 1, RequestFault::Slow(10_000));
    let mut stage = Stage::new(vec![slow]);
    stage.world.run_for(20_000);
    stage.create("web", spec(2));
    stage.world.run_for(1_000);
    assert!(stage.status("web").intent.is_some(), "{}", stage.story());
    stage.world.suffer(&WorldFault::RestoreCluster(2_000));
    stage.world.run_for(60_000);
    assert_eq!(stage.vms("web").len(), 0, "{}", stage.story());
    stage.assert_safe();
}

#[test]
fn a_status_that_is_wiped_tells_of_a_member_out_of_view_again() {
    let mut stage = Stage::settled(spec(2));
    let slots = stage.status("web").slots;
    stage.act(Deed::Move(member(1), Place::Elsewhere));
    stage.world.run_for(1_000);
    stage.act(Deed::WipeStatus(key("web")));
    stage.world.run_for(1_000);
    assert_eq!(stage.status("web").slots, slots, "{}", stage.story());
    stage.act(Deed::Scale(key("web"), 0));
    stage.until_phase("web", "RUNNING", 600);
    assert_eq!(stage.vms("web"), Vec::<String>::new());
    stage.assert_safe();
}

/// Found by profile rivals, seed 3118151: a host that had stood still went on with a delete,
/// which the other one had given up; that one saw it run, and removed another member.
#[test]
fn nothing_is_decided_while_a_call_that_no_status_tells_of_runs_on_a_member() {
    let slow = VCenterOptions {
        destroy: Latency::between(30_000, 30_000),
        ..VCenterOptions::default()
    };
    let mut stage = Stage::on(slow, Vec::new());
    stage.settle(spec(3));
    stage.act(Deed::Scale(key("web"), 2));
    stage.world.run_for(5_000);
    stage.world.crash(0, Unsent::Dropped);
    stage.act(Deed::WipeStatus(key("web")));
    stage.world.run_for(10_000);
    stage.says("web", "nothing that is known here has begun it");
    stage.until_phase("web", "RUNNING", 60);
    assert_eq!(stage.vms("web").len(), 2, "{}", stage.story());
    stage.assert_safe();
}

/// Found by profile restores, seed 3673301: a clone still ran for the group of the same name
/// that the restore had taken away, and ended in the folder while that was being removed.
#[test]
fn a_folder_stays_while_a_clone_runs_for_a_group_that_a_restore_took_away() {
    let mut waited = 0;
    for restored_at in (200..4_000).step_by(200) {
        let mut stage = Stage::settled(spec(1));
        stage.act(Deed::Delete(key("web")));
        let backup = stage.world.now().monotonic.0;
        stage.until_empty(60);
        stage.create("web", spec(1));
        stage.world.run_for(restored_at);
        let ago = stage.world.now().monotonic.0 - backup;
        stage.world.suffer(&WorldFault::RestoreCluster(ago));
        stage.world.run_for(60_000);
        stage.assert_safe();
        waited += u32::from(stage.story().contains("may still make a VM of this group"));
    }
    assert!(waited > 0, "no restore came while a clone ran");
}
