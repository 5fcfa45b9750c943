//! What bugs make of what the operator hears.

use vmgroup_core::group::{Adoption, DeletionPolicy, Mode};
use vmgroup_core::marker::Marker;
use vmgroup_core::observation::Connection;
use vmgroup_reconcile::event::{CallResult, Event, LoginResult, ReadResult, WriteResult};
use vmgroup_reconcile::inventory::Vm;
use vmgroup_reconcile::request::{Call, MetaChange, ObjectTarget, Read, Request, RequestId};

use super::memory::{Memory, each_object, each_spec, each_vm};
use super::table::Bug;

impl Memory {
    /// What the operator hears of an event; empty if nothing.
    pub(super) fn hear(&mut self, bug: Bug, mut event: Event) -> Vec<Event> {
        self.remember_event(&event);
        if let Event::Called { id, .. } = &mut event
            && let Some(first) = self.repeats.remove(id)
        {
            *id = first;
        }
        self.bend_answer(bug, &mut event);
        self.bend_view(bug, &mut event);
        self.bend_objects(bug, &mut event);
        self.add_unasked(bug, &event);
        if self.is_missed(bug, &event) {
            return Vec::new();
        }
        let more = self.imagined(bug, &event);
        [event].into_iter().chain(more).collect()
    }

    fn bend_answer(&mut self, bug: Bug, event: &mut Event) {
        match (bug, &mut *event) {
            (Bug::ConflictCountsAsDone, Event::GroupAnswered { id, result })
                if *result == WriteResult::Conflict =>
            {
                if let Some(object) = self.as_written(*id) {
                    *result = WriteResult::Done(object);
                }
            }
            (Bug::LostWriteCountsAsDone, Event::GroupAnswered { id, result })
                if matches!(result, WriteResult::Lost { .. }) =>
            {
                if let Some(object) = self.as_written(*id) {
                    *result = WriteResult::Done(object);
                }
            }
            (Bug::PanicsOnFailure, Event::Read { result, .. }) => {
                assert!(!matches!(result, ReadResult::Failed { .. }), "a nil task");
            }
            (
                Bug::LeaseLapsesAtOnce,
                Event::LeaseSeen {
                    lease: Some(lease), ..
                },
            ) => {
                lease.duration_s = 0;
            }
            (Bug::LostLeaseCountsAsWon, Event::LeaseFailed { id, .. }) => {
                if let Some(lease) = self.leases.get(id) {
                    *event = Event::LeaseSeen {
                        lease: Some(lease.clone()),
                        id: Some(*id),
                    };
                }
            }
            (_, Event::Read { id, result }) => {
                let read = self.reads.get(id).cloned();
                if let Some(read) = read {
                    self.bend_read(bug, &read, result);
                }
            }
            _ => {}
        }
    }

    fn bend_read(&self, bug: Bug, read: &Read, result: &mut ReadResult) {
        let reached = |vm: &Vm| vm.connection == Connection::Connected;
        match (bug, read) {
            (Bug::UnreadableIsGone, _) if matches!(result, ReadResult::Failed { .. }) => {
                *result = match read {
                    Read::Vm(_) | Read::Folder(_) => ReadResult::Gone,
                    Read::Identity(_) => ReadResult::Vms(Vec::new()),
                    Read::FolderNamed(_) => ReadResult::NoFolder,
                };
            }
            (Bug::StaleLook, Read::Vm(id)) => {
                if let Some(vm) = self.vms.get(id) {
                    *result = ReadResult::Vm(Box::new(vm.clone()));
                }
            }
            (Bug::UnreachableIsAbsent, _) => match result {
                ReadResult::Vm(vm) if !reached(vm) => *result = ReadResult::Gone,
                ReadResult::Vms(vms) => vms.retain(reached),
                _ => {}
            },
            (Bug::LeftIsDestroyed, Read::Vm(id)) if self.left.contains(id) => {
                *result = ReadResult::Gone;
            }
            (Bug::LeftIsDestroyed, Read::Identity(_)) => {
                if let ReadResult::Vms(vms) = result {
                    vms.retain(|vm| !self.left.contains(&vm.id));
                }
            }
            _ => {}
        }
    }

    fn bend_view(&mut self, bug: Bug, event: &mut Event) {
        match bug {
            Bug::CopiesAreMembers => each_vm(event, |vm| {
                let marker = vm.marker.as_deref().and_then(Marker::parse);
                if let Some(marker) = marker {
                    vm.instance_uuid = Some(marker.instance_uuid);
                }
            }),
            Bug::HoldIsIgnored => each_vm(event, |vm| vm.hold = None),
            Bug::DisksAreIgnored => each_vm(event, |vm| {
                let marker = vm.marker.as_deref().and_then(Marker::parse);
                vm.snapshot = false;
                vm.disks = marker.map(|marker| marker.disks).unwrap_or_default();
            }),
            Bug::UnreachableIsAbsent => match event {
                Event::FeedReset { vms, .. } => {
                    vms.retain(|vm| vm.connection == Connection::Connected);
                }
                Event::FeedChanged { vms, left, .. } => {
                    let lost = vms
                        .iter()
                        .filter(|vm| vm.connection != Connection::Connected);
                    left.extend(lost.map(|vm| vm.id.clone()));
                    vms.retain(|vm| vm.connection == Connection::Connected);
                }
                _ => {}
            },
            _ => {}
        }
    }

