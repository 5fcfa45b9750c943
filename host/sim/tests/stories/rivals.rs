//! Two hosts that both act, as after a failed fence.

use vmgroup_sim::deed::Deed;
use vmgroup_sim::faults::WorldFault;

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

/// Found by profile rivals, seeds 66 and 2640: each host carried its own commit on, so
/// that after a scale-down there were more clones than any spec wanted.
#[test]
fn one_host_waits_while_the_other_one_works() {
    for wait_ms in (250..4_000).step_by(250) {
        let mut stage = Stage::rivals(Vec::new());
        stage.create("web", spec(4));
        stage.world.run_for(wait_ms);
        stage.act(Deed::Scale(key("web"), 2));
        stage.until_phase("web", "RUNNING", 120);
        stage.world.run_for(60_000);
        assert_eq!(stage.vms("web").len(), 2, "{wait_ms}");
        stage.assert_safe();
    }
}

#[test]
fn what_one_host_leaves_undone_the_other_one_does() {
    for host in [0, 1] {
        let mut stage = Stage::rivals(Vec::new());
        stage.create("web", spec(4));
        stage.world.run_for(500);
        stage.world.suffer(&WorldFault::Freeze(host, 600_000));
        stage.until_phase("web", "RUNNING", 120);
        stage.assert_safe();
    }
}
