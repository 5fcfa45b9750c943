//! Which object an identity belongs to, where objects are copied and annotations
//! are written by hand.

use vmgroup_core::group::{Adoption, Spec};
use vmgroup_core::observation::Connection;
use vmgroup_sim::deed::{Deed, Place, Which};
use vmgroup_sim::faults::{RequestFault, Unsent, WorldFault};
use vmgroup_sim::kind::Kind;
use vmgroup_sim::options::VCenterOptions;
use vmgroup_sim::random::Latency;

use crate::stage::{Stage, key, member, spec, spoiled};

#[test]
fn a_copied_object_is_told_so_and_goes_without_the_vms_of_the_original() {
    for (replicas, message) in [
        (2, "its identity belongs to the group default/web"),
        (0, "it has the identity of the group default/web"),
    ] {
        let mut stage = Stage::settled(spec(replicas));
        let of_web = stage.identity("web");
        let (vms, calls) = (stage.ids("web"), stage.calls());
        stage.create_as("copy", spec(2), |copy| {
            copy.identity = of_web;
            copy.finalizer = true;
        });
        stage.until_phase("copy", "ERROR", 60);
        stage.says("copy", message);
        stage.world.run_for(600_000);
        assert!(stage.has_finalizer("copy"), "it is not let go by itself");
        stage.act(Deed::Delete(key("copy")));
        stage.world.run_for(60_000);
        assert!(!stage.is_there("copy"));
        assert_eq!((stage.ids("web"), stage.calls()), (vms, calls));
        stage.until_phase("web", "RUNNING", 10);
        stage.assert_safe();
    }
}

/// Found by profile rare, seed 657: the younger group was to remove its annotation, which
/// came again each time.
#[test]
fn of_two_objects_with_one_identity_it_is_the_ones_whose_uid_it_is() {
    let mut stage = Stage::new(Vec::new());
    for name in ["old", "new"] {
        stage.create(name, spec(0));
        stage.until_phase(name, "RUNNING", 60);
    }
    stage.act(Deed::CopyIdentity(key("new"), key("old")));
    stage.until_phase("old", "ERROR", 10);
    stage.says("old", "it has the identity of the group default/new");
    stage.world.run_for(5_000);
    stage.until_phase("new", "RUNNING", 1);
    stage.act(Deed::Unclaim(key("old")));
    stage.until_phase("old", "RUNNING", 60);
    stage.assert_safe();
}

#[test]
fn a_copy_goes_on_when_what_it_was_copied_from_is_gone() {
    let mut stage = Stage::settled(spec(2));
    let of_web = stage.identity("web");
    stage.create_as("copy", spec(1), |copy| copy.identity = of_web);
    stage.until_phase("copy", "ERROR", 60);
    stage.act(Deed::Delete(key("web")));
    stage.until_phase("copy", "RUNNING", 60);
    stage.assert_safe();
}

/// The one record that told of its VM was forgotten when a new session read it.
#[test]
fn a_member_of_a_changed_identity_that_is_out_of_view_keeps_its_group_also_after_a_restart() {
    let mut stage = Stage::settled(spec(1));
    let before = stage.ids("web");
    stage.act(Deed::Move(member(0), Place::Elsewhere));
    stage.world.run_for(5_000);
    stage.identify("web", "another");
    stage.act(Deed::Delete(key("web")));
    stage.world.run_for(20_000);
    assert!(stage.is_there("web"), "{}", stage.story());
    stage.world.crash(0, Unsent::Dropped);
    stage.world.run_for(120_000);
    assert!(stage.is_there("web"), "{}", stage.story());
    stage.says("web", &before[0]);
    stage.act(Deed::Unclaim(key("web")));
    stage.until_empty(120);
    assert_eq!(stage.ids("web").len(), 0);
    stage.assert_safe();
}

/// Found by profile rare, seed 1444: what the copied object was told to do did not help it.
#[test]
fn an_object_whose_copy_has_taken_its_identity_over_gets_another() {
    let mut stage = Stage::settled(spec(0));
    stage.act(Deed::CopyObject(key("web"), key("copy")));
    stage.identify("web", "none that can be written");
    stage.world.run_for(1_000);
    stage.act(Deed::Scale(key("copy"), 1));
    stage.until_phase("copy", "RUNNING", 60);
    stage.act(Deed::Unclaim(key("web")));
    stage.world.run_for(5_000);
    stage.says("web", "write a name of its own into the annotation");
    stage.identify("web", "ours");
    stage.act(Deed::Scale(key("web"), 1));
    stage.until_phase("web", "RUNNING", 60);
    stage.until_phase("copy", "RUNNING", 1);
    stage.assert_safe();
}

