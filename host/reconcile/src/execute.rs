//! Step 5, writes: committed operations are begun as the queue allows, and
//! followed to their end. There is no policy in here: what to do was decided
//! and committed; a fresh look right before each call only says whether it can
//! still be done.

use std::collections::BTreeMap;

use vmgroup_core::group::{GroupKey, Spec};
use vmgroup_core::hash;
use vmgroup_core::marker::Marker;
use vmgroup_core::names;
use vmgroup_core::observation::{FailureClass, Hold, PowerState, Slot, WakeReason};
use vmgroup_core::time::Monotonic;

use crate::backoff::{delay_ms, jitter_ms};
use crate::event::{CallResult, ReadResult};
use crate::group::{Folder, SlotFailure};
use crate::inventory::{Fault, Known, TaskState, Vm};
use crate::limits::{SETTLE_MS, SHUTDOWN_MS, SLOT_RETRY_FIRST_MS, SLOT_RETRY_MOST_MS};
use crate::machine::{Asker, Machine};
use crate::observe::holds;
use crate::operation::{
    NextStep, Operation, Settled, Stage, Verdict, Work, judge, power_step, settled,
};
use crate::queue::Candidate;
use crate::request::{Call, CloneCall, Read, Request, RequestId};

impl Machine {
    /// Begins queued operations, as far as there are places.
    pub(crate) fn start_queued(&mut self) {
        if !self.session.is_live() {
            return;
        }
        let mut candidates = BTreeMap::new();
        for key in self.queued.clone() {
            let waiting = self.candidates(&key);
            if !waiting.is_empty() {
                candidates.insert(key, waiting);
            }
        }
        for (key, slot) in self.queue.grant(candidates) {
            self.begin_operation(&key, slot);
        }
    }

    /// When an operation has to be looked at even if nothing happens.
    pub(crate) fn operations_deadline(&self) -> Option<Monotonic> {
        let started = self.started.iter().filter_map(|(key, slot)| {
            match self.groups.get(key)?.operations.get(slot)?.stage {
                Stage::Settling(at) => Some(at),
                _ => None,
            }
        });
        let queued = self.queued.iter().flat_map(|key| {
            let operations = self.groups.get(key).into_iter();
            operations
                .flat_map(|group| group.operations.values())
                .filter_map(|operation| {
                    let waits =
                        !operation.is_started() && operation.not_before > self.now.monotonic;
                    waits.then_some(operation.not_before)
                })
        });
        started.chain(queued).min()
    }

    /// Operations of a group that could begin; looks for the folder if it is needed.
    fn candidates(&mut self, key: &GroupKey) -> Vec<Candidate> {
        let now = self.now.monotonic;
        let Some(group) = self.groups.get(key) else {
            self.queued.remove(key);
            return Vec::new();
        };
        let template = group
            .object
            .spec
            .as_ref()
            .ok()
            .map(|spec| spec.template.clone());
        let folder_known = matches!(group.folder, Folder::Known(_));
        let mut wants_folder = false;
        let mut waiting = Vec::new();
        let mut any = false;
        for (slot, operation) in &group.operations {
            if operation.is_started() {
                continue;
            }
            any = true;
            let clones = operation.work == Work::Clone;
            wants_folder |= clones && !folder_known;
            let room = waiting.len() < self.config.caps.operations;
            if operation.not_before <= now && room && (folder_known || !clones) {
                waiting.push(Candidate {
                    group: key.clone(),
                    slot: *slot,
                    template: template.clone().filter(|_| clones),
                });
            }
        }
        if !any {
            self.queued.remove(key);
        }
        if wants_folder {
            self.find_folder(key);
        }
        waiting
    }

    /// The fresh look right before the call.
    fn begin_operation(&mut self, key: &GroupKey, slot: Slot) {
        let Some(group) = self.groups.get(key) else {
            return;
        };
        let Some(operation) = group.operations.get(&slot) else {
            return;
        };
        let read = match &operation.vm {
            Some(vm) => Read::Vm(vm.clone()),
            None => Read::Identity(names::instance_uuid(group.identity(), slot)),
        };
        self.started.insert((key.clone(), slot));
        self.set_stage(key, slot, |id| {
            (Stage::Looking(id), Request::Read { id, read })
        });
    }

