//! A simulated API server at the level of calls: objects with UIDs,
//! generations and versions, conditional writes, finalizers, approvals, the
//! lease and watches that lag.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use vmgroup_core::group::GroupKey;
use vmgroup_core::status::Status;
use vmgroup_core::time::Now;
use vmgroup_reconcile::event::{Approval, Event, GroupObject, LeaseRecord, WriteResult};
use vmgroup_reconcile::request::{MetaChange, ObjectTarget};

use crate::history::Fact;
use crate::options::ClusterOptions;
use crate::random::Random;

mod person;
mod watch;

#[cfg(test)]
mod tests;

pub use watch::WatchId;

/// An event that was written about a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The group.
    pub key: GroupKey,
    /// Normal or Warning.
    pub warning: bool,
    /// CamelCase.
    pub reason: String,
    /// One sentence.
    pub message: String,
}

/// The simulated API server.
#[derive(Debug, Clone)]
pub struct Cluster {
    options: ClusterOptions,
    random: Random,
    groups: BTreeMap<GroupKey, Stored>,
    approvals: BTreeMap<GroupKey, Approval>,
    /// Finalizers of others, by UID and version: a backup has them too.
    past_finalizers: BTreeMap<(String, u64), BTreeSet<String>>,
    lease: Option<LeaseRecord>,
    credentials: String,
    version: u64,
    uids: u64,
    watches: BTreeMap<WatchId, watch::Watch>,
    opened: u64,
    /// The last changes of groups, for watches that repeat them.
    recent: VecDeque<Event>,
    told: Vec<Told>,
    log: Vec<Fact>,
}

/// A group's object and what the operator does not see of it.
#[derive(Debug, Clone)]
struct Stored {
    object: GroupObject,
    foreign_finalizers: BTreeSet<String>,
}

impl Stored {
    fn held(&self) -> bool {
        self.object.finalizer || self.object.demo_finalizer || !self.foreign_finalizers.is_empty()
    }
}

impl Cluster {
    /// An empty one whose secret holds credentials of that version.
    pub fn new(options: ClusterOptions, random: Random, credentials: String) -> Cluster {
        Cluster {
            options,
            random,
            groups: BTreeMap::new(),
            approvals: BTreeMap::new(),
            past_finalizers: BTreeMap::new(),
            lease: None,
            credentials,
            version: 0,
            uids: 0,
            watches: BTreeMap::new(),
            opened: 0,
            recent: VecDeque::new(),
            told: Vec::new(),
            log: Vec::new(),
        }
    }

    /// All groups, by key.
    pub fn groups(&self) -> impl Iterator<Item = &GroupObject> {
        self.groups.values().map(|stored| &stored.object)
    }

    /// One group.
    pub fn group(&self, key: &GroupKey) -> Option<&GroupObject> {
        self.groups.get(key).map(|stored| &stored.object)
    }

    /// The lease.
    pub fn lease(&self) -> Option<&LeaseRecord> {
        self.lease.as_ref()
    }

    /// Version of the credentials in the secret.
    pub fn credentials(&self) -> &str {
        &self.credentials
    }

    /// Events that were written, oldest first.
    pub fn told(&self) -> &[Told] {
        &self.told
    }

    /// The way of one request or answer, in milliseconds.
    pub(crate) fn way(&mut self) -> u64 {
        self.options.way.draw(&mut self.random)
    }

    /// What happened since the last call.
    pub(crate) fn take_log(&mut self) -> Vec<Fact> {
        std::mem::take(&mut self.log)
    }

    /// Replaces the status if the object still has the target's version.
    pub fn write_status(
        &mut self,
        now: Now,
        target: &ObjectTarget,
        status: &Status,
    ) -> WriteResult {
        match self.hit(target) {
            Err(missed) => missed,
            Ok(mut stored) => {
                stored.object.status = status.clone();
                self.put(now, stored)
            }
        }
    }

