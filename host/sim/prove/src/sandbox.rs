//! The module's place with the real sandbox: the modules that `cargo xtask
//! guests` builds, under the digests of their native twins, so that traces can
//! be compared byte for byte.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use vmgroup_core::observation::Observation;
use vmgroup_core::outcome::Outcome;
use vmgroup_engine::{Engine, Limits, Module};
use vmgroup_reconcile::event::{ActiveModule, DecideResult};
use vmgroup_sim::host::{Decide, no_module};
use vmgroup_sim::schedule::{Cast, Schedule};

use crate::logic::{self, Logic};

/// Where the modules are.
const GUESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../target/guests");

/// The modules, loaded once.
pub struct Sandbox {
    modules: Arc<BTreeMap<&'static str, Module>>,
}

impl Sandbox {
    /// Loads the modules.
    ///
    /// # Errors
    /// They are not built, or not accepted.
    pub fn new() -> Result<Sandbox> {
        let engine = Engine::new(Limits::default());
        let mut modules = BTreeMap::new();
        for name in ["default", "one-by-one"] {
            let path = format!("{GUESTS}/{name}.wasm");
            let bytes = std::fs::read(&path).with_context(|| {
                format!("failed to read {path}; `cargo xtask guests` builds it")
            })?;
            let module = engine
                .load(&bytes)
                .with_context(|| format!("failed to load {path}"))?;
            modules.insert(name, module);
        }
        Ok(Sandbox {
            modules: Arc::new(modules),
        })
    }

    /// What runs in a schedule's world, in the sandbox.
    pub fn cast(&self, schedule: &Schedule) -> Cast<Place> {
        Cast {
            decide: Place {
                modules: Arc::clone(&self.modules),
                active: logic::at_first(),
            },
            modules: logic::modules(),
            factory: schedule.operators(),
        }
    }
}

/// Who decides, in the sandbox.
pub struct Place {
    modules: Arc<BTreeMap<&'static str, Module>>,
    active: BTreeMap<Option<String>, Logic>,
}

impl Decide for Place {
    fn decide(&mut self, module: Option<&str>, seen: &Observation) -> (String, DecideResult) {
        let place = module.map(str::to_owned);
        let Some(logic) = self.active.get(&place).copied() else {
            return no_module();
        };
        let name = match logic {
            Logic::Default | Logic::Twin => "default",
            Logic::OneByOne => "one-by-one",
            // These stand for what modules can do wrong; there is no file of them.
            Logic::Traps | Logic::Refuses | Logic::DeletesAll | Logic::ClonesWithoutEnd => {
                return (logic.digest(), logic.decide(seen));
            }
        };
        let result = match self.modules.get(name).map(|module| module.reconcile(seen)) {
            Some(Ok(decision)) => DecideResult::Answered(decision.answer),
            Some(Err(error)) => DecideResult::Failed {
                label: error.class(),
                message: error.to_string(),
            },
            None => DecideResult::Failed {
                label: Outcome::Internal.as_str(),
                message: format!("{name} is not loaded"),
            },
        };
        (logic.digest(), result)
    }

    fn swap(&mut self, module: Option<&str>, logic: &str) -> Option<ActiveModule> {
        let logic = Logic::named(logic)?;
        self.active.insert(module.map(str::to_owned), logic);
        Some(logic.active(module))
    }
}
