//! Members that follow a spec that changes, and changes back.

use vmgroup_core::group::{Amount, Spec};
use vmgroup_core::observation::{HealPolicy, PowerState, UpdatePolicy};
use vmgroup_reconcile::inventory::{Fault as VimFault, Heartbeat};
use vmgroup_sim::deed::{Deed, Which};
use vmgroup_sim::faults::{RequestFault, WorldFault};
use vmgroup_sim::kind::Kind;
use vmgroup_sim::vcenter::VmTruth;

use crate::stage::{Stage, member, spec, spoiled};

fn rolling(replicas: u32) -> Spec {
    Spec {
        update: UpdatePolicy::RollingReplace,
        ..spec(replicas)
    }
}

fn cycling(replicas: u32) -> Spec {
    Spec {
        update: UpdatePolicy::PowerCycle,
        ..spec(replicas)
    }
}

/// From the fourth on, no VM can be powered on.
#[test]
fn a_template_that_does_not_come_up_is_left_behind_again() {
    let fails = |nth| {
        spoiled(
            Kind::PowerOn,
            nth,
            RequestFault::TaskFails(VimFault::Other {
                name: "SystemError".into(),
                message: "no boot device".into(),
            }),
        )
    };
    let mut stage = Stage::new((4..400).map(fails).collect());
    stage.act(Deed::AddTemplate("broken".into()));
    stage.create("web", rolling(3));
    stage.until_phase("web", "RUNNING", 120);
    let before = stage.ids("web");
    let broken = Spec {
        template: "broken".into(),
        ..rolling(3)
    };
    stage.edit("web", broken);
    stage.world.run_for(120_000);
    let mut made = stage.ids("web");
    made.retain(|vm| !before.contains(vm));
    assert_eq!(made.len(), 1, "one is tried\n{}", stage.story());
    stage.edit("web", rolling(3));
    stage.world.run_for(600_000);
    let now = stage.ids("web");
    assert!(!now.contains(&made[0]), "{}", stage.story());
    assert_eq!(before.iter().filter(|vm| now.contains(vm)).count(), 2);
    stage.assert_safe();
}

/// What cannot be changed while it runs: one more serves meanwhile.
#[test]
fn hardware_changes_where_none_may_be_down() {
    let wanted = Spec {
        max_unavailable: Amount::Count(0),
        max_surge: Amount::Count(1),
        ..rolling(2)
    };
    let mut stage = Stage::settled(wanted.clone());
    let larger = Spec { cpus: 4, ..wanted };
    stage.edit("web", larger);
    let mut fewest = stage.running("web");
    for _ in 0..600 {
        stage.world.run_for(1_000);
        fewest = fewest.min(stage.running("web"));
    }
    stage.until_phase("web", "RUNNING", 1);
    assert_eq!(
        (stage.ids("web").len(), fewest),
        (2, 2),
        "{}",
        stage.story()
    );
    let of_four = stage.world.vcenter().vms().filter(|vm| vm.cpus == 4);
    assert_eq!(of_four.count(), 2);
    stage.assert_safe();
}

/// What was committed waits for its place: the rules are asked again when it gets one.
#[test]
fn a_member_that_waits_to_be_replaced_stays_when_another_one_fails() {
    let slow = spoiled(Kind::Clone, 5, RequestFault::Slow(50_000));
    let mut stage = Stage::narrow(vec![slow]);
    let wanted = Spec {
        max_unavailable: Amount::Count(1),
        max_surge: Amount::Count(0),
        ..rolling(3)
    };
    stage.act(Deed::AddTemplate("next".into()));
    stage.create("web", wanted.clone());
    stage.create("other", spec(1));
    stage.until_phase("web", "RUNNING", 300);
    stage.until_phase("other", "RUNNING", 300);
    let before = stage.ids("web");

    // Its clone takes the only place.
    stage.edit("other", spec(2));
    stage.world.run_for(2_000);
    let next = Spec {
        template: "next".into(),
        ..wanted
    };
    stage.edit("web", next);
    stage.world.run_for(5_000);
    let step = stage
        .status("web")
        .intent
        .and_then(|it| it.steps.first().cloned());
    let step = step.expect("one is to be replaced, as soon as there is a place");
    let another = member((step.slot + 1) % 3);
    stage.act(Deed::Guest(another, Heartbeat::Red));
    let serves = |vm: &&VmTruth| vm.power == PowerState::On && vm.heartbeat == Heartbeat::Green;
    let mut fewest = 3;
    for _ in 0..600 {
        stage.world.run_for(1_000);
        let web = stage.ids("web");
        let vms = stage.world.vcenter().vms();
        let serving = vms.filter(|vm| web.contains(&vm.id)).filter(serves).count();
        fewest = fewest.min(serving);
    }
    assert_eq!(fewest, 2, "{}", stage.story());
    stage.until_phase("web", "RUNNING", 1);
    assert!(before.iter().all(|vm| !stage.ids("web").contains(vm)));
    stage.assert_safe();
}

