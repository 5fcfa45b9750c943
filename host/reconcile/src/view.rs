//! The replica of vCenter: what the feed shows goes in, and whoever it concerns
//! is woken.

use std::collections::BTreeSet;

use vmgroup_core::group::GroupKey;
use vmgroup_core::observation::{Connection, WakeReason};

use crate::group::Group;
use crate::inventory::{Known, Task, TaskId, Vm, VmId};
use crate::machine::Machine;
use crate::request::{Request, RequestId};

impl Machine {
    pub(crate) fn feed_reset(&mut self, id: RequestId, vms: Vec<Vm>, tasks: Vec<Task>) {
        let was_live = self.session.is_live();
        if !self.session.feed_reset(id, self.now) {
            return;
        }
        if !was_live {
            // A new session's feed shows no strays before it is told to.
            for id in self.inventory.strays() {
                self.inventory.remove_stray(&id);
            }
        }
        let ran = self.inventory.tasks().filter(|task| task.is_running());
        let ran: Vec<TaskId> = ran.map(|task| task.id.clone()).collect();
        let present: BTreeSet<VmId> = vms.iter().map(|vm| vm.id.clone()).collect();
        for known in self.inventory.reset(&present) {
            self.wake_concerned(&known);
            self.wake_others(&known, None);
        }
        self.put_all(vms, tasks);
        let runs = |task: &TaskId| {
            let known = self.inventory.task(task);
            known.is_some_and(Task::is_running)
        };
        if ran.iter().any(|task| !runs(task)) {
            self.wake_waiting_deletions();
        }
        self.forget_vanished_closing();
        if !was_live {
            // Why nobody could tell may have been that vCenter could not be reached.
            for group in self.groups.values_mut() {
                group.unproven.clear();
                for operation in group.operations.values_mut() {
                    operation.unproven = None;
                }
            }
            self.note(None, false, "vcenter in view", String::new());
            self.view_changed();
        }
    }

    pub(crate) fn feed_changed(&mut self, vms: Vec<Vm>, left: &[VmId], tasks: Vec<Task>) {
        self.session.feed_alive(self.now);
        for id in left {
            if let Some(known) = self.inventory.remove(id) {
                self.wake_concerned(&known);
                self.wake_others(&known, None);
            }
        }
        self.put_all(vms, tasks);
    }

    /// The view became usable, or stopped being so: every group stands anew.
    pub(crate) fn view_changed(&mut self) {
        self.wake_all(WakeReason::VmChanged);
    }

    /// A VM of ours that the feed does not show, found by a read.
    pub(crate) fn put_stray(&mut self, vm: Vm) {
        let id = vm.id.clone();
        self.put(vm);
        if self.inventory.add_stray(&id) {
            let vms = self.inventory.strays();
            self.out.push(Request::Track { vms });
        }
    }

    /// A read has proven that the VM does not exist.
    pub(crate) fn vm_is_gone(&mut self, id: &str) {
        if let Some(known) = self.inventory.remove(id) {
            self.wake_others(&known, None);
        }
        if self.inventory.remove_stray(id) {
            let vms = self.inventory.strays();
            self.out.push(Request::Track { vms });
        }
    }

    fn put_all(&mut self, vms: Vec<Vm>, tasks: Vec<Task>) {
        for vm in vms {
            self.put(vm);
        }
        for task in tasks {
            let ran = self.inventory.task(&task.id).is_some_and(Task::is_running);
            if ran && !task.is_running() && !self.is_followed(&task.id) {
                self.wake_waiting_deletions();
            }
            self.inventory.put_task(task);
        }
    }

    /// What the feed or a read shows of a VM.
    pub(crate) fn put(&mut self, vm: Vm) {
        let after = Known::new(vm.clone());
        let before = self.inventory.put(vm);
        if before
            .as_ref()
            .is_some_and(|before| !self.matters(before, &after))
        {
            return;
        }
        if let Some(before) = &before {
            self.count_loss(before, &after);
            self.wake_concerned(before);
            self.wake_others(before, Some(&after));
        } else if is_reached(&after) {
            self.mass_loss.found(&after.vm.id);
        }
        self.wake_concerned(&after);
    }

    /// The change can change a decision.
    fn matters(&self, before: &Known, after: &Known) -> bool {
        let strip = |known: &Known| Vm {
            ip: None,
            tasks: Vec::new(),
            ..known.vm.clone()
        };
        let foreign = |known: &Known| -> Vec<TaskId> {
            let tasks = known.vm.tasks.iter();
            tasks.filter(|it| !self.is_followed(it)).cloned().collect()
        };
        strip(before) != strip(after) || foreign(before) != foreign(after)
    }

    /// A task has ended for which a deletion may wait.
    fn wake_waiting_deletions(&mut self) {
        let waits = |group: &Group| group.object.deleting && group.has_nothing();
        let waiting = self.groups.iter().filter(|(_, group)| waits(group));
        let keys: Vec<GroupKey> = waiting.map(|(key, _)| key.clone()).collect();
        for key in keys {
            self.wake(&key, 0, WakeReason::OperationEnded);
        }
    }

    fn count_loss(&mut self, before: &Known, after: &Known) {
        // A copy is nobody's loss.
        if !self.recorded.contains_key(&before.vm.id) {
            return;
        }
        match (is_reached(before), is_reached(after)) {
            (true, false) => self.mass_loss.lost(&after.vm.id, self.now.monotonic),
            (false, true) => self.mass_loss.found(&after.vm.id),
            _ => {}
        }
    }

    fn wake_concerned(&mut self, known: &Known) {
        for key in self.concerned(known) {
            self.wake(&key, 0, WakeReason::VmChanged);
        }
    }

    /// The VM has that identity no more: whoever has it, too, may have waited for that.
    fn wake_others(&mut self, before: &Known, after: Option<&Known>) {
        let agreed = |known: &Known| {
            let marker = known.agreed()?;
            Some((marker.identity.clone(), marker.install.clone()))
        };
        let now = after.and_then(agreed);
        if let Some(before) = agreed(before).filter(|before| now.as_ref() != Some(before)) {
            self.wake_identity(&before.0, WakeReason::VmChanged);
        }
    }

    /// Groups that have to do with a VM: by its marker, or by their record.
    fn concerned(&self, known: &Known) -> BTreeSet<GroupKey> {
        let by_marker = known
            .marker
            .as_ref()
            .map(vmgroup_core::marker::Marker::group);
        let by_record = self
            .recorded
            .get(&known.vm.id)
            .into_iter()
            .flatten()
            .cloned();
        // A copied object waits for the VMs of the group that it was copied from.
        let is_known = |key: &GroupKey| self.groups.contains_key(key);
        let identity = known.marker.as_ref().map(|marker| &marker.identity);
        let identity = identity.filter(|_| !by_marker.as_ref().is_some_and(is_known));
        let by_identity = self
            .groups
            .iter()
            .filter(|(_, group)| identity.is_some_and(|identity| group.identity() == identity));
        let by_identity = by_identity.map(|(key, _)| key.clone());
        let mut keys: BTreeSet<GroupKey> = by_identity.chain(by_marker).chain(by_record).collect();
        keys.retain(|key| self.groups.contains_key(key));
        keys
    }
}

fn is_reached(known: &Known) -> bool {
    known.vm.connection == Connection::Connected
}
