//! What runs inside a world: the operator's logic and the module that decides.

use vmgroup_core::observation::Observation;
use vmgroup_core::time::{Monotonic, Now};
use vmgroup_reconcile::event::{ActiveModule, DecideResult, Event};
use vmgroup_reconcile::request::Request;

/// The operator's logic, as a world drives it.
pub trait Host {
    /// Takes one event; returns what is to be done about it.
    fn step(&mut self, event: Event, now: Now) -> Vec<Request>;

    /// When `Event::Time` is wanted next.
    fn deadline(&self) -> Option<Monotonic>;
}

/// The module's place: a sandbox, or the same logic natively.
pub trait Decide {
    /// Decides; the digest of the module that did comes with the result.
    fn decide(&mut self, module: Option<&str>, observation: &Observation)
    -> (String, DecideResult);

    /// Puts another logic into the place of the module of that name; tells who
    /// it says it is. None if this place knows no such logic.
    fn swap(&mut self, _module: Option<&str>, _logic: &str) -> Option<ActiveModule> {
        None
    }
}

impl Host for vmgroup_reconcile::Machine {
    fn step(&mut self, event: Event, now: Now) -> Vec<Request> {
        vmgroup_reconcile::Machine::step(self, event, now)
    }

    fn deadline(&self) -> Option<Monotonic> {
        vmgroup_reconcile::Machine::deadline(self)
    }
}

/// What is decided by a module that is not there.
pub fn no_module() -> (String, DecideResult) {
    let failed = DecideResult::Failed {
        label: "internal",
        message: "there is no module of that name".into(),
    };
    (String::new(), failed)
}
