//! Nobody knows whether a call was carried out: its answer, or its task, is lost.
//! It is found out before anything is done about it, never assumed.

use vmgroup_core::group::GroupKey;
use vmgroup_core::names::{self, OperationId};
use vmgroup_core::observation::{FailureClass, Slot};

use crate::inventory::{Task, TaskId, TaskState, Vm, VmId};
use crate::machine::Machine;
use crate::operation::{Operation, Stage, Work};
use crate::request::{Read, Request};

impl Machine {
    /// A complete view was asked for after vCenter last spoke of the operation.
    pub(crate) fn is_certain(&self, operation: &Operation) -> bool {
        let listed_at = self.session.listed_at();
        listed_at.is_some_and(|listed| operation.heard_at.is_none_or(|heard| listed > heard))
    }

    pub(crate) fn become_unsure(&mut self, key: &GroupKey, slot: Slot) {
        if let Some(operation) = self.operation(key, slot) {
            operation.stage = Stage::Unsure;
        }
        self.clear_up(key, slot);
    }

    /// Nobody knows whether it happened: a complete view without a task of it
    /// tells, and for a clone a search of its identity after that.
    pub(crate) fn clear_up(&mut self, key: &GroupKey, slot: Slot) {
        if !self.session.is_live() {
            return;
        }
        let Some(group) = self.groups.get(key) else {
            return;
        };
        let Some(operation) = group.operations.get(&slot) else {
            return;
        };
        if !self.is_certain(operation) {
            self.session.want_relist("an answer was lost");
            return;
        }
        if operation.work == Work::Clone {
            if !self.may_run_unseen(key, slot, operation) {
                self.search(key, slot);
            }
            return;
        }
        let vm = operation.vm.as_ref().and_then(|vm| self.inventory.vm(vm));
        if vm.is_none_or(|known| known.vm.tasks.is_empty()) {
            self.over(key, slot);
        }
    }

    /// A running task may be the clone's.
    fn may_run_unseen(&self, key: &GroupKey, slot: Slot, operation: &Operation) -> bool {
        let Some(group) = self.groups.get(key) else {
            return false;
        };
        let wanted = OperationId::in_slot(group.identity(), slot, operation.intent);
        self.may_clone_unseen(|named| named == wanted).is_some()
    }

    /// A running task that may clone: it has an operation id of that kind, or tells
    /// none, is followed by nobody and works on no member.
    pub(crate) fn may_clone_unseen(
        &self,
        is_meant: impl Fn(OperationId<'_>) -> bool,
    ) -> Option<&Task> {
        self.inventory.tasks().find(|task| {
            let named = task.operation_id.as_deref().and_then(OperationId::parse);
            let may_clone = match named {
                Some(named) => is_meant(named),
                None => {
                    let entity = task.entity.as_deref();
                    let on_member = entity.is_some_and(|id| self.recorded.contains_key(id));
                    !on_member && !self.is_followed(&task.id)
                }
            };
            may_clone && task.state == TaskState::Running
        })
    }

    /// An operation, or the end of a folder, is this task.
    pub(crate) fn is_followed(&self, task: &str) -> bool {
        let operates = self.started.iter().any(|(key, slot)| {
            let group = self.groups.get(key);
            let operation = group.and_then(|group| group.operations.get(slot));
            operation.is_some_and(|operation| operation.stage.task() == Some(task))
        });
        operates || self.closing.contains_key(task)
    }

    /// A member on which a call for the group runs, though nothing is in operation there:
    /// another host made it before it heard whose turn it is, or this one before its record
    /// was lost. What comes of it the view does not show yet.
    pub(crate) fn unknown_call(&self, key: &GroupKey) -> Option<&VmId> {
        let group = self.groups.get(key)?;
        let identity = group.identity();
        let is_ours = |task: &TaskId| {
            let task = self.inventory.task(task);
            task.is_some_and(|task| match task.operation_id.as_deref() {
                Some(named) => OperationId::parse(named).is_some_and(|it| it.identity == identity),
                None => true,
            })
        };
        let mut members = self.inventory.of_identity(identity);
        let member = members.find(|known| {
            let slot = known.marker.as_ref().map(|marker| marker.slot);
            slot.is_some_and(|slot| !group.operations.contains_key(&slot))
                && known.vm.tasks.iter().any(is_ours)
        });
        member.map(|known| &known.vm.id)
    }

    pub(crate) fn search(&mut self, key: &GroupKey, slot: Slot) {
        let Some(group) = self.groups.get(key) else {
            return;
        };
        let read = Read::Identity(names::instance_uuid(group.identity(), slot));
        self.set_stage(key, slot, |id| {
            (Stage::Searching(id), Request::Read { id, read })
        });
    }

    pub(crate) fn searched(&mut self, key: &GroupKey, slot: Slot, vms: Vec<Vm>) {
        let recorded = self
            .operation(key, slot)
            .is_some_and(|operation| operation.generation.is_none());
        if vms.is_empty() && recorded {
            // Committed before a restart, or by another host, and never begun.
            self.abandon(key, slot);
        } else if vms.is_empty() {
            let message = format!(
                "no VM of slot {slot} came of the clone; another VM may have its name: look into \
                 the group's folder"
            );
            self.failed(key, slot, FailureClass::Transient, &message);
        } else {
            self.found_instead(key, slot, vms);
        }
    }
}
