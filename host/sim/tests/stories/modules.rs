//! Modules that take over from one another, and those that fail, refuse or are not there.

use vmgroup_core::group::{Amount, Spec};
use vmgroup_core::observation::UpdatePolicy;
use vmgroup_core::outcome::Outcome;
use vmgroup_core::plan::{Answer, NextLook, Plan, Reason, Refusal};
use vmgroup_reconcile::event::{DecideResult, Event};
use vmgroup_sim::deed::Deed;
use vmgroup_sim::history::Fact;
use vmgroup_sim::kind::Kind;
use vmgroup_sim::options::Options;

use crate::stage::{Stage, key, member, modules, spec};

const GROUPS: [&str; 4] = ["a", "b", "c", "d"];

/// Four groups of five members, whose owner rolls out a new template.
fn rollout(swap: bool) -> Stage {
    let mut stage = Stage::new(Vec::new());
    stage.act(Deed::AddTemplate("next".into()));
    let rolling = Spec {
        update: UpdatePolicy::RollingReplace,
        max_unavailable: Amount::Count(5),
        ..spec(5)
    };
    for name in GROUPS {
        stage.create(name, rolling.clone());
    }
    for name in GROUPS {
        stage.until_phase(name, "RUNNING", 600);
    }
    if swap {
        stage.swap("another");
    }
    for name in GROUPS {
        let next = Spec {
            template: "next".into(),
            ..rolling.clone()
        };
        stage.edit(name, next);
    }
    stage
}

#[test]
fn a_module_that_has_decided_for_long_rolls_through_all_groups_at_once() {
    let mut stage = rollout(false);
    stage.world.run_for(1_800_000);
    assert_eq!(stage.effects(Kind::Destroy), 20, "{}", stage.story());
    stage.assert_safe();
}

#[test]
fn a_module_that_has_just_taken_over_may_take_down_in_all_groups_what_one_may_lose() {
    let mut stage = rollout(true);
    stage.world.run_for(1_800_000);
    assert_eq!(stage.effects(Kind::Destroy), 10, "{}", stage.story());
    let held = |name: &&&str| stage.status(name).held.is_some();
    assert!(GROUPS.iter().filter(held).count() > 0);
    stage.world.run_for(3_600_000);
    assert_eq!(stage.effects(Kind::Destroy), 20, "{}", stage.story());
    for name in GROUPS {
        stage.until_phase(name, "RUNNING", 60);
    }
    stage.assert_safe();
}

/// The operator's default module traps.
fn trap() -> DecideResult {
    DecideResult::Failed {
        label: Outcome::Trap.as_str(),
        message: "unreachable executed".into(),
    }
}

/// It will not decide, and asks to be asked again.
fn refusal(after_ms: u64) -> DecideResult {
    let reason = Reason {
        code: "not-now".into(),
        message: "somebody is at it".into(),
    };
    DecideResult::Answered(Answer::Refusal(Refusal {
        reason: reason.clone(),
        next_look: Some(NextLook { after_ms, reason }),
    }))
}

/// When it was asked within so many seconds of which nothing else happens.
fn asked_in(stage: &mut Stage, seconds: u64) -> Vec<u64> {
    let before = stage.world.facts().len();
    stage.world.run_for(seconds * 1_000);
    let asked = stage.world.facts()[before..]
        .iter()
        .filter_map(|fact| match fact {
            Fact::Decided(decided) => Some(decided.at.0),
            _ => None,
        });
    asked.collect()
}

#[test]
fn a_module_that_fails_is_asked_again_after_growing_pauses() {
    let mut stage = Stage::new(Vec::new());
    stage.world.decide_mut().instead = Some(trap());
    stage.create("web", spec(2));
    let asked = asked_in(&mut stage, 3_600);
    stage.says("web", "unreachable executed");
    assert_eq!(stage.status("web").phase.as_deref(), Some("ERROR"));
    let pauses: Vec<u64> = asked.windows(2).map(|two| two[1] - two[0]).collect();
    let (first, last) = (pauses[0], pauses[pauses.len() - 1]);
    assert!(first < 10_000 && last > 120_000, "{pauses:?}");
    stage.world.decide_mut().instead = None;
    stage.until_phase("web", "RUNNING", 600);
    stage.assert_safe();
}

#[test]
fn a_module_that_refuses_is_asked_again_when_it_says_but_not_without_end() {
    for (after_ms, expected) in [(0, 55..=60), (1_000, 55..=60), (20_000, 3..=3)] {
        let mut stage = Stage::settled(spec(2));
        stage.world.decide_mut().instead = Some(refusal(after_ms));
        stage.act(Deed::Scale(key("web"), 3));
        stage.world.run_for(5_000);
        stage.says("web", "somebody is at it");
        let asked = asked_in(&mut stage, 60).len();
        assert!(expected.contains(&asked), "{after_ms} ms: {asked} times");
    }
}

#[test]
fn a_group_goes_though_its_module_fails() {
    let mut stage = Stage::settled(spec(2));
    stage.world.decide_mut().instead = Some(trap());
    stage.act(Deed::Delete(key("web")));
    stage.world.run_for(1_000);
    assert_eq!(stage.running("web"), 2, "its own module is asked first");
    stage.until_empty(600);
    assert!(stage.ids("web").is_empty(), "{}", stage.story());
    stage.assert_safe();
}

