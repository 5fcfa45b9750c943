//! Two hosts that both act, as after a failed fence.

use vmgroup_sim::deed::Deed;

use crate::stage::{Stage, key, spec};

/// Found by profile rivals, seeds 70 and 145: the host whose own clones had
/// failed removed folder and finalizer while the other one's were running.
#[test]
fn a_group_is_not_let_go_while_clones_of_another_host_run() {
    for wait_ms in (250..4_000).step_by(250) {
        let mut stage = Stage::rivals(Vec::new());
        stage.create("web", spec(3));
        stage.world.run_for(wait_ms);
        stage.act(Deed::Delete(key("web")));
        stage.until_empty(600);
        assert_eq!(stage.vms("web").len(), 0, "{wait_ms}");
        stage.assert_safe();
    }
}

/// Found by profile rivals, seed 196: both hosts counted their commits alone, so
/// that two effects had one operation id.
#[test]
fn commits_of_two_hosts_have_numbers_of_their_own() {
    let mut stage = Stage::rivals(Vec::new());
    stage.create("web", spec(2));
    stage.world.run_for(60_000);
    for replicas in [0, 2, 0, 2] {
        stage.act(Deed::Scale(key("web"), replicas));
        stage.world.run_for(120_000);
    }
    let breaches = vmgroup_sim::oracles::s7_effect_once(stage.world.facts());
    assert!(breaches.is_empty(), "{breaches:#?}\n{}", stage.story());
}
