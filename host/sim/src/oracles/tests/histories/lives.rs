//! Generations and numbers of commits that begin anew, and calls that come late.

use vmgroup_core::observation::OperationKind;

use super::*;
use crate::deed::Deed;

fn deletes() -> Vec<IntentStep> {
    vec![step(OperationKind::Delete, Some("vm-1"))]
}

fn destroy() -> Fact {
    call(40, Call::Destroy("vm-1".into()))
}

/// Found by profile usual, seed 42048.
#[test]
fn s4_counts_commits_of_a_recreated_object_anew() {
    let history = |deleting| {
        let before = object(3, small_spec(1, "base"), deletes());
        let again = GroupObject {
            uid: "uid-2".into(),
            deleting,
            ..object(1, small_spec(1, "base"), deletes())
        };
        [
            counted(5, &[0]),
            revised(10, before),
            revised(20, again),
            destroy(),
        ]
    };
    assert_eq!(s4_justified(&history(true)), []);
    assert_eq!(names_of(&s4_justified(&history(false))), ["S4"]);
}

/// Found by profile restores, seed 20831.
#[test]
fn s4_counts_commits_anew_after_a_restore() {
    let history = |before, after| {
        let restored = object(1, small_spec(after, "base"), Vec::new());
        let restored = GroupObject {
            status: Status::default(),
            ..restored
        };
        [
            counted(5, &[0]),
            revised(10, object(2, small_spec(before, "base"), deletes())),
            Fact::Restored {
                at: Monotonic(20),
                objects: vec![restored],
            },
            revised(30, object(1, small_spec(after, "base"), deletes())),
            destroy(),
        ]
    };
    assert_eq!(s4_justified(&history(1, 0)), []);
    assert_eq!(names_of(&s4_justified(&history(0, 1))), ["S4"]);
}

/// A world in which nobody does anything.
fn asleep() -> World<TinyLogic> {
    let factory =
        Box::new(|_: usize, _: u32, _| -> Box<dyn Host> { Box::new(Sleeper { awake: false }) });
    World::new(Options::default(), FaultPlan::default(), TinyLogic, factory)
}

/// Found by profile poison, seed 18130: people made the VM a template while the
/// host stood still between its look and its call.
#[test]
fn s3_forgives_only_what_came_between_the_look_and_its_call() {
    let world = asleep();
    let broken = |at, held_up| {
        let mut power_on = called(at, Call::PowerOn("vm-1".into()));
        power_on.held_up = held_up;
        if let Some(vm) = &mut power_on.target {
            vm.template = true;
            vm.meddled_at = Some(Monotonic(0));
        }
        let facts = [Fact::Called(Box::new(power_on))];
        names_of(&s3_foreign(&facts, world.vcenter(), Monotonic(at)))
    };
    assert_eq!(broken(60_000, true), Vec::<&str>::new());
    assert_eq!(broken(60_000, false), ["S3"]);
    // Found by seed 59643: people acted between the look and the call.
    assert_eq!(broken(20, false), Vec::<&str>::new());
}

/// Found by profile restores, seed 351: the backup had no such group, and the
/// host stood still before a clone that was due.
#[test]
fn s1_measures_a_late_clone_by_the_group_that_a_restore_took_away() {
    let seen = |population, held_up| {
        let mut clone = called(60_000, clone_into("group-v1", &key()));
        clone.population = population;
        clone.held_up = held_up;
        let restored = Fact::Restored {
            at: Monotonic(20),
            objects: Vec::new(),
        };
        let before = revised(10, object(1, small_spec(3, "base"), Vec::new()));
        s1_bound(&[before, restored, Fact::Called(Box::new(clone))]).len()
    };
    assert_eq!(seen(3, true), 0);
    assert_eq!(seen(3, false), 1);
    assert_eq!(seen(9, true), 1);
}

/// A person took the finalizers away.
fn stripped(object: GroupObject) -> Fact {
    Fact::Vanished {
        at: Monotonic(20),
        object: Box::new(object),
        by_hand: true,
        members: Vec::new(),
        clones: Vec::new(),
        occupied: false,
    }
}

/// Found by profile restores, seed 36633: the finalizers were stripped while the host
/// stood still before a clone.
#[test]
fn s1_measures_a_late_clone_by_the_group_that_vanished() {
    let seen = |held_up| {
        let mut clone = called(60_000, clone_into("group-v1", &key()));
        clone.population = 3;
        clone.held_up = held_up;
        let object = object(1, small_spec(3, "base"), Vec::new());
        let late = Fact::Called(Box::new(clone));
        s1_bound(&[revised(10, object.clone()), stripped(object), late]).len()
    };
    assert_eq!(seen(true), 0);
    assert_eq!(seen(false), 1);
}