    /// Changes finalizer and annotations if the object still has the target's
    /// version. Kubernetes takes no new finalizer on an object being deleted.
    pub fn write_meta(
        &mut self,
        now: Now,
        target: &ObjectTarget,
        change: &MetaChange,
    ) -> WriteResult {
        let mut stored = match self.hit(target) {
            Err(missed) => return missed,
            Ok(stored) => stored,
        };
        match change {
            MetaChange::Claim {
                identity,
                replace_demo,
            } => {
                if stored.object.deleting && !stored.object.finalizer {
                    return WriteResult::Failed {
                        message: "no new finalizers can be added if the object is being deleted"
                            .into(),
                    };
                }
                stored.object.finalizer = true;
                stored.object.identity = Some(identity.clone());
                if *replace_demo {
                    stored.object.demo_finalizer = false;
                }
            }
            // The adapter takes the demo's finalizer with it.
            MetaChange::Release => {
                stored.object.finalizer = false;
                stored.object.demo_finalizer = false;
            }
        }
        self.put(now, stored)
    }

    /// The object as it is.
    pub fn read_group(&self, key: &GroupKey) -> WriteResult {
        match self.groups.get(key) {
            None => WriteResult::Gone,
            Some(stored) => WriteResult::Done(Box::new(stored.object.clone())),
        }
    }

    /// Creates the lease, or replaces it if it still has that version.
    ///
    /// # Errors
    /// What the API server says about a conflict.
    pub fn write_lease(&mut self, now: Now, lease: &LeaseRecord) -> Result<LeaseRecord, String> {
        let current = self.lease.as_ref().map(|old| old.resource_version.as_str());
        match (current, lease.resource_version.as_str()) {
            // A lease that is gone is created anew by whoever replaces it.
            (None, _) => {}
            (Some(_), "") => return Err("the lease already exists".into()),
            (Some(old), asked) if old != asked => {
                return Err("the lease has been modified".into());
            }
            (Some(_), _) => {}
        }
        self.version += 1;
        let written = LeaseRecord {
            resource_version: self.version.to_string(),
            ..lease.clone()
        };
        self.lease = Some(written.clone());
        self.announce(
            now,
            &Event::LeaseSeen {
                lease: Some(written.clone()),
                id: None,
            },
        );
        Ok(written)
    }

    /// Writes an event.
    pub fn tell(&mut self, target: &ObjectTarget, warning: bool, reason: &str, message: &str) {
        self.told.push(Told {
            key: target.key.clone(),
            warning,
            reason: reason.to_owned(),
            message: message.to_owned(),
        });
    }

    fn hit(&self, target: &ObjectTarget) -> Result<Stored, WriteResult> {
        match self.groups.get(&target.key) {
            None => Err(WriteResult::Gone),
            Some(stored) if stored.object.uid != target.uid => Err(WriteResult::Gone),
            Some(stored) if stored.object.resource_version != target.resource_version => {
                Err(WriteResult::Conflict)
            }
            Some(stored) => Ok(stored.clone()),
        }
    }

    /// Stores the object. A write that changes nothing makes no new version;
    /// an object being deleted goes with its last finalizer.
    fn put(&mut self, now: Now, mut stored: Stored) -> WriteResult {
        let key = stored.object.key.clone();
        if let Some(old) = self.groups.get(&key)
            && old.object == stored.object
            && old.foreign_finalizers == stored.foreign_finalizers
        {
            return WriteResult::Done(Box::new(stored.object));
        }
        self.version += 1;
        if stored.object.deleting && !stored.held() {
            // What is gone keeps the version that was stored last.
            let object = Box::new(stored.object);
            self.vanish(now, object.clone(), false);
            return WriteResult::Done(object);
        }
        stored.object.resource_version = self.version;
        let object = Box::new(stored.object.clone());
        let others = stored.foreign_finalizers.clone();
        self.past_finalizers
            .insert((object.uid.clone(), self.version), others);
        self.groups.insert(key, stored);
        self.log.push(Fact::Revised {
            at: now.monotonic,
            object: object.clone(),
        });
        self.announce(now, &Event::GroupChanged(object.clone()));
        WriteResult::Done(object)
    }

    fn vanish(&mut self, now: Now, object: Box<GroupObject>, by_hand: bool) {
        self.groups.remove(&object.key);
        self.announce(
            now,
            &Event::GroupGone {
                key: object.key.clone(),
                uid: object.uid.clone(),
            },
        );
        // The world, which knows vCenter too, adds who was left then.
        self.log.push(Fact::Vanished {
            at: now.monotonic,
            object,
            by_hand,
            members: Vec::new(),
            clones: Vec::new(),
            occupied: false,
        });
    }
}
