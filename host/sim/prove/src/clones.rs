//! Clones by the hundred thousand while every fifth answer is lost: nothing may be made twice.

use std::collections::BTreeSet;

use vmgroup_core::group::GroupKey;
use vmgroup_reconcile::Machine;
use vmgroup_reconcile::machine::{Caps, Config};
use vmgroup_sim::deed::Deed;
use vmgroup_sim::faults::{FaultPlan, LossRates};
use vmgroup_sim::history::Fact;
use vmgroup_sim::host::Host;
use vmgroup_sim::kind::Kind;
use vmgroup_sim::options::{Options, VCenterOptions};
use vmgroup_sim::oracles::{self, Breach};
use vmgroup_sim::samples::small_spec;
use vmgroup_sim::trace::Detail;
use vmgroup_sim::world::{Factory, World};

use crate::logic::{self, Native};

/// Groups of a world.
const GROUPS: u32 = 5;

/// VMs of a group.
const REPLICAS: u32 = 20;

/// Answers that are lost, of a thousand: to requests of any kind, which are carried out.
const LOST_PER_MILLE: u64 = 200;

/// In so many minutes all groups stand, whatever is lost.
const STANDS_MINUTES: u64 = 240;

/// What came of one world.
#[derive(Debug, Default)]
pub struct Cloned {
    /// VMs that were cloned.
    pub clones: usize,
    /// Of these, clones of a slot that had been cloned before.
    pub duplicates: usize,
    /// Requests whose answer was lost.
    pub lost: u64,
    /// Requests that were carried out.
    pub requests: usize,
    /// What broke.
    pub breaches: Vec<Breach>,
}

/// Operators as they are.
pub fn sound() -> Factory {
    Box::new(|_, life, now| {
        let config = Config {
            install: "prove".into(),
            run: format!("life-{life}"),
            replica: None,
            caps: Caps::default(),
        };
        Box::new(Machine::new(config, now)) as Box<dyn Host>
    })
}

/// Has an operator make five groups of twenty VMs. In every second world tasks do not tell
/// which call began them.
pub fn clone_all(seed: u64, factory: Factory) -> Cloned {
    let mut world = world(seed, factory);
    for _ in 0..STANDS_MINUTES {
        if oracles::unsettled(&world).is_empty() {
            break;
        }
        world.run_for(60_000);
    }
    let unsettled = oracles::unsettled(&world).into_iter();
    let at = world.now().monotonic;
    let late = unsettled.map(|text| Breach {
        oracle: "L1",
        at,
        text,
    });
    let mut breaches: Vec<Breach> = late.collect();
    breaches.extend(oracles::safety(&world));
    let mut cloned = BTreeSet::new();
    let (mut clones, mut duplicates) = (0, 0);
    for fact in world.facts() {
        if let Fact::Effect(effect) = fact
            && let (Kind::Clone, Some(marker)) = (effect.kind, &effect.marker)
        {
            clones += 1;
            duplicates += usize::from(!cloned.insert((&marker.identity, marker.slot)));
        }
    }
    Cloned {
        clones,
        duplicates,
        lost: world.counts().get("LostAfter").copied().unwrap_or_default(),
        requests: world.arrivals().len(),
        breaches,
    }
}

fn world(seed: u64, factory: Factory) -> World<Native> {
    let options = Options {
        seed,
        modules: logic::modules(),
        trace: Detail::Nothing,
        vcenter: VCenterOptions {
            tells_operations: seed.is_multiple_of(2),
            ..VCenterOptions::default()
        },
        ..Options::default()
    };
    let losses = LossRates {
        before_per_mille: 0,
        after_per_mille: LOST_PER_MILLE,
        until_ms: 0,
    };
    let faults = FaultPlan::default().with_losses(losses);
    let mut world = World::new(options, faults, Native::default(), factory);
    let template = "base";
    let mut act = |deed| {
        // A deed of a person in an empty world is carried out.
        let _ = world.act(&deed);
    };
    act(Deed::AddTemplate(template.into()));
    for number in 1..=GROUPS {
        let key = GroupKey::new("default", format!("web-{number}"));
        let spec = small_spec(REPLICAS, template);
        act(Deed::Create(key, Box::new(Ok(spec))));
    }
    world
}
