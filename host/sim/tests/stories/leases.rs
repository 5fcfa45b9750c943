//! Two replicas and one lease: who acts, who waits, and what is handed on.

use vmgroup_core::observation::Connection;
use vmgroup_sim::deed::Deed;
use vmgroup_sim::faults::{Fault, RequestFault, Unsent, WorldFault};
use vmgroup_sim::history::Fact;
use vmgroup_sim::kind::Kind;
use vmgroup_sim::options::Options;

use crate::stage::{Stage, key, member, spec, spoiled};

fn two(faults: Vec<Fault>) -> Stage {
    let options = Options {
        hosts: 2,
        ..Options::default()
    };
    let mut stage = Stage::with(options, faults);
    stage.settle(spec(1));
    stage
}

/// Whoever wrote the lease last.
fn holder(stage: &Stage) -> usize {
    let mut facts = stage.world.facts().iter().rev();
    let host = facts.find_map(|fact| match fact {
        Fact::Leased { host, .. } => Some(*host),
        _ => None,
    });
    host.unwrap()
}

/// The hosts that asked for a session, in order.
fn logins(stage: &Stage) -> Vec<(usize, String)> {
    let facts = stage.world.facts().iter();
    let logins = facts.filter_map(|fact| match fact {
        Fact::LoggedIn { host, version, .. } => Some((*host, version.clone())),
        _ => None,
    });
    logins.collect()
}

/// How often a host said that it had lost the lease.
fn losses(stage: &Stage) -> usize {
    let lines = stage.world.trace().lines().iter();
    lines
        .filter(|line| line.to_string().contains("not acting"))
        .count()
}

#[test]
fn whoever_waits_does_nothing() {
    let mut stage = two(Vec::new());
    let acts = holder(&stage);
    stage.world.run_for(600_000);
    assert_eq!(holder(&stage), acts);
    let hosts: Vec<usize> = logins(&stage).into_iter().map(|(host, _)| host).collect();
    assert_eq!(hosts, [acts], "{}", stage.story());
    assert_eq!(losses(&stage), 0, "{}", stage.story());
    stage.assert_safe();
}

#[test]
fn whoever_ends_hands_the_lease_on_at_any_moment_of_its_renewal() {
    for ms in (0..3_000).step_by(100) {
        let slow = spoiled(Kind::WriteLease, 5, RequestFault::Slow(1_000));
        let mut stage = two(vec![slow]);
        let ends = holder(&stage);
        stage.world.run_for(ms);
        stage.world.ask_to_stop(ends);
        stage.act(Deed::Scale(key("web"), 2));
        stage.world.run_for(6_000);
        assert_eq!(holder(&stage), 1 - ends, "{ms} ms\n{}", stage.story());
        stage.until_phase("web", "RUNNING", 30);
        stage.assert_safe();
    }
}

#[test]
fn whoever_stood_still_for_long_has_lost_the_lease() {
    let mut stage = two(Vec::new());
    let stood = holder(&stage);
    stage.world.suffer(&WorldFault::Freeze(stood, 40_000));
    stage.act(Deed::Scale(key("web"), 2));
    stage.until_phase("web", "RUNNING", 40);
    assert_eq!(holder(&stage), 1 - stood, "{}", stage.story());
    stage.world.run_for(60_000);
    assert_eq!(holder(&stage), 1 - stood, "it does not come back");
    assert_eq!(losses(&stage), 1, "{}", stage.story());
    stage.assert_safe();
}

/// Its view was hours old, and what it compared with that was a mass loss of now.
#[test]
fn whoever_leads_again_takes_no_losses_of_then_for_losses_of_now() {
    let mut stage = two(Vec::new());
    stage.act(Deed::Scale(key("web"), 8));
    stage.until_phase("web", "RUNNING", 60);
    let first = holder(&stage);
    stage.world.suffer(&WorldFault::Freeze(first, 60_000));
    stage.world.run_for(120_000);
    assert_eq!(holder(&stage), 1 - first);
    for slot in 0..8 {
        stage.act(Deed::Connect(member(slot), Connection::Disconnected));
    }
    stage.world.run_for(20 * 60_000);
    stage.world.suffer(&WorldFault::Freeze(1 - first, 60_000));
    stage.world.run_for(120_000);
    assert_eq!(holder(&stage), first);
    stage.create("db", spec(1));
    stage.until_phase("db", "RUNNING", 60);
    stage.assert_safe();
}

#[test]
fn refused_credentials_are_tried_every_quarter_of_an_hour_whoever_leads() {
    let mut stage = two(Vec::new());
    let first = holder(&stage);
    stage.act(Deed::Rotate("wrong".into(), false));
    stage.world.suffer(&WorldFault::ExpireSession(first));
    stage.world.run_for(30_000);
    for leads in [1 - first, first] {
        stage.world.suffer(&WorldFault::Freeze(1 - leads, 60_000));
        stage.world.run_for(15 * 60_000 + 30_000);
        assert_eq!(holder(&stage), leads);
        stage.world.suffer(&WorldFault::Freeze(leads, 60_000));
        stage.world.run_for(120_000);
    }
    let tried = logins(&stage);
    let wrong = tried
        .iter()
        .filter(|(_, version)| version == "wrong")
        .count();
    assert_eq!(wrong, 3, "{tried:?}\n{}", stage.story());
}

#[test]
fn refused_credentials_are_not_tried_again_by_whoever_takes_over() {
    let mut stage = two(Vec::new());
    let first = holder(&stage);
    stage.act(Deed::Rotate("wrong".into(), false));
    stage.world.suffer(&WorldFault::ExpireSession(first));
    stage.world.run_for(30_000);
    stage.world.kill(first, Unsent::Dropped);
    stage.world.run_for(300_000);
    assert_eq!(holder(&stage), 1 - first);
    let tried = logins(&stage);
    let wrong = tried.iter().filter(|(_, version)| version == "wrong");
    assert_eq!(wrong.count(), 1, "{tried:?}\n{}", stage.story());
    stage.act(Deed::Rotate("right".into(), true));
    stage.until_phase("web", "RUNNING", 60);
    assert_eq!(logins(&stage).last().unwrap(), &(1 - first, "right".into()));
}