    /// The fresh look is answered.
    pub(crate) fn looked(&mut self, key: &GroupKey, slot: Slot, id: RequestId, result: ReadResult) {
        let Some(operation) = self.operation(key, slot) else {
            return;
        };
        match (&operation.stage, result) {
            (Stage::Looking(waiting) | Stage::Searching(waiting), _) if *waiting != id => {}
            (Stage::Looking(_), ReadResult::Vms(vms)) => self.looked_for_identity(key, slot, vms),
            (Stage::Looking(_), ReadResult::Vm(vm)) => self.looked_at_vm(key, slot, *vm),
            (Stage::Looking(_), ReadResult::Gone) => {
                if let Some(vm) = operation.vm.clone() {
                    self.vm_is_gone(&vm);
                }
                self.over(key, slot);
            }
            (Stage::Searching(_), ReadResult::Vms(vms)) => self.searched(key, slot, vms),
            (Stage::Looking(_), _) => {
                let what = "the VM could not be read right before the call";
                self.failed(key, slot, FailureClass::Transient, what.into());
            }
            (Stage::Searching(_), _) => self.become_unsure(key, slot),
            _ => {}
        }
    }

    /// A clone follows a search for its identity in the whole vCenter.
    fn looked_for_identity(&mut self, key: &GroupKey, slot: Slot, vms: Vec<Vm>) {
        if !vms.is_empty() {
            self.found_instead(key, slot, vms);
            return;
        }
        match self.clone_call(key, slot) {
            Some(call) => self.call(key, slot, call),
            None => self.over(key, slot),
        }
    }

    fn clone_call(&self, key: &GroupKey, slot: Slot) -> Option<Call> {
        let group = self.groups.get(key)?;
        let spec = group.object.spec.as_ref().ok()?;
        let Folder::Known(folder) = &group.folder else {
            return None;
        };
        let identity = group.identity();
        let instance_uuid = names::instance_uuid(identity, slot);
        Some(Call::Clone(CloneCall {
            template: spec.template.clone(),
            folder: folder.clone(),
            name: names::vm_name(&key.name, identity, slot),
            marker: self.marker(key, slot, &instance_uuid)?,
            instance_uuid,
            spec_hash: hash::spec_hash(spec),
            cpus: spec.cpus,
            memory_mib: spec.memory_mib,
        }))
    }

    fn marker(&self, key: &GroupKey, slot: Slot, instance_uuid: &str) -> Option<Marker> {
        Some(Marker {
            version: Marker::VERSION,
            install: self.config.install.clone(),
            namespace: key.namespace.clone(),
            name: key.name.clone(),
            identity: self.groups.get(key)?.identity().into(),
            slot,
            instance_uuid: instance_uuid.into(),
            disks: Vec::new(),
        })
    }

    /// A VM with the clone's identity exists: it counts if its marker says that
    /// it is the one, and is a stranger otherwise.
    fn found_instead(&mut self, key: &GroupKey, slot: Slot, vms: Vec<Vm>) {
        let mut ours = None;
        let mut stranger = String::new();
        for vm in vms {
            if self.fills(key, slot, &vm) {
                ours = Some(vm.id.clone());
                self.put_stray(vm);
            } else {
                stranger = vm.id;
            }
        }
        match ours {
            Some(vm) => {
                self.record_slot(key, slot, vm);
                self.over(key, slot);
            }
            None => {
                let message = format!(
                    "VM {stranger} has the name or instanceUuid that slot {slot} needs, and is not \
                     ours: rename or remove it"
                );
                self.failed(key, slot, FailureClass::NameTaken, message);
            }
        }
    }

    fn fills(&self, key: &GroupKey, slot: Slot, vm: &Vm) -> bool {
        let Some(group) = self.groups.get(key) else {
            return false;
        };
        let known = Known::new(vm.clone());
        known.agreed().is_some_and(|marker| {
            marker.install == self.config.install
                && marker.identity == group.identity()
                && marker.group() == *key
                && marker.slot == slot
        })
    }

