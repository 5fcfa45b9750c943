//! What is asked for meets what is known.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tracing::{info, warn};
use vmgroup_core::group::GroupKey;
use vmgroup_reconcile::event::{Approval, Event, GroupObject};

use crate::document::GroupDocument;
use crate::error::{FilesError, Problem};
use crate::folder::Folder;
use crate::lock::Lock;
use crate::record::{Deletion, Record, Stored, Tombstone, changed, created, now, respecified};
use crate::schema::Schema;
use crate::state::State;

/// The groups of one folder, with the lock on their state.
#[derive(Debug)]
pub struct Groups {
    pub(crate) folder: PathBuf,
    pub(crate) schema: Schema,
    pub(crate) state: State,
    known: Mutex<Known>,
    _lock: Lock,
}

/// What the state holds, and what the folder held when it was last read.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) records: BTreeMap<GroupKey, Record>,
    tombstones: BTreeMap<GroupKey, Tombstone>,
    approvals: BTreeMap<GroupKey, Approval>,
    problems: Vec<Problem>,
    asked: BTreeMap<GroupKey, Value>,
    missing: BTreeSet<GroupKey>,
    unread_requests: BTreeSet<String>,
    unreadable: Option<String>,
    /// The folder in which files of ours were last seen.
    home: Option<(u64, u64)>,
    /// The last look went into that one.
    is_home: bool,
}

impl Groups {
    /// Takes the lock on the state, which is created if it does not exist, and
    /// reads state and folder.
    ///
    /// # Errors
    /// Another operator runs on that state, a file of the state is damaged, or
    /// one of the folders cannot be used. A YAML file that cannot be understood
    /// is none: see [`Groups::problems`].
    pub fn open(folder: &Path, state: &Path, schema: Schema) -> Result<Groups, FilesError> {
        let state = State::at(state);
        state.create()?;
        let lock = Lock::take(state.folder(), now())?;
        state.tidy()?;
        let known = Known {
            records: state.all()?,
            tombstones: state.all()?,
            ..Known::default()
        };
        std::fs::read_dir(folder).map_err(|source| FilesError::Read {
            path: folder.to_owned(),
            source,
        })?;
        let groups = Groups {
            folder: folder.to_owned(),
            schema,
            state,
            known: Mutex::new(known),
            _lock: lock,
        };
        groups.look();
        Ok(groups)
    }

    /// Every group as it is.
    pub fn objects(&self) -> Vec<GroupObject> {
        let known = self.known();
        let records = known.records.values();
        records.map(|record| record.object(&self.schema)).collect()
    }

    /// Every approval in the folder.
    pub fn approvals(&self) -> Vec<Approval> {
        self.known().approvals.values().cloned().collect()
    }

    /// What cannot be understood in the folder: groups' specs, and documents of
    /// which nobody knows whose they would be.
    pub fn problems(&self) -> Vec<Problem> {
        self.known().problems.clone()
    }

    /// Reads folder and requests for deletion; returns what is new.
    pub fn look(&self) -> Vec<Event> {
        let folder = Folder::read(&self.folder, &self.schema);
        let mut known = self.known();
        let mut events = Vec::new();
        match folder {
            Ok(folder) => {
                known.unreadable = None;
                self.absorb(&mut known, &folder, &mut events);
            }
            Err(error) => {
                // Every group goes on as it was last seen.
                known.is_home = false;
                let text = error.to_string();
                if known.unreadable.as_ref() != Some(&text) {
                    warn!(folder = %self.folder.display(), error = text, "the groups cannot be read");
                    known.unreadable = Some(text);
                }
            }
        }
        self.take_deletions(&mut known, &mut events);
        self.sweep(&mut known, &mut events);
        events
    }

    pub(crate) fn known(&self) -> MutexGuard<'_, Known> {
        // A panic leaves every map as it was before or after one change.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes: the record; true if it stands there, even if perhaps not for good.
    pub(crate) fn keep(&self, known: &mut Known, record: Record) -> Result<(), (bool, FilesError)> {
        let result = self.state.write(&record);
        let uncertain = result.as_ref().is_err_and(|error| error.uncertain);
        if result.is_ok() || uncertain {
            known.records.insert(record.key(), record);
        }
        result.map_err(|error| (uncertain, error.error))
    }

