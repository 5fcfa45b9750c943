//! Hosts, API server and vCenter tied together in virtual time. One thing
//! happens at a time, in an order that the seed fixes.

use std::collections::BTreeMap;

use vmgroup_core::time::{Monotonic, Now, Timestamp};
use vmgroup_reconcile::event::Event;

use crate::cluster::Cluster;
use crate::deed::Deed;
use crate::faults::{Fault, FaultPlan, WorldFault};
use crate::history::{Arrival, Fact, Outage};
use crate::host::{Decide, Host};
use crate::kind::Kind;
use crate::options::Options;
use crate::random::Random;
use crate::trace::{Detail, Trace};
use crate::vcenter::VCenter;

mod seat;

mod send;

mod perform;

mod deeds;

mod trouble;

mod truth;

mod words;

pub(crate) use words::of_deed as words_of_deed;

#[cfg(test)]
mod tests;

use seat::{Outgoing, Seat};
use truth::Left;

/// Makes the operator's logic: for the n-th host, in its n-th life, counted
/// from zero.
pub type Factory = Box<dyn FnMut(usize, u32, Now) -> Box<dyn Host>>;

/// The simulated world.
pub struct World<D> {
    options: Options,
    random: Random,
    now: Monotonic,
    /// How far the wall clock has jumped, in milliseconds.
    jumped_ms: i64,
    /// What was left of a group when the operator let it go, by UID.
    let_go: BTreeMap<String, Left>,
    queue: BTreeMap<(Monotonic, u64), Occurrence>,
    sequence: u64,
    seats: Vec<Seat>,
    factory: Factory,
    decide: D,
    /// What a host hears of modules when it starts, by module name.
    modules: BTreeMap<Option<String>, Event>,
    cluster: Cluster,
    cluster_down_until: Monotonic,
    /// Requests that are refused, whatever the state of things.
    denied_until: BTreeMap<Kind, Monotonic>,
    vcenter: VCenter,
    faults: FaultPlan,
    trace: Trace,
    facts: Vec<Fact>,
    arrivals: Vec<Arrival>,
    counts: BTreeMap<String, u64>,
    outages: Vec<Outage>,
    disturbances: Vec<(Monotonic, Monotonic)>,
}

/// Something that the world itself has planned.
enum Occurrence {
    Start(usize),
    Thaw(usize),
    Sent(usize, Box<Outgoing>),
    Heard(usize, u32, Box<Event>),
    Deed(Box<Deed>),
    Trouble(WorldFault),
}

/// Who acts next.
enum Turn {
    VCenter,
    Cluster,
    World,
    Host(usize),
}

impl<D: Decide> World<D> {
    /// A world at its beginning: hosts start, the cluster is empty.
    pub fn new(options: Options, faults: FaultPlan, decide: D, factory: Factory) -> World<D> {
        let mut random = Random::new(options.seed);
        let cluster = Cluster::new(
            options.cluster.clone(),
            random.fork(),
            options.credentials.clone(),
        );
        let vcenter = VCenter::new(
            options.vcenter.clone(),
            random.fork(),
            options.credentials.clone(),
        );
        let modules = options
            .modules
            .iter()
            .map(|module| (module.name.clone(), Event::ModuleActive(module.clone())))
            .collect();
        let mut world = World {
            random,
            now: Monotonic(0),
            jumped_ms: 0,
            let_go: BTreeMap::new(),
            queue: BTreeMap::new(),
            sequence: 0,
            seats: Seat::row(options.hosts),
            factory,
            decide,
            modules,
            cluster,
            cluster_down_until: Monotonic(0),
            denied_until: BTreeMap::new(),
            vcenter,
            trace: Trace::new(options.trace),
            facts: Vec::new(),
            arrivals: Vec::new(),
            counts: BTreeMap::new(),
            outages: Vec::new(),
            disturbances: Vec::new(),
            faults,
            options,
        };
        for seat in 0..world.seats.len() {
            world.plan(Monotonic(0), Occurrence::Start(seat));
        }
        for fault in world.faults.faults().to_vec() {
            if let Fault::At { at, what } = fault {
                world.plan(at, Occurrence::Trouble(what));
            }
        }
        world
    }

    /// Both clocks.
    pub fn now(&self) -> Now {
        let wall = (self.options.utc.0 + self.now.0).saturating_add_signed(self.jumped_ms);
        Now {
            monotonic: self.now,
            utc: Timestamp(wall),
        }
    }

    /// When the next thing happens.
    pub fn next_at(&self) -> Option<Monotonic> {
        self.turns()
            .into_iter()
            .filter_map(|(at, _)| at)
            .min()
            .map(|at| at.max(self.now))
    }

    /// Lets the next thing happen. False if nothing will ever happen.
    pub fn step(&mut self) -> bool {
        let Some(at) = self.next_at() else {
            return false;
        };
        self.now = at;
        let turn = self
            .turns()
            .into_iter()
            .find(|(due, _)| due.is_some_and(|due| due <= at))
            .map(|(_, turn)| turn);
        match turn {
            Some(Turn::VCenter) => {
                if let Some((session, event)) = self.vcenter.happen(self.now()) {
                    self.hear_feed(session, event);
                }
            }
            Some(Turn::Cluster) => {
                if let Some((watch, event)) = self.cluster.arrive(at) {
                    self.hear_watch(watch, event);
                }
            }
            Some(Turn::World) => {
                if let Some((_, occurrence)) = self.queue.pop_first() {
                    self.occur(occurrence);
                }
            }
            Some(Turn::Host(seat)) => self.wake(seat),
            None => {}
        }
        self.collect();
        true
    }