    fn looked_at_vm(&mut self, key: &GroupKey, slot: Slot, vm: Vm) {
        let Some(operation) = self.operation(key, slot) else {
            return;
        };
        let work = operation.work.clone();
        let ours = self.fills(key, slot, &vm);
        if !ours && work != Work::Adopt {
            if work == Work::LetGo && vm.marker.as_deref().unwrap_or_default().is_empty() {
                self.over(key, slot);
                return;
            }
            let message = format!("the marker of VM {} does not speak of slot {slot}", vm.id);
            self.failed(key, slot, FailureClass::Transient, message);
            return;
        }
        if let Some(hold) = blocking(&work, &Known::new(vm.clone())) {
            let message = format!("VM {} is held: {hold}", vm.id);
            self.failed(key, slot, FailureClass::Transient, message);
            return;
        }
        match self.next_step(key, slot, &work, &vm) {
            NextStep::Call(call) => self.call(key, slot, call),
            NextStep::Over => self.over(key, slot),
            NextStep::Impossible(message) => {
                self.failed(key, slot, FailureClass::Invalid, message);
            }
        }
    }

    fn next_step(&self, key: &GroupKey, slot: Slot, work: &Work, vm: &Vm) -> NextStep {
        let Some(group) = self.groups.get(key) else {
            return NextStep::Over;
        };
        let Ok(spec) = &group.object.spec else {
            return power_step_or_over(work, vm);
        };
        match work {
            Work::Reconfigure => reconfigure(spec, vm),
            Work::Adopt => {
                let instance_uuid = names::instance_uuid(group.identity(), slot);
                let Some(mut marker) = self.marker(key, slot, &instance_uuid) else {
                    return NextStep::Over;
                };
                marker.disks.clone_from(&vm.disks);
                NextStep::Call(Call::Mark {
                    vm: vm.id.clone(),
                    marker: marker.to_text(),
                    spec_hash: String::new(),
                    instance_uuid: Some(instance_uuid),
                })
            }
            Work::LetGo => NextStep::Call(Call::Mark {
                vm: vm.id.clone(),
                marker: String::new(),
                spec_hash: String::new(),
                instance_uuid: None,
            }),
            _ => power_step_or_over(work, vm),
        }
    }

    fn call(&mut self, key: &GroupKey, slot: Slot, call: Call) {
        let Some(group) = self.groups.get(key) else {
            return;
        };
        let Some(operation) = group.operations.get(&slot) else {
            return;
        };
        let operation_id = names::operation_id(group.identity(), slot, operation.intent);
        let group = key.clone();
        self.set_stage(key, slot, |id| {
            let request = Request::Call {
                id,
                group,
                operation_id,
                call,
            };
            (Stage::Calling(id), request)
        });
    }