/// Found by profile rivals, seed 67043: a member that was being destroyed was made a
/// template. As no member any more it is none that the next delete leaves fewer of.
#[test]
fn s4_takes_no_delete_from_members_that_it_is_not_among() {
    let destroy = |at, slot| {
        let mut destroy = called(at, Call::Destroy(format!("vm-{slot}")));
        destroy.operation_id = format!("{IDENTITY}/{slot}/1");
        Fact::Called(Box::new(destroy))
    };
    let history = |now: &[u32]| {
        [
            counted(5, &[0, 1, 3]),
            revised(10, object(1, small_spec(1, "base"), Vec::new())),
            destroy(11, 1),
            destroy(12, 3),
            counted(15, &[0, 1]),
            counted(16, now),
            destroy(20, 0),
        ]
    };
    assert_eq!(s4_justified(&history(&[0, 1, 2])), []);
    assert_eq!(names_of(&s4_justified(&history(&[0, 1]))), ["S4"]);
}

/// Reads the group once, during an outage, and then hears of nothing any more.
struct Forgetful {
    awake: bool,
}

impl Host for Forgetful {
    fn step(&mut self, _: Event, now: Now) -> Vec<Request> {
        if !self.awake || now.monotonic < Monotonic(6_000) {
            return Vec::new();
        }
        self.awake = false;
        vec![Request::ReadGroup {
            id: RequestId(1),
            key: key(),
        }]
    }

    fn deadline(&self) -> Option<Monotonic> {
        self.awake.then_some(Monotonic(6_000))
    }
}

/// Found by seeds 45050 and 1886719: the group was deleted during the outage, in the
/// latter before the request arrived.
#[test]
fn l4_asks_nobody_to_resume_for_a_group_that_is_gone() {
    let broken = |deleted_at: Option<u64>, made_anew: bool| {
        let factory = Box::new(|_: usize, _: u32, _| -> Box<dyn Host> {
            Box::new(Forgetful { awake: true })
        });
        let mut world = World::new(Options::default(), FaultPlan::default(), TinyLogic, factory);
        let spec = Box::new(Ok(small_spec(1, "base")));
        world.act(&Deed::Create(key(), spec)).expect("a new group");
        world.plan_fault(Monotonic(5_000), WorldFault::CutCluster(10_000));
        world.run_for(deleted_at.unwrap_or(10_000));
        if deleted_at.is_some() {
            world.act(&Deed::Delete(key())).expect("a known group");
        }
        if made_anew {
            let spec = Box::new(Ok(small_spec(1, "base")));
            world.act(&Deed::Create(key(), spec)).expect("a new group");
        }
        world.run_for(50_000);
        names_of(&l4_resume(&world))
    };
    assert_eq!(broken(None, false), ["L4"]);
    assert_eq!(broken(Some(5_500), true), ["L4"]);
    for deleted_at in [5_500, 10_000] {
        let broken = broken(Some(deleted_at), false);
        assert_eq!(broken, Vec::<&str>::new(), "{deleted_at}");
    }
}

/// Found by profile leased, seed 6195: the host stood still before a clone, and
/// the next holder had a scale-down committed, whose surplus a person's twin kept.
#[test]
fn s1_measures_a_late_clone_by_the_spec_that_it_was_committed_on() {
    let seen = |population, held_up| {
        let mut clone = called(60_000, clone_into("group-v1", &key()));
        clone.population = population;
        clone.held_up = held_up;
        let mut after = object(2, small_spec(2, "base"), Vec::new());
        if let Some(intent) = &mut after.status.intent {
            intent.id = 2;
        }
        let before = object(1, small_spec(4, "base"), Vec::new());
        let late = Fact::Called(Box::new(clone));
        s1_bound(&[revised(10, before), revised(20, after), late]).len()
    };
    assert_eq!(seen(4, true), 0);
    assert_eq!(seen(4, false), 1);
    assert_eq!(seen(6, true), 1);
}

/// People strip the finalizer, and the next object of that name adopts what is
/// left: its numbers go on where the former one's ended.
#[test]
fn s7_sees_an_effect_again_under_the_number_of_a_former_object() {
    let effect = |at| effect(at, Kind::Clone, &format!("{IDENTITY}/0/1"));
    let gone = stripped(object(1, small_spec(1, "base"), Vec::new()));
    let breaches = s7_effect_once(&[effect(10), gone, effect(30)]);
    assert_eq!(names_of(&breaches), ["S7"]);
}

/// Found by profile restores, seed 356295: a clone was on its way when a restore brought an
/// earlier object of that name back.
#[test]
fn s1_and_s3_know_that_a_restore_is_heard_of_later() {
    let world = asleep();
    let broken = |at| {
        let earlier = GroupObject {
            uid: "uid-0".into(),
            identity: Some("another".into()),
            ..object(1, small_spec(1, "base"), Vec::new())
        };
        let restored = Fact::Restored {
            at: Monotonic(20),
            objects: vec![earlier],
        };
        let mut clone = called(at, clone_into("group-v1", &key()));
        clone.population = 3;
        let facts = [
            revised(10, object(1, small_spec(3, "base"), Vec::new())),
            restored,
            Fact::Called(Box::new(clone)),
        ];
        let mut breaches = s1_bound(&facts);
        breaches.extend(s3_foreign(&facts, world.vcenter(), Monotonic(at)));
        names_of(&breaches)
    };
    assert_eq!(broken(22), Vec::<&str>::new());
    assert_eq!(broken(22_000), ["S1", "S3"]);
}
