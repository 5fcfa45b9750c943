//! Many members that are lost at once: nothing is made or destroyed before a person has looked.

use vmgroup_core::group::Spec;
use vmgroup_core::observation::Connection;
use vmgroup_sim::deed::{Deed, Place, Which};
use vmgroup_sim::faults::{RequestFault, WorldFault};
use vmgroup_sim::kind::Kind;
use vmgroup_sim::options::VCenterOptions;
use vmgroup_sim::random::Latency;

use crate::stage::{Stage, key, member, spec, spoiled};

fn disconnect_all(stage: &mut Stage, replicas: u32) {
    for number in 0..replicas {
        stage.act(Deed::Connect(member(number), Connection::Disconnected));
    }
}

/// The first fleet may still run where a host is only cut off.
#[test]
fn members_that_vanish_long_after_they_could_not_be_reached_are_a_mass_loss() {
    let mut stage = Stage::settled(spec(8));
    disconnect_all(&mut stage, 8);
    stage.world.run_for(20 * 60_000);
    for id in stage.ids("web") {
        stage.act(Deed::Destroy(Which::Id(id)));
    }
    stage.until_phase("web", "ERROR", 60);
    stage.world.run_for(30 * 60_000);
    assert!(stage.status("web").held.is_some(), "{}", stage.story());
    assert_eq!(stage.ids("web").len(), 0);
    stage.assert_safe();
}

#[test]
fn members_that_stay_out_of_sight_hold_nobody_for_ever() {
    let mut stage = Stage::settled(spec(8));
    stage
        .world
        .suffer(&WorldFault::Deny(Kind::ReadVm, 7_200_000));
    for number in 0..8 {
        stage.act(Deed::Move(member(number), Place::Elsewhere));
    }
    stage.world.run_for(10_000);
    stage.create("early", spec(1));
    stage.until_phase("early", "ERROR", 60);
    assert!(stage.status("early").held.is_some(), "{}", stage.story());
    stage.world.run_for(20 * 60_000);
    stage.create("late", spec(1));
    stage.world.run_for(30_000);
    assert_eq!(stage.ids("late").len(), 1, "{}", stage.story());
    stage.assert_safe();
}

/// Of ten clones four have a place; the others wait, while many members are lost.
#[test]
fn clones_that_wait_for_a_place_do_not_begin_once_many_members_are_lost() {
    for away in [false, true] {
        let mut stage = Stage::settled(spec(8));
        let before = stage.called(Kind::Clone);
        stage.create("db", spec(10));
        stage.world.run_for(1_000);
        assert_eq!(stage.called(Kind::Clone) - before, 4, "{}", stage.story());
        if away {
            stage.world.suffer(&WorldFault::RestartVCenter(60_000));
        }
        disconnect_all(&mut stage, 8);
        stage.world.run_for(180_000);
        assert_eq!(
            stage.called(Kind::Clone) - before,
            4,
            "away {away}\n{}",
            stage.story()
        );
        stage.says("db", "wait for a PlanApproval");
        stage.assert_safe();
    }
}

#[test]
fn members_that_come_into_view_again_are_lost_no_more() {
    let mut stage = Stage::settled(spec(8));
    stage.world.suffer(&WorldFault::Deny(Kind::ReadVm, 60_000));
    for place in [Place::Elsewhere, Place::Root] {
        for number in 0..8 {
            stage.act(Deed::Move(member(number), place.clone()));
        }
        stage.world.run_for(10_000);
    }
    stage.create("db", spec(1));
    stage.world.run_for(30_000);
    assert_eq!(stage.ids("db").len(), 1, "{}", stage.story());
    stage.assert_safe();
}

/// Of a commit that is on its way, too.
#[test]
fn clones_that_are_committed_while_many_members_are_lost_do_not_begin() {
    for after_ms in 0..40 {
        let mut stage = Stage::settled(spec(8));
        let before = stage.called(Kind::Clone);
        stage.create("db", spec(2));
        stage.world.run_for(after_ms);
        disconnect_all(&mut stage, 8);
        stage.world.run_for(1_000);
        let begun = stage.called(Kind::Clone) - before;
        stage.world.run_for(120_000);
        let made = stage.called(Kind::Clone) - before;
        assert_eq!(made, begun, "after {after_ms} ms\n{}", stage.story());
        stage.assert_safe();
    }
}