/// Found by profile rare, seed 43497: both made VMs under the one identity, and each said
/// afterwards that it was the other's.
#[test]
fn an_object_waits_for_clones_that_another_makes_under_its_identity() {
    let mut stage = Stage::settled(spec(0));
    stage.act(Deed::CopyObject(key("web"), key("copy")));
    stage.identify("web", "another");
    stage.world.run_for(1_000);
    stage.act(Deed::Scale(key("copy"), 2));
    stage.world.run_for(1_000);
    assert_eq!(stage.calls(), 3, "a folder, and two clones that run");
    stage.act(Deed::Scale(key("web"), 2));
    stage.act(Deed::Unclaim(key("web")));
    stage.world.run_for(500);
    stage.says("web", "VMs of it are being made");
    stage.until_phase("copy", "RUNNING", 60);
    stage.says("web", "its copy default/copy has taken its identity over");
    assert_eq!(stage.ids("web").len(), 0, "{}", stage.story());
    stage.assert_safe();
}

/// Found by profile rare, seed 282587: what comes of a clone has the identity that its group
/// had, not the one that somebody writes while it runs.
#[test]
fn a_copy_waits_for_clones_that_run_under_the_identity_that_their_group_had() {
    let mut stage = Stage::settled(spec(0));
    stage.act(Deed::CopyObject(key("web"), key("copy")));
    stage.act(Deed::Scale(key("web"), 1));
    stage.act(Deed::Scale(key("copy"), 1));
    stage.world.run_for(1_000);
    assert_eq!(stage.calls(), 2, "a folder, and a clone that runs");
    stage.identify("web", "another");
    stage.world.run_for(500);
    stage.says("copy", "VMs of it are being made");
    stage.world.run_for(10_000);
    stage.says("copy", "its identity belongs to the group default/web");
    assert_eq!(stage.ids("copy").len(), 0, "{}", stage.story());
    stage.assert_safe();
}

#[test]
fn an_object_that_left_former_vms_alone_goes_on_beside_its_copy() {
    let mut stage = Stage::settled(spec(1));
    stage.act(Deed::Delete(key("web")));
    stage.act(Deed::StripFinalizers(key("web")));
    stage.world.run_for(5_000);
    assert_eq!(stage.ids("web").len(), 1, "it is left behind");
    stage.create_as("web", spec(0), |object| {
        object.adoption = Some(Adoption::Ignore);
    });
    stage.until_phase("web", "RUNNING", 60);
    stage.act(Deed::CopyObject(key("web"), key("copy")));
    stage.until_phase("copy", "ERROR", 60);
    stage.act(Deed::Scale(key("web"), 1));
    stage.world.run_for(60_000);
    stage.until_phase("web", "RUNNING", 1);
    assert_eq!(stage.ids("web").len(), 2, "{}", stage.story());
    stage.assert_safe();
}

/// Found by profile rare, seed 41006246: to put its identity back, and to give it up to a copy
/// that had taken it over, was asked for in turn.
#[test]
fn a_group_that_goes_and_whose_identity_a_copy_has_by_now_lets_its_vms_stay() {
    let mut stage = Stage::settled(spec(1));
    let of_web = stage.identity("web").unwrap();
    stage.create("copy", spec(1));
    stage.until_phase("copy", "RUNNING", 60);
    let taken = stage.ids("copy")[0].clone();
    stage.remark(&taken, |marker| marker.identity = of_web);
    stage.identify("web", "of-web");
    stage.act(Deed::Delete(key("web")));
    stage.world.run_for(10_000);
    stage.says("web", "destroy these by hand");
    stage.act(Deed::Adopt(key("web"), Some(Adoption::Ignore)));
    stage.world.run_for(60_000);
    assert!(!stage.is_there("web"), "{}", stage.story());
    assert_eq!(stage.ids("web").len(), 1, "{}", stage.story());
    stage.assert_safe();
}

#[test]
fn an_identity_that_no_marker_can_carry_is_refused() {
    let mut stage = Stage::new(Vec::new());
    stage.create_as("web", spec(1), |object| {
        object.identity = Some("x".repeat(500));
    });
    stage.until_phase("web", "ERROR", 60);
    stage.says("web", "remove the annotation, or restore its former value");
    assert_eq!(stage.calls(), 0);
    stage.act(Deed::Unclaim(key("web")));
    stage.until_phase("web", "RUNNING", 60);
}

#[test]
fn an_identity_that_somebody_takes_away_is_written_again() {
    let mut stage = Stage::settled(spec(2));
    let (before, calls) = (stage.identity("web"), stage.calls());
    stage.act(Deed::Unclaim(key("web")));
    stage.world.run_for(10_000);
    assert_eq!(stage.identity("web"), before, "{}", stage.story());
    assert_eq!(stage.calls(), calls);
    stage.assert_safe();
}

