//! One run: trouble, a person who puts right what needs a person, time to
//! settle, and the oracles.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use vmgroup_core::time::Monotonic;
use vmgroup_reconcile::event::ActiveModule;
use vmgroup_reconcile::limits::BUDGET_WINDOW_MS;

use super::draw::{self, POISONED, key};
use super::repair;
use super::{Comparison, Schedule};
use crate::history::{Arrival, Fact};
use crate::host::Decide;
use crate::kind::Kind;
use crate::oracles::{self, Breach, Ends, Quiet};
use crate::trace::Detail;
use crate::world::{Factory, World};

/// How often each kind of deed and fault was carried out.
pub type Counts = BTreeMap<String, u64>;

/// The world settles within this: a full relist in any case (15 minutes), then
/// the longest wait of a slot (5 minutes) and a group (5 minutes), and work.
const SETTLED_MS: u64 = 2_400_000;
/// What the budget holds goes on when its window has ended; a deletion costs none.
const HELD_MS: u64 = BUDGET_WINDOW_MS;
/// Between two looks whether it has.
const LOOK_MS: u64 = 30_000;
/// Nothing done for so long, and nothing waits any more: longer than any backoff.
const QUIET_MS: u64 = 330_000;
/// The deletion of everything takes at most so long.
const DELETED_MS: u64 = 1_500_000;

/// What became of a schedule.
#[derive(Debug, Clone)]
pub struct Run {
    /// What it broke; empty if all is well.
    pub breaches: Vec<Breach>,
    /// Everything that happened, as text; empty if nothing was kept.
    pub trace: String,
    /// What was carried out.
    pub counts: Counts,
    /// How the groups ended.
    pub ends: Ends,
    /// Seconds of virtual time.
    pub virtual_s: u64,
    /// Decisions that were asked for.
    pub decisions: u64,
}

/// What runs in a schedule's world.
pub struct Cast<D> {
    /// The module's place.
    pub decide: D,
    /// Modules that are active at the beginning.
    pub modules: Vec<ActiveModule>,
    /// The operator's logic.
    pub factory: Factory,
}

impl Schedule {
    /// Runs it, and what its profile wants it compared with. `cast` makes what
    /// runs in a world; it is asked once a world.
    pub fn run<D: Decide>(&self, mut cast: impl FnMut(&Schedule) -> Cast<D>, trace: Detail) -> Run {
        let mut run = self.run_alone(cast(self), trace);
        if !run.breaches.is_empty() {
            return run;
        }
        let other = match self.profile.comparison {
            Comparison::Nothing => return run,
            Comparison::WithoutFaults => self.without_faults(),
            Comparison::WithoutSwaps => self.without_swaps(),
            Comparison::Direct => draw::direct(self, run.ends.specs()),
        };
        let other = other.run_alone(cast(&other), Detail::Nothing);
        run.breaches = match self.profile.comparison {
            Comparison::WithoutFaults => oracles::differential(&run.ends, &other.ends),
            Comparison::WithoutSwaps => oracles::s8_swaps(&run.ends, &other.ends),
            Comparison::Nothing | Comparison::Direct => {
                oracles::path_independence(&run.ends, &other.ends)
            }
        };
        run
    }

    /// Runs it in a world of its own. A host that panics breaks S9.
    pub fn run_alone<D: Decide>(&self, cast: Cast<D>, trace: Detail) -> Run {
        let mut world = self.world(cast.decide, cast.modules, cast.factory, trace);
        let ran = catch_unwind(AssertUnwindSafe(|| self.play(&mut world)));
        let breaches = ran.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|it| (*it).to_owned()));
            vec![Breach {
                oracle: "S9",
                at: world.now().monotonic,
                text: format!("a host panicked: {}", text.unwrap_or_default()),
            }]
        });
        let decided = |fact: &&Fact| matches!(fact, Fact::Decided(_));
        Run {
            breaches,
            trace: world.trace().text(),
            counts: world.counts().clone(),
            ends: Ends::of(&world),
            virtual_s: world.now().monotonic.0 / 1_000,
            decisions: world.facts().iter().filter(decided).count() as u64,
        }
    }

    fn play<D: Decide>(&self, world: &mut World<D>) -> Vec<Breach> {
        world.run_until(Monotonic(self.troubled_ms()));
        world.end_faults();
        repair::everything(world);
        let mut breaches = self.settle(world, SETTLED_MS);
        breaches.extend(oracles::work(world));
        if self.deletes_all && breaches.is_empty() {
            repair::delete_all(world);
            breaches.extend(self.settle(world, DELETED_MS));
        }
        breaches.extend(oracles::safety(world));
        breaches.extend(stop(world));
        breaches
    }

    /// Lets the world settle; tells what keeps it from that.
    fn settle<D: Decide>(&self, world: &mut World<D>, within_ms: u64) -> Vec<Breach> {
        let begun = world.now().monotonic;
        let mut acted_at = begun;
        loop {
            let before = world.arrivals().len();
            world.run_for(LOOK_MS);
            let now = world.now().monotonic;
            // Whatever waits for a person gets one.
            if repair::answer(world) || acted(&world.arrivals()[before..]) {
                acted_at = now;
            }
            let settled = now.since(acted_at) >= QUIET_MS
                && oracles::unsettled(world).is_empty()
                && !waits_for_budget(world);
            if settled || now.since(begun) >= within_ms + HELD_MS {
                break;
            }
        }
        let now = world.now().monotonic;
        let quiet = Quiet {
            since: Monotonic(now.0.saturating_sub(QUIET_MS - LOOK_MS)),
            now,
        };
        let poisoned = self.profile.poison.then(|| key(POISONED));
        oracles::settled(world, quiet, within_ms, poisoned.as_ref())
    }
}

/// The budget of some group has to be renewed before it follows its spec.
fn waits_for_budget<D: Decide>(world: &World<D>) -> bool {
    let says = |text: &Option<String>| text.as_ref().is_some_and(|it| it.contains("is used up"));
    let mut groups = world.cluster().groups();
    groups.any(|object| says(&object.status.last_message))
}

/// Somebody did more than an idle operator does.
fn acted(arrivals: &[Arrival]) -> bool {
    arrivals
        .iter()
        .any(|it| !matches!(it.kind, Kind::WriteLease | Kind::Relist))
}

/// Asks every host to end: no session is left.
fn stop<D: Decide>(world: &mut World<D>) -> Vec<Breach> {
    for host in 0..world.hosts() {
        world.ask_to_stop(host);
    }
    world.run_for(LOOK_MS);
    oracles::s14_sessions(world)
}