/// Another template takes new VMs, which that policy never makes.
#[test]
fn what_a_policy_does_not_change_is_not_waited_for() {
    let mut stage = Stage::settled(cycling(2));
    stage.act(Deed::AddTemplate("next".into()));
    let next = Spec {
        template: "next".into(),
        ..cycling(2)
    };
    stage.edit("web", next);
    stage.until_phase("web", "RUNNING", 60);
    stage.assert_safe();
}

/// Its template is left as it was.
#[test]
fn hardware_changes_although_the_template_is_another_one() {
    let mut stage = Stage::settled(cycling(2));
    stage.act(Deed::AddTemplate("next".into()));
    let before = stage.ids("web");
    let next = Spec {
        template: "next".into(),
        cpus: 4,
        ..cycling(2)
    };
    stage.edit("web", next);
    stage.world.run_for(120_000);
    stage.until_phase("web", "RUNNING", 60);
    assert_eq!(stage.ids("web"), before);
    let of_four = stage.world.vcenter().vms().filter(|vm| vm.cpus == 4);
    assert_eq!(of_four.count(), 2, "{}", stage.story());
    stage.assert_safe();
}

#[test]
fn what_is_broken_is_replaced_where_none_may_be_down() {
    let wanted = Spec {
        max_unavailable: Amount::Count(0),
        max_surge: Amount::Count(0),
        heal: HealPolicy::Replace,
        heal_after_ms: 60_000,
        ..spec(2)
    };
    let mut stage = Stage::settled(wanted);
    let before = stage.ids("web");
    stage.act(Deed::Guest(Which::Id(before[1].clone()), Heartbeat::Red));
    stage.world.run_for(120_000);
    stage.until_phase("web", "RUNNING", 120);
    assert!(!stage.ids("web").contains(&before[1]), "{}", stage.story());
    assert!(stage.ids("web").contains(&before[0]));
    stage.assert_safe();
}

#[test]
fn that_none_may_be_taken_down_for_an_update_is_said() {
    let wanted = Spec {
        max_unavailable: Amount::Count(0),
        max_surge: Amount::Count(0),
        ..cycling(2)
    };
    let mut stage = Stage::settled(wanted.clone());
    let calls = stage.calls();
    let larger = Spec { cpus: 4, ..wanted };
    stage.edit("web", larger);
    stage.world.run_for(60_000);
    stage.says("web", "none may be powered off for it");
    assert_eq!(stage.calls(), calls);
}

/// Found by profile rare, seed 44030238: the last of them counted as a surge, and cost what the
/// refused calls had used up.
#[test]
fn a_group_that_is_scaled_to_nothing_needs_no_budget_for_it() {
    let wanted = Spec {
        max_surge: Amount::Count(2),
        ..rolling(3)
    };
    let mut stage = Stage::settled(wanted.clone());
    stage
        .world
        .suffer(&WorldFault::Deny(Kind::PowerOff, 800_000));
    let none = Spec {
        replicas: 0,
        cpus: 4,
        ..wanted
    };
    stage.edit("web", none);
    stage.world.run_for(1_500_000);
    assert_eq!(stage.ids("web").len(), 0, "{}", stage.story());
    stage.assert_safe();
}

/// The schedule of profile rare, seed 337776: ten refused deletes use the budget of the hour up.
#[test]
fn what_is_left_over_until_the_budget_is_renewed_is_said() {
    let wanted = Spec {
        max_surge: Amount::Count(1),
        ..rolling(4)
    };
    let mut stage = Stage::settled(wanted.clone());
    stage
        .world
        .suffer(&WorldFault::Deny(Kind::Destroy, 900_000));
    let smaller = Spec {
        replicas: 1,
        template: "missing".into(),
        ..wanted
    };
    stage.edit("web", smaller);
    stage.world.run_for(1_800_000);
    stage.says("web", "the budget to remove a member too many is used up");
    let left_over = stage.ids("web").len();
    stage.world.run_for(3_600_000);
    assert!(stage.ids("web").len() < left_over, "{}", stage.story());
    stage.assert_safe();
}

/// Ten of twelve are replaced in an hour. The clock may be set meanwhile.
#[test]
fn what_was_spent_counts_for_an_hour_by_a_clock_that_never_jumps() {
    for jump in [-86_400_000, 3_600_000] {
        let mut stage = Stage::settled(rolling(12));
        let before = stage.ids("web");
        let left = |stage: &Stage| {
            let now = stage.ids("web");
            before.iter().filter(|vm| now.contains(vm)).count()
        };
        stage.act(Deed::AddTemplate("next".into()));
        let next = Spec {
            template: "next".into(),
            ..rolling(12)
        };
        stage.edit("web", next);
        stage.world.run_for(20 * 60_000);
        assert_eq!(left(&stage), 2, "{}", stage.story());
        stage.world.suffer(&WorldFault::ClockJump(jump));
        stage.world.run_for(15 * 60_000);
        assert_eq!(left(&stage), 2, "after {jump} ms\n{}", stage.story());
        stage.world.run_for(45 * 60_000);
        assert_eq!(left(&stage), 0, "after {jump} ms\n{}", stage.story());
        stage.assert_safe();
    }
}
