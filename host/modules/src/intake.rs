//! Takes modules in.
//!
//! ```text
//!             good bytes                 good bytes
//!   missing ─────────────▶ active ◀─────────────────┐
//!      │ ▲                   │ other good bytes: swapped
//!      └─┘ bad bytes         └──── bad bytes: refused, stays active
//! ```

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use vmgroup_reconcile::event::{ActiveModule, Event};

use crate::laws::{LawCase, try_laws};
use crate::limits::{LATE_AT_ONCE, LATE_TRIES};
use crate::loader::{Loader, Refusal, Wanted, digest, stage};
use crate::store::{Loaded, Name, Store};

/// Takes modules in, one at a time. Every change is told as an event, after the
/// store has it.
pub struct Intake<L: Loader> {
    loader: L,
    laws: Vec<LawCase>,
    store: Arc<Store<L::Module>>,
    refused: Mutex<BTreeMap<Name, Refused>>,
    events: Box<dyn Fn(Event) + Send + Sync>,
}

/// What came of bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// The module decides from here on.
    Active,
    /// The very module decides already, or the very bytes were refused before.
    Unchanged,
    /// They were refused; what was active stays so. Late ones may pass later.
    Refused(Refusal),
}

/// The last refusal under a name.
#[derive(Debug, PartialEq, Eq)]
struct Refused {
    digest: Option<String>,
    refusal: Refusal,
}

impl Refused {
    /// Nobody needs to hear the other one too: how late a module is differs from
    /// try to try.
    fn is_like(&self, other: &Refused) -> bool {
        self == other || (self.digest == other.digest && self.refusal.late && other.refusal.late)
    }
}

impl<L: Loader> Intake<L> {
    /// An intake with an empty store. `events` must not wait for anything that
    /// waits for a module.
    pub fn new(
        loader: L,
        laws: Vec<LawCase>,
        events: impl Fn(Event) + Send + Sync + 'static,
    ) -> Self {
        Intake {
            loader,
            laws,
            store: Arc::default(),
            refused: Mutex::default(),
            events: Box::new(events),
        }
    }

    /// The modules that decide.
    pub fn store(&self) -> Arc<Store<L::Module>> {
        Arc::clone(&self.store)
    }

    /// Bytes of a module at most.
    pub fn bytes_max(&self) -> usize {
        self.loader.bytes_max()
    }

    /// Takes a module in for all those names. Blocks as long as the compiler
    /// does: the caller is no task of an async runtime.
    pub fn take(&self, names: &[Name], origin: &str, bytes: &[u8]) -> Taken {
        let taken = self.take_if(&|| true, names, origin, bytes);
        taken.unwrap_or(Taken::Unchanged)
    }

    /// The same, as long as the bytes are wanted; none, and nothing is said of them, if they are
    /// not any more.
    pub fn take_if(
        &self,
        wanted: Wanted<'_>,
        names: &[Name],
        origin: &str,
        bytes: &[u8],
    ) -> Option<Taken> {
        let digest = digest(bytes);
        if self.knows(names, &digest) {
            return Some(Taken::Unchanged);
        }
        // Nobody else waits for the compiler.
        let examined = self.examine_patiently(wanted, origin, bytes, &digest);
        if !wanted() {
            return None;
        }
        let mut refused = self.refused();
        Some(match examined {
            Ok(module) => {
                self.store.activate(names, &Arc::new(module));
                for name in names {
                    refused.remove(name);
                    self.announce(name);
                }
                Taken::Active
            }
            Err(refusal) => {
                self.refuse(&mut refused, names, origin, Some(&digest), &refusal);
                Taken::Refused(refusal)
            }
        })
    }

    fn refused(&self) -> MutexGuard<'_, BTreeMap<Name, Refused>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The module decides already for all those names, or was refused for them.
    fn knows(&self, names: &[Name], digest: &str) -> bool {
        let mut refused = self.refused();
        if self.decides(names, digest) {
            for name in names {
                // The refusal that people see is over.
                if refused.remove(name).is_some() {
                    self.announce(name);
                }
            }
            return true;
        }
        let known = |name: &Name| {
            let before = refused.get(name);
            before.is_some_and(|it| it.digest.as_deref() == Some(digest) && !it.refusal.late)
        };
        !names.is_empty() && names.iter().all(known)
    }

    /// The bytes of a module could not be had at all, or are too many to be read.
    pub fn unavailable(&self, names: &[Name], origin: &str, refusal: &Refusal) {
        let mut refused = self.refused();
        self.refuse(&mut refused, names, origin, None, refusal);
    }

    /// Examines, and again while only the wall clock is against the module. Not at once if it
    /// took its time: somebody may have replaced it since.
    fn examine_patiently(
        &self,
        wanted: Wanted<'_>,
        origin: &str,
        bytes: &[u8],
        digest: &str,
    ) -> Result<Loaded<L::Module>, Refusal> {
        let begun = Instant::now();
        let mut examined = self.examine(wanted, origin, bytes, digest);
        for _ in 1..LATE_TRIES {
            let is_late = matches!(&examined, Err(refusal) if refusal.late);
            if !is_late || begun.elapsed() > LATE_AT_ONCE || !wanted() {
                break;
            }
            examined = self.examine(wanted, origin, bytes, digest);
        }
        examined
    }

    fn examine(
        &self,
        wanted: Wanted<'_>,
        origin: &str,
        bytes: &[u8],
        digest: &str,
    ) -> Result<Loaded<L::Module>, Refusal> {
        let limit = self.loader.bytes_max();
        if bytes.len() > limit {
            let message = format!("module has {} bytes, the limit is {limit}", bytes.len());
            return Err(Refusal::new(stage::SIZE, &message));
        }
        let candidate = self.loader.load(bytes, wanted)?;
        try_laws(&self.loader, &candidate, &self.laws)?;
        Ok(Loaded {
            module: candidate.module,
            digest: digest.to_owned(),
            description: candidate.description,
            origin: origin.to_owned(),
        })
    }

    fn decides(&self, names: &[Name], digest: &str) -> bool {
        names.iter().all(|name| {
            let active = self.store.get(name.as_deref());
            active.is_some_and(|module| module.digest == digest)
        })
    }

    fn announce(&self, name: &Name) {
        if let Some(module) = self.store.get(name.as_deref()) {
            (self.events)(Event::ModuleActive(ActiveModule {
                name: name.clone(),
                digest: module.digest.clone(),
                description: module.description.clone(),
            }));
        }
    }

    fn refuse(
        &self,
        refused: &mut BTreeMap<Name, Refused>,
        names: &[Name],
        origin: &str,
        digest: Option<&str>,
        refusal: &Refusal,
    ) {
        for name in names {
            let now = Refused {
                digest: digest.map(str::to_owned),
                refusal: refusal.clone(),
            };
            if refused.get(name).is_some_and(|before| before.is_like(&now)) {
                continue;
            }
            refused.insert(name.clone(), now);
            (self.events)(if self.store.get(name.as_deref()).is_some() {
                Event::ModuleRefused {
                    name: name.clone(),
                    stage: refusal.stage.to_owned(),
                    message: format!("{origin}: {}", refusal.message),
                }
            } else {
                let next = if refusal.late {
                    "it is tried again"
                } else {
                    "replace it by a module that passes, it is taken in at once"
                };
                Event::ModuleMissing {
                    name: name.clone(),
                    message: format!("{origin} was {refusal}; {next}"),
                }
            });
        }
    }
}

#[cfg(test)]
mod tests;
