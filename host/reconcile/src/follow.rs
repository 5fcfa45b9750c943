//! What becomes of a call: its task is followed to its end, its effect to the
//! feed, and a lost answer until it is certain what happened.

use vmgroup_core::group::GroupKey;
use vmgroup_core::hash;
use vmgroup_core::observation::{FailureClass, Slot, WakeReason};
use vmgroup_core::plan::PowerOffMode;

use crate::backoff::wait_ms;
use crate::event::CallResult;
use crate::group::{Folder, SlotFailure};
use crate::inventory::{Fault, Task, TaskId, TaskState};
use crate::limits::{SETTLE_MS, SHUTDOWN_MS, SLOT_RETRY_FIRST_MS, SLOT_RETRY_MOST_MS};
use crate::machine::Machine;
use crate::membership::Tie;
use crate::operation::{Operation, Settled, Stage, Verdict, Work, judge, settled};
use crate::request::RequestId;

impl Machine {
    /// A call is answered, or its answer is lost.
    pub(crate) fn called(&mut self, key: &GroupKey, slot: Slot, id: RequestId, result: CallResult) {
        let now = self.now.monotonic;
        let waited = self.awaits_answers(key);
        let Some(operation) = self.operation(key, slot) else {
            return;
        };
        if operation.stage != Stage::Calling(id) {
            return;
        }
        operation.heard_at = Some(now);
        match result {
            CallResult::Started(task) => {
                operation.stage = Stage::Running(task);
                self.write_status(key);
            }
            CallResult::Done { .. } => {
                if matches!(operation.work, Work::PowerOff(_)) {
                    self.await_guest(key, slot);
                } else {
                    operation.stage = Stage::Settling(now.plus(SETTLE_MS));
                }
            }
            CallResult::Refused(fault) => self.refused(key, slot, &fault),
            CallResult::NotSent { message } => {
                self.failed(key, slot, FailureClass::Transient, &message);
            }
            CallResult::Lost { message } => {
                let detail = format!("slot {slot}: {message}");
                self.note(
                    Some(key),
                    true,
                    "an answer was lost, looking for the effect",
                    detail,
                );
                self.become_unsure(key, slot);
            }
        }
        self.advance(key, slot);
        if waited && !self.awaits_answers(key) {
            self.wake(key, 0, WakeReason::OperationEnded);
        }
    }

    /// A call of an older generation has not been answered: the next commit
    /// would not know whether it counts.
    pub(crate) fn awaits_answers(&self, key: &GroupKey) -> bool {
        self.groups.get(key).is_some_and(|group| {
            group.operations.values().any(|operation| {
                matches!(operation.stage, Stage::Calling(_))
                    && operation.generation != Some(group.object.generation)
            })
        })
    }

    /// A call, or the task that it began, ended with a fault.
    fn refused(&mut self, key: &GroupKey, slot: Slot, fault: &Fault) {
        let Some(operation) = self.operation(key, slot) else {
            return;
        };
        let work = operation.work.clone();
        if work == Work::Clone && self.is_about_the_folder(key, fault) {
            self.folder_lost(key);
            let message = "the group's folder is gone; it is made anew";
            self.failed(key, slot, FailureClass::Transient, message);
            return;
        }
        match judge(&work, fault) {
            Verdict::AlreadyDone => self.done_already(key, slot),
            Verdict::LookAtExisting(_) => {
                // The VM that has the name is in the clone's folder; if it is
                // ours, it has the identity too.
                self.search(key, slot);
            }
            Verdict::SessionEnded => {
                let is_half_done = matches!(self.shown(key, slot), Some(Settled::StepDone));
                if let Some(operation) = self.operation(key, slot) {
                    operation.stage = Stage::Queued;
                    // Unless half of it is done, other members count that fail meanwhile.
                    operation.heard_at = operation.heard_at.filter(|_| is_half_done);
                }
                self.started.remove(&(key.clone(), slot));
                self.queue.free(key, slot);
                self.queued.insert(key.clone());
                self.session
                    .feed_lost("the session has ended".into(), self.now);
                self.view_changed();
            }
            Verdict::Failed(FailureClass::Invalid, message)
                if self.is_refused_hardware(key, slot, fault, &message) => {}
            Verdict::Failed(class, message) => self.failed(key, slot, class, &message),
        }
    }

    /// What is missing is the folder that the clone was to go to.
    fn is_about_the_folder(&self, key: &GroupKey, fault: &Fault) -> bool {
        let folder = self.groups.get(key).map(|group| &group.folder);
        match (fault, folder) {
            (Fault::NotFound { what }, Some(Folder::Known(folder))) => what.contains(folder),
            // A clone is a call on its folder: a restore brings back the record of
            // one that was removed since.
            (Fault::Gone, Some(Folder::Known(_))) => true,
            _ => false,
        }
    }

