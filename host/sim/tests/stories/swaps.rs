//! Another module takes over while the operator works.

use vmgroup_core::group::Spec;
use vmgroup_core::observation::{PowerDriftPolicy, UpdatePolicy};
use vmgroup_reconcile::event::{ActiveModule, Event};
use vmgroup_sim::deed::{Deed, Which};
use vmgroup_sim::faults::RequestFault;
use vmgroup_sim::history::Fact;
use vmgroup_sim::kind::Kind;

use crate::stage::{Stage, key, modules, spec, spoiled};

/// Found by profile swaps, seed 98: the swap that came during the read was taken
/// for one that came during the decision, again and again.
#[test]
fn a_swap_during_a_slow_read_does_not_make_the_group_decide_without_end() {
    let slow = spoiled(Kind::ReadVm, 2, RequestFault::Slow(20_000));
    let mut stage = Stage::new(vec![slow]);
    stage.create(
        "web",
        Spec {
            update: UpdatePolicy::OnDelete,
            ..spec(1)
        },
    );
    stage.until_phase("web", "RUNNING", 120);
    stage.act(Deed::Destroy(Which::Nth(key("web"), 0)));
    stage.world.run_for(1_000);
    swap_for_another(&mut stage);
    stage.world.run_for(120_000);
    let decided = |fact: &&Fact| matches!(fact, Fact::Decided(_));
    let decisions = stage.world.facts().iter().filter(decided).count();
    assert!(decisions < 40, "{decisions} decisions");
    stage.until_phase("web", "RUNNING", 120);
}

fn swap_for_another(stage: &mut Stage) {
    for module in modules() {
        let module = ActiveModule {
            digest: "another".into(),
            ..module
        };
        stage.world.tell_of_module(&Event::ModuleActive(module));
    }
}

/// What the module remembers goes with it. Where people's changes of power are only reported,
/// that would leave the member off, also one whose owner has changed their mind meanwhile.
#[test]
fn a_member_that_is_down_for_its_update_comes_back_under_another_module() {
    let slow = spoiled(Kind::Reconfigure, 1, RequestFault::Slow(20_000));
    for (faults, takes_it_back) in [(vec![slow], false), (Vec::new(), true)] {
        let mut stage = Stage::new(faults);
        let wanted = Spec {
            update: UpdatePolicy::PowerCycle,
            power_drift: PowerDriftPolicy::Report,
            ..spec(2)
        };
        stage.create("web", wanted.clone());
        stage.until_phase("web", "RUNNING", 120);
        let more = Spec {
            cpus: 4,
            ..wanted.clone()
        };
        stage.edit("web", more);
        if takes_it_back {
            while stage.called(Kind::ShutdownGuest) == 0 {
                stage.world.run_for(10);
            }
            stage.edit("web", wanted);
        } else {
            stage.world.run_for(10_000);
            assert_eq!(stage.running("web"), 1, "{}", stage.story());
        }
        swap_for_another(&mut stage);
        stage.until_phase("web", "RUNNING", 300);
        assert_eq!(stage.running("web"), 2, "{}", stage.story());
        stage.assert_safe();
    }
}
