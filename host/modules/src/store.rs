//! The modules that decide, by name. A swap is one pointer store: whoever holds
//! the old module finishes with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use vmgroup_core::plan::Description;

/// What groups call a module; none is the operator's default module.
pub type Name = Option<String>;

/// A module that decides.
#[derive(Debug, Clone)]
pub struct Loaded<M> {
    /// The module.
    pub module: M,
    /// `sha256:…` of its bytes.
    pub digest: String,
    /// Who it says it is.
    pub description: Description,
    /// Where the bytes came from, for people.
    pub origin: String,
}

/// All modules that decide. Reading never waits.
#[derive(Debug)]
pub struct Store<M> {
    by_name: ArcSwap<BTreeMap<Name, Arc<Loaded<M>>>>,
}

impl<M> Default for Store<M> {
    fn default() -> Self {
        Store {
            by_name: ArcSwap::default(),
        }
    }
}

impl<M> Store<M> {
    /// The module that decides for groups that call it by that name; none if it
    /// cannot be had, and its groups are held. A decision takes one `Arc` and
    /// has one digest, whatever is swapped meanwhile.
    pub fn get(&self, name: Option<&str>) -> Option<Arc<Loaded<M>>> {
        self.by_name.load().get(&name.map(str::to_owned)).cloned()
    }

    /// All modules by name.
    pub fn all(&self) -> Arc<BTreeMap<Name, Arc<Loaded<M>>>> {
        self.by_name.load_full()
    }

    /// From here on this module decides for all those names.
    pub(crate) fn activate(&self, names: &[Name], module: &Arc<Loaded<M>>) {
        self.by_name.rcu(|current| {
            let mut next = BTreeMap::clone(current);
            next.extend(names.iter().map(|name| (name.clone(), Arc::clone(module))));
            next
        });
    }
}
