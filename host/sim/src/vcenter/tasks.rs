//! Tasks: begun by a call, done after a while, forgotten later.

use vmgroup_core::marker::{HOLD_KEY, MARKER_KEY, Marker, SPEC_HASH_KEY};
use vmgroup_core::observation::{Connection, PowerState};
use vmgroup_core::time::{Monotonic, Now};
use vmgroup_reconcile::event::CallResult;
use vmgroup_reconcile::inventory::{Fault, Heartbeat, Task, TaskId, TaskState, VmId};
use vmgroup_reconcile::request::{Call, CloneCall};

use super::{Asked, Due, Spoil, VCenter, VmTruth};
use crate::history::Fact;
use crate::kind::Kind;
use crate::random::Latency;

/// A task as it truly is.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskTruth {
    /// MoID.
    pub id: TaskId,
    /// Who asked; none if somebody else than the operator's user did.
    pub asked: Option<Asked>,
    /// What it does; none if that does not concern the operator.
    pub call: Option<Call>,
    /// What it works on; a clone's is the template.
    pub entity: Option<String>,
    /// It will fail so, without an effect.
    pub fails: Option<Fault>,
    /// It will end as failed so, and will have had its effect.
    pub half_way: Option<Fault>,
    /// Nobody is shown it before.
    pub hidden_until: Monotonic,
    /// It is forgotten at its end, which nobody is shown.
    pub vanishes: bool,
    /// Another one has its effect, so many milliseconds after its end.
    pub passed_on: Option<u64>,
    /// When it began.
    pub began: Monotonic,
    /// How far it is.
    pub state: TaskState,
}

impl TaskTruth {
    /// It has not ended.
    pub fn runs(&self) -> bool {
        self.state == TaskState::Running
    }

    /// What the operator's user sees of it; none if it is not theirs.
    pub(super) fn view(&self, now: Now, tells_operations: bool) -> Option<Task> {
        let asked = self.asked.as_ref()?;
        if now.monotonic < self.hidden_until {
            return None;
        }
        Some(Task {
            id: self.id.clone(),
            operation_id: tells_operations.then(|| asked.operation_id.clone()),
            entity: self.entity.clone(),
            state: self.state.clone(),
        })
    }
}

impl VCenter {
    pub(super) fn begin_task(
        &mut self,
        now: Now,
        asked: &Asked,
        call: &Call,
        entity: &str,
        spoil: Option<Spoil>,
        latency: Latency,
    ) -> CallResult {
        let id = self.add_task(now, Some(asked), Some(call), entity, spoil);
        self.after(now, latency, Due::TaskEnds(id.clone()));
        CallResult::Started(id)
    }

    /// A task of somebody else, which keeps the VM busy for so long.
    pub(super) fn begin_foreign_task(&mut self, now: Now, entity: &str, for_ms: u64) {
        let id = self.add_task(now, None, None, entity, None);
        self.after(now, Latency::exactly(for_ms), Due::TaskEnds(id));
    }

    fn add_task(
        &mut self,
        now: Now,
        asked: Option<&Asked>,
        call: Option<&Call>,
        entity: &str,
        spoil: Option<Spoil>,
    ) -> TaskId {
        let id = format!("task-{}", self.number());
        let (mut fails, mut half_way, mut hidden_until) = (None, None, Monotonic(0));
        let mut passed_on = None;
        let vanishes = spoil == Some(Spoil::Vanishes);
        match spoil {
            Some(Spoil::Fails(fault)) => fails = Some(fault),
            Some(Spoil::HalfWay(fault)) => half_way = Some(fault),
            Some(Spoil::Hidden(ms)) => {
                hidden_until = now.monotonic.plus(ms);
                self.at(hidden_until, Due::TaskShown(id.clone()));
            }
            Some(Spoil::PassedOn(ms)) => {
                passed_on = matches!(call, Some(Call::PowerOn(_))).then_some(ms);
            }
            Some(Spoil::Refused(_) | Spoil::Vanishes) | None => {}
        }
        self.tasks.insert(
            id.clone(),
            TaskTruth {
                id: id.clone(),
                asked: asked.cloned(),
                call: call.cloned(),
                entity: Some(entity.to_owned()),
                fails,
                half_way,
                hidden_until,
                vanishes,
                passed_on,
                began: now.monotonic,
                state: TaskState::Running,
            },
        );
        self.show_task(now, &id);
        self.show_vm(now, entity);
        id
    }

