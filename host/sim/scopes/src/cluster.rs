//! The API server of a scope: objects with versions, conditional writes, the
//! lease. What it stores, it prints once.

use std::collections::BTreeMap;
use std::sync::Arc;

use vmgroup_core::group::{GroupKey, Spec};
use vmgroup_core::status::Status;
use vmgroup_core::time::Timestamp;
use vmgroup_reconcile::event::{Event, GroupObject, LeaseRecord, WriteResult};
use vmgroup_reconcile::request::{MetaChange, ObjectTarget};

use crate::print::Printed;

/// A version that every object has: for hosts with a flaw.
pub(crate) const UNCONDITIONAL: u64 = u64::MAX;

pub(crate) type Stored = Arc<Printed<GroupObject>>;

/// What a watch shows.
#[derive(Debug, Clone)]
pub(crate) enum News {
    Changed(Stored),
    Gone(Stored),
}

impl News {
    pub(crate) fn object(&self) -> &Stored {
        match self {
            News::Changed(object) | News::Gone(object) => object,
        }
    }

    pub(crate) fn event(&self) -> Event {
        match self {
            News::Changed(stored) => Event::GroupChanged(Box::new(stored.value.clone())),
            News::Gone(stored) => Event::GroupGone {
                key: stored.value.key.clone(),
                uid: stored.value.uid.clone(),
            },
        }
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Cluster {
    pub(crate) groups: BTreeMap<GroupKey, Stored>,
    pub(crate) lease: Option<Arc<Printed<LeaseRecord>>>,
    version: u64,
    /// What has to be shown to the watches.
    pub(crate) news: Vec<News>,
}

impl Cluster {
    pub(crate) fn create(&mut self, key: &GroupKey, spec: Spec) {
        self.put(GroupObject {
            key: key.clone(),
            uid: format!("uid-{}", key.name),
            generation: 1,
            resource_version: 0,
            created_at: Timestamp(0),
            deleting: false,
            finalizer: false,
            demo_finalizer: false,
            identity: None,
            adoption: None,
            vcenter: None,
            spec: Ok(spec),
            status: Status::default(),
        });
    }

    pub(crate) fn group(&self, key: &GroupKey) -> Option<&GroupObject> {
        self.groups.get(key).map(|stored| &stored.value)
    }

    /// A person changes the spec.
    pub(crate) fn edit(&mut self, key: &GroupKey, change: impl FnOnce(&mut Spec)) {
        let Some(mut object) = self.group(key).cloned() else {
            return;
        };
        if let Ok(spec) = &mut object.spec {
            change(spec);
        }
        object.generation += 1;
        self.put(object);
    }

    /// A person deletes the object.
    pub(crate) fn delete(&mut self, key: &GroupKey) {
        let Some(mut object) = self.group(key).cloned() else {
            return;
        };
        object.deleting = true;
        object.generation += 1;
        self.put(object);
    }

    pub(crate) fn read(&self, key: &GroupKey) -> WriteResult {
        match self.group(key) {
            None => WriteResult::Gone,
            Some(object) => WriteResult::Done(Box::new(object.clone())),
        }
    }

    pub(crate) fn write_status(&mut self, target: &ObjectTarget, status: &Status) -> WriteResult {
        self.write(target, |object| object.status = status.clone())
    }

    pub(crate) fn write_meta(&mut self, target: &ObjectTarget, change: &MetaChange) -> WriteResult {
        self.write(target, |object| match change {
            MetaChange::Claim { identity, .. } => {
                object.finalizer = true;
                object.identity = Some(identity.clone());
            }
            MetaChange::Release => object.finalizer = false,
        })
    }

    /// The lease as it is then, or what the API server says.
    pub(crate) fn write_lease(&mut self, lease: &LeaseRecord) -> Result<LeaseRecord, String> {
        let current = self
            .lease
            .as_ref()
            .map_or("", |lease| &*lease.value.resource_version);
        if current != lease.resource_version {
            return Err("the lease has been modified".into());
        }
        self.version += 1;
        let written = LeaseRecord {
            resource_version: self.version.to_string(),
            ..lease.clone()
        };
        self.lease = Some(Arc::new(Printed::new(written.clone())));
        Ok(written)
    }

    fn write(
        &mut self,
        target: &ObjectTarget,
        change: impl FnOnce(&mut GroupObject),
    ) -> WriteResult {
        let Some(stored) = self.groups.get(&target.key) else {
            return WriteResult::Gone;
        };
        let same = stored.value.resource_version == target.resource_version;
        if !same && target.resource_version != UNCONDITIONAL {
            return WriteResult::Conflict;
        }
        let mut object = stored.value.clone();
        change(&mut object);
        if object == stored.value {
            return WriteResult::Done(Box::new(object));
        }
        WriteResult::Done(Box::new(self.put(object)))
    }

    fn put(&mut self, mut object: GroupObject) -> GroupObject {
        self.version += 1;
        object.resource_version = self.version;
        let stored = Arc::new(Printed::new(object.clone()));
        if object.deleting && !object.finalizer {
            self.groups.remove(&object.key);
            self.news.push(News::Gone(stored));
        } else {
            self.groups.insert(object.key.clone(), Arc::clone(&stored));
            self.news.push(News::Changed(stored));
        }
        object
    }
}
