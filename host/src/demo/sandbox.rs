//! The module's place in the simulated world: the real intake and the real
//! sandbox.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use anyhow::Context as _;
use vmgroup_core::observation::Observation;
use vmgroup_engine::Module;
use vmgroup_modules::{Loaded, Taken, built_in};
use vmgroup_reconcile::event::{ActiveModule, DecideResult, Event};
use vmgroup_sim::host::Decide;

use crate::wiring::loader::{self, Modules};

/// Runs the modules that are active.
pub(crate) struct Sandbox {
    modules: Modules,
    told: Receiver<Event>,
    decisions: u64,
}

impl Sandbox {
    /// With the built-in module, which is also the default one.
    pub(crate) fn new() -> anyhow::Result<Sandbox> {
        let (tell, told) = channel();
        // The demo's modules are its own.
        let modules = loader::intake(
            loader::engine(),
            |_, _| Ok(()),
            move |event| {
                // Nobody hears it when the demo is over.
                let _ = tell.send(event);
            },
        )?;
        loader::take_built_in(&modules, &[None])
            .context("failed to take in the built-in module")?;
        Ok(Sandbox {
            modules,
            told,
            decisions: 0,
        })
    }

    /// Takes a module in as the default one, if it passes every stage.
    pub(crate) fn swap(&self, origin: &str, bytes: &[u8]) -> Taken {
        self.modules.take(&[None], origin, bytes)
    }

    /// The built-in module is the default one again.
    pub(crate) fn swap_back(&self) -> Taken {
        self.swap("the built-in module", built_in())
    }

    /// What hosts have to hear since the last call.
    pub(crate) fn news(&self) -> Vec<Event> {
        self.told.try_iter().collect()
    }

    /// The modules that were told of since the last call.
    pub(crate) fn active(&self) -> Vec<ActiveModule> {
        let news = self.news().into_iter();
        news.filter_map(|event| match event {
            Event::ModuleActive(module) => Some(module),
            _ => None,
        })
        .collect()
    }

    /// The default module.
    pub(crate) fn default(&self) -> Option<Arc<Loaded<Module>>> {
        self.modules.store().get(None)
    }

    /// How often modules have decided.
    pub(crate) fn decisions(&self) -> u64 {
        self.decisions
    }
}

impl Decide for Sandbox {
    fn decide(&mut self, name: Option<&str>, observation: &Observation) -> (String, DecideResult) {
        self.decisions += 1;
        let decided = loader::decide(&self.modules.store(), name, observation);
        (decided.module, decided.result)
    }
}
