//! Breadth first through everything that can happen in a scope, until nothing
//! new is found.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::time::{Duration, Instant};

use crate::flaw::Flaw;
use crate::host::Stepper;
use crate::liveness::{Graph, Node};
use crate::scope::Scope;
use crate::steps::Step;
use crate::words;
use crate::world::{Breach, World};

/// What a search came to.
#[derive(Debug)]
pub struct Found {
    /// Different worlds.
    pub states: usize,
    /// Steps between them.
    pub transitions: u64,
    /// Steps of the shortest way to the farthest world.
    pub depth: u32,
    /// The most steps that a world needed to settle.
    pub settles_within: u32,
    /// Worlds known and not yet looked into when it was most.
    pub frontier: usize,
    /// Steps of machines; the others were remembered.
    pub machine_steps: u64,
    /// How long it took.
    pub took: Duration,
    /// How it ended.
    pub end: End,
}

/// How a search ended.
#[derive(Debug)]
pub enum End {
    /// Nothing new is left to find, and everything holds.
    Closed,
    /// Something does not hold; the shortest way there, a line a step.
    Broken {
        /// What.
        breach: Breach,
        /// The way.
        trace: Vec<String>,
    },
    /// There was no room or time for more.
    Unfinished,
}

/// How far a search may go.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Different worlds.
    pub states: usize,
    /// Time.
    pub time: Duration,
    /// Whether worlds that are taken for one are held against each other too:
    /// what can follow from both has to be the same.
    pub twins: bool,
}

/// Searches a scope with that flaw in its hosts.
pub fn search(scope: &'static Scope, flaw: Flaw, limits: Limits) -> Found {
    let mut search = Search::new(scope, flaw, limits);
    let end = search.run();
    Found {
        states: search.graph.nodes.len(),
        transitions: search.transitions,
        depth: search.depth,
        settles_within: search.settles_within,
        frontier: search.frontier,
        machine_steps: search.stepper.steps,
        took: search.started.elapsed(),
        end,
    }
}

/// A world to be looked into.
struct Waiting {
    number: u32,
    depth: u32,
    world: World,
    /// One that was found before is taken for this one.
    twin: bool,
}

struct Search {
    scope: &'static Scope,
    flaw: Flaw,
    limits: Limits,
    started: Instant,
    stepper: Stepper,
    seen: HashMap<u64, u32, BuildHasherDefault<Already>>,
    graph: Graph,
    queue: VecDeque<Waiting>,
    /// What follows from each world, as far as it is known, if that is compared.
    follows: Vec<u64>,
    transitions: u64,
    depth: u32,
    settles_within: u32,
    frontier: usize,
}

impl Search {
    fn new(scope: &'static Scope, flaw: Flaw, limits: Limits) -> Search {
        Search {
            scope,
            flaw,
            limits,
            started: Instant::now(),
            stepper: Stepper::new(flaw),
            seen: HashMap::default(),
            graph: Graph::default(),
            queue: VecDeque::new(),
            follows: Vec::new(),
            transitions: 0,
            depth: 0,
            settles_within: 0,
            frontier: 0,
        }
    }

    fn run(&mut self) -> End {
        let first = beginning(self.scope, &mut self.stepper);
        self.seen.insert(first.fingerprint(), 0);
        self.graph.nodes.push(Node::first(&first));
        self.queue.push_back(Waiting {
            number: 0,
            depth: 0,
            world: first,
            twin: false,
        });
        while let Some(next) = self.queue.pop_front() {
            if next.twin {
                if let Some(breach) = self.differs(&next) {
                    let trace = self.retell(&self.graph.way_to(next.number));
                    return End::Broken { breach, trace };
                }
                continue;
            }
            self.depth = self.depth.max(next.depth);
            if let Some((breach, last)) = self.look_into(next.number, next.depth, &next.world) {
                let mut way = self.graph.way_to(next.number);
                way.push(last);
                let trace = self.retell(&way);
                return End::Broken { breach, trace };
            }
            self.frontier = self.frontier.max(self.queue.len());
            if self.seen.len() >= self.limits.states || self.started.elapsed() > self.limits.time {
                return End::Unfinished;
            }
        }
        match self.graph.settle() {
            Ok(steps) => {
                self.settles_within = steps;
                End::Closed
            }
            Err(number) => self.restless(number),
        }
    }

    /// All that can happen in a world. Returns what does not hold any more, and
    /// after which of its steps.
    fn look_into(&mut self, number: u32, depth: u32, world: &World) -> Option<(Breach, u16)> {
        let steps = world.possible();
        let mut ordinal = 0;
        let mut follow = Vec::new();
        for (index, step) in steps.iter().enumerate() {
            let taken = world.take(*step, &mut self.stepper);
            if let Some(breach) = taken.breaches.into_iter().next() {
                return Some((breach, ordinal));
            }
            let pinned = if changes_truth(*step) {
                world.pinned(&taken.world)
            } else {
                Vec::new()
            };
            for (variant, after) in std::iter::once(taken.world).chain(pinned).enumerate() {
                self.transitions += 1;
                if self.limits.twins {
                    follow.push(after.fingerprint());
                }
                let next = self.enter(number, ordinal, depth + 1, after);
                if index == 0 && variant == 0 && step.is_fair() {
                    let node = &mut self.graph.nodes[number as usize];
                    node.fair = next;
                    node.writes = taken.wrote;
                    node.passes = *step == Step::Pass;
                }
                ordinal += 1;
            }
        }
        if self.limits.twins {
            self.follows.resize(self.graph.nodes.len(), 0);
            self.follows[number as usize] = of_all(follow);
        }
        None
    }