    /// Writes: removes the groups that nothing holds any more. What their files
    /// still ask for is noted first: a file that stays makes no group anew.
    pub(crate) fn sweep(&self, known: &mut Known, events: &mut Vec<Event>) {
        let over = |record: &&Record| record.deleting && !record.finalizer;
        let over: Vec<GroupKey> = known
            .records
            .values()
            .filter(over)
            .map(Stored::key)
            .collect();
        for key in over {
            if let Err(error) = self.bury(known, &key) {
                warn!(group = %key, %error, "a deleted group's record cannot be removed");
                continue;
            }
            if let Some(record) = known.records.remove(&key) {
                events.push(Event::GroupGone {
                    key,
                    uid: record.uid,
                });
            }
        }
    }

    fn bury(&self, known: &mut Known, key: &GroupKey) -> Result<(), FilesError> {
        let asked = known.asked.get(key);
        if asked.is_some() {
            say_buried(key);
        }
        // Its file may be there, and only the folder not be mounted.
        let record = known.records.get(key).filter(|_| !known.is_home);
        if let Some(spec) = asked.or(record.map(|record| &record.spec)) {
            let tombstone = Tombstone {
                namespace: key.namespace.clone(),
                name: key.name.clone(),
                spec: spec.clone(),
            };
            self.state.write(&tombstone).map_err(|error| error.error)?;
            known.tombstones.insert(key.clone(), tombstone);
        }
        self.state.remove::<Record>(key)
    }

    fn absorb(&self, known: &mut Known, folder: &Folder, events: &mut Vec<Event>) {
        if !folder.is_bare {
            known.home = Some(folder.itself);
        }
        known.is_home = known.home == Some(folder.itself);
        for (key, (file, document)) in &folder.groups {
            known.missing.remove(key);
            let next = match known.records.get(key) {
                Some(record) => changed(record, file, document),
                None if is_buried(known, key, document) => {
                    if !known.asked.contains_key(key) {
                        say_buried(key);
                    }
                    None
                }
                None => Some(created(file, document)),
            };
            if let Some(next) = next {
                self.announce(known, next, events);
            }
            self.exhume(known, key, Some(document));
        }
        self.absorb_absence(known, folder, events);
        absorb_approvals(known, folder, events);
        // A file that cannot be read asks for what it asked for last.
        let broken = folder.broken_files();
        let records = known.records.values();
        let held = records.filter(|record| broken.contains_key(record.file.as_path()));
        let held = held.map(|record| (record.key(), record.spec.clone()));
        let groups = folder.groups.iter();
        let written = groups.map(|(key, (_, document))| (key.clone(), document.written.clone()));
        known.asked = held.chain(written).collect();
        let of_specs = folder.groups.values();
        let of_specs = of_specs.filter_map(|(_, document)| document.spec.as_ref().err());
        let problems: Vec<Problem> = folder.problems.iter().chain(of_specs).cloned().collect();
        for problem in &problems {
            if !known.problems.contains(problem) {
                warn!(%problem, hint = problem.hint, "a document cannot be understood");
            }
        }
        known.problems = problems;
    }

    /// A file that cannot be read holds its groups; one that is gone does nothing.
    fn absorb_absence(&self, known: &mut Known, folder: &Folder, events: &mut Vec<Event>) {
        let broken = folder.broken_files();
        let asked = folder.keys();
        let absent: Vec<Record> = known
            .records
            .values()
            .filter(|record| !asked.contains(&record.key()))
            .cloned()
            .collect();
        for record in absent {
            let key = record.key();
            match broken.get(record.file.as_path()) {
                Some(problem) => {
                    let problem = Some(problem.to_string());
                    if record.problem != problem {
                        let next = Record {
                            problem,
                            ..respecified(&record)
                        };
                        self.announce(known, next, events);
                    }
                }
                // What could not be understood is not asked for any more.
                None if record.problem.is_some() && !record.spec.is_null() => {
                    let next = Record {
                        problem: None,
                        ..respecified(&record)
                    };
                    self.announce(known, next, events);
                }
                None if known.missing.insert(key.clone()) => {
                    info!(
                        group = %key,
                        "the group's file is gone; the group goes on as it was last seen, \
                         `vmgroup delete` deletes it"
                    );
                }
                None => {}
            }
        }
        if folder.problems.is_empty() && known.is_home {
            let buried: Vec<GroupKey> = known.tombstones.keys().cloned().collect();
            for key in buried.iter().filter(|key| !asked.contains(key)) {
                self.exhume(known, key, None);
            }
        }
    }

