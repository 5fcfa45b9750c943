//! Worlds that are taken for one, held against each other: all that can follow
//! from the one has to be able to follow from the other. If that is so for all
//! of them, no state hides another one that could behave otherwise.

use crate::host::Stepper;
use crate::oracles;
use crate::words;
use crate::world::World;

/// What follows from a world, as one number.
#[derive(Debug, Default)]
pub(crate) struct Follows(Vec<u64>);

impl Follows {
    /// A world follows.
    pub(crate) fn push(&mut self, fingerprint: u64) {
        self.0.push(fingerprint);
    }

    /// The number, whatever the order of the worlds; what is said of the world
    /// itself counts, too.
    pub(crate) fn number(mut self, world: &World) -> u64 {
        self.0.sort_unstable();
        self.0.dedup();
        crate::print::hash(&(self.0, oracles::unsettled(world)))
    }
}

/// What follows from a world that was not looked into.
pub(crate) fn follows(world: &World, stepper: &mut Stepper) -> u64 {
    let mut follows = Follows::default();
    for step in world.possible() {
        for after in world.after(step, stepper).worlds {
            follows.push(after.fingerprint());
        }
    }
    follows.number(world)
}

/// What follows from the first world and not from the second, in words.
pub(crate) fn only_from(first: &World, second: &World, stepper: &mut Stepper) -> Vec<String> {
    let mut known = Vec::new();
    for step in second.possible() {
        let worlds = second.after(step, stepper).worlds;
        known.extend(worlds.iter().map(World::fingerprint));
    }
    let mut lines = Vec::new();
    for step in first.possible() {
        let worlds = first.after(step, stepper).worlds;
        if worlds.iter().any(|it| !known.contains(&it.fingerprint())) {
            lines.push(words::of_step(first, step));
        }
    }
    lines.extend(oracles::unsettled(first).map(|why| format!("not settled: {why}")));
    lines
}