    /// Follows everything that is in flight as far as the view allows.
    pub(crate) fn drive_operations(&mut self) {
        for (key, slot) in self.started.clone() {
            if !self.is_elsewhere(&key) {
                self.advance(&key, slot);
            }
        }
    }

    fn advance(&mut self, key: &GroupKey, slot: Slot) {
        let Some(group) = self.groups.get(key) else {
            return;
        };
        let Some(operation) = group.operations.get(&slot) else {
            return;
        };
        match &operation.stage {
            Stage::Running(task) => {
                let task = task.clone();
                match self.inventory.task(&task).map(|task| task.state.clone()) {
                    Some(TaskState::Running) => {}
                    Some(TaskState::Succeeded { result }) => {
                        self.inventory.remove_task(&task);
                        self.task_succeeded(key, slot, result);
                    }
                    Some(TaskState::Failed(fault)) => {
                        self.inventory.remove_task(&task);
                        let now = self.now.monotonic;
                        if let Some(operation) = self.operation(key, slot) {
                            operation.heard_at = Some(now);
                        }
                        self.refused(key, slot, &fault);
                    }
                    None if self.is_certain(operation) => self.become_unsure(key, slot),
                    None if operation
                        .unseen_from()
                        .is_some_and(|at| self.now.monotonic >= at) =>
                    {
                        self.session.miss("the feed does not show a task");
                    }
                    None => {}
                }
            }
            Stage::Settling(_) => self.settle(key, slot),
            Stage::Unsure => self.clear_up(key, slot),
            Stage::Queued | Stage::Looking { .. } | Stage::Calling(_) | Stage::Searching(_) => {}
        }
    }

    fn task_succeeded(&mut self, key: &GroupKey, slot: Slot, result: Option<String>) {
        let now = self.now.monotonic;
        let Some(operation) = self.operation(key, slot) else {
            return;
        };
        operation.heard_at = Some(now);
        operation.stage = Stage::Settling(now.plus(SETTLE_MS));
        if operation.work == Work::Clone {
            operation.vm = result.clone();
            if let Some(vm) = result {
                self.record_slot(key, slot, vm);
            }
        }
        self.settle(key, slot);
    }

    /// A guest takes its time to shut down, and vCenter has nothing to do meanwhile.
    pub(crate) fn await_guest(&mut self, key: &GroupKey, slot: Slot) {
        let now = self.now.monotonic;
        if let Some(operation) = self.operation(key, slot) {
            operation.stage = Stage::Settling(now.plus(SHUTDOWN_MS));
        }
        self.queue.free(key, slot);
    }

    /// What the feed shows of the operation's last step.
    pub(crate) fn shown(&self, key: &GroupKey, slot: Slot) -> Option<Settled> {
        let group = self.groups.get(key)?;
        let operation = group.operations.get(&slot)?;
        let known = operation.vm.as_ref().and_then(|vm| self.inventory.vm(vm));
        let vm = known.map(|known| &known.vm);
        let wanted = vm.zip(group.object.spec.as_ref().ok());
        let wanted =
            wanted.and_then(|(vm, spec)| hash::reconfigured(vm.spec_hash.as_deref(), spec));
        let fills = vm.is_some_and(|vm| self.tie(key, slot, vm) == Tie::Member);
        let wanted = wanted.unwrap_or_default();
        Some(settled(&operation.work, vm, &wanted, fills))
    }

    /// Own writes first: the operation ends when the feed has passed its effect.
    fn settle(&mut self, key: &GroupKey, slot: Slot) {
        let now = self.now.monotonic;
        let Some(group) = self.groups.get(key) else {
            return;
        };
        let Some(operation) = group.operations.get(&slot) else {
            return;
        };
        let Stage::Settling(until) = operation.stage else {
            return;
        };
        let certain = self.is_certain(operation);
        let Some(shown) = self.shown(key, slot) else {
            return;
        };
        match shown {
            Settled::Over => self.over(key, slot),
            // What was recorded is never carried on; but the next step may have
            // been asked for before the restart, and run unrecorded.
            Settled::StepDone if operation.generation.is_none() => self.become_unsure(key, slot),
            Settled::StepDone => self.begin_operation(key, slot),
            Settled::NotYet if operation.work == Work::PowerOff(PowerOffMode::Soft) => {
                if now >= until {
                    let message = "its guest operating system did not shut down";
                    self.failed(key, slot, FailureClass::Transient, message);
                }
            }
            Settled::NotYet if self.is_powered_by_others(operation) => {
                if now >= until
                    && let Some(operation) = self.operation(key, slot)
                {
                    operation.heard_at = Some(now);
                    operation.stage = Stage::Settling(now.plus(SETTLE_MS));
                    self.session
                        .miss("a task of the cluster's own may have ended");
                }
            }
            Settled::NotYet if certain && operation.work == Work::Clone => self.search(key, slot),
            Settled::NotYet if certain && operation.work == Work::Delete => {
                self.begin_operation(key, slot);
            }
            Settled::NotYet if certain && operation.work == Work::PowerOn => {
                let message = "its task ended well, and the VM is not on";
                self.failed(key, slot, FailureClass::Transient, message);
            }
            Settled::NotYet if certain => self.over(key, slot),
            Settled::NotYet if now >= until => {
                if let Some(operation) = self.operation(key, slot) {
                    operation.stage = Stage::Settling(now.plus(SETTLE_MS));
                }
                self.session
                    .miss("the feed did not show the effect of a task");
            }
            Settled::NotYet => {}
        }
    }

