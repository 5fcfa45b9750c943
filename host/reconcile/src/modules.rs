//! Which module decides for whom.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::ActiveModule;

/// Name under which the built-in module is always to be had.
pub const BUILT_IN: &str = "built-in";

/// Why a module does not decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Absent {
    /// Its first load has not ended.
    Loading,
    /// It cannot be had; the text says what to do.
    Missing(String),
}

/// The modules by the names that groups call them; none is the operator's
/// default module.
#[derive(Debug, Clone, Default)]
pub(crate) struct Modules {
    by_name: BTreeMap<Option<String>, Result<ActiveModule, String>>,
}

impl Modules {
    /// The module decides from here on. True if another one did before.
    pub(crate) fn activate(&mut self, module: ActiveModule) -> bool {
        let name = module.name.clone();
        let before = self.by_name.insert(name.clone(), Ok(module));
        let digest = |known: &Result<ActiveModule, String>| {
            known.as_ref().ok().map(|module| module.digest.clone())
        };
        before.as_ref().and_then(digest) != self.by_name.get(&name).and_then(digest)
    }

    /// The module cannot be had. One that is active stays so.
    pub(crate) fn missing(&mut self, name: Option<String>, message: String) {
        let known = self
            .by_name
            .entry(name)
            .or_insert_with(|| Err(String::new()));
        if let Err(text) = known {
            *text = message;
        }
    }

    /// The module of that name, or why there is none.
    ///
    /// # Errors
    /// It cannot be had, or is still being loaded.
    pub(crate) fn get(&self, name: Option<&String>) -> Result<&ActiveModule, Absent> {
        match (self.by_name.get(&name.cloned()), name) {
            (Some(Ok(module)), _) => Ok(module),
            (Some(Err(message)), _) => Err(Absent::Missing(message.clone())),
            (None, None) => Err(Absent::Loading),
            (None, Some(name)) => Err(Absent::Missing(format!(
                "the operator has no module {name}; name {BUILT_IN} in spec.reconciler.module, which \
                 is always there, or leave it out for the one that the operator was started with"
            ))),
        }
    }

    /// The reason codes that the module says it may use. A decision that was under
    /// way when another one took over is not held to that one's.
    pub(crate) fn reason_codes(
        &self,
        name: Option<&String>,
        digest: &str,
    ) -> Option<BTreeSet<String>> {
        let module = self
            .get(name)
            .ok()
            .filter(|module| module.digest == digest)?;
        Some(module.description.reason_codes.iter().cloned().collect())
    }
}
