//! What the operator would show a module about a new group: the real machine
//! in a simulated world that has nothing else in it.

use std::cell::RefCell;
use std::rc::Rc;

use vmgroup_core::group::{GroupKey, Spec};
use vmgroup_core::observation::Observation;
use vmgroup_core::plan::Description;
use vmgroup_core::time::{Monotonic, Now, Timestamp};
use vmgroup_reconcile::Machine;
use vmgroup_reconcile::event::{ActiveModule, DecideResult, Event};
use vmgroup_reconcile::machine::{Caps, Config};
use vmgroup_reconcile::request::Request;
use vmgroup_sim::deed::Deed;
use vmgroup_sim::faults::FaultPlan;
use vmgroup_sim::host::{Decide, Host};
use vmgroup_sim::options::Options;
use vmgroup_sim::trace::Detail;
use vmgroup_sim::world::World;

use crate::limits::FORESIGHT_MS;

/// The first observation of a group that has just been created; none if its
/// module would not be asked at all.
pub(crate) fn first_observation(
    key: &GroupKey,
    spec: &Spec,
    now: Timestamp,
) -> Option<Observation> {
    let seen = Rc::new(RefCell::new(None));
    let module = ActiveModule {
        name: spec.module.clone(),
        digest: "sha256:".into(),
        description: Description {
            name: String::new(),
            version: String::new(),
            reason_codes: Vec::new(),
            settings_schema: "{}".into(),
            default_settings: "{}".into(),
        },
    };
    let options = Options {
        utc: now,
        modules: vec![module],
        trace: Detail::Nothing,
        ..Options::default()
    };
    let eyes = Rc::clone(&seen);
    let factory = Box::new(move |_, _, now| {
        let config = Config {
            install: "plan".into(),
            run: "plan".into(),
            replica: None,
            caps: Caps::default(),
        };
        Box::new(Watched {
            machine: Machine::new(config, now),
            seen: Rc::clone(&eyes),
        }) as Box<dyn Host>
    });
    let mut world = World::new(options, FaultPlan::default(), Nobody, factory);
    world
        .act(&Deed::Create(key.clone(), Box::new(Ok(spec.clone()))))
        .ok()?;
    world.run_to(FORESIGHT_MS, |_| seen.borrow().is_some());
    seen.take()
}

struct Watched {
    machine: Machine,
    seen: Rc<RefCell<Option<Observation>>>,
}

impl Host for Watched {
    fn step(&mut self, event: Event, now: Now) -> Vec<Request> {
        let requests = self.machine.step(event, now);
        for request in &requests {
            if let Request::Decide { observation, .. } = request {
                let mut seen = self.seen.borrow_mut();
                seen.get_or_insert_with(|| (**observation).clone());
            }
        }
        requests
    }

    fn deadline(&self) -> Option<Monotonic> {
        self.machine.deadline()
    }
}

/// Nobody decides: the question is all that is wanted.
struct Nobody;

impl Decide for Nobody {
    fn decide(&mut self, _: Option<&str>, _: &Observation) -> (String, DecideResult) {
        let (label, message) = ("internal", String::new());
        (String::new(), DecideResult::Failed { label, message })
    }
}