#[test]
fn no_clone_is_made_under_an_identity_that_somebody_writes_meanwhile() {
    let slow = VCenterOptions {
        clone: Latency::between(20_000, 20_000),
        ..VCenterOptions::default()
    };
    let mut stage = Stage::on(slow, Vec::new());
    stage.create("web", spec(12));
    stage.world.run_for(25_000);
    let first = stage.ids("web").len();
    assert!((1..12).contains(&first), "{first} of 12");
    stage.identify("web", "somebody-elses");
    stage.world.run_for(120_000);
    let under_it = stage.world.vcenter().vms().filter(|vm| {
        let marker = vm.marker();
        marker.is_some_and(|marker| marker.identity == "somebody-elses")
    });
    assert_eq!(under_it.count(), 0, "{}", stage.story());
}

#[test]
fn a_group_whose_identity_was_changed_does_not_leave_its_vms_behind() {
    let mut stage = Stage::settled(spec(2));
    let before = stage.identity("web").unwrap();
    stage.identify("web", "somebody-elses");
    stage.act(Deed::Delete(key("web")));
    stage.world.run_for(60_000);
    assert!(stage.is_there("web"), "{}", stage.story());
    stage.says("web", &before);
    stage.identify("web", &before);
    stage.until_empty(60);
    assert_eq!(stage.ids("web").len(), 0);
}

/// Found by profile rare, seed 15801: the commit was on its way while somebody wrote another
/// identity, under which its clones then began.
#[test]
fn what_was_committed_for_an_identity_is_not_done_under_another() {
    let slow = spoiled(Kind::WriteStatus, 2, RequestFault::Slow(5_000));
    let mut stage = Stage::new(vec![slow]);
    stage.create("web", spec(2));
    stage.world.run_for(2_000);
    assert!(stage.status("web").intent.is_some(), "it is committed");
    assert_eq!(stage.calls(), 0, "and nobody has heard of it");
    stage.identify("web", "ours");
    stage.until_phase("web", "RUNNING", 60);
    stage.assert_safe();
}

/// Found by profile rare, seed 422952: the VMs of the group that it was copied from were out of
/// view, and its own were marked as theirs.
#[test]
fn nothing_is_adopted_under_an_identity_that_another_object_has() {
    let mut stage = Stage::new(Vec::new());
    // Neither is the older one.
    for group in ["web", "db"] {
        stage.create(group, spec(1));
    }
    stage.world.run_for(60_000);
    stage.act(Deed::Move(member(0), Place::Elsewhere));
    stage.world.run_for(5_000);
    stage.world.suffer(&WorldFault::DropFeed(0));
    stage.identify("web", "ours");
    stage.act(Deed::Adopt(key("db"), Some(Adoption::Adopt)));
    stage.identify("db", "ours");
    stage.world.run_for(60_000);
    stage.says("db", "it has the identity of the group default/web");
    stage.assert_safe();
}

/// Found by profile rare, seed 20041515: nobody could read whose VM it was, another group had
/// recorded it, too, and only that one heard that it was gone.
#[test]
fn a_vm_that_two_groups_have_recorded_is_missed_by_both() {
    let mut stage = Stage::settled(spec(1));
    let nowhere = Spec {
        template: "missing".into(),
        ..spec(1)
    };
    stage.create("db", nowhere);
    stage.world.run_for(5_000);
    stage.act(Deed::CopyIdentity(key("web"), key("db")));
    let vm = stage.ids("web").remove(0);
    let which = || Which::Id(vm.clone());
    stage.act(Deed::Connect(which(), Connection::Inaccessible));
    stage.world.run_for(30_000);
    stage.identify("web", "of-its-own");
    stage.world.run_for(5_000);
    stage.act(Deed::Destroy(which()));
    stage.world.run_for(60_000);
    stage.until_phase("web", "RUNNING", 1);
    assert_eq!(stage.ids("web").len(), 1, "{}", stage.story());
    stage.assert_safe();
}

/// Its identity was not its UID, so that without the annotation its VMs seemed to be another's.
#[test]
fn a_group_without_its_identity_is_not_let_go_without_its_vms() {
    for is_told in [true, false] {
        let mut stage = Stage::new(Vec::new());
        stage.create_as("web", spec(2), |object| {
            object.identity = Some("ours".into());
        });
        stage.until_phase("web", "RUNNING", 60);
        if !is_told {
            // No status tells of them, nor does anybody remember.
            stage.world.suffer(&WorldFault::CutVCenter(60_000));
            stage.act(Deed::WipeStatus(key("web")));
            stage.world.suffer(&WorldFault::Crash(0, Unsent::Dropped));
        }
        stage.act(Deed::Unclaim(key("web")));
        stage.act(Deed::Delete(key("web")));
        stage.world.run_for(240_000);
        stage.says("web", "have the identity ours; put that back");
        assert_eq!(stage.ids("web").len(), 2, "{}", stage.story());
        stage.identify("web", "ours");
        stage.until_empty(120);
        assert_eq!(stage.ids("web").len(), 0, "{}", stage.story());
        stage.assert_safe();
    }
}