/// What has waited for longer than the loss itself counts waits for a person, too.
#[test]
fn clones_that_waited_through_a_loss_wait_for_an_approval() {
    let slow = VCenterOptions {
        clone: Latency::between(900_000, 900_000),
        ..VCenterOptions::default()
    };
    let mut stage = Stage::on(slow, Vec::new());
    for name in ["one", "two", "three"] {
        stage.create(name, spec(4));
    }
    stage.until_phase("three", "RUNNING", 3_600);
    let before = stage.called(Kind::Clone);
    stage.create("db", spec(10));
    stage.world.run_for(1_000);
    for name in ["one", "two"] {
        for number in 0..4 {
            let lost = Which::Member(key(name), number);
            stage.act(Deed::Connect(lost, Connection::Disconnected));
        }
    }
    stage.world.run_for(1_800_000);
    assert_eq!(stage.called(Kind::Clone) - before, 4, "{}", stage.story());
    stage.says("db", "wait for a PlanApproval");
    stage.assert_safe();
}

/// Who suspends groups to take a host out of the inventory, and resumes them after lunch.
#[test]
fn a_loss_while_nothing_is_decided_waits_for_an_approval_however_late() {
    let eight = ["a", "b", "c", "d", "e", "f", "g", "h"];
    for groups in [&["web"][..], &["web", "db"], &eight] {
        let mut stage = Stage::new(Vec::new());
        let replicas = 8 / u32::try_from(groups.len()).unwrap();
        for name in groups {
            stage.create(name, spec(replicas));
            stage.until_phase(name, "RUNNING", 60);
            let suspended = Spec {
                suspend: true,
                ..spec(replicas)
            };
            stage.edit(name, suspended);
        }
        stage.world.run_for(10_000);
        for name in groups {
            for id in stage.ids(name) {
                stage.act(Deed::Destroy(Which::Id(id)));
            }
        }
        stage.world.run_for(60 * 60_000);
        for name in groups {
            stage.edit(name, spec(replicas));
        }
        stage.world.run_for(30 * 60_000);
        for name in groups {
            assert_eq!(stage.ids(name).len(), 0, "{}", stage.story());
            let held = stage.status(name).held.expect("a plan that waits");
            assert_eq!(held.effects.len(), replicas as usize);
            stage.act(Deed::Approve(key(&format!("of-{name}")), key(name)));
            stage.until_phase(name, "RUNNING", 120);
        }
        stage.assert_safe();
    }
}

/// A delete that has powered its VM off goes no further.
#[test]
fn a_delete_stops_between_its_steps_when_many_members_are_lost() {
    let mut stage = Stage::settled(spec(8));
    stage.create("db", spec(1));
    stage.until_phase("db", "RUNNING", 60);
    stage.act(Deed::Scale(key("db"), 0));
    // Its power goes.
    while stage.running("db") == 1 {
        stage.world.run_for(10);
    }
    disconnect_all(&mut stage, 8);
    stage.world.run_for(60_000);
    assert_eq!(stage.ids("db").len(), 1, "{}", stage.story());
    stage.assert_safe();
}

/// Nobody could approve it in a namespace that is being deleted.
#[test]
fn a_deletion_goes_on_when_the_loss_is_over() {
    let mut stage = Stage::settled(spec(8));
    stage.create("db", spec(1));
    stage.until_phase("db", "RUNNING", 60);
    disconnect_all(&mut stage, 8);
    stage.world.run_for(1_000);
    stage.act(Deed::Delete(key("db")));
    stage.world.run_for(60_000);
    assert_eq!(stage.ids("db").len(), 1, "{}", stage.story());
    stage.world.run_for(11 * 60_000);
    assert!(!stage.is_there("db"), "{}", stage.story());
    stage.assert_safe();
}

/// Nobody can tell from such a view whether the members are back.
#[test]
fn a_view_that_is_old_for_a_while_lifts_no_hold() {
    let slow = |nth| spoiled(Kind::Relist, nth, RequestFault::Slow(250_000));
    let mut stage = Stage::new((1..20).map(slow).collect());
    stage.create("web", spec(8));
    stage.until_phase("web", "RUNNING", 120);
    for id in stage.ids("web") {
        stage.act(Deed::Destroy(Which::Id(id)));
    }
    stage.until_phase("web", "ERROR", 60);
    let made = stage.called(Kind::Clone);
    for minute in 0..60 {
        stage.world.run_for(60_000);
        stage.act(Deed::Scale(key("web"), 8 + minute % 2));
    }
    assert_eq!(stage.called(Kind::Clone), made, "{}", stage.story());
    assert!(stage.status("web").held.is_some());
    stage.assert_safe();
}
