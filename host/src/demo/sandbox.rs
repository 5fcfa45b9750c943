//! The module's place in the simulated world: the real sandbox.

use std::collections::BTreeMap;

use vmgroup_core::observation::Observation;
use vmgroup_engine::{Engine, Module};
use vmgroup_reconcile::event::{ActiveModule, DecideResult};
use vmgroup_reconcile::modules::BUILT_IN;
use vmgroup_sim::host::Decide;

use crate::builtin;

/// Runs the modules that are active, by the names that groups call them.
pub(crate) struct Sandbox {
    engine: Engine,
    active: BTreeMap<Option<String>, Module>,
    decisions: u64,
}

impl Sandbox {
    /// With the built-in module, which is also the default one.
    pub(crate) fn new() -> anyhow::Result<Sandbox> {
        let engine = builtin::engine();
        let module = builtin::default(&engine)?;
        let names = [None, Some(BUILT_IN.to_owned())];
        Ok(Sandbox {
            engine,
            active: names.map(|name| (name, module.clone())).into(),
            decisions: 0,
        })
    }

    /// Takes a module in.
    pub(crate) fn load(&self, bytes: &[u8]) -> anyhow::Result<Module> {
        Ok(self.engine.load(bytes)?)
    }

    /// This module is the default one from here on.
    pub(crate) fn swap(&mut self, module: Module) {
        self.active.insert(None, module);
    }

    /// All modules that are active, as hosts hear of them.
    pub(crate) fn active(&self) -> Vec<ActiveModule> {
        self.active
            .iter()
            .map(|(name, module)| ActiveModule {
                name: name.clone(),
                digest: module.digest().to_owned(),
                description: module.description().clone(),
            })
            .collect()
    }

    /// The module of that name.
    pub(crate) fn module(&self, name: Option<&str>) -> Option<&Module> {
        self.active.get(&name.map(str::to_owned))
    }

    /// How often modules have decided.
    pub(crate) fn decisions(&self) -> u64 {
        self.decisions
    }
}

impl Decide for Sandbox {
    fn decide(&mut self, name: Option<&str>, observation: &Observation) -> (String, DecideResult) {
        self.decisions += 1;
        let Some(module) = self.module(name) else {
            let message = "there is no such module".into();
            let label = "internal";
            return (String::new(), DecideResult::Failed { label, message });
        };
        let result = match module.reconcile(observation) {
            Ok(decision) => DecideResult::Answered(decision.answer),
            Err(error) => DecideResult::Failed {
                label: error.class(),
                message: error.to_string(),
            },
        };
        (module.digest().to_owned(), result)
    }
}
