//! The engine, as the source of modules needs it, and decisions by whichever
//! module is active.

use vmgroup_core::observation::Observation;
use vmgroup_core::plan::{Answer, Reason, Refusal as No, SettingsError};
use vmgroup_engine::{Attempt, Engine, LoadError, LogLine, Module};
use vmgroup_modules::{
    Candidate, Intake, Loader, Name, Refusal, Store, Taken, Wanted, built_in, law_cases, stage,
};
use vmgroup_reconcile::event::{DecideResult, Event};
use vmgroup_reconcile::modules::BUILT_IN;

use crate::files::chain;
use crate::voice::Problem;

/// What has to pass before this process compiles a module.
pub(crate) type Before = fn(&[u8], Wanted<'_>) -> Result<(), Refusal>;

/// Loads modules into one engine.
pub(crate) struct EngineLoader {
    engine: Engine,
    before: Before,
}

impl Loader for EngineLoader {
    type Module = Module;

    fn bytes_max(&self) -> usize {
        self.engine.limits().module_bytes
    }

    fn load(&self, bytes: &[u8], wanted: Wanted<'_>) -> Result<Candidate<Module>, Refusal> {
        // The built-in module is as trusted as the program that it is a part of.
        if bytes != built_in() {
            (self.before)(bytes, wanted)?;
        }
        let module = self.engine.load(bytes).map_err(|error| refusal(&error))?;
        Ok(Candidate {
            description: module.description().clone(),
            module,
        })
    }

    fn decide(&self, module: &Module, observation: &Observation) -> Result<Answer, Refusal> {
        attempt(module, observation).result.map_err(|error| {
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

/// The engine of the program, with the limits that every command uses.
pub(crate) fn engine() -> Engine {
    Engine::new(vmgroup_engine::Limits::default())
}

/// An intake that tries every module on the law cases, after what is to pass before.
pub(crate) fn intake(
    engine: Engine,
    before: Before,
    events: impl Fn(Event) + Send + Sync + 'static,
) -> Result<Modules, Problem> {
    let laws = law_cases().map_err(|(name, error)| {
        Problem::new(format!(
            "failed to read the law case `{name}` of this program"
        ))
        .because(error)
    })?;
    let loader = EngineLoader { engine, before };
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

/// Code of a decision that was not asked for, because the module cannot work with the settings.
const SETTINGS_INVALID: &str = "settings-invalid";

/// Asks the module for a decision, once it has nothing against the settings.
pub(crate) fn attempt(module: &Module, observation: &Observation) -> Attempt {
    let Attempt {
        result,
        usage,
        mut log,
    } = module.validate_settings(&observation.context.settings);
    let result = match result {
        Ok(Ok(())) => {
            let mut attempt = module.attempt(observation);
            log.append(&mut attempt.log);
            return Attempt { log, ..attempt };
        }
        Ok(Err(errors)) => Ok(Answer::Refusal(No {
            reason: Reason {
                code: SETTINGS_INVALID.into(),
                message: settings_errors(&errors),
            },
            next_look: None,
        })),
        Err(error) => Err(error),
    };
    Attempt { result, usage, log }
}

/// What a module has against settings, in one line.
pub(crate) fn settings_errors(errors: &[SettingsError]) -> String {
    let errors: Vec<String> = errors
        .iter()
        .map(|error| format!("{}: {}", error.pointer, error.message))
        .collect();
    format!(
        "the module refuses spec.reconciler.settings: {}",
        errors.join("; ")
    )
}

/// A decision, and who made it.
pub(crate) struct Decided {
    /// Digest of the module.
    pub(crate) module: String,
    /// What came of it.
    pub(crate) result: DecideResult,
    /// What the module said meanwhile. The demo shows decisions only.
    #[cfg_attr(not(feature = "files"), expect(dead_code))]
    pub(crate) log: Vec<LogLine>,
}

/// Decides by the module of that name.
pub(crate) fn decide(
    store: &Store<Module>,
    name: Option<&str>,
    observation: &Observation,
) -> Decided {
    let Some(loaded) = store.get(name) else {
        return failed("there is no module of that name".into());
    };
    let Attempt { result, log, .. } = attempt(&loaded.module, observation);
    let result = match result {
        Ok(answer) => DecideResult::Answered(answer),
        Err(error) => DecideResult::Failed {
            label: error.class(),
            message: chain(&error),
        },
    };
    Decided {
        module: loaded.digest.clone(),
        result,
        log,
    }
}

/// No module was asked.
pub(crate) fn failed(message: String) -> Decided {
    let label = "internal";
    Decided {
        module: String::new(),
        result: DecideResult::Failed { label, message },
        log: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vmgroup_engine::CallError;

    #[test]
    fn only_a_module_that_the_machine_may_have_failed_is_late() {
        let late = || CallError::Deadline {
            figure_ms: 1_001,
            limit_ms: 1_000,
        };
        let fuel = CallError::Fuel { limit: 1 };
        let problem = "no memory".to_owned();
        let short = CallError::Internal { problem };
        let table = [
            (LoadError::Describe { source: late() }, true),
            (LoadError::ValidateSettings { source: late() }, true),
            (LoadError::Describe { source: short }, true),
            (LoadError::Describe { source: fuel }, false),
            (LoadError::CoreModule, false),
        ];
        for (error, wanted) in table {
            assert_eq!(refusal(&error).late, wanted, "{error:?}");
        }
    }
}
