//! What a person approves: seen whole, and done once.

use vmgroup_core::group::{GroupKey, Mode, Spec};
use vmgroup_core::time::Timestamp;
use vmgroup_sim::deed::{Deed, Which};

use crate::stage::{Stage, key, spec};

const ALL: u32 = 20;

/// All members are destroyed by hand, so that their clones are held.
fn lose_all(stage: &mut Stage) {
    for id in stage.ids("web") {
        stage.act(Deed::Destroy(Which::Id(id)));
    }
    stage.until_phase("web", "ERROR", 60);
}

fn approve(stage: &mut Stage, name: &str) {
    stage.act(Deed::Approve(GroupKey::new("default", name), key("web")));
}

#[test]
fn an_approval_counts_once_also_after_others_have_been_used() {
    let mut stage = Stage::settled(spec(ALL));
    for name in ["first", "second"] {
        lose_all(&mut stage);
        approve(&mut stage, name);
        stage.until_phase("web", "RUNNING", 120);
    }
    lose_all(&mut stage);
    // Longer than the loss itself counts.
    stage.world.run_for(30 * 60_000);
    let waits = stage.ids("web");
    assert!(waits.is_empty(), "{waits:?}\n{}", stage.story());
    approve(&mut stage, "third");
    stage.until_phase("web", "RUNNING", 120);
    assert_eq!(stage.status("web").used_approvals.len(), 3);
    stage.assert_safe();

    // One that does not exist any more cannot be used again.
    let now = stage.world.now();
    let second = GroupKey::new("default", "second");
    stage.world.cluster_mut().withdraw(now, &second).unwrap();
    lose_all(&mut stage);
    approve(&mut stage, "fourth");
    stage.until_phase("web", "RUNNING", 120);
    assert_eq!(stage.status("web").used_approvals.len(), 3);
}

#[test]
fn all_that_waits_is_shown_to_whoever_approves_it() {
    let mut stage = Stage::settled(spec(ALL));
    lose_all(&mut stage);
    let held = stage.status("web").held.expect("held effects");
    assert_eq!((held.effects.len(), held.more), (20, 0));
}

#[test]
fn an_approval_that_has_expired_approves_nothing() {
    let mut stage = Stage::settled(spec(ALL));
    lose_all(&mut stage);
    let held = stage
        .status("web")
        .held
        .expect("held effects")
        .effects_digest;
    let mut until = |name: &str, seconds: u64| {
        let now = stage.world.now();
        let expiry = Timestamp(now.utc.0 + 1_000 * seconds);
        let approval = GroupKey::new("default", name);
        let cluster = stage.world.cluster_mut();
        cluster
            .approve(now, &approval, "web", &held, Some(expiry))
            .unwrap();
        stage.world.run_for(60_000);
        stage.ids("web").len()
    };
    assert_eq!(until("too-late", 0), 0);
    assert_eq!(until("in-time", 600), 20);
    stage.assert_safe();
}

#[test]
fn whoever_only_observes_is_told_of_what_would_have_to_be_approved_too() {
    let mut stage = Stage::settled(spec(ALL));
    lose_all(&mut stage);
    assert!(stage.status("web").held.is_some());
    let observed = Spec {
        mode: Mode::Observe,
        ..spec(ALL)
    };
    stage.edit("web", observed);
    stage.until_phase("web", "PENDING", 60);
    stage.says("web", "20 action(s) would be taken");
}

/// An edit that meets the commit of what was approved: nothing of another plan is done, and
/// nothing without using the approval up.
#[test]
fn an_approval_whose_commit_meets_an_edit_approves_nothing_else() {
    let mut used = Vec::new();
    for after_ms in 0..40 {
        let mut stage = Stage::settled(spec(6));
        lose_all(&mut stage);
        // The loss itself is over, and what is held waits.
        stage.world.run_for(15 * 60_000);
        approve(&mut stage, "first");
        stage.world.run_for(after_ms);
        stage.act(Deed::Scale(key("web"), 7));
        stage.world.run_for(120_000);
        let status = stage.status("web");
        let (made, uses) = (stage.ids("web").len(), status.used_approvals.len());
        let is_held = status.held.is_some();
        assert!(
            (made, uses, is_held) == (0, 0, true) || (made, uses, is_held) == (7, 1, false),
            "edited after {after_ms} ms: {made} VMs, {uses} approvals used\n{}",
            stage.story()
        );
        used.push(uses);
        stage.assert_safe();
    }
    assert!(used.contains(&0) && used.contains(&1), "{used:?}");
}
