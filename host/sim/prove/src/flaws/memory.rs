//! What a seam remembers of what went through it.

use std::collections::{BTreeMap, BTreeSet};

use vmgroup_core::group::{GroupKey, Spec};
use vmgroup_core::status::Status;
use vmgroup_reconcile::event::{Event, GroupObject, LeaseRecord, ReadResult, WriteResult};
use vmgroup_reconcile::inventory::{Vm, VmId};
use vmgroup_reconcile::request::{Call, ObjectTarget, Read, Request, RequestId};

/// What a seam remembers, and what it asks for by itself.
#[derive(Default)]
pub(super) struct Memory {
    pub(super) host: usize,
    pub(super) life: u32,
    /// Ids of the seam's own, counted down so that none is the operator's.
    ids: u64,
    pub(super) reads: BTreeMap<RequestId, Read>,
    pub(super) calls: BTreeMap<RequestId, Request>,
    pub(super) leases: BTreeMap<RequestId, LeaseRecord>,
    pub(super) writes: BTreeMap<RequestId, (ObjectTarget, Box<Status>)>,
    /// Whose answer the answer to a request of the seam's own is.
    pub(super) repeats: BTreeMap<RequestId, RequestId>,
    pub(super) objects: BTreeMap<GroupKey, GroupObject>,
    pub(super) first_specs: BTreeMap<String, Result<Spec, String>>,
    pub(super) vms: BTreeMap<VmId, Vm>,
    pub(super) left: BTreeSet<VmId>,
    pub(super) folders: BTreeMap<GroupKey, String>,
    pub(super) listed: bool,
    pub(super) modules: u32,
    pub(super) logins: u32,
    pub(super) count: u64,
    pub(super) done: BTreeSet<String>,
    /// Requests that the operator did not make.
    pub(super) unasked: Vec<Request>,
}

impl Memory {
    pub(super) fn new(host: usize, life: u32) -> Self {
        Memory {
            host,
            life,
            ..Memory::default()
        }
    }

    /// An id that the operator never uses.
    pub(super) fn id(&mut self) -> RequestId {
        self.ids += 1;
        RequestId(u64::MAX - self.ids)
    }

    /// Counts up; a number that no other thing has.
    pub(super) fn number(&mut self) -> u64 {
        self.count += 1;
        self.count + 1_000 * u64::from(self.life) + 1_000_000 * self.host as u64
    }

    /// True the first time.
    pub(super) fn once(&mut self, what: impl Into<String>) -> bool {
        self.done.insert(what.into())
    }

    pub(super) fn remember_event(&mut self, event: &Event) {
        match event {
            Event::FeedReset { vms, .. } => {
                self.vms = vms.iter().map(|vm| (vm.id.clone(), vm.clone())).collect();
            }
            Event::FeedChanged { vms, left, .. } => {
                for vm in vms {
                    self.left.remove(&vm.id);
                    self.vms.insert(vm.id.clone(), vm.clone());
                }
                self.left.extend(left.iter().cloned());
            }
            _ => {}
        }
        let mut seen = event.clone();
        each_object(&mut seen, |object| {
            self.objects.insert(object.key.clone(), object.clone());
            self.first_specs
                .entry(object.uid.clone())
                .or_insert_with(|| object.spec.clone());
        });
    }

    pub(super) fn remember_request(&mut self, request: &Request) {
        match request {
            Request::Read { id, read } => {
                self.reads.insert(*id, read.clone());
            }
            Request::Call {
                id, group, call, ..
            } => {
                self.calls.insert(*id, request.clone());
                if let Call::Clone(clone) = call {
                    self.folders.insert(group.clone(), clone.folder.clone());
                }
            }
            Request::WriteLease { id, lease } => {
                self.leases.insert(*id, lease.clone());
            }
            Request::WriteStatus { id, target, status } => {
                self.writes.insert(*id, (target.clone(), status.clone()));
            }
            _ => {}
        }
    }

    /// The object as it would be, had the write of its status been done.
    pub(super) fn as_written(&self, id: RequestId) -> Option<Box<GroupObject>> {
        let (target, status) = self.writes.get(&id)?;
        let object = self.objects.get(&target.key)?;
        Some(Box::new(GroupObject {
            status: *status.clone(),
            ..object.clone()
        }))
    }
}

/// Changes every object that an event tells of.
pub(super) fn each_object(event: &mut Event, mut change: impl FnMut(&mut GroupObject)) {
    match event {
        Event::GroupsListed(objects) => objects.iter_mut().for_each(change),
        Event::GroupChanged(object)
        | Event::GroupAnswered {
            result: WriteResult::Done(object),
            ..
        } => change(object),
        _ => {}
    }
}

/// Changes every VM that an event tells of.
pub(super) fn each_vm(event: &mut Event, mut change: impl FnMut(&mut Vm)) {
    match event {
        Event::FeedReset { vms, .. } | Event::FeedChanged { vms, .. } => {
            vms.iter_mut().for_each(change);
        }
        Event::Read { result, .. } => match result {
            ReadResult::Vm(vm) => change(vm),
            ReadResult::Vms(vms) | ReadResult::Folder { vms, .. } => {
                vms.iter_mut().for_each(change);
            }
            _ => {}
        },
        _ => {}
    }
}

/// Changes every spec that an event tells of.
pub(super) fn each_spec(event: &mut Event, mut change: impl FnMut(&mut Spec)) {
    each_object(event, |object| {
        if let Ok(spec) = &mut object.spec {
            change(spec);
        }
    });
}