    /// Lets everything happen up to that time, and the clock stand there.
    pub fn run_until(&mut self, at: Monotonic) {
        while self.next_at().is_some_and(|next| next <= at) {
            self.step();
        }
        self.now = self.now.max(at);
    }

    /// Lets so many milliseconds pass.
    pub fn run_for(&mut self, ms: u64) {
        self.run_until(self.now.plus(ms));
    }

    /// Goes on until `done`, at most for so many milliseconds. True if it is.
    pub fn run_to(&mut self, within_ms: u64, done: impl Fn(&World<D>) -> bool) -> bool {
        let end = self.now.plus(within_ms);
        while !done(self) {
            if self.next_at().is_none_or(|next| next > end) {
                self.now = self.now.max(end);
                return done(self);
            }
            self.step();
        }
        true
    }

    /// The API server.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// vCenter.
    pub fn vcenter(&self) -> &VCenter {
        &self.vcenter
    }

    /// The API server, for deeds that `Deed` has no word for.
    pub fn cluster_mut(&mut self) -> &mut Cluster {
        &mut self.cluster
    }

    /// vCenter, for deeds that `Deed` has no word for.
    pub fn vcenter_mut(&mut self) -> &mut VCenter {
        &mut self.vcenter
    }

    /// The module's place, to swap what is in it.
    pub fn decide_mut(&mut self) -> &mut D {
        &mut self.decide
    }

    /// Tells all hosts, those that start later too, about a module:
    /// `ModuleActive`, `ModuleMissing` or `ModuleRefused`.
    pub fn tell_of_module(&mut self, event: &Event) {
        match event {
            Event::ModuleActive(module) => {
                self.facts.push(Fact::Swapped {
                    at: self.now,
                    name: module.name.clone(),
                    digest: module.digest.clone(),
                });
                self.modules.insert(module.name.clone(), event.clone());
            }
            Event::ModuleMissing { name, .. } => {
                self.modules.insert(name.clone(), event.clone());
            }
            _ => {}
        }
        for seat in 0..self.seats.len() {
            self.tell(seat, event.clone());
        }
    }

    /// Asks a host's process to end.
    pub fn ask_to_stop(&mut self, host: usize) {
        if let Some(seat) = self.seats.get_mut(host) {
            seat.asked_to_stop = true;
        }
        self.tell(host, Event::Stop);
    }

    /// A deed at a later time.
    pub fn plan_deed(&mut self, at: Monotonic, deed: Deed) {
        self.plan(at, Occurrence::Deed(Box::new(deed)));
    }

    /// A fault at a later time.
    pub fn plan_fault(&mut self, at: Monotonic, what: WorldFault) {
        self.plan(at, Occurrence::Trouble(what));
    }

    /// Who has something to do, and when, in the order that counts at one time.
    fn turns(&self) -> Vec<(Option<Monotonic>, Turn)> {
        let mut turns = vec![
            (self.vcenter.next_due(), Turn::VCenter),
            (self.cluster.next_due(), Turn::Cluster),
            (self.queue.keys().next().map(|(at, _)| *at), Turn::World),
        ];
        let seats = self.seats.iter().enumerate();
        turns.extend(seats.map(|(index, seat)| (seat.wakes_at(), Turn::Host(index))));
        turns
    }

    fn occur(&mut self, occurrence: Occurrence) {
        match occurrence {
            Occurrence::Start(seat) => self.start(seat),
            Occurrence::Thaw(seat) => self.thaw(seat),
            Occurrence::Sent(seat, outgoing) => self.arrive(seat, *outgoing),
            Occurrence::Heard(seat, life, event) => self.hear(seat, life, *event),
            Occurrence::Deed(deed) => {
                if let Err(refused) = self.act_as_planned(&deed) {
                    self.say("person", Detail::Everything, || {
                        format!("in vain: {refused}")
                    });
                }
            }
            Occurrence::Trouble(what) => self.suffer_as_planned(&what),
        }
    }

    /// Takes over what API server and vCenter wrote down, and adds who was
    /// left when an object went.
    fn collect(&mut self) {
        let mut fresh = self.cluster.take_log();
        fresh.extend(self.vcenter.take_log());
        for mut fact in fresh {
            if let Fact::Revised { object, .. } = &fact {
                // Somebody else's finalizer may keep what the operator has let go.
                if object.deleting && !object.finalizer {
                    let left = self.left(object);
                    self.let_go.entry(object.uid.clone()).or_insert(left);
                } else {
                    self.let_go.remove(&object.uid);
                }
            }
            if let Fact::Vanished {
                object,
                members,
                clones,
                occupied,
                ..
            } = &mut fact
            {
                let then = self.let_go.remove(&object.uid);
                let left = then.unwrap_or_else(|| self.left(object));
                (*members, *clones, *occupied) = (left.members, left.clones, left.occupied);
            }
            if self.trace.wants(Detail::Story).is_some()
                && let Some((actor, detail, text)) = words::of_fact(&fact)
            {
                self.trace.add(self.now, actor, detail, || text);
            }
            self.facts.push(fact);
        }
    }

    fn plan(&mut self, at: Monotonic, occurrence: Occurrence) {
        self.sequence += 1;
        self.queue
            .insert((at.max(self.now), self.sequence), occurrence);
    }

    /// Hosts may be kept from their work for so many milliseconds.
    fn disturb(&mut self, for_ms: u64) {
        self.disturbances.push((self.now, self.now.plus(for_ms)));
    }

    fn count(&mut self, what: &impl std::fmt::Debug) {
        *self.counts.entry(words::name_of(what)).or_default() += 1;
    }

    fn say(&mut self, actor: &str, detail: Detail, text: impl FnOnce() -> String) {
        self.trace.add(self.now, actor, detail, text);
    }
}
