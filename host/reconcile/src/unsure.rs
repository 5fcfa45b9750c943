//! Nobody knows whether a call was carried out: its answer, or its task, is lost.
//! It is found out before anything is done about it, never assumed.

use std::hash::Hash;

use vmgroup_core::group::GroupKey;
use vmgroup_core::names::{self, OperationId};
use vmgroup_core::observation::{FailureClass, Slot};
use vmgroup_core::plan::PowerOffMode;
use vmgroup_core::time::Monotonic;

use crate::backoff::Backoff;
use crate::group::Group;
use crate::inventory::{Task, TaskId, Vm, VmId};
use crate::machine::Machine;
use crate::operation::{Operation, Settled, Stage, Work};
use crate::request::{Read, Request};

/// Nobody could tell what became of a VM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unproven {
    /// It is looked for again then.
    pub(crate) again_at: Monotonic,
    /// Waits between looks.
    pub(crate) backoff: Backoff,
    /// Why nobody could tell.
    pub(crate) why: String,
}

impl Unproven {
    /// Once more, or for the first time, `who` could not be told.
    pub(crate) fn again(
        before: Option<&Unproven>,
        first: Backoff,
        who: &impl Hash,
        now: Monotonic,
        why: String,
    ) -> Self {
        let mut backoff = before.map_or(first, |before| before.backoff);
        Unproven {
            again_at: now.plus(backoff.fail(who)),
            backoff,
            why,
        }
    }
}

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
        let now = self.now.monotonic;
        let waits = |unproven: &Unproven| unproven.again_at > now;
        if operation.unproven.as_ref().is_some_and(waits) {
            return;
        }
        if !self.is_certain(operation) {
            self.session.want_relist("an answer was lost");
            return;
        }
        if operation.work == Work::Clone {
            if !self.may_run_unseen(slot, operation) {
                self.search(key, slot);
            }
            return;
        }
        let vm = operation.vm.as_ref().and_then(|vm| self.inventory.vm(vm));
        if vm.is_some_and(|known| !known.vm.tasks.is_empty()) {
            return;
        }
        let recorded = operation.generation.is_none();
        match self.shown(key, slot) {
            Some(Settled::NotYet) if recorded => self.abandon(key, slot),
            // No task tells of a guest that was asked to shut down.
            Some(Settled::NotYet) if operation.work == Work::PowerOff(PowerOffMode::Soft) => {
                self.await_guest(key, slot);
            }
            Some(Settled::NotYet) => {
                let what = "vCenter did not answer the call, and nothing has come of it";
                self.failed(key, slot, FailureClass::Transient, what);
            }
            _ => self.over(key, slot),
        }
    }

    /// A running task may be the clone's.
    fn may_run_unseen(&self, slot: Slot, operation: &Operation) -> bool {
        let wanted = OperationId::in_slot(&operation.identity, slot, operation.intent);
        self.may_clone_unseen(|_, named| named == wanted).is_some()
    }

    /// A running task that may clone: it has an operation id of that kind, or tells
    /// none, is followed by nobody and works on no member.
    pub(crate) fn may_clone_unseen(
        &self,
        is_meant: impl Fn(&Task, OperationId<'_>) -> bool,
    ) -> Option<&Task> {
        let mut running = self.inventory.tasks().filter(|task| task.is_running());
        running.find(|task| {
            let named = task.operation_id.as_deref().and_then(OperationId::parse);
            match named {
                Some(named) => is_meant(task, named),
                None => {
                    let entity = task.entity.as_deref();
                    let on_member = entity.is_some_and(|id| self.recorded.contains_key(id));
                    !on_member && !self.is_followed(&task.id)
                }
            }
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

    /// A task on a member in whose slot nothing is in operation: a call that another host
    /// made before it heard whose turn it is, or this one before its record was lost. What
    /// comes of it the view does not show yet. A nameless one may be that, too.
    pub(crate) fn unknown_call(&self, key: &GroupKey) -> Option<(TaskId, VmId)> {
        let group = self.groups.get(key)?;
        let is_unknown = |task: &&TaskId| {
            let running = self.inventory.task(task);
            running.is_some_and(|it| it.is_running() && may_be_for(group, it))
                && !self.is_followed(task)
        };
        let recorded = group.slots.iter().map(|(slot, record)| (*slot, &record.vm));
        let sorted = self.membership(group).members;
        let members = sorted
            .iter()
            .flat_map(|(slot, vms)| vms.iter().map(|vm| (*slot, vm)));
        recorded
            .chain(members)
            .filter(|(slot, _)| {
                let operation = group.operations.get(slot);
                !operation.is_some_and(Operation::is_started)
            })
            .find_map(|(_, vm)| {
                let tasks = &self.inventory.vm(vm)?.vm.tasks;
                let task = tasks.iter().find(is_unknown)?;
                Some((task.clone(), vm.clone()))
            })
    }

    pub(crate) fn search(&mut self, key: &GroupKey, slot: Slot) {
        let Some(operation) = self.operation(key, slot) else {
            return;
        };
        let read = Read::Identity(names::instance_uuid(&operation.identity, slot));
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

/// The task names the group's identity, or nobody.
fn may_be_for(group: &Group, task: &Task) -> bool {
    task.operation_id.as_deref().is_none_or(|named| {
        OperationId::parse(named).is_some_and(|it| it.identity == group.identity())
    })
}

#[cfg(test)]
mod tests {
    use vmgroup_core::status::SlotRecord;
    use vmgroup_core::time::{Now, Timestamp};

    use super::*;
    use crate::event::Event;
    use crate::inventory::TaskState;
    use crate::inventory::tests::{marked, vm};
    use crate::machine::tests::{machine, object};

    /// The group shop/web and a member of it in slot 3, on which a task runs that names
    /// this operation id.
    fn running(named: Option<&str>) -> Machine {
        let mut machine = machine(None);
        machine.step(Event::GroupsListed(vec![object("web")]), Now::default());
        let vcenter = machine.session.vcenter().to_owned();
        let member = marked("vm-1", |marker| {
            marker.install = "test".into();
            marker.vcenter = vcenter;
            marker.identity = "uid-of-web".into();
        });
        machine.inventory.put(Vm {
            tasks: vec!["task-9".into()],
            ..member
        });
        machine.inventory.put_task(Task {
            id: "task-9".into(),
            operation_id: named.map(str::to_owned),
            entity: Some("vm-1".into()),
            state: TaskState::Running,
        });
        machine
    }

    fn is_unknown(machine: &Machine) -> bool {
        machine.unknown_call(&object("web").key) == Some(("task-9".into(), "vm-1".into()))
    }

    fn operate(machine: &mut Machine, slot: Slot, stage: Stage) {
        let commit = ("of-web", 5, Some(1));
        let mut operation =
            Operation::queued(Work::Delete, Some("vm-1".into()), commit, Timestamp(0));
        operation.stage = stage;
        let key = object("web").key;
        let group = machine.groups.get_mut(&key).expect("a group");
        group.operations.insert(slot, operation);
        machine.started.insert((key, slot));
    }

    /// Found by profile rivals, seed 3118151: a host that had stood still went on with two
    /// deletes, which the other one had given up; it saw them run, and removed a third member.
    #[test]
    fn a_call_is_unknown_that_nothing_in_operation_has_made() {
        assert!(is_unknown(&running(Some("uid-of-web/3/5"))));
        assert!(is_unknown(&running(None)), "it may be one");
        assert!(!is_unknown(&running(Some("uid-of-db/3/5"))));
        assert!(!is_unknown(&running(Some("a person's"))));
        let ours = || running(Some("uid-of-web/3/5"));
        for (stage, unknown) in [
            (Stage::Queued, true),
            (Stage::Unsure, false),
            (Stage::Running("task-9".into()), false),
        ] {
            let mut machine = ours();
            operate(&mut machine, 3, stage.clone());
            assert_eq!(is_unknown(&machine), unknown, "{stage:?}");
        }
        // A clone of the member is a task on it, too.
        let mut machine = ours();
        operate(&mut machine, 4, Stage::Running("task-9".into()));
        assert!(!is_unknown(&machine));
    }

    #[test]
    fn a_call_that_has_ended_or_is_on_a_copy_keeps_nobody_waiting() {
        let mut machine = running(None);
        machine.inventory.put_task(Task {
            id: "task-9".into(),
            operation_id: None,
            entity: Some("vm-1".into()),
            state: TaskState::Succeeded { result: None },
        });
        assert!(!is_unknown(&machine));
        let mut machine = running(None);
        let tasks = vec!["task-9".to_owned()];
        machine.inventory.put(Vm {
            tasks: tasks.clone(),
            ..vm("vm-1")
        });
        assert!(!is_unknown(&machine), "it is no member");
        // Its configuration cannot be read, but it has a slot.
        let group = machine.groups.get_mut(&object("web").key).expect("a group");
        group.slots.insert(3, SlotRecord::new("vm-1".into()));
        assert!(is_unknown(&machine));
    }

    #[test]
    fn a_group_is_woken_when_the_call_has_ended_though_another_task_runs() {
        let mut machine = running(None);
        let member = machine.inventory.vm("vm-1").expect("a member").vm.clone();
        machine.agenda.forget(&object("web").key);
        let tasks = |now: &str| Vm {
            tasks: vec![now.into()],
            ..member.clone()
        };
        machine.put(tasks("task-9"));
        assert_eq!(machine.agenda.next(), None);
        machine.put(tasks("a person's"));
        assert!(machine.agenda.next().is_some());
    }
}