    fn bend_objects(&mut self, bug: Bug, event: &mut Event) {
        match bug {
            Bug::ForgetsIntent if matches!(event, Event::GroupsListed(_)) && !self.listed => {
                self.listed = true;
                each_object(event, |object| object.status.intent = None);
            }
            Bug::DeafToRivals if matches!(event, Event::GroupChanged(_)) => {
                each_object(event, |object| object.status.intent = None);
            }
            Bug::AdoptsByName => {
                each_object(event, |object| object.adoption = Some(Adoption::Adopt));
            }
            Bug::DeafToDeletion => each_object(event, |object| object.deleting = false),
            Bug::DeafToEdits => each_object(event, |object| {
                if let Some(first) = self.first_specs.get(&object.uid) {
                    object.spec.clone_from(first);
                }
            }),
            Bug::SuspendedActs => each_spec(event, |spec| spec.suspend = false),
            Bug::ObserveActs => each_spec(event, |spec| spec.mode = Mode::Apply),
            Bug::OrphanDeletes => each_spec(event, |spec| spec.deletion = DeletionPolicy::Delete),
            _ => {}
        }
    }

    /// The operator does not hear of it at all.
    fn is_missed(&mut self, bug: Bug, event: &Event) -> bool {
        match (bug, event) {
            (Bug::DeafToModules, Event::ModuleActive(module)) if module.name.is_none() => {
                self.modules += 1;
                self.modules > 1
            }
            (Bug::StaleRelist, Event::FeedChanged { .. }) => {
                self.count += 1;
                self.count.is_multiple_of(5)
            }
            (
                Bug::RepeatsLostCalls | Bug::LostCloneIsRetried,
                Event::Called {
                    id,
                    result: CallResult::Lost { .. },
                },
            ) => self.repeat(bug, *id),
            _ => false,
        }
    }

    /// Makes a call again whose answer was lost; true if it did.
    fn repeat(&mut self, bug: Bug, lost: RequestId) -> bool {
        let Some(Request::Call {
            group,
            operation_id,
            mut call,
            ..
        }) = self.calls.get(&lost).cloned()
        else {
            return false;
        };
        if bug == Bug::LostCloneIsRetried {
            let Call::Clone(clone) = &mut call else {
                return false;
            };
            // Under a new name, as one that draws names would.
            let number = self.number();
            clone.name = format!("{}-{number}", clone.name);
            clone.instance_uuid = format!("{}-{number}", clone.instance_uuid);
            clone.marker.instance_uuid.clone_from(&clone.instance_uuid);
        }
        let id = self.id();
        self.repeats.insert(id, lost);
        self.unasked.push(Request::Call {
            id,
            group,
            operation_id,
            call,
        });
        true
    }

    /// Requests that nobody asked for.
    fn add_unasked(&mut self, bug: Bug, event: &Event) {
        let mut seen = Vec::new();
        each_object(&mut event.clone(), |object| seen.push(object.clone()));
        for object in seen {
            let target = ObjectTarget {
                key: object.key.clone(),
                uid: object.uid.clone(),
                resource_version: object.resource_version,
            };
            match bug {
                Bug::FinalizerTooEarly if object.deleting && object.finalizer => {
                    let (id, change) = (self.id(), MetaChange::Release);
                    self.unasked.push(Request::WriteMeta { id, target, change });
                }
                Bug::HotLoop if matches!(event, Event::GroupChanged(_)) => {
                    let (id, number) = (self.id(), self.number());
                    let mut status = Box::new(object.status.clone());
                    status.last_message = Some(format!("look {number}"));
                    self.unasked
                        .push(Request::WriteStatus { id, target, status });
                }
                Bug::UncommittedPowerOff if self.once(object.uid.clone()) => {}
                Bug::UncommittedPowerOff => {
                    let first = object
                        .status
                        .slots
                        .values()
                        .next()
                        .map(|slot| slot.vm.clone());
                    if let Some(vm) = first.filter(|vm| !self.done.contains(vm)) {
                        self.done.insert(vm.clone());
                        let identity = object.identity.clone().unwrap_or_default();
                        let request = Request::Call {
                            id: self.id(),
                            group: object.key.clone(),
                            operation_id: format!("{identity}/0/0"),
                            call: Call::PowerOff(vm),
                        };
                        self.unasked.push(request);
                    }
                }
                _ => {}
            }
        }
        if !matches!(event, Event::FeedIdle) {
            return;
        }
        match bug {
            Bug::IdleReads => {
                let (id, read) = (self.id(), Read::FolderNamed("any".into()));
                self.unasked.push(Request::Read { id, read });
            }
            Bug::ChattyEvents => {
                for object in self.objects.values() {
                    self.unasked.push(Request::Tell {
                        target: ObjectTarget {
                            key: object.key.clone(),
                            uid: object.uid.clone(),
                            resource_version: object.resource_version,
                        },
                        warning: false,
                        reason: "Idle".into(),
                        message: "nothing happened".into(),
                    });
                }
            }
            _ => {}
        }
    }

    /// What the operator hears though nobody said it.
    fn imagined(&mut self, bug: Bug, event: &Event) -> Vec<Event> {
        match (bug, event) {
            (
                Bug::LoginStorm,
                Event::LoginAnswered {
                    result: LoginResult::Refused { .. },
                    ..
                },
            ) => vec![Event::CredentialsChanged {
                version: format!("again-{}", self.number()),
            }],
            _ => Vec::new(),
        }
    }
}
