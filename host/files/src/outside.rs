//! What other processes may do while an operator runs: look, and ask for a
//! deletion. Neither takes the lock.

use std::path::Path;

use vmgroup_core::group::GroupKey;
use vmgroup_reconcile::event::GroupObject;

use crate::document::is_name;
use crate::error::FilesError;
use crate::limits::{NAME_CHARS_MAX, NAMESPACE_CHARS_MAX};
use crate::lock::Lock;
use crate::record::{Deletion, Record};
use crate::schema::Schema;
use crate::state::State;

/// Every group in that state, sorted by namespace and name. A group of which the
/// deletion has been asked for shows as being deleted.
///
/// # Errors
/// A file cannot be read.
pub fn list(state: &Path, schema: &Schema) -> Result<Vec<GroupObject>, FilesError> {
    let state = State::at(state);
    let deletions = state.all::<Deletion>()?;
    let objects = state.all::<Record>()?.into_iter().map(|(key, mut record)| {
        let asked = deletions.get(&key);
        record.deleting |= asked.is_some_and(|deletion| deletion.uid == record.uid);
        record.object(schema)
    });
    Ok(objects.collect())
}

/// What becomes of a deletion that has been asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// An operator runs and begins at once.
    Begins,
    /// No operator runs on that state: the next one begins when it starts.
    WhenOneRuns,
}

/// Asks for the deletion of a group: its VMs go as its deletion policy says,
/// then its record.
///
/// # Errors
/// There is no such group, or the request cannot be written.
pub fn request_deletion(state: &Path, key: &GroupKey) -> Result<Asked, FilesError> {
    let state = State::at(state);
    let named = is_name(&key.namespace, NAMESPACE_CHARS_MAX) && is_name(&key.name, NAME_CHARS_MAX);
    let mut records = state.all::<Record>()?;
    let record = records.remove(key).filter(|_| named);
    let Some(record) = record else {
        return Err(FilesError::NoSuchGroup {
            key: key.clone(),
            known: records.into_keys().collect(),
        });
    };
    state.create()?;
    let deletion = Deletion {
        namespace: key.namespace.clone(),
        name: key.name.clone(),
        uid: record.uid,
    };
    state.write(&deletion).map_err(|error| error.error)?;
    Ok(if Lock::is_held(state.folder()) {
        Asked::Begins
    } else {
        Asked::WhenOneRuns
    })
}

#[cfg(test)]
mod tests;