    /// The task has had no effect, and never will.
    pub(super) fn write_failure(&mut self, now: Now, id: &str) {
        let task = self.tasks.get(id).filter(|task| task.runs());
        if let Some(TaskTruth {
            asked: Some(asked),
            call: Some(call),
            ..
        }) = task
        {
            self.log.push(Fact::Failed {
                at: now.monotonic,
                operation_id: asked.operation_id.clone(),
                kind: Kind::of_call(call),
            });
        }
    }

    /// A task that was hidden can be seen.
    pub(super) fn task_shown(&mut self, now: Now, id: &TaskId) {
        self.show_task(now, id);
    }

    pub(super) fn end_task(&mut self, now: Now, id: &TaskId) {
        let Some(task) = self.tasks.get(id).cloned() else {
            return;
        };
        let done = match (task.fails, &task.call, &task.asked) {
            (Some(fault), _, _) => Err(fault),
            (None, call, asked) if let Some(ms) = task.passed_on => {
                let entity = task.entity.as_deref().unwrap_or_default();
                let other = self.add_task(now, asked.as_ref(), call.as_ref(), entity, None);
                self.after(now, Latency::exactly(ms), Due::TaskEnds(other));
                Ok(None)
            }
            (None, Some(call), Some(asked)) => self
                .check(call, Some(id))
                .and_then(|()| self.apply(now, asked, call)),
            (None, _, _) => Ok(None),
        };
        // A fault that was drawn says nothing about what is in the folder.
        if let (Err(Fault::InvalidPowerState { .. }), Some(Call::DestroyFolder(folder))) =
            (&done, &task.call)
            && self.all_off(folder).is_err()
        {
            self.misdeed(now, format!("folder {folder} has a running VM in it"));
        }
        if done.is_err() {
            self.write_failure(now, id);
        }
        if let Some(task) = self.tasks.get_mut(id) {
            task.state = match (done, task.half_way.take()) {
                (Err(fault), _) | (Ok(_), Some(fault)) => TaskState::Failed(fault),
                (Ok(result), None) => TaskState::Succeeded { result },
            };
        }
        if task.vanishes {
            self.tasks.remove(id);
        }
        self.show_task(now, id);
        if let Some(entity) = task.entity {
            self.show_vm(now, &entity);
        }
        let kept = Latency::exactly(self.options.tasks_kept_ms);
        self.after(now, kept, Due::TaskForgotten(id.clone()));
    }

    fn apply(&mut self, now: Now, asked: &Asked, call: &Call) -> Result<Option<VmId>, Fault> {
        let kind = Kind::of_call(call);
        if let Call::DestroyFolder(id) = call {
            self.unregister_and_destroy(now, id, asked.held_up);
            self.effect(now, asked, kind, true, None, None);
            return Ok(None);
        }
        if let Call::Clone(clone) = call {
            let id = self.make_clone(now, clone)?;
            let marker = self.vms.get(&id).and_then(VmTruth::agreed);
            self.effect(now, asked, kind, true, Some(&id), marker);
            return Ok(Some(id));
        }
        let id = call.vm().map(str::to_owned).ok_or(Fault::Gone)?;
        let before = self.vms.get(&id).cloned().ok_or(Fault::Gone)?;
        if let Call::Destroy(_) = call {
            self.vms.remove(&id);
            self.effect(now, asked, kind, true, Some(&id), before.agreed());
            return Ok(None);
        }
        let vm = self.vms.get_mut(&id).ok_or(Fault::Gone)?;
        change(vm, call);
        let (changed, on) = (*vm != before, vm.power == PowerState::On);
        let (boots, marker) = (vm.boots, vm.agreed());
        if on && boots != before.boots {
            let (boot, vm) = (self.options.boot, id.clone());
            self.after(now, boot, Due::GuestUp { vm, boots });
        }
        self.effect(now, asked, kind, changed, Some(&id), marker);
        Ok(None)
    }