    /// A call is answered, or its answer is lost.
    pub(crate) fn called(&mut self, key: &GroupKey, slot: Slot, id: RequestId, result: CallResult) {
        let now = self.now.monotonic;
        let Some(operation) = self.operation(key, slot) else {
            return;
        };
        if operation.stage != Stage::Calling(id) {
            return;
        }
        operation.heard_at = now;
        match result {
            CallResult::Started(task) => {
                operation.stage = Stage::Running(task);
                self.write_status(key);
            }
            CallResult::Done { .. } => {
                let wait = if matches!(operation.work, Work::PowerOff(_)) {
                    SHUTDOWN_MS
                } else {
                    SETTLE_MS
                };
                operation.stage = Stage::Settling(now.plus(wait));
            }
            CallResult::Refused(fault) => self.refused(key, slot, &fault),
            CallResult::NotSent { message } => {
                self.failed(key, slot, FailureClass::Transient, message);
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
    }

    /// A call, or the task that it began, ended with a fault.
    fn refused(&mut self, key: &GroupKey, slot: Slot, fault: &Fault) {
        let Some(operation) = self.operation(key, slot) else {
            return;
        };
        match judge(&operation.work, fault) {
            Verdict::AlreadyDone => self.over(key, slot),
            Verdict::LookAtExisting(_) => {
                // The VM that has the name is in the clone's folder; if it is
                // ours, it has the identity too.
                self.search(key, slot);
            }
            Verdict::SessionEnded => {
                if let Some(operation) = self.operation(key, slot) {
                    operation.stage = Stage::Queued;
                }
                self.started.remove(&(key.clone(), slot));
                self.queue.free(key, slot);
                self.queued.insert(key.clone());
                self.session
                    .feed_lost("the session has ended".into(), self.now);
                self.view_changed();
            }
            Verdict::Failed(class, message) => {
                if class == FailureClass::NotFound {
                    self.folder_lost(key);
                }
                self.failed(key, slot, class, message);
            }
        }
    }

    /// Follows everything that is in flight as far as the view allows.
    pub(crate) fn drive_operations(&mut self) {
        for (key, slot) in self.started.clone() {
            self.advance(&key, slot);
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
                            operation.heard_at = now;
                        }
                        self.refused(key, slot, &fault);
                    }
                    None if self.is_certain(operation) => self.become_unsure(key, slot),
                    None => {}
                }
            }
            Stage::Settling(_) => self.settle(key, slot),
            Stage::Unsure => self.clear_up(key, slot),
            Stage::Queued | Stage::Looking(_) | Stage::Calling(_) | Stage::Searching(_) => {}
        }
    }

    fn task_succeeded(&mut self, key: &GroupKey, slot: Slot, result: Option<String>) {
        let now = self.now.monotonic;
        let Some(operation) = self.operation(key, slot) else {
            return;
        };
        operation.heard_at = now;
        operation.stage = Stage::Settling(now.plus(SETTLE_MS));
        if operation.work == Work::Clone {
            operation.vm = result.clone();
            if let Some(vm) = result {
                self.record_slot(key, slot, vm);
            }
        }
        self.settle(key, slot);
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
        let vm = operation
            .vm
            .as_ref()
            .and_then(|vm| self.inventory.vm(vm))
            .map(|known| &known.vm);
        let wanted = vm.zip(group.object.spec.as_ref().ok());
        let wanted =
            wanted.and_then(|(vm, spec)| hash::reconfigured(vm.spec_hash.as_deref(), spec));
        let shown = settled(&operation.work, vm, &wanted.unwrap_or_default());
        match shown {
            Settled::Over => self.over(key, slot),
            Settled::StepDone => self.begin_operation(key, slot),
            Settled::NotYet if certain && operation.work == Work::Clone => self.search(key, slot),
            Settled::NotYet if certain && operation.work == Work::Delete => {
                self.begin_operation(key, slot);
            }
            Settled::NotYet if certain => self.over(key, slot),
            Settled::NotYet if now >= until => {
                if let Some(operation) = self.operation(key, slot) {
                    operation.stage = Stage::Settling(now.plus(SETTLE_MS));
                }
                self.session
                    .want_relist("the feed did not show the effect of a task");
            }
            Settled::NotYet => {}
        }
    }

    /// A complete view was asked for after vCenter last spoke of the operation.
    fn is_certain(&self, operation: &Operation) -> bool {
        self.session.is_live()
            && self
                .session
                .listed_at()
                .is_some_and(|listed| listed > operation.heard_at)
    }

    fn become_unsure(&mut self, key: &GroupKey, slot: Slot) {
        if let Some(operation) = self.operation(key, slot) {
            operation.stage = Stage::Unsure;
        }
        self.clear_up(key, slot);
    }

    /// Nobody knows whether it happened: a complete view without a task of it
    /// tells, and for a clone a search of its identity after that.
    fn clear_up(&mut self, key: &GroupKey, slot: Slot) {
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

    /// A running task may be the clone's: it carries its operation id, or tells
    /// none and works on something that is no member.
    fn may_run_unseen(&self, key: &GroupKey, slot: Slot, operation: &Operation) -> bool {
        let Some(group) = self.groups.get(key) else {
            return false;
        };
        let wanted = names::operation_id(group.identity(), slot, operation.intent);
        self.inventory.tasks().any(|task| {
            let named = task.operation_id.as_ref();
            task.state == TaskState::Running
                && match named {
                    Some(named) => *named == wanted,
                    None => {
                        let entity = task.entity.as_deref();
                        let is_member = entity.is_some_and(|id| self.recorded.contains_key(id));
                        !is_member && !self.is_watched(&task.id)
                    }
                }
        })
    }

    /// Some operation follows this task.
    fn is_watched(&self, task: &str) -> bool {
        self.started.iter().any(|(key, slot)| {
            let operation = self
                .groups
                .get(key)
                .and_then(|group| group.operations.get(slot));
            operation.is_some_and(|operation| operation.stage.task() == Some(task))
        })
    }

    fn search(&mut self, key: &GroupKey, slot: Slot) {
        let Some(group) = self.groups.get(key) else {
            return;
        };
        let read = Read::Identity(names::instance_uuid(group.identity(), slot));
        self.set_stage(key, slot, |id| {
            (Stage::Searching(id), Request::Read { id, read })
        });
    }

    fn searched(&mut self, key: &GroupKey, slot: Slot, vms: Vec<Vm>) {
        if vms.is_empty() {
            let message = format!(
                "no VM of slot {slot} came of the clone; another VM may have its name: look into \
                 the group's folder"
            );
            self.failed(key, slot, FailureClass::Transient, message);
        } else {
            self.found_instead(key, slot, vms);
        }
    }

    /// The operation is over, well.
    fn over(&mut self, key: &GroupKey, slot: Slot) {
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
        if operation.work == Work::LetGo {
            group.slots.remove(&slot);
        }
        let detail = format!("{} slot {slot}", operation.work.kind());
        self.ended(key, slot);
        self.note(Some(key), false, "done", detail);
    }

    /// The operation is over, badly: its slot waits before the next one.
    fn failed(&mut self, key: &GroupKey, slot: Slot, class: FailureClass, message: String) {
        let now = self.now;
        let Some(group) = self.groups.get_mut(key) else {
            return;
        };
        let Some(operation) = group.operations.remove(&slot) else {
            return;
        };
        let count = group.failures.get(&slot).map_or(0, |failure| failure.count);
        let wait = delay_ms(SLOT_RETRY_FIRST_MS, SLOT_RETRY_MOST_MS, count);
        let wait = wait - jitter_ms(wait / 4, &(key, slot, count));
        let kind = operation.work.kind();
        let message = if operation.work == Work::Clone {
            format!("could not create replica(s): {message}")
        } else {
            format!("could not {kind} slot {slot}: {message}")
        };
        let failure = SlotFailure {
            class,
            message: message.clone(),
            count: count + 1,
            last: now.utc,
            retry_at: now.monotonic.plus(wait),
        };
        group.failures.insert(slot, failure);
        self.ended(key, slot);
        self.note(
            Some(key),
            true,
            "failed",
            format!("{kind} slot {slot}: {message}"),
        );
    }

    fn ended(&mut self, key: &GroupKey, slot: Slot) {
        self.started.remove(&(key.clone(), slot));
        self.queue.free(key, slot);
        self.wake(key, 0, WakeReason::OperationEnded);
    }

    fn operation(&mut self, key: &GroupKey, slot: Slot) -> Option<&mut Operation> {
        self.groups.get_mut(key)?.operations.get_mut(&slot)
    }

    fn set_stage(
        &mut self,
        key: &GroupKey,
        slot: Slot,
        stage: impl FnOnce(RequestId) -> (Stage, Request),
    ) {
        let id = self.id();
        let (stage, request) = stage(id);
        if let Some(operation) = self.operation(key, slot) {
            operation.stage = stage;
            self.asked.insert(id, Asker::Operation(key.clone(), slot));
            self.out.push(request);
        }
    }

    /// Looks for the folder, or creates it.
    fn find_folder(&mut self, key: &GroupKey) {
        let name = names::folder_name(key);
        let Some(group) = self.groups.get(key) else {
            return;
        };
        let operation_id = format!("{}/folder", group.identity());
        let before = group.folder.clone();
        let id = self.id();
        let (folder, request) = match before {
            Folder::Unknown => {
                let read = Read::FolderNamed(name);
                (Folder::Looking(id), Request::Read { id, read })
            }
            Folder::Absent => {
                let request = Request::Call {
                    id,
                    group: key.clone(),
                    operation_id,
                    call: Call::CreateFolder { name },
                };
                (Folder::Creating(id), request)
            }
            Folder::Looking(_) | Folder::Creating(_) | Folder::Known(_) => return,
        };
        if let Some(group) = self.groups.get_mut(key) {
            group.folder = folder;
            self.asked.insert(id, Asker::Folder(key.clone()));
            self.out.push(request);
        }
    }

    pub(crate) fn folder_found(&mut self, key: &GroupKey, id: RequestId, result: ReadResult) {
        let Some(group) = self.groups.get_mut(key) else {
            return;
        };
        if group.folder != Folder::Looking(id) {
            return;
        }
        group.folder = match result {
            ReadResult::Folder { id, .. } => Folder::Known(id),
            ReadResult::NoFolder | ReadResult::Gone => Folder::Absent,
            _ => Folder::Unknown,
        };
        if group.folder == Folder::Unknown {
            self.clones_fail(
                key,
                FailureClass::Transient,
                "the group's folder cannot be read",
            );
        }
    }

    pub(crate) fn folder_created(&mut self, key: &GroupKey, id: RequestId, result: CallResult) {
        let Some(group) = self.groups.get_mut(key) else {
            return;
        };
        if group.folder != Folder::Creating(id) {
            return;
        }
        group.folder = Folder::Unknown;
        match result {
            CallResult::Done {
                result: Some(folder),
            } => {
                group.folder = Folder::Known(folder);
                self.write_status(key);
            }
            // Whoever made it: it is looked for again.
            CallResult::Refused(Fault::DuplicateName { .. }) | CallResult::Lost { .. } => {}
            CallResult::Refused(fault) => {
                if let Verdict::Failed(class, message) = judge(&Work::Clone, &fault) {
                    let message = format!("the group's folder could not be created: {message}");
                    self.clones_fail(key, class, &message);
                }
            }
            CallResult::Done { result: None }
            | CallResult::Started(_)
            | CallResult::NotSent { .. } => {
                let what = "the group's folder could not be created";
                self.clones_fail(key, FailureClass::Transient, what);
            }
        }
    }

    /// All queued clones of the group fail alike.
    fn clones_fail(&mut self, key: &GroupKey, class: FailureClass, message: &str) {
        let Some(group) = self.groups.get(key) else {
            return;
        };
        let clones = group
            .operations
            .iter()
            .filter(|(_, operation)| operation.work == Work::Clone && !operation.is_started());
        let slots: Vec<Slot> = clones.map(|(slot, _)| *slot).collect();
        for slot in slots {
            self.failed(key, slot, class, message.into());
        }
    }
}

