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
use crate::twins::{Follows, follows, only_from};
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
    /// Of worlds that are taken for one that is known, every so-manieth is held
    /// against it: what can follow from both has to be the same. None at zero.
    pub twins: usize,
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
    /// It is taken for the world of that number. Where it comes from: a world, and
    /// one of its steps.
    twin: Option<(u32, u16)>,
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
    /// Worlds that were taken for a known one.
    twins: usize,
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
            twins: 0,
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
            twin: None,
        });
        while let Some(next) = self.queue.pop_front() {
            if let Some(from) = next.twin {
                if self.follows[next.number as usize] != follows(&next.world, &mut self.stepper) {
                    return self.differ(&next, from);
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
        let mut follows = Follows::default();
        for (index, step) in steps.iter().enumerate() {
            let after = world.after(*step, &mut self.stepper);
            if let Some(breach) = after.breaches.into_iter().next() {
                return Some((breach, ordinal));
            }
            for (variant, world) in after.worlds.into_iter().enumerate() {
                self.transitions += 1;
                let fingerprint = world.fingerprint();
                follows.push(fingerprint);
                let next = self.enter((number, ordinal), depth + 1, world, fingerprint);
                if index == 0 && variant == 0 && step.is_fair() {
                    let node = &mut self.graph.nodes[number as usize];
                    node.fair = next;
                    node.writes = after.wrote;
                    node.passes = *step == Step::Pass;
                }
                ordinal += 1;
            }
        }
        if self.limits.twins > 0 {
            self.follows.resize(self.graph.nodes.len(), 0);
            self.follows[number as usize] = follows.number(world);
        }
        None
    }

    /// A world goes on differently from the one that it is taken for.
    fn differ(&mut self, twin: &Waiting, (parent, ordinal): (u32, u16)) -> End {
        let way = self.graph.way_to(twin.number);
        let mut other = self.graph.way_to(parent);
        other.push(ordinal);
        let (first, second) = (self.walk(&way), &twin.world);
        let mut trace = self.retell(&way);
        trace.push("only from here:".into());
        trace.extend(only_from(&first, second, &mut self.stepper));
        trace.push("the other way:".into());
        trace.extend(self.retell(&other));
        trace.push("only from here:".into());
        trace.extend(only_from(second, &first, &mut self.stepper));
        let breach = Breach {
            oracle: "fingerprint",
            text: "two worlds are taken for one, and go on differently".into(),
        };
        End::Broken { breach, trace }
    }

    /// The number of that world, which may be new.
    fn enter(&mut self, from: (u32, u16), depth: u32, world: World, fingerprint: u64) -> u32 {
        let next = u32::try_from(self.graph.nodes.len()).expect("fewer states than 2³²");
        let number = *self.seen.entry(fingerprint).or_insert(next);
        if number == next {
            self.graph
                .nodes
                .push(Node::new(from.0, from.1, next, &world));
        } else {
            self.twins += 1;
            if self.limits.twins == 0 || !self.twins.is_multiple_of(self.limits.twins) {
                return number;
            }
        }
        self.queue.push_back(Waiting {
            number,
            depth,
            world,
            twin: (number != next).then_some(from),
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
            let worlds = world.after(step, &mut self.stepper).worlds;
            for (variant, after) in worlds.into_iter().enumerate() {
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
