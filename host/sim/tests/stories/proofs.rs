//! A slot is free only by proof: members that the feed does not show any more.

use vmgroup_core::group::{Amount, DeletionPolicy, Spec};
use vmgroup_core::observation::PowerState;
use vmgroup_sim::deed::{Deed, Place, Which};
use vmgroup_sim::faults::{RequestFault, Unsent, WorldFault};
use vmgroup_sim::kind::Kind;
use vmgroup_sim::options::Options;

use crate::stage::{Stage, key, member, spec, spoiled};

#[test]
fn a_member_that_was_restored_out_of_view_keeps_its_slot() {
    let mut stage = Stage::settled(spec(2));
    let calls = stage.calls();
    stage.act(Deed::Twin(member(0), "restored".into(), Place::Elsewhere));
    let lost = stage.ids("web").remove(0);
    stage.act(Deed::Destroy(Which::Id(lost)));
    let restored = || Which::Named("restored".into());
    stage.act(Deed::Power(restored(), PowerState::On));
    stage.world.run_for(600_000);
    stage.until_phase("web", "RUNNING", 60);
    assert_eq!(stage.calls(), calls, "{}", stage.story());
    let restored = stage.world.find(&restored()).unwrap();
    assert_eq!(stage.status("web").slots[&0].vm, restored);
    let story = stage.story();
    assert_eq!(story.matches("committed clone").count(), 2, "{story}");
    stage.assert_safe();
}

#[test]
fn a_vm_of_nobody_that_has_a_members_identity_fills_no_slot() {
    let mut stage = Stage::settled(spec(2));
    stage.act(Deed::Twin(member(0), "twin".into(), Place::Elsewhere));
    stage.act(Deed::Unmark(Which::Named("twin".into())));
    let lost = stage.ids("web").remove(0);
    stage.act(Deed::Destroy(Which::Id(lost.clone())));
    stage.world.run_for(60_000);
    let twin = stage.world.find(&Which::Named("twin".into())).unwrap();
    let recorded = stage.status("web").slots.get(&0).map(|it| it.vm.clone());
    assert!(recorded.is_none_or(|vm| vm != twin), "{}", stage.story());
    let story = stage.story();
    assert!(
        story.contains(&format!("{lost} of slot 0 was removed")),
        "{story}"
    );
    stage.assert_safe();
}

#[test]
fn a_member_whose_deletion_was_given_up_is_lost_if_a_person_destroys_it() {
    let crash = spoiled(Kind::PowerOff, 1, RequestFault::CrashBefore);
    let mut stage = Stage::new(vec![crash]);
    stage.create("web", spec(2));
    stage.until_phase("web", "RUNNING", 120);
    stage.act(Deed::Scale(key("web"), 1));
    stage.world.run_for(1_000);
    stage.act(Deed::Scale(key("web"), 2));
    stage.until_phase("web", "RUNNING", 120);
    assert_eq!(stage.ids("web").len(), 2);
    stage.act(Deed::Destroy(member(1)));
    stage.world.run_for(5_000);
    let story = stage.story();
    assert!(
        story.contains("of slot 1 was removed by somebody else"),
        "{story}"
    );
    stage.until_phase("web", "RUNNING", 120);
    stage.assert_safe();
}

#[test]
fn a_member_that_is_out_of_view_without_its_marker_keeps_its_slot_until_the_group_goes() {
    let mut stage = Stage::settled(spec(2));
    let calls = stage.calls();
    let lost = Which::Id(stage.world.find(&member(1)).unwrap());
    stage.act(Deed::Move(lost.clone(), Place::Elsewhere));
    stage.act(Deed::Unmark(lost.clone()));
    stage.world.run_for(600_000);
    stage.says("web", "does not carry its marker");
    assert_eq!(stage.calls(), calls, "{}", stage.story());
    stage.act(Deed::Delete(key("web")));
    stage.until_empty(120);
    assert!(stage.world.find(&lost).is_ok(), "it is nobody's");
    stage.assert_safe();
}

/// Ten members whose next so many reads are lost.
fn unreadable_for(reads_lost: u32) -> Stage {
    let patient = |faults| {
        let options = Options {
            timeout_ms: 1_000,
            ..Options::default()
        };
        let mut stage = Stage::with(options, faults);
        stage.create("web", spec(10));
        stage.until_phase("web", "RUNNING", 120);
        stage
    };
    let first = reads(&patient(Vec::new())) + 1;
    let lost = |nth| spoiled(Kind::ReadVm, nth, RequestFault::LostBefore);
    patient((first..first + reads_lost).map(lost).collect())
}

/// How many VMs were read so far.
fn reads(stage: &Stage) -> u32 {
    u32::try_from(stage.asked(Kind::ReadVm)).unwrap()
}

#[test]
fn a_suspended_group_looks_for_a_member_that_cannot_be_found_too() {
    let mut stage = unreadable_for(1_000);
    let suspended = Spec {
        suspend: true,
        ..spec(10)
    };
    stage.edit("web", suspended);
    stage.act(Deed::Move(member(3), Place::Elsewhere));
    let asked = |stage: &Stage| {
        let asks = |line: &&str| line.contains("operator    -> #") && line.contains(" read vm-");
        stage.story().lines().filter(asks).count()
    };
    let before = asked(&stage);
    stage.world.run_for(100_000);
    let made = asked(&stage) - before;
    assert!((2..=5).contains(&made), "{made} reads\n{}", stage.story());
}

