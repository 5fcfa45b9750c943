//! Schedules drawn at random: people who meddle and things that go wrong, a
//! few of each, then time to settle.

use vmgroup_core::observation::{Connection, PowerState};
use vmgroup_core::time::Monotonic;
use vmgroup_sim::deed::{Deed, Place, Which};
use vmgroup_sim::faults::{FaultPlan, LossRates, Unsent, WorldFault};
use vmgroup_sim::oracles::{Breach, liveness, safety};
use vmgroup_sim::random::Random;
use vmgroup_sim::world::World;

use super::{SmallLogic, web, world};

/// When the last deed is done and the last thing goes wrong.
const TROUBLED_MS: u64 = 250_000;
const SETTLING_MS: u64 = 1_200_000;
const QUIET_MS: u64 = 120_000;
const DELETION_MS: u64 = 300_000;

#[test]
fn a_hundred_schedules_break_nothing() {
    for seed in 0..100 {
        let (world, breaches) = run(seed);
        let trace = world.trace().text();
        assert!(breaches.is_empty(), "seed {seed}\n{trace}\n{breaches:#?}");
    }
}

fn run(seed: u64) -> (World<SmallLogic>, Vec<Breach>) {
    // A stream of its own: what is drawn here does not shift the world's.
    let mut random = Random::new(seed ^ 0x00ab_cdef);
    let losses = LossRates {
        before_per_mille: random.below(80),
        after_per_mille: random.below(80),
        until_ms: 200_000,
    };
    let mut world = world(seed, FaultPlan::default().with_losses(losses));
    for _ in 0..6 {
        let at = Monotonic(random.below(200_000));
        match draw(&mut random) {
            Drawn::Deed(deed) => world.plan_deed(at, deed),
            Drawn::Fault(fault) => world.plan_fault(at, fault),
        }
    }
    let delete = random.below(2) == 0;
    world.run_for(TROUBLED_MS);
    repair(&mut world);
    world.run_for(SETTLING_MS);
    let mut breaches = liveness(&world, QUIET_MS, DELETION_MS);
    if delete {
        world.act(&Deed::Delete(web())).expect("nobody deleted it");
        world.run_for(2 * DELETION_MS);
        breaches.extend(liveness(&world, QUIET_MS, DELETION_MS));
    }
    breaches.extend(safety(&world));
    (world, breaches)
}

enum Drawn {
    Deed(Deed),
    Fault(WorldFault),
}

fn draw(random: &mut Random) -> Drawn {
    let which = Which::Nth(web(), usize::try_from(random.below(3)).unwrap_or(0));
    let replicas = u32::try_from(random.below(6)).unwrap_or(0);
    match random.below(14) {
        0..=2 => Drawn::Deed(Deed::Scale(web(), replicas)),
        3 => Drawn::Deed(Deed::Power(which, PowerState::Off)),
        4 => Drawn::Deed(Deed::Destroy(which)),
        5 => Drawn::Deed(Deed::Move(which, Place::Elsewhere)),
        6 => Drawn::Deed(Deed::Copy(which, "copy".into(), Place::Elsewhere)),
        7 => Drawn::Deed(Deed::Connect(which, Connection::Inaccessible)),
        8 => Drawn::Fault(WorldFault::Crash(0, Unsent::Sent)),
        9 => Drawn::Fault(WorldFault::ExpireSession(0)),
        10 => Drawn::Fault(WorldFault::RestartVCenter(15_000)),
        11 => Drawn::Fault(WorldFault::CutCluster(15_000)),
        12 => Drawn::Fault(WorldFault::ReconnectWatch(0)),
        _ => Drawn::Fault(WorldFault::Freeze(0, 40_000)),
    }
}

/// Finds again what was lost.
fn repair(world: &mut World<SmallLogic>) {
    let lost: Vec<String> = world
        .vcenter()
        .vms()
        .filter(|vm| vm.connection != Connection::Connected)
        .map(|vm| vm.id.clone())
        .collect();
    for id in lost {
        let deed = Deed::Connect(Which::Id(id), Connection::Connected);
        world.act(&deed).expect("it exists");
    }
}
