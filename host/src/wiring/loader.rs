//! The engine, as the source of modules needs it, and decisions by whichever
//! module is active.

use std::sync::Arc;

use vmgroup_core::observation::Observation;
use vmgroup_core::plan::Answer;
use vmgroup_engine::{Engine, LoadError, Module};
use vmgroup_modules::{
    Candidate, Intake, Loader, Name, Refusal, Store, Taken, built_in, law_cases, stage,
};
use vmgroup_reconcile::event::{DecideResult, Event};
use vmgroup_reconcile::modules::BUILT_IN;

use crate::files::chain;
use crate::voice::Problem;

/// What has to pass before this process compiles a module.
pub(crate) type Before = fn(&[u8]) -> Result<(), Refusal>;

/// Loads modules into one engine, with the limits that every command uses.
pub(crate) struct EngineLoader {
    engine: Engine,
    before: Before,
}

impl Loader for EngineLoader {
    type Module = Module;

    fn bytes_max(&self) -> usize {
        self.engine.limits().module_bytes
    }

    fn load(&self, bytes: &[u8]) -> Result<Candidate<Module>, Refusal> {
        // The built-in module is as trusted as the program that it is a part of.
        if bytes != built_in() {
            (self.before)(bytes)?;
        }
        let module = self.engine.load(bytes).map_err(|error| refusal(&error))?;
        Ok(Candidate {
            description: module.description().clone(),
            module,
        })
    }

    fn decide(&self, module: &Module, observation: &Observation) -> Result<Answer, Refusal> {
        let decision = module.reconcile(observation);
        decision.map(|it| it.answer).map_err(|error| {
            Refusal::new(stage::LAW_CASES, &chain(&error)).if_late(error.is_late())
        })
    }
}

fn refusal(error: &LoadError) -> Refusal {
    let mut text = chain(error);
    if let Some(hint) = error.hint() {
        text.push_str("; ");
        text.push_str(hint);
    }
    Refusal::new(error.stage().as_str(), &text).if_late(error.is_late())
}

/// Takes modules in; the events go where the machine hears them.
pub(crate) type Modules = Intake<EngineLoader>;

/// An intake that tries every module on the law cases, after what is to pass before.
pub(crate) fn intake(
    before: Before,
    events: impl Fn(Event) + Send + Sync + 'static,
) -> Result<Modules, Problem> {
    let laws = law_cases().map_err(|(name, error)| {
        Problem::new(format!(
            "failed to read the law case `{name}` of this program"
        ))
        .because(error)
    })?;
    let loader = EngineLoader {
        engine: Engine::new(vmgroup_engine::Limits::default()),
        before,
    };
    Ok(Intake::new(loader, laws, events))
}

/// Takes the built-in module in for those names, and under its own.
pub(crate) fn take_built_in(modules: &Modules, names: &[Name]) -> Result<(), Refusal> {
    let mut all = vec![Some(BUILT_IN.to_owned())];
    all.extend_from_slice(names);
    match modules.take(&all, "the built-in module", built_in()) {
        Taken::Active | Taken::Unchanged => Ok(()),
        Taken::Refused(refusal) => Err(refusal),
    }
}

/// Decides by the module of that name: its digest, and what came of it.
pub(crate) fn decide(
    store: &Arc<Store<Module>>,
    name: Option<&str>,
    observation: &Observation,
) -> (String, DecideResult) {
    let Some(loaded) = store.get(name) else {
        let message = "there is no module of that name".into();
        let label = "internal";
        return (String::new(), DecideResult::Failed { label, message });
    };
    let result = match loaded.module.reconcile(observation) {
        Ok(decision) => DecideResult::Answered(decision.answer),
        Err(error) => DecideResult::Failed {
            label: error.class(),
            message: chain(&error),
        },
    };
    (loaded.digest.clone(), result)
}

#[cfg(test)]
mod tests {
    use super::*;
    use vmgroup_engine::CallError;

    #[test]
    fn only_a_module_that_ran_out_of_time_by_the_wall_clock_is_late() {
        let late = || CallError::Deadline {
            figure_ms: 1_001,
            limit_ms: 1_000,
        };
        let fuel = CallError::Fuel { limit: 1 };
        let table = [
            (LoadError::Describe { source: late() }, true),
            (LoadError::ValidateSettings { source: late() }, true),
            (LoadError::Describe { source: fuel }, false),
            (LoadError::CoreModule, false),
        ];
        for (error, wanted) in table {
            assert_eq!(refusal(&error).late, wanted, "{error:?}");
        }
    }
}
