//! Modules that take over from one another.

use vmgroup_core::group::{Amount, Spec};
use vmgroup_core::observation::UpdatePolicy;
use vmgroup_reconcile::event::{ActiveModule, Event};
use vmgroup_sim::deed::Deed;
use vmgroup_sim::history::Fact;
use vmgroup_sim::kind::Kind;

use crate::stage::{Stage, key, spec};

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
        let module = ActiveModule {
            name: None,
            digest: "another".into(),
            description: vmgroup_native::built_in_description(),
        };
        stage.world.decide_mut().0 = "another";
        stage.world.tell_of_module(&Event::ModuleActive(module));
    }
    for name in GROUPS {
        let next = Spec {
            template: "next".into(),
            ..rolling.clone()
        };
        stage.act(Deed::Edit(key(name), Box::new(Ok(next))));
    }
    stage
}

fn destroyed(stage: &Stage) -> usize {
    let destroyed = |fact: &&Fact| matches!(fact, Fact::Effect(it) if it.kind == Kind::Destroy);
    stage.world.facts().iter().filter(destroyed).count()
}

#[test]
fn a_module_that_has_decided_for_long_rolls_through_all_groups_at_once() {
    let mut stage = rollout(false);
    stage.world.run_for(1_800_000);
    assert_eq!(destroyed(&stage), 20, "{}", stage.story());
    stage.assert_safe();
}

#[test]
fn a_module_that_has_just_taken_over_may_take_down_in_all_groups_what_one_may_lose() {
    let mut stage = rollout(true);
    stage.world.run_for(1_800_000);
    assert_eq!(destroyed(&stage), 10, "{}", stage.story());
    let held = |name: &&&str| stage.status(name).held.is_some();
    assert!(GROUPS.iter().filter(held).count() > 0);
    stage.world.run_for(3_600_000);
    assert_eq!(destroyed(&stage), 20, "{}", stage.story());
    for name in GROUPS {
        stage.until_phase(name, "RUNNING", 60);
    }
    stage.assert_safe();
}