    /// Forgets that a group was deleted once its file is gone or asks for
    /// something else.
    fn exhume(&self, known: &mut Known, key: &GroupKey, document: Option<&GroupDocument>) {
        let Some(tombstone) = known.tombstones.get(key) else {
            return;
        };
        if document.is_some_and(|document| document.written == tombstone.spec) {
            return;
        }
        match self.state.remove::<Tombstone>(key) {
            Ok(()) => {
                known.tombstones.remove(key);
            }
            Err(error) => warn!(group = %key, %error, "it stays noted that a group was deleted"),
        }
    }

    /// Writes: what people asked of `vmgroup delete`.
    fn take_deletions(&self, known: &mut Known, events: &mut Vec<Event>) {
        let requests = match self.state.each::<Deletion>() {
            Ok(requests) => requests,
            Err(error) => {
                warn!(%error, "requests for deletion cannot be read");
                return;
            }
        };
        let (mut deletions, mut unread) = (Vec::new(), BTreeSet::new());
        for request in requests {
            match request {
                Ok(deletion) => deletions.push(deletion),
                Err(error) => {
                    unread.insert(error.to_string());
                }
            }
        }
        for error in unread.difference(&known.unread_requests) {
            warn!(error, "a request for deletion cannot be read");
        }
        known.unread_requests = unread;
        for deletion in deletions {
            let key = deletion.key();
            let record = known.records.get(&key);
            let meant = record.filter(|record| record.uid == deletion.uid && !record.deleting);
            if let Some(record) = meant {
                info!(group = %key, "the group is deleted as somebody asked");
                let next = Record {
                    deleting: true,
                    ..respecified(record)
                };
                if !self.announce(known, next, events) {
                    continue;
                }
            }
            if let Err(error) = self.state.remove::<Deletion>(&key) {
                warn!(group = %key, %error, "a request that is carried out cannot be removed");
            }
        }
    }

    /// Keeps and tells a record. If it cannot be kept, the next look finds the
    /// same difference; not if it stands there, perhaps not for good.
    fn announce(&self, known: &mut Known, next: Record, events: &mut Vec<Event>) -> bool {
        let object = next.object(&self.schema);
        if let Err((stands, error)) = self.keep(known, next) {
            warn!(group = %object.key, %error, "a change of a group cannot be kept");
            if !stands {
                return false;
            }
        }
        events.push(Event::GroupChanged(Box::new(object)));
        true
    }
}

fn absorb_approvals(known: &mut Known, folder: &Folder, events: &mut Vec<Event>) {
    for (key, approval) in &folder.approvals {
        if known.approvals.get(key) != Some(approval) {
            events.push(Event::ApprovalChanged(approval.clone()));
        }
    }
    let gone = known.approvals.keys();
    let gone = gone.filter(|key| !folder.approvals.contains_key(key));
    events.extend(gone.map(|key| Event::ApprovalGone { key: key.clone() }));
    known.approvals = folder.approvals.clone();
}

fn say_buried(key: &GroupKey) {
    info!(
        group = %key,
        "the group is deleted, and its file is still there: remove it, or change its spec to \
         create the group anew"
    );
}

fn is_buried(known: &Known, key: &GroupKey, document: &GroupDocument) -> bool {
    let tombstone = known.tombstones.get(key);
    tombstone.is_some_and(|tombstone| tombstone.spec == document.written)
}

#[cfg(test)]
mod tests;