    /// A twin must have the same worlds before it as the one it is taken for.
    fn differs(&mut self, twin: &Waiting) -> Option<Breach> {
        let mut follow = Vec::new();
        for step in twin.world.possible() {
            for after in self.after(&twin.world, step) {
                follow.push(after.fingerprint());
            }
        }
        let known = self.follows[twin.number as usize];
        (known != of_all(follow)).then(|| Breach {
            oracle: "fingerprint",
            text: "two worlds are taken for one, and go on differently".into(),
        })
    }

    /// The worlds to which a step can lead.
    fn after(&mut self, world: &World, step: Step) -> Vec<World> {
        let taken = world.take(step, &mut self.stepper);
        let pinned = if changes_truth(step) && taken.breaches.is_empty() {
            world.pinned(&taken.world)
        } else {
            Vec::new()
        };
        std::iter::once(taken.world).chain(pinned).collect()
    }

    /// The number of that world, which may be new.
    fn enter(&mut self, parent: u32, ordinal: u16, depth: u32, world: World) -> u32 {
        let next = u32::try_from(self.graph.nodes.len()).expect("fewer states than 2³²");
        let number = *self.seen.entry(world.fingerprint()).or_insert(next);
        if number == next {
            self.graph
                .nodes
                .push(Node::new(parent, ordinal, next, &world));
        } else if !self.limits.twins {
            return number;
        }
        self.queue.push_back(Waiting {
            number,
            depth,
            world,
            twin: number != next,
        });
        number
    }

    /// A world from which nothing leads to rest, though nothing goes wrong any
    /// more.
    fn restless(&mut self, number: u32) -> End {
        let mut trace = self.retell(&self.graph.way_to(number));
        let (way, text) = self.graph.restless_way(number);
        trace.push("from here on nothing goes wrong any more:".into());
        let mut world = self.walk(&self.graph.way_to(number));
        for _ in &way {
            let step = world.possible()[0];
            trace.push(words::of_step(&world, step));
            world = world.take(step, &mut self.stepper).world;
        }
        let why = crate::oracles::unsettled(&world).unwrap_or_default();
        trace.push("… and so on".into());
        let breach = Breach {
            oracle: "L1",
            text: format!("{text}: {why}"),
        };
        End::Broken { breach, trace }
    }

    fn walk(&mut self, way: &[u16]) -> World {
        let mut world = beginning(self.scope, &mut self.stepper);
        for ordinal in way {
            let (_, _, after) = self.nth(&world, *ordinal);
            world = after;
        }
        world
    }

    /// The way in words.
    fn retell(&self, way: &[u16]) -> Vec<String> {
        let mut again = Search::new(self.scope, self.flaw, self.limits);
        let mut world = beginning(self.scope, &mut again.stepper);
        let mut lines = Vec::new();
        for ordinal in way {
            let (step, pinned, after) = again.nth(&world, *ordinal);
            let mut line = words::of_step(&world, step);
            if pinned {
                line += " (a read that is under way was executed before that)";
            }
            lines.push(line);
            world = after;
        }
        lines
    }

    /// The step with that number in a world, and the world after it.
    fn nth(&mut self, world: &World, wanted: u16) -> (Step, bool, World) {
        let mut ordinal = 0;
        for step in world.possible() {
            for (variant, after) in self.after(world, step).into_iter().enumerate() {
                if ordinal == wanted {
                    return (step, variant > 0, after);
                }
                ordinal += 1;
            }
        }
        unreachable!("the step was found before")
    }
}

/// Where the search begins.
fn beginning(scope: &'static Scope, stepper: &mut Stepper) -> World {
    const LONG: usize = 1_000;
    let mut world = World::start(scope, stepper);
    if scope.settled_first {
        let settled = |world: &World| crate::oracles::unsettled(world).is_none();
        for _ in 0..LONG {
            if settled(&world) && world.is_quiet() {
                break;
            }
            let step = world.possible()[0];
            world = world.take(step, stepper).world;
        }
        assert!(settled(&world), "the groups of {} are made", scope.name);
    }
    world
}

/// Some worlds as one number, whatever their order.
fn of_all(mut fingerprints: Vec<u64>) -> u64 {
    fingerprints.sort_unstable();
    fingerprints.dedup();
    crate::print::hash(&fingerprints)
}

fn changes_truth(step: Step) -> bool {
    !matches!(
        step,
        Step::Thaw(_)
            | Step::Deliver(..)
            | Step::Watch(_)
            | Step::Lease(_)
            | Step::Feed(_)
            | Step::Pass
            | Step::Delay
            | Step::Freeze(_)
    )
}

/// Fingerprints are hashes already.
#[derive(Default)]
struct Already(u64);

impl Hasher for Already {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("fingerprints are numbers")
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}
