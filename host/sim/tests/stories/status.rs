//! What a group's status says, when it is written, and which events tell of it.

use vmgroup_core::group::Spec;
use vmgroup_core::observation::{PowerState, UpdatePolicy};
use vmgroup_core::plan::{Answer, Plan};
use vmgroup_core::status::Status;
use vmgroup_reconcile::event::DecideResult;
use vmgroup_sim::deed::Deed;
use vmgroup_sim::options::VCenterOptions;
use vmgroup_sim::random::Latency;

use crate::stage::{Stage, key, member, spec};

/// Current, desired, ready and updated replicas.
fn counts(status: &Status) -> [Option<u32>; 4] {
    [
        status.current_replicas,
        status.desired_replicas,
        status.ready_replicas,
        status.updated_replicas,
    ]
}

/// Slots of the members that are listed.
fn listed(status: &Status) -> Vec<u32> {
    status.members.iter().map(|member| member.slot).collect()
}

fn writes(stage: &Stage) -> usize {
    let writes = |line: &&str| line.contains("operator    -> #") && line.contains(" write status ");
    stage.story().lines().filter(writes).count()
}

#[test]
fn members_that_need_a_look_are_listed_first() {
    let mut stage = Stage::settled(spec(3));
    let status = stage.status("web");
    assert_eq!(counts(&status), [Some(3); 4]);
    assert_eq!(listed(&status), [0, 1, 2]);
    assert!(status.folder.is_some());
    for member in &status.members {
        let vm = stage.world.vcenter().vm(&member.vm).unwrap();
        assert_eq!((&vm.name, vm.power), (&member.name, member.power));
    }

    stage.act(Deed::Power(member(1), PowerState::Off));
    stage.act(Deed::Hold(member(2), true));
    stage.world.run_for(1_000);
    let status = stage.status("web");
    assert_eq!(counts(&status), [Some(3), Some(3), Some(2), Some(3)]);
    assert_eq!(listed(&status), [1, 2, 0]);
}

#[test]
fn members_that_are_not_as_the_spec_says_are_counted_and_listed_first() {
    let mut stage = Stage::settled(spec(3));
    let larger = Spec {
        cpus: 2,
        update: UpdatePolicy::OnDelete,
        ..spec(3)
    };
    stage.edit("web", larger);
    stage.world.run_for(1_000);
    stage.act(Deed::Destroy(member(0)));
    stage.world.run_for(1_000);
    stage.until_phase("web", "RUNNING", 60);
    let status = stage.status("web");
    assert_eq!(counts(&status), [Some(3), Some(3), Some(3), Some(1)]);
    assert_eq!(listed(&status), [1, 2, 0]);
}

#[test]
fn the_intent_names_the_tasks_that_run() {
    let slow = VCenterOptions {
        clone: Latency::exactly(60_000),
        ..VCenterOptions::default()
    };
    let mut stage = Stage::on(slow, Vec::new());
    stage.create("web", spec(1));
    stage.world.run_for(5_000);
    let intent = stage.status("web").intent.unwrap();
    assert!(intent.steps[0].task.is_some(), "{intent:?}");
    stage.until_phase("web", "RUNNING", 120);
    assert!(stage.status("web").intent.unwrap().steps.is_empty());
}

#[test]
fn an_event_tells_each_change_and_none_twice() {
    let mut stage = Stage::settled(spec(1));
    stage.world.run_for(3_600_000);
    stage.act(Deed::Edit(key("web"), Box::new(Err("spec: not so".into()))));
    stage.until_phase("web", "ERROR", 10);
    let told = stage.world.cluster().told().iter();
    let told: Vec<(&str, bool)> = told.map(|one| (one.reason.as_str(), one.warning)).collect();
    assert_eq!(
        told,
        [
            ("VCenterConnecting", false),
            ("Progressing", false),
            ("Succeeded", false),
            ("InvalidSpec", true),
        ]
    );
}

#[test]
fn what_changes_all_the_time_is_written_now_and_then_and_at_last() {
    let mut stage = Stage::settled(spec(1));
    stage.world.run_for(60_000);
    let before = writes(&stage);
    for on in [false, true].repeat(10) {
        let power = if on { PowerState::On } else { PowerState::Off };
        stage.act(Deed::Power(member(0), power));
        stage.world.run_for(100);
    }
    stage.act(Deed::Hold(member(0), true));
    stage.world.run_for(330);
    let written = writes(&stage) - before;
    assert!((2..=9).contains(&written), "{written} writes in 2.4 s");
    let status = stage.status("web");
    assert_eq!(status.ready_replicas, Some(0), "{}", stage.story());
}

#[test]
fn a_memo_alone_is_written_once_a_minute() {
    let mut stage = Stage::settled(spec(1));
    let before = writes(&stage);
    let remember = |stage: &mut Stage, memo: &str, because: Deed| {
        let plan = Plan {
            memo: Some(memo.to_owned()),
            ..Plan::default()
        };
        stage.world.decide_mut().instead = Some(DecideResult::Answered(Answer::Plan(plan)));
        stage.act(because);
        stage.world.run_for(5_000);
    };
    let busy = || Deed::Occupy(member(0), 100);
    stage.world.run_for(60_000);
    for count in 0..10 {
        remember(&mut stage, &format!("memo {count}"), busy());
    }
    assert_eq!(writes(&stage) - before, 1, "{}", stage.story());
    let memo = |stage: &Stage| stage.status("web").memo.map(|memo| memo.text);
    let off = Deed::Power(member(0), PowerState::Off);
    remember(&mut stage, "together with something else", off);
    assert_eq!(
        memo(&stage).as_deref(),
        Some("together with something else")
    );
    stage.world.run_for(60_000);
    let before = writes(&stage);
    remember(&mut stage, "the last one", busy());
    assert_eq!(writes(&stage) - before, 1, "{}", stage.story());
    assert_eq!(memo(&stage).as_deref(), Some("the last one"));
}