#[test]
fn a_member_that_cannot_be_found_is_looked_for_now_and_then() {
    let mut stage = unreadable_for(1_000);
    let calls = stage.calls();
    stage.act(Deed::Move(member(3), Place::Elsewhere));
    stage.world.run_for(600_000);
    stage.says("web", "1 of 10 members cannot be read");
    assert_eq!(stage.calls(), calls, "{}", stage.story());
    let read = stage.world.counts()["LostBefore"];
    assert!((10..=16).contains(&read), "{read} reads in ten minutes");
}

#[test]
fn while_many_members_cannot_be_found_nothing_is_cloned_for_anybody() {
    let mut stage = unreadable_for(30);
    for slot in 0..10 {
        stage.act(Deed::Move(member(slot), Place::Elsewhere));
    }
    stage.world.run_for(10_000);
    stage.create("db", spec(1));
    stage.until_phase("db", "ERROR", 30);
    assert!(stage.status("db").held.is_some(), "{}", stage.story());
    // They are read again, each where it is now.
    stage.until_phase("web", "RUNNING", 120);
    stage.create("late", spec(1));
    stage.until_phase("late", "RUNNING", 60);
    assert_eq!((stage.ids("web").len(), stage.ids("db").len()), (10, 0));
    stage.assert_safe();
}

/// With a surge its members may have one slot more than there are replicas.
fn with_surge(replicas: u32, deletion: DeletionPolicy) -> Spec {
    Spec {
        max_surge: Amount::Count(1),
        deletion,
        ..spec(replicas)
    }
}

/// The status was wiped, as by a restore without statuses, while the operator was away.
#[test]
fn a_member_out_of_view_is_found_though_no_status_tells_of_it() {
    let mut stage = Stage::settled(with_surge(2, DeletionPolicy::Delete));
    let moved = stage.world.find(&member(1)).unwrap();
    stage.world.crash(0, Unsent::Dropped);
    stage.act(Deed::Move(Which::Id(moved), Place::Elsewhere));
    stage.act(Deed::WipeStatus(key("web")));
    // The slot has not to be filled, so that nobody would look into it for that.
    stage.act(Deed::Scale(key("web"), 1));
    stage.world.run_for(120_000);
    assert_eq!(stage.ids("web").len(), 1, "{}", stage.story());
    stage.assert_safe();
}

/// The cluster was restored to what it was before the member was made.
#[test]
fn a_group_does_not_go_before_a_member_out_of_view_that_a_backup_does_not_tell_of() {
    for deletion in [DeletionPolicy::Delete, DeletionPolicy::Orphan] {
        let mut stage = Stage::settled(with_surge(1, deletion));
        stage.world.run_for(10_000);
        stage.act(Deed::Scale(key("web"), 2));
        stage.world.run_for(60_000);
        let moved = stage.world.find(&member(1)).unwrap();
        stage.world.crash(0, Unsent::Dropped);
        stage.world.suffer(&WorldFault::RestoreCluster(65_000));
        stage.act(Deed::Move(Which::Id(moved.clone()), Place::Elsewhere));
        stage.act(Deed::Delete(key("web")));
        stage.until_empty(120);
        let left = stage.world.vcenter().vm(&moved);
        match deletion {
            DeletionPolicy::Delete => assert!(left.is_none(), "{}", stage.story()),
            DeletionPolicy::Orphan => assert!(left.unwrap().agreed().is_none()),
        }
        stage.assert_safe();
    }
}

/// Ten slots are to be searched, more than at a time, and nobody may search.
#[test]
fn what_cannot_be_searched_keeps_no_group_from_its_decisions_and_is_found_later() {
    let mut stage = Stage::settled(with_surge(10, DeletionPolicy::Delete));
    let of_slots: Vec<Which> = (0..10).map(member).collect();
    let moved = of_slots
        .iter()
        .map(|which| stage.world.find(which).unwrap());
    let moved: Vec<String> = moved.collect();
    stage.world.crash(0, Unsent::Dropped);
    for vm in &moved[1..] {
        stage.act(Deed::Move(Which::Id(vm.clone()), Place::Elsewhere));
    }
    stage.act(Deed::WipeStatus(key("web")));
    stage
        .world
        .suffer(&WorldFault::Deny(Kind::ReadIdentity, 120_000));
    stage.act(Deed::Scale(key("web"), 9));
    stage.ask_for_power_off("web");
    stage.world.run_for(60_000);
    let off = stage.world.vcenter().vm(&moved[0]).unwrap().power;
    assert_eq!(off, PowerState::Off, "{}", stage.story());
    stage.world.run_for(240_000);
    let left = stage.ids("web");
    assert_eq!(left.len(), 9, "{}", stage.story());
    assert!(left.iter().all(|vm| moved.contains(vm)));
    assert_eq!(stage.status("web").current_replicas, Some(9));
    stage.assert_safe();
}