#[test]
fn a_group_whose_module_is_not_there_says_so_and_still_goes() {
    let mut stage = Stage::new(Vec::new());
    let lost = Spec {
        module: Some("lost".into()),
        ..spec(2)
    };
    stage.create("web", lost.clone());
    stage.until_phase("web", "ERROR", 60);
    stage.says("web", "the operator has no module lost");
    assert_eq!(stage.calls(), 0);
    stage.edit("web", spec(2));
    stage.until_phase("web", "RUNNING", 60);
    stage.edit("web", lost);
    stage.until_phase("web", "ERROR", 60);
    stage.act(Deed::Delete(key("web")));
    stage.until_empty(60);
    stage.assert_safe();
}

/// One host that has a default module, and is still compiling the built-in one.
fn compiling() -> (Stage, Event) {
    let [default, built_in] = modules().try_into().expect("two names");
    let options = Options {
        modules: vec![default],
        ..Options::default()
    };
    (
        Stage::with(options, Vec::new()),
        Event::ModuleActive(built_in),
    )
}

#[test]
fn who_names_the_built_in_module_waits_until_it_is_compiled() {
    let (mut stage, compiled) = compiling();
    stage.create(
        "web",
        Spec {
            module: Some("built-in".into()),
            ..spec(2)
        },
    );
    stage.world.run_for(20_000);
    stage.says("web", "still being loaded");
    assert_eq!(stage.calls(), 0);
    stage.world.tell_of_module(&compiled);
    stage.until_phase("web", "RUNNING", 60);
    stage.assert_safe();
}

/// Before, it was decided by a module that was not there, over and over.
#[test]
fn a_deletion_without_its_module_waits_until_the_built_in_one_is_compiled() {
    let (mut stage, compiled) = compiling();
    stage.settle(spec(2));
    stage.edit(
        "web",
        Spec {
            module: Some("lost".into()),
            ..spec(2)
        },
    );
    stage.until_phase("web", "ERROR", 60);
    stage.act(Deed::Delete(key("web")));
    stage.world.run_for(20_000);
    stage.says("web", "still being loaded");
    assert_eq!(stage.ids("web").len(), 2, "{}", stage.story());
    stage.world.tell_of_module(&compiled);
    stage.until_empty(60);
    stage.assert_safe();
}

/// They are none that the built-in module knows.
#[test]
fn a_group_goes_without_its_module_whatever_settings_that_had() {
    let mut stage = Stage::settled(spec(2));
    let lost = Spec {
        module: Some("lost".into()),
        settings: r#"{"maintenanceWindow":"nights"}"#.into(),
        ..spec(2)
    };
    stage.edit("web", lost);
    stage.until_phase("web", "ERROR", 60);
    stage.act(Deed::Delete(key("web")));
    stage.until_empty(60);
    stage.assert_safe();
}

#[test]
fn a_module_that_will_not_decide_for_a_day_does_not_keep_a_deletion() {
    let mut stage = Stage::settled(spec(2));
    let held = member(1);
    stage.act(Deed::Hold(held.clone(), true));
    stage.world.decide_mut().instead = Some(refusal(86_400_000));
    stage.act(Deed::Delete(key("web")));
    stage.world.run_for(120_000);
    assert_eq!(stage.ids("web").len(), 1, "{}", stage.story());
    stage.act(Deed::Hold(held, false));
    stage.until_empty(10);
    let asked = stage.world.decide_mut().answered_instead;
    assert_eq!(asked, 3, "the one that stands in sees it through");
    stage.assert_safe();
}

#[test]
fn a_memo_is_for_the_module_that_wrote_it() {
    let mut stage = Stage::new(Vec::new());
    let memo = Some("the third of May".to_owned());
    let remembering = Plan {
        memo: memo.clone(),
        ..Plan::default()
    };
    stage.world.decide_mut().instead = Some(DecideResult::Answered(Answer::Plan(remembering)));
    stage.create("web", spec(1));
    stage.world.run_for(30_000);
    stage.act(Deed::Scale(key("web"), 2));
    stage.world.run_for(30_000);
    let seen = std::mem::take(&mut stage.world.decide_mut().memos);
    assert_eq!((seen.first(), seen.last()), (Some(&None), Some(&memo)));
    stage.swap("another");
    stage.world.run_for(60_000);
    let seen = &stage.world.decide_mut().memos;
    assert_eq!(seen.first(), Some(&None));
}

#[test]
fn a_module_that_lets_no_member_of_a_deleted_group_go_does_not_keep_it() {
    let mut stage = Stage::settled(spec(2));
    let idle = DecideResult::Answered(Answer::Plan(Plan::default()));
    stage.world.decide_mut().instead = Some(idle);
    stage.act(Deed::Delete(key("web")));
    stage.until_empty(120);
    assert_eq!(stage.ids("web").len(), 0, "{}", stage.story());
    stage.assert_safe();
}
