//! What the operator does when nothing is told it any more: its own times, not the next
//! sign of life, make it look.

use vmgroup_core::group::Spec;
use vmgroup_core::observation::PowerState;
use vmgroup_reconcile::inventory;
use vmgroup_sim::deed::Deed;
use vmgroup_sim::faults::{Fault, RequestFault, WorldFault};
use vmgroup_sim::history::Fact;
use vmgroup_sim::kind::Kind;
use vmgroup_sim::options::VCenterOptions;
use vmgroup_sim::random::Latency;

use crate::stage::{Stage, key, member, spec, spoiled};

/// A world whose feed never says that nothing has changed.
fn quiet(faults: Vec<Fault>, replicas: u32) -> Stage {
    quiet_in(VCenterOptions::default(), faults, replicas)
}

fn quiet_in(vcenter: VCenterOptions, faults: Vec<Fault>, replicas: u32) -> Stage {
    let vcenter = VCenterOptions {
        feed_idle_ms: 3_600_000,
        ..vcenter
    };
    let mut stage = Stage::on(vcenter, faults);
    stage.create("web", spec(replicas));
    stage.until_phase("web", "RUNNING", 240);
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
    stage.act(Deed::Power(member(0), PowerState::Off));
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
    let fault = spoiled(Kind::Clone, 1, RequestFault::TaskFails(full));
    let stage = quiet(vec![fault], 1);
    let story = stage.story();
    let failed = "could not create replica(s): no host has room";
    assert!(story.contains(failed), "{story}");
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
fn a_folder_that_somebody_made_is_found_and_no_clone_fails_for_it() {
    let lost = spoiled(Kind::CreateFolder, 1, RequestFault::LostAfter);
    let stage = quiet(vec![lost], 2);
    let story = stage.story();
    assert!(!story.contains("could not create replica(s)"), "{story}");
    stage.assert_safe();
}

#[test]
fn a_folder_that_cannot_be_read_fails_what_is_to_go_there_and_nothing_else() {
    let fault = |kind, nth, what| spoiled(kind, nth, what);
    let slow = VCenterOptions {
        clone: Latency::exactly(60_000),
        ..VCenterOptions::default()
    };
    let mut stage = quiet_in(
        slow,
        vec![
            fault(
                Kind::Clone,
                3,
                RequestFault::Refused(inventory::Fault::Gone),
            ),
            fault(Kind::ReadFolderNamed, 2, RequestFault::LostBefore),
        ],
        1,
    );
    stage.act(Deed::Scale(key("web"), 3));
    stage.until_phase("web", "RUNNING", 300);
    let story = stage.story();
    let failed = |slot: u32, what: &str| {
        let failed = format!("clone slot {slot}: could not create replica(s): {what}");
        story.matches(&failed).count()
    };
    let (gone, unread) = (
        "the group's folder is gone",
        "the group's folder cannot be read",
    );
    let all = [1, 2].map(|slot| (failed(slot, gone), failed(slot, unread)));
    assert!(
        all == [(0, 0), (1, 1)] || all == [(1, 1), (0, 0)],
        "{all:?}\n{story}"
    );
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
    let fault = spoiled(
        Kind::Clone,
        2,
        RequestFault::Refused(inventory::Fault::NotFound {
            what: format!("folder {folder}"),
        }),
    );
    let mut stage = quiet(vec![fault], 1);
    stage.act(Deed::Scale(key("web"), 2));
    stage.until_phase("web", "RUNNING", 120);
    let story = stage.story();
    assert!(story.contains("it is made anew"), "{story}");
}

/// A group whose feed is silent, and who does this by hand right after the operator did
/// what was asked for.
fn undone(replicas: u32, wish: impl Fn(&mut Stage), by_hand: impl Fn(&mut Stage)) -> Stage {
    let mut stage = quiet(Vec::new(), replicas);
    stage.world.suffer(&WorldFault::LoseUpdates(0, 3_600_000));
    let wished = stage.world.now().monotonic;
    wish(&mut stage);
    stage.world.run_for(4_000);
    by_hand(&mut stage);
    stage.until_phase("web", "RUNNING", 60);
    // The feed has its time to show the task, and again to show the effect.
    let took = stage.world.now().monotonic.since(wished);
    assert!(took > 20_000, "after {took} ms\n{}", stage.story());
    stage.assert_safe();
    stage
}

#[test]
fn what_a_person_undoes_before_it_is_seen_is_done_anew() {
    let off = |stage: &mut Stage| {
        let hard = Spec {
            settings: r#"{"powerOff":"hard"}"#.into(),
            power_state: PowerState::Off,
            ..spec(1)
        };
        stage.edit("web", hard);
    };
    let stage = undone(1, off, |stage| {
        assert_eq!(stage.running("web"), 0, "{}", stage.story());
        stage.act(Deed::Power(member(0), PowerState::On));
    });
    let story = stage.story();
    assert_eq!(stage.running("web"), 0, "{story}");
    assert_eq!(story.matches("done power-off slot 0").count(), 2, "{story}");
}

#[test]
fn a_clone_that_is_destroyed_before_it_is_seen_is_told_of_and_made_anew() {
    let more = |stage: &mut Stage| stage.act(Deed::Scale(key("web"), 3));
    let stage = undone(2, more, |stage| stage.act(Deed::Destroy(member(2))));
    let story = stage.story();
    assert!(
        story.contains("no VM of slot 2 came of the clone"),
        "{story}"
    );
    assert_eq!(stage.running("web"), 3, "{story}");
}

#[test]
fn a_vm_that_is_switched_on_while_it_is_deleted_goes_all_the_same() {
    let fewer = |stage: &mut Stage| stage.act(Deed::Scale(key("web"), 1));
    let stage = undone(2, fewer, |stage| {
        stage.act(Deed::Power(member(1), PowerState::On));
    });
    let story = stage.story();
    assert_eq!(story.matches("done delete slot 1").count(), 1, "{story}");
    assert_eq!(stage.ids("web").len(), 1, "{story}");
}

#[test]
fn what_the_owner_changes_while_a_call_is_unanswered_is_committed_once_it_is_answered() {
    let slow = VCenterOptions {
        clone: Latency::exactly(120_000),
        ..VCenterOptions::default()
    };
    let answer = spoiled(Kind::Clone, 2, RequestFault::Slow(30_000));
    let mut stage = quiet_in(slow, vec![answer], 1);
    stage.act(Deed::Scale(key("web"), 2));
    stage.world.run_for(5_000);
    stage.act(Deed::Scale(key("web"), 3));
    stage.world.run_for(20_000);
    let begun = |stage: &Stage| stage.story().matches("committed clone").count();
    assert_eq!(begun(&stage), 2, "{}", stage.story());
    stage.world.run_for(10_000);
    assert_eq!(begun(&stage), 3, "{}", stage.story());
    stage.until_phase("web", "RUNNING", 300);
    stage.assert_safe();
}

#[test]
fn what_was_committed_for_a_spec_that_has_changed_by_then_is_not_begun() {
    let written = quiet(Vec::new(), 1).story().matches("write status").count();
    let answer = spoiled(
        Kind::WriteStatus,
        u32::try_from(written).unwrap() + 1,
        RequestFault::Slow(1_000),
    );
    let mut stage = quiet(vec![answer], 1);
    let calls = stage.calls();
    stage.act(Deed::Scale(key("web"), 3));
    let committed = stage.world.run_to(10_000, |world| {
        let object = world.cluster().group(&key("web")).unwrap();
        let intent = object.status.intent.as_ref();
        intent.is_some_and(|intent| !intent.steps.is_empty())
    });
    assert!(committed, "{}", stage.story());
    stage.act(Deed::Scale(key("web"), 1));
    stage.until_phase("web", "RUNNING", 60);
    let begun = stage.story().matches("committed clone").count();
    assert_eq!(begun, 1, "the first of all\n{}", stage.story());
    assert_eq!(stage.calls(), calls, "{}", stage.story());
    stage.assert_safe();
}

#[test]
fn clones_that_wait_for_a_place_wake_nobody() {
    let stage = quiet(Vec::new(), 50);
    assert_eq!(stage.world.hot_wakeups(), 0);
    stage.assert_safe();
}

/// The same request goes wrong so again and again.
fn always(kind: Kind, what: RequestFault) -> Vec<Fault> {
    let fault = |nth| spoiled(kind, nth, what.clone());
    (1..=60).map(fault).collect()
}

#[test]
fn what_goes_wrong_without_end_is_tried_less_and_less_and_said() {
    let refused = || inventory::Fault::NoPermission {
        privilege: "Folder.Delete".into(),
    };
    for (faults, deletes, message) in [
        (
            always(Kind::PowerOn, RequestFault::LostBefore),
            false,
            "nothing has come of it",
        ),
        (
            always(Kind::DestroyFolder, RequestFault::TaskFails(refused())),
            true,
            "Folder.Delete",
        ),
        (
            always(Kind::DestroyFolder, RequestFault::Refused(refused())),
            true,
            "Folder.Delete",
        ),
        (
            always(Kind::CreateFolder, RequestFault::LostBefore),
            false,
            "there is none",
        ),
    ] {
        let mut stage = Stage::new(faults);
        stage.create("web", spec(1));
        if deletes {
            stage.until_phase("web", "RUNNING", 60);
            stage.act(Deed::Delete(key("web")));
        }
        let before = stage.calls();
        stage.world.run_for(3_600_000);
        stage.says("web", message);
        let calls = stage.calls() - before;
        assert!(calls < 40, "{calls} calls\n{}", stage.story());
    }
}

#[test]
fn guests_that_do_not_shut_down_keep_no_other_group_waiting() {
    let vcenter = VCenterOptions {
        shutdown: Latency::between(3_600_000, 3_600_000),
        ..VCenterOptions::default()
    };
    let mut stage = quiet_in(vcenter, Vec::new(), 40);
    stage.ask_for_power_off("web");
    stage.world.run_for(5_000);
    stage.create("db", spec(1));
    stage.until_phase("db", "RUNNING", 60);
}

#[test]
fn a_complete_view_may_take_as_long_as_the_first_one() {
    let slow = VCenterOptions {
        feed_reset: Latency::between(120_000, 120_000),
        ..VCenterOptions::default()
    };
    let mut stage = Stage::on(slow, Vec::new());
    stage.create("web", spec(1));
    stage.until_phase("web", "RUNNING", 240);
    stage.world.run_for(7_200_000);
    let facts = stage.world.facts().iter();
    let logins = facts.filter(|fact| matches!(fact, Fact::LoggedIn { .. }));
    assert_eq!(logins.count(), 1, "{}", stage.story());
}

#[test]
fn a_guest_whose_shutdown_was_not_answered_is_given_its_time() {
    let lost = spoiled(Kind::ShutdownGuest, 1, RequestFault::LostAfter);
    let vcenter = VCenterOptions {
        shutdown: Latency::between(90_000, 90_000),
        ..VCenterOptions::default()
    };
    let mut stage = quiet_in(vcenter, vec![lost], 1);
    stage.ask_for_power_off("web");
    stage.until_phase("web", "RUNNING", 180);
    let cuts = stage.called(Kind::PowerOff);
    assert_eq!(cuts, 0, "{}", stage.story());
}

/// A cluster that places the VM powers it on by a task of its own.
#[test]
fn a_vm_that_another_task_powers_on_is_waited_for() {
    let passed_on = |for_ms| spoiled(Kind::PowerOn, 1, RequestFault::PassedOn(for_ms));
    for for_ms in [5_000, 60_000] {
        let stage = quiet(vec![passed_on(for_ms)], 1);
        let asked = stage.called(Kind::PowerOn);
        assert_eq!(asked, 1, "{}", stage.story());
        let disowned = stage
            .story()
            .contains("nothing that is known here has begun it");
        assert!(!disowned, "{}", stage.story());
        stage.assert_safe();
    }
}