    /// A cluster changes the power of a VM by tasks of its own, which may outlast the call's.
    fn is_powered_by_others(&self, operation: &Operation) -> bool {
        let vm = operation.vm.as_ref().and_then(|vm| self.inventory.vm(vm));
        let powers = matches!(
            operation.work,
            Work::PowerOn | Work::Suspend | Work::PowerOff(PowerOffMode::Hard)
        );
        let runs = |task: &TaskId| self.inventory.task(task).is_none_or(Task::is_running);
        let is_new = self.now.utc.since(operation.since) < SHUTDOWN_MS;
        powers && is_new && vm.is_some_and(|known| known.vm.tasks.iter().any(runs))
    }

    /// Nothing is left to do, as vCenter itself says. The operation ends when the
    /// feed shows it too: the next decision would ask for the same again.
    pub(crate) fn done_already(&mut self, key: &GroupKey, slot: Slot) {
        let now = self.now.monotonic;
        let Some(operation) = self.operation(key, slot) else {
            return;
        };
        if let Work::PowerOff(mode) = &mut operation.work {
            // It is off: no guest is waited for.
            *mode = PowerOffMode::Hard;
        }
        operation.heard_at = Some(now);
        operation.stage = Stage::Settling(now.plus(SETTLE_MS));
        self.settle(key, slot);
    }

    /// The operation is over, well.
    pub(crate) fn over(&mut self, key: &GroupKey, slot: Slot) {
        self.expect_recorded_back(key, slot);
        let Some(group) = self.groups.get_mut(key) else {
            return;
        };
        let Some(operation) = group.operations.remove(&slot) else {
            return;
        };
        group.failures.remove(&slot);
        if operation.work == Work::Delete {
            group.destroyed.insert(slot);
        }
        if operation.is_scaled_down {
            group.has_scaled_down();
        }
        let detail = format!("{} slot {slot}", operation.work.kind());
        self.ended(key, slot, &operation);
        self.note(Some(key), false, "done", detail);
    }

    /// The operation is over without an effect, because nobody asks for it any
    /// more.
    pub(crate) fn abandon(&mut self, key: &GroupKey, slot: Slot) {
        let group = self.groups.get_mut(key);
        if let Some(operation) = group.and_then(|group| group.operations.remove(&slot)) {
            self.ended(key, slot, &operation);
        }
    }

    /// The operation is over, badly: its slot waits before the next one.
    pub(crate) fn failed(
        &mut self,
        key: &GroupKey,
        slot: Slot,
        class: FailureClass,
        message: &str,
    ) {
        let now = self.now;
        let Some(group) = self.groups.get_mut(key) else {
            return;
        };
        let Some(operation) = group.operations.remove(&slot) else {
            return;
        };
        let respecified = |decided| decided != group.object.generation;
        if operation.generation.is_some_and(respecified) || operation.identity != group.identity() {
            // The owner asks for something else by now: nothing is to be retried.
            self.ended(key, slot, &operation);
            return;
        }
        let count = group.failures.get(&slot).map_or(0, |failure| failure.count);
        let who = (key, slot);
        let wait = wait_ms(SLOT_RETRY_FIRST_MS, SLOT_RETRY_MOST_MS, count, &who);
        let kind = operation.work.kind();
        let message = if operation.work == Work::Clone {
            format!("could not create replica(s): {message}")
        } else {
            format!("could not {kind} slot {slot}: {message}")
        };
        let failure = SlotFailure {
            class,
            of_delete: operation.work == Work::Delete,
            message: message.clone(),
            count: count + 1,
            last: now.utc,
            retry_at: now.monotonic.plus(wait),
        };
        group.failures.insert(slot, failure);
        self.ended(key, slot, &operation);
        self.note(
            Some(key),
            true,
            "failed",
            format!("{kind} slot {slot}: {message}"),
        );
    }

    fn ended(&mut self, key: &GroupKey, slot: Slot, operation: &Operation) {
        self.started.remove(&(key.clone(), slot));
        self.queue.free(key, slot);
        self.wake(key, 0, WakeReason::OperationEnded);
        if operation.work == Work::Clone {
            // Another group of its identity may have waited for that.
            self.wake_identity(&operation.identity, WakeReason::OperationEnded);
        }
    }
}