    /// A clone inherits what its spec does not overwrite: the template's
    /// extraConfig too. The adapter writes the template's disks into the marker.
    fn make_clone(&mut self, now: Now, clone: &CloneCall) -> Result<VmId, Fault> {
        let template = self
            .vms
            .values()
            .find(|vm| {
                vm.name == clone.template || self.path(&vm.folder, &vm.name) == clone.template
            })
            .cloned()
            .ok_or_else(|| Fault::NotFound {
                what: format!("template {:?}", clone.template),
            })?;
        let id = format!("vm-{}", self.number());
        let marker = Marker {
            disks: template.disks.clone(),
            ..clone.marker.clone()
        };
        let taken = self
            .vms
            .values()
            .any(|vm| vm.instance_uuid == clone.instance_uuid);
        let mut vm = VmTruth {
            id: id.clone(),
            name: clone.name.clone(),
            folder: clone.folder.clone(),
            // vCenter keeps instanceUuids unique: on a conflict it makes one up.
            instance_uuid: if taken {
                format!("conflict-{id}")
            } else {
                clone.instance_uuid.clone()
            },
            template: false,
            power: PowerState::Off,
            connection: Connection::Connected,
            cpus: clone.cpus,
            memory_mib: clone.memory_mib,
            snapshot: false,
            question: false,
            failover: false,
            destroy_disabled: false,
            created_at: now.utc,
            tools_running: false,
            heartbeat: Heartbeat::Gray,
            ip: None,
            boots: 0,
            meddled_at: None,
            came_at: None,
            joined_at: None,
            ..template
        };
        vm.set_key(MARKER_KEY, &marker.to_text());
        vm.set_key(SPEC_HASH_KEY, &clone.spec_hash);
        // The adapter blanks it: a hold on the template is none on its clones.
        vm.set_key(HOLD_KEY, "");
        self.vms.insert(id.clone(), vm);
        self.show_vm(now, &id);
        Ok(id)
    }

    pub(super) fn guest_up(&mut self, now: Now, id: &VmId, boots: u64) {
        let number = self.number();
        let booted = self.vms.get_mut(id).filter(|vm| vm.boots == boots);
        if let Some(vm) = booted.filter(|vm| vm.tools) {
            vm.tools_running = true;
            vm.heartbeat = Heartbeat::Green;
            vm.ip = Some(format!("192.0.2.{}", number % 254 + 1));
            let ip = vm.ip.clone();
            // A guest that a person started has come up as that person wanted.
            if let Some(was) = self.foreign.get_mut(id).filter(|was| was.boots == boots) {
                was.tools_running = true;
                was.heartbeat = Heartbeat::Green;
                was.ip = ip;
            }
            self.show_vm(now, id);
        }
    }

    pub(super) fn guest_down(&mut self, now: Now, id: &VmId, boots: u64) {
        if let Some(vm) = self.vms.get_mut(id).filter(|vm| vm.boots == boots) {
            vm.set_power(PowerState::Off);
            self.show_vm(now, id);
        }
    }
}

fn change(vm: &mut VmTruth, call: &Call) {
    match call {
        Call::PowerOn(_) => vm.set_power(PowerState::On),
        Call::PowerOff(_) => vm.set_power(PowerState::Off),
        Call::Suspend(_) => vm.set_power(PowerState::Suspended),
        Call::Reconfigure {
            cpus,
            memory_mib,
            spec_hash,
            ..
        } => {
            vm.cpus = *cpus;
            vm.memory_mib = *memory_mib;
            vm.set_key(SPEC_HASH_KEY, spec_hash);
        }
        Call::Mark {
            marker,
            spec_hash,
            instance_uuid,
            ..
        } => {
            vm.set_key(MARKER_KEY, marker);
            vm.set_key(SPEC_HASH_KEY, spec_hash);
            if let Some(uuid) = instance_uuid {
                vm.instance_uuid.clone_from(uuid);
            }
        }
        Call::CreateFolder { .. }
        | Call::Clone(_)
        | Call::ShutdownGuest(_)
        | Call::Destroy(_)
        | Call::DestroyFolder(_) => {}
    }
}
