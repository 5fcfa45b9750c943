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
            // Every operator has it, once it is compiled.
            (None, Some(name)) if name == BUILT_IN => Err(Absent::Loading),
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

#[cfg(test)]
mod tests {
    use vmgroup_core::plan::Description;

    use super::*;

    fn module(digest: &str) -> ActiveModule {
        ActiveModule {
            name: None,
            digest: digest.into(),
            description: Description {
                name: "one-by-one".into(),
                version: "1.0.0".into(),
                reason_codes: vec!["turn".into()],
                settings_schema: String::new(),
                default_settings: String::new(),
            },
        }
    }

    #[test]
    fn a_module_that_cannot_be_had_says_why_and_never_pushes_one_out() {
        let mut modules = Modules::default();
        let missing = |text: &str| Err(Absent::Missing(text.into()));
        assert_eq!(modules.get(None), Err(Absent::Loading));
        for text in ["no such file", "no component"] {
            modules.missing(None, text.into());
            assert_eq!(modules.get(None), missing(text));
        }
        let active = module("sha256:1");
        assert!(modules.activate(active.clone()));
        assert!(!modules.activate(active.clone()));
        modules.missing(None, "no such file".into());
        assert_eq!(modules.get(None), Ok(&active));
        assert!(modules.activate(module("sha256:2")));
    }

    #[test]
    fn a_module_is_held_to_its_own_words() {
        let mut modules = Modules::default();
        modules.activate(module("sha256:1"));
        let words = |digest| modules.reason_codes(None, digest);
        assert_eq!(words("sha256:1"), Some(["turn".to_owned()].into()));
        assert_eq!(words("sha256:2"), None);
    }
}