/// Power work; anything else has nothing to do without a spec.
fn power_step_or_over(work: &Work, vm: &Vm) -> NextStep {
    match work {
        Work::PowerOn | Work::PowerOff(_) | Work::Suspend | Work::Delete => power_step(work, vm),
        Work::Clone | Work::Reconfigure | Work::Adopt | Work::LetGo => NextStep::Over,
    }
}

fn reconfigure(spec: &Spec, vm: &Vm) -> NextStep {
    let Some(spec_hash) = hash::reconfigured(vm.spec_hash.as_deref(), spec) else {
        return NextStep::Impossible(format!("VM {} carries no spec hash", vm.id));
    };
    if vm.spec_hash.as_deref() == Some(spec_hash.as_str()) {
        return NextStep::Over;
    }
    let hot = (vm.cpus <= spec.cpus && (vm.cpus == spec.cpus || vm.cpu_hot_add))
        && (vm.memory_mib <= spec.memory_mib
            && (vm.memory_mib == spec.memory_mib || vm.memory_hot_add));
    if vm.power != PowerState::Off && !hot {
        return NextStep::Impossible(format!("VM {} has to be powered off for it", vm.id));
    }
    NextStep::Call(Call::Reconfigure {
        vm: vm.id.clone(),
        cpus: spec.cpus,
        memory_mib: spec.memory_mib,
        spec_hash,
    })
}

/// Why the work must not be done to the VM as a fresh read shows it.
fn blocking(work: &Work, known: &Known) -> Option<Hold> {
    let deletes = *work == Work::Delete;
    holds(known, None).into_iter().find(|hold| match hold {
        Hold::ForeignDisk | Hold::ForeignSnapshot | Hold::DestroyDisabled => {
            // Destroy is disabled on every VM that runs: it is powered off first.
            let disabled_by_power =
                *hold == Hold::DestroyDisabled && known.vm.power != PowerState::Off;
            deletes && !disabled_by_power
        }
        Hold::Unknown
        | Hold::Administrator
        | Hold::Unreachable
        | Hold::Failover
        | Hold::Question
        | Hold::ForeignTask
        | Hold::Duplicate => *work != Work::Adopt || *hold != Hold::ForeignTask,
    })
}
