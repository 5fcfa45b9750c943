//! Rights that the operator does not have for a while: the status says which, requests get
//! fewer, and the work goes on once they are there.

use vmgroup_core::group::{DeletionPolicy, Spec};
use vmgroup_sim::deed::Deed;
use vmgroup_sim::faults::{RequestFault, WorldFault};
use vmgroup_sim::kind::Kind;

use crate::stage::{Stage, key, spec, spoiled};

const HALF_AN_HOUR: u64 = 1_800_000;

/// Found by profile rare, seed 179: the object waited, and only the log said for what.
#[test]
fn that_the_finalizer_cannot_be_written_stands_in_the_status() {
    let mut stage = Stage::new(Vec::new());
    stage.world.run_for(1_000);
    stage
        .world
        .suffer(&WorldFault::Deny(Kind::WriteMeta, HALF_AN_HOUR));
    stage.create("web", spec(1));
    stage.world.run_for(HALF_AN_HOUR - 1_000);
    stage.says("web", "its finalizer and annotations cannot be written");
    let tries = stage.asked(Kind::WriteMeta);
    assert!((60..130).contains(&tries), "{tries}\n{}", stage.story());
    assert_eq!(stage.calls(), 0);
    stage.until_phase("web", "RUNNING", 60);

    stage
        .world
        .suffer(&WorldFault::Deny(Kind::WriteMeta, HALF_AN_HOUR));
    stage.act(Deed::Delete(key("web")));
    stage.world.run_for(60_000);
    stage.says("web", "being deleted, and waits: its finalizer");
    stage.until_empty(HALF_AN_HOUR / 1_000);
    stage.assert_safe();
}

/// Found by profile rare, seed 1926: each slot was looked for every ten seconds, and the
/// status said nothing of it.
#[test]
fn that_nobody_may_look_whether_vms_are_gone_stands_in_the_status() {
    let mut stage = Stage::settled(spec(3));
    stage
        .world
        .suffer(&WorldFault::Deny(Kind::ReadIdentity, HALF_AN_HOUR));
    stage.act(Deed::Delete(key("web")));
    stage.world.run_for(HALF_AN_HOUR - 1_000);
    assert_eq!(stage.ids("web").len(), 0);
    stage.says(
        "web",
        "it cannot be read whether the VM of slot 0 is gone: ",
    );
    let tries = stage.asked(Kind::ReadIdentity);
    assert!((60..150).contains(&tries), "{tries}\n{}", stage.story());
    stage.until_empty(90);
    stage.assert_gone_with_its_folder();
    stage.assert_safe();
}

/// Found by profile rare, seed 60922: all of vCenter was read every two seconds.
#[test]
fn the_vm_of_a_clone_without_an_answer_is_searched_less_and_less() {
    let lost = spoiled(Kind::Clone, 1, RequestFault::LostAfter);
    let mut stage = Stage::new(vec![lost]);
    stage.create("web", spec(1));
    stage.world.run_for(5_000);
    stage
        .world
        .suffer(&WorldFault::Deny(Kind::ReadIdentity, HALF_AN_HOUR));
    stage.world.run_for(HALF_AN_HOUR - 1_000);
    stage.says(
        "web",
        "it cannot be read what came of the clone of slot 0: ",
    );
    let tries = (stage.asked(Kind::ReadIdentity), stage.asked(Kind::Relist));
    assert!((10..40).contains(&tries.0), "{tries:?}\n{}", stage.story());
    assert!(tries.1 < 45, "{tries:?}\n{}", stage.story());
    stage.until_phase("web", "RUNNING", 400);
    stage.assert_safe();
}

#[test]
fn a_group_that_may_not_be_cloned_orphaned_or_destroyed_goes_on_when_it_may() {
    let orphaned = Spec {
        deletion: DeletionPolicy::Orphan,
        ..spec(2)
    };
    for (spec, denied, left) in [(spec(2), Kind::Destroy, 0), (orphaned, Kind::Mark, 2)] {
        let mut stage = Stage::new(Vec::new());
        let clone = WorldFault::Deny(Kind::Clone, HALF_AN_HOUR);
        stage.world.suffer(&clone);
        stage.create("web", spec);
        stage.world.run_for(HALF_AN_HOUR - 1_000);
        stage.says("web", "the operator's vCenter role lacks");
        let tries = stage.asked(Kind::Clone);
        assert!((10..40).contains(&tries), "{tries}\n{}", stage.story());
        stage.until_phase("web", "RUNNING", 400);
        stage.world.suffer(&WorldFault::Deny(denied, HALF_AN_HOUR));
        stage.act(Deed::Delete(key("web")));
        stage.world.run_for(60_000);
        stage.says("web", "the operator's vCenter role lacks");
        stage.world.run_for(HALF_AN_HOUR - 61_000);
        let tries = stage.asked(denied);
        assert!((20..80).contains(&tries), "{tries} of two members");
        stage.until_empty(HALF_AN_HOUR / 1_000 + 400);
        assert_eq!(stage.ids("web").len(), left);
        stage.assert_safe();
    }
}
