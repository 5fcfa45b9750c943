//! Seeded bugs: operators that are wrong in one way each. The real state machine
//! sits behind a seam that bends what it hears or what it asks for, as a host
//! with that bug would. Each is modelled on one that was published, or on a
//! defect of the Go demo; the oracles have to catch every one of them.

mod table;

mod memory;

mod hear;

mod ask;

mod hunt;

use std::collections::VecDeque;

use vmgroup_core::time::{Monotonic, Now};
use vmgroup_reconcile::Machine;
use vmgroup_reconcile::event::Event;
use vmgroup_reconcile::machine::{Caps, Config};
use vmgroup_reconcile::request::Request;
use vmgroup_sim::host::Host;
use vmgroup_sim::schedule::Schedule;
use vmgroup_sim::world::Factory;

pub use hunt::{Caught, hunt};
pub use table::{Bug, FLAWS, Flaw};

use memory::Memory;

/// What a seam makes of one request.
#[allow(
    clippy::large_enum_variant,
    reason = "requests are few, and moved once"
)]
enum Sent {
    /// It goes to the world.
    Out(Request),
    /// The operator is answered at once.
    Answered(Box<Event>),
}

/// The real operator behind a seam with a bug.
struct Flawed {
    inner: Box<dyn Host>,
    bug: Bug,
    memory: Memory,
}

/// Makes the schedule's operators so that they have the bug.
pub fn operators(schedule: &Schedule, bug: Bug) -> Factory {
    flawed(bug, schedule.profile.leased && schedule.hosts > 1)
}

/// Makes operators that have the bug.
pub fn flawed(bug: Bug, leased: bool) -> Factory {
    Box::new(move |host, life, now| -> Box<dyn Host> {
        let leased = leased && (host == 0 || bug != Bug::ActsWithoutLease);
        let config = Config {
            install: "sim".into(),
            run: format!("host-{host}-{life}"),
            replica: leased.then(|| format!("host-{host}")),
            caps: Caps::default(),
        };
        Box::new(Flawed {
            inner: Box::new(Machine::new(config, now)),
            bug,
            memory: Memory::new(host, life),
        })
    })
}

impl Host for Flawed {
    fn step(&mut self, event: Event, now: Now) -> Vec<Request> {
        let mut heard: VecDeque<Event> = self.memory.hear(self.bug, event).into();
        let mut out = Vec::new();
        while let Some(event) = heard.pop_front() {
            for request in self.inner.step(event, now) {
                for sent in self.memory.ask(self.bug, request) {
                    match sent {
                        Sent::Out(request) => out.push(request),
                        Sent::Answered(event) => heard.push_back(*event),
                    }
                }
            }
            out.append(&mut self.memory.unasked);
        }
        out
    }

    fn deadline(&self) -> Option<Monotonic> {
        self.inner.deadline()
    }
}
