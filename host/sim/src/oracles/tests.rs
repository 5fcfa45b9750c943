//! Each oracle sees the flaw that it is there for.

mod histories;

use std::collections::BTreeSet;

use vmgroup_core::group::GroupKey;
use vmgroup_core::observation::PowerState;

use super::{inventory, liveness};
use crate::deed::{Deed, Place, Which};
use crate::faults::{Fault, FaultPlan, RequestFault};
use crate::kind::Kind;
use crate::options::Options;
use crate::samples::small_spec;
use crate::toy::{Flaw, TinyLogic, Toy};
use crate::world::World;

fn web() -> GroupKey {
    GroupKey::new("shop", "web")
}

/// What the oracles say about a toy with that flaw, after the walk: three VMs,
/// a lost answer, a copy, a scale down and a deletion.
fn broken_by(flaw: Flaw) -> BTreeSet<&'static str> {
    let lost = Fault::Request {
        host: None,
        kind: Kind::Clone,
        nth: 2,
        what: RequestFault::LostAfter,
    };
    let factory = Box::new(move |_: usize, _: u32, now| -> Box<dyn crate::host::Host> {
        Box::new(Toy::new(flaw, now))
    });
    let plan = FaultPlan::new(vec![lost]);
    // A clone takes longer than its answer is waited for.
    let options = Options {
        timeout_ms: 1_000,
        ..Options::default()
    };
    let mut world = World::new(options, plan, TinyLogic, factory);
    let mut broken = BTreeSet::new();
    for deed in [
        Deed::AddTemplate("base".into()),
        Deed::AddVm("bystander".into(), Place::Root),
        Deed::Create(web(), Box::new(Ok(small_spec(3, "base")))),
        Deed::Copy(Which::Nth(web(), 0), "copy".into(), Place::Root),
        Deed::Power(Which::Named("copy".into()), PowerState::On),
        Deed::Scale(web(), 2),
        Deed::Delete(web()),
    ] {
        world.act(&deed).expect("the walk is possible");
        if !matches!(
            deed,
            Deed::AddTemplate(_) | Deed::AddVm(..) | Deed::Copy(..)
        ) {
            world.run_for(400_000);
            broken.extend(liveness(&world, 60_000, 120_000).iter().map(|it| it.oracle));
        }
    }
    broken.extend(inventory(&world).iter().map(|it| it.oracle));
    broken
}

fn sees(flaw: Flaw, oracle: &str) {
    let broken = broken_by(flaw);
    assert!(broken.contains(oracle), "{flaw:?} broke {broken:?}");
}

#[test]
fn nothing_is_broken_by_a_toy_without_a_flaw() {
    assert_eq!(broken_by(Flaw::None), BTreeSet::new());
}

#[test]
fn s2_sees_a_lost_clone_that_is_repeated_under_another_name() {
    sees(Flaw::RepeatsLostClones, "S2");
}

#[test]
fn s1_sees_one_vm_too_many() {
    sees(Flaw::MakesOneMore, "S1");
}

#[test]
fn s3_sees_that_a_copy_is_touched() {
    sees(Flaw::TrustsMarkers, "S3");
}

#[test]
fn s3_sees_that_a_folder_is_destroyed_with_vms_in_it() {
    sees(Flaw::DestroysFoldersFirst, "S3");
}

#[test]
fn s5_sees_an_object_that_goes_before_its_vms() {
    sees(Flaw::ReleasesEarly, "S5");
}

#[test]
fn l1_sees_a_group_that_never_rests() {
    sees(Flaw::Fidgets, "L1");
}

#[test]
fn l2_sees_a_deletion_that_never_ends() {
    sees(Flaw::IgnoresDeletion, "L2");
}

#[test]
fn s7_sees_an_effect_that_happens_twice_under_one_operation_id() {
    use crate::history::{Effect, Fact};
    let called = |at, operation_id: &str, held_up| {
        Fact::Effect(Box::new(Effect {
            at: vmgroup_core::time::Monotonic(at),
            group: web(),
            operation_id: operation_id.into(),
            held_up,
            kind: Kind::PowerOn,
            changed: true,
            vm: Some("vm-1".into()),
            marker: None,
            claimants: Vec::new(),
        }))
    };
    let effect = |at, operation_id| called(at, operation_id, false);
    let (on, other) = ("id-1/0/4", "id-1/0/5");
    let seen = |effects: &[Fact]| super::s7_effect_once(effects).len();
    assert_eq!(seen(&[effect(1, on)]), 0);
    // A person has powered it off in between.
    assert_eq!(seen(&[effect(1, on), effect(2, on)]), 0);
    assert_eq!(seen(&[effect(1, on), effect(2, other), effect(3, on)]), 1);
    // The other call is of an earlier commit, and was sent by a host that had stood still.
    let late = called(2, "id-1/0/3", true);
    assert_eq!(seen(&[effect(1, on), late, effect(3, on)]), 0);
    let newer = called(2, other, true);
    assert_eq!(seen(&[effect(1, on), newer, effect(3, on)]), 1);
}

#[test]
fn the_comparison_takes_a_shutdown_and_the_power_cut_after_it_for_one() {
    use crate::history::{Effect, Fact};
    let effect = |kind| {
        Fact::Effect(Box::new(Effect {
            at: vmgroup_core::time::Monotonic(1),
            group: web(),
            operation_id: "id-1/0/4".into(),
            held_up: false,
            kind,
            changed: true,
            vm: Some("vm-1".into()),
            marker: None,
            claimants: Vec::new(),
        }))
    };
    let ends = |kinds: &[Kind]| {
        let mut ends = super::Ends::default();
        ends.count(&kinds.iter().copied().map(effect).collect::<Vec<_>>());
        ends
    };
    let (cut, shutdown, on) = (Kind::PowerOff, Kind::ShutdownGuest, Kind::PowerOn);
    let same =
        |one: &[Kind], other: &[Kind]| super::differential(&ends(one), &ends(other)).is_empty();
    assert!(same(&[shutdown], &[cut]));
    assert!(same(&[shutdown, cut], &[shutdown]));
    assert!(!same(&[cut, cut], &[cut]));
    assert!(!same(&[shutdown, on, cut], &[shutdown, on]));
}
