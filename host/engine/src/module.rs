//! A module that has been taken in.

use std::sync::Arc;

use vmgroup_core::observation::Observation;
use vmgroup_core::plan::{Answer, Description, SettingsError};

use crate::bindings::ReconcilerPre;
use crate::call::{self, Decision, LogLine, State, Usage};
use crate::error::CallError;
use crate::{Engine, Inspection};

/// Decides about groups. Cheap to clone; calls may run at the same time.
#[derive(Clone)]
pub struct Module {
    loaded: Arc<Loaded>,
    description: Arc<Description>,
}

/// Everything that calls share.
pub(crate) struct Loaded {
    pub(crate) engine: Engine,
    pub(crate) inspection: Inspection,
    pub(crate) pre: ReconcilerPre<State>,
}

/// One call, whatever came of it: a discarded call has a cost and a log too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt<T = Answer> {
    /// The answer, or why there is none.
    pub result: Result<T, CallError>,
    /// What it took.
    pub usage: Usage,
    /// What the module said.
    pub log: Vec<LogLine>,
}

impl std::fmt::Debug for Module {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Module")
            .field("digest", &self.digest())
            .field("name", &self.description.name)
            .finish_non_exhaustive()
    }
}

impl Module {
    pub(crate) fn new(loaded: Arc<Loaded>, description: Description) -> Module {
        Module {
            loaded,
            description: Arc::new(description),
        }
    }

    /// `sha256:` and 64 hexadecimal digits: the module's identity.
    pub fn digest(&self) -> &str {
        &self.loaded.inspection.digest
    }

    /// Who it says it is.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// What its bytes say.
    pub fn inspection(&self) -> &Inspection {
        &self.loaded.inspection
    }

    /// Decides, in a fresh instance.
    ///
    /// # Errors
    /// The limit that was reached, or what else went wrong. The process and the
    /// module go on.
    pub fn reconcile(&self, observation: &Observation) -> Result<Decision, CallError> {
        let Attempt { result, usage, log } = self.attempt(observation);
        result.map(|answer| Decision { answer, usage, log })
    }

    /// Decides as [`Module::reconcile`] does, and tells cost and log of a
    /// discarded call too.
    pub fn attempt(&self, observation: &Observation) -> Attempt {
        call::reconcile(&self.loaded, &self.description, observation)
    }

    /// Asks the module whether it could work with these settings (JSON). What it has against them
    /// is in the inner result.
    pub fn validate_settings(&self, settings: &str) -> Attempt<Result<(), Vec<SettingsError>>> {
        call::validate_settings(&self.loaded, settings)
    }
}
