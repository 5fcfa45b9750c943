//! The vCenter of a scope: folders, VMs and tasks without time. A task runs
//! until the search lets it end. MoIDs are made of what they name, so that two
//! orders of the same things give the same names.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use vmgroup_core::marker::Marker;
use vmgroup_core::observation::{Connection, PowerState};
use vmgroup_reconcile::event::{CallResult, ReadResult};
use vmgroup_reconcile::inventory::{
    Fault, FolderId, Heartbeat, Known, Task, TaskId, TaskState, Vm, VmId,
};
use vmgroup_reconcile::request::{Call, CloneCall, Read};

use crate::call::kind;
use crate::print::Printed;

/// The VM that all clones are made of. The feed does not show it.
pub(crate) const TEMPLATE: &str = "vm-base";
const DISK: i32 = 2_000;

#[derive(Debug, Clone, Default)]
pub(crate) struct VCenter {
    /// By name.
    pub(crate) folders: BTreeMap<String, FolderId>,
    pub(crate) vms: BTreeMap<VmId, Arc<Printed<Vm>>>,
    pub(crate) tasks: BTreeMap<TaskId, Arc<Printed<Job>>>,
    /// How many VMs and folders of a name there ever were: MoIDs are not used
    /// twice.
    pub(crate) born: BTreeMap<String, u8>,
    /// What the feeds have to show.
    pub(crate) touched: BTreeSet<String>,
}

/// A task as it truly is.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) operation_id: String,
    pub(crate) call: Call,
    pub(crate) entity: String,
    pub(crate) state: TaskState,
    /// It will fail so, without an effect.
    pub(crate) fails: Option<Fault>,
    /// The call came from a host that stood still since it sent it.
    pub(crate) late: bool,
}

impl Job {
    pub(crate) fn runs(&self) -> bool {
        self.state == TaskState::Running
    }
}

/// Who calls.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller<'a> {
    pub(crate) operation_id: &'a str,
    pub(crate) late: bool,
}

impl VCenter {
    pub(crate) fn call(&mut self, caller: Caller<'_>, call: &Call) -> CallResult {
        match call {
            Call::CreateFolder { name } => self.create_folder(name),
            Call::Clone(clone) if !self.has_folder(&clone.folder) => {
                CallResult::Refused(Fault::NotFound {
                    what: format!("folder {}", clone.folder),
                })
            }
            Call::Clone(clone) => {
                let fails = self.name_taken(clone, None);
                self.begin(caller, call, TEMPLATE, fails)
            }
            Call::DestroyFolder(folder) if self.has_folder(folder) => {
                self.begin(caller, call, folder, None)
            }
            _ => {
                let target = call.vm().unwrap_or_default();
                let busy = self
                    .jobs()
                    .any(|(_, job)| job.runs() && job.entity == target);
                match self.possible(call) {
                    Ok(()) if busy => CallResult::Refused(Fault::Busy {
                        message: "another task is already in progress".into(),
                    }),
                    Ok(()) => self.begin(caller, call, target, None),
                    Err(fault) => CallResult::Refused(fault),
                }
            }
        }
    }

    pub(crate) fn read(&self, read: &Read) -> ReadResult {
        let folder = |id: &FolderId| ReadResult::Folder {
            id: id.clone(),
            vms: self
                .vms
                .values()
                .filter(|vm| vm.value.folder.as_ref() == Some(id))
                .map(|vm| self.shown(&vm.value))
                .collect(),
            others: 0,
        };
        match read {
            Read::Vm(id) => match self.vms.get(id) {
                Some(vm) => ReadResult::Vm(Box::new(self.shown(&vm.value))),
                None => ReadResult::Gone,
            },
            Read::Identity(uuid) => ReadResult::Vms(
                self.vms
                    .values()
                    .filter(|vm| vm.value.instance_uuid.as_ref() == Some(uuid))
                    .map(|vm| self.shown(&vm.value))
                    .collect(),
            ),
            Read::Folder(id) if self.has_folder(id) => folder(id),
            Read::Folder(_) => ReadResult::Gone,
            Read::FolderNamed(name) => match self.folders.get(name) {
                Some(id) => folder(id),
                None => ReadResult::NoFolder,
            },
        }
    }

    /// A VM as it is read, with the tasks that run on it.
    pub(crate) fn shown(&self, vm: &Vm) -> Vm {
        let running = self
            .jobs()
            .filter(|(_, job)| job.runs() && job.entity == vm.id);
        Vm {
            tasks: running.map(|(id, _)| id.clone()).collect(),
            ..vm.clone()
        }
    }

    /// A task as the feed shows it.
    pub(crate) fn task(&self, id: &TaskId) -> Option<Task> {
        let job = &self.tasks.get(id)?.value;
        Some(Task {
            id: id.clone(),
            operation_id: Some(job.operation_id.clone()),
            entity: Some(job.entity.clone()),
            state: job.state.clone(),
        })
    }

    pub(crate) fn jobs(&self) -> impl Iterator<Item = (&TaskId, &Job)> {
        self.tasks.iter().map(|(id, job)| (id, &job.value))
    }

    /// VMs that fill a slot of that identity, by slot.
    pub(crate) fn members(&self, identity: &str) -> Vec<(u32, &Vm)> {
        self.vms
            .values()
            .filter_map(|vm| {
                let known = Known::new(vm.value.clone());
                let marker = known.agreed().filter(|it| it.identity == identity)?;
                Some((marker.slot, &vm.value))
            })
            .collect()
    }

    /// Ends a task: well, or with `spoilt`. Returns operation id and kind of an
    /// effect that it had.
    pub(crate) fn end(
        &mut self,
        id: &TaskId,
        spoilt: Option<Fault>,
    ) -> Option<(String, &'static str)> {
        let job = self.tasks.get(id)?.value.clone();
        let fails = spoilt.or_else(|| job.fails.clone());
        let done = match fails {
            Some(fault) => Err(fault),
            None => self.apply(&job.call, id),
        };
        self.touched.insert(id.clone());
        self.touched.insert(job.entity.clone());
        let effect = done
            .is_ok()
            .then(|| (job.operation_id.clone(), kind(&job.call)));
        let state = match done {
            Ok(result) => TaskState::Succeeded { result },
            Err(fault) => TaskState::Failed(fault),
        };
        let job = Arc::new(Printed::new(Job { state, ..job }));
        self.tasks.insert(id.clone(), job);
        effect
    }

    /// A person powers a VM off.
    pub(crate) fn power(&mut self, id: &VmId, power: PowerState) {
        if let Some(vm) = self.vms.get(id) {
            let vm = Vm {
                power,
                ..vm.value.clone()
            };
            self.put(vm);
        }
    }

    /// A person destroys a VM.
    pub(crate) fn remove(&mut self, id: &VmId) {
        self.vms.remove(id);
        self.touched.insert(id.clone());
    }

    fn create_folder(&mut self, name: &str) -> CallResult {
        if let Some(existing) = self.folders.get(name) {
            return CallResult::Refused(Fault::DuplicateName {
                existing: Some(existing.clone()),
            });
        }
        let id = self.fresh("group-", name);
        self.folders.insert(name.to_owned(), id.clone());
        CallResult::Done { result: Some(id) }
    }

    fn begin(
        &mut self,
        caller: Caller<'_>,
        call: &Call,
        entity: &str,
        fails: Option<Fault>,
    ) -> CallResult {
        let name = format!("{} {}", kind(call), caller.operation_id);
        let id = self.fresh("task-", &name);
        let job = Job {
            operation_id: caller.operation_id.to_owned(),
            call: call.clone(),
            entity: entity.to_owned(),
            state: TaskState::Running,
            fails,
            late: caller.late,
        };
        self.tasks.insert(id.clone(), Arc::new(Printed::new(job)));
        self.touched.insert(id.clone());
        self.touched.insert(entity.to_owned());
        CallResult::Started(id)
    }

    fn apply(&mut self, call: &Call, task: &TaskId) -> Result<Option<VmId>, Fault> {
        if let Call::Clone(clone) = call {
            if let Some(fault) = self.name_taken(clone, Some(task)) {
                return Err(fault);
            }
            if !self.has_folder(&clone.folder) {
                return Err(Fault::NotFound {
                    what: format!("folder {}", clone.folder),
                });
            }
            let id = self.fresh("vm-", &clone.name);
            self.put(newborn(&id, clone));
            return Ok(Some(id));
        }
        if let Call::DestroyFolder(folder) = call {
            // What is inside is unregistered: nobody finds it any more.
            self.vms
                .retain(|_, vm| vm.value.folder.as_ref() != Some(folder));
            self.folders.retain(|_, id| id != folder);
            return Ok(None);
        }
        self.possible(call)?;
        let Some(vm) = call.vm().and_then(|id| self.vms.get(id)) else {
            return Err(Fault::Gone);
        };
        let mut vm = vm.value.clone();
        match call {
            Call::Destroy(_) => {
                self.remove(&vm.id);
                return Ok(None);
            }
            Call::PowerOn(_) => vm.power = PowerState::On,
            Call::PowerOff(_) => vm.power = PowerState::Off,
            Call::Suspend(_) => vm.power = PowerState::Suspended,
            Call::Reconfigure {
                cpus,
                memory_mib,
                spec_hash,
                ..
            } => {
                vm.cpus = *cpus;
                vm.memory_mib = *memory_mib;
                vm.spec_hash = Some(spec_hash.clone());
            }
            Call::Mark { .. }
            | Call::ShutdownGuest(_)
            | Call::CreateFolder { .. }
            | Call::Clone(_)
            | Call::DestroyFolder(_) => unreachable!("no scope asks for {call:?}"),
        }
        self.put(vm);
        Ok(None)
    }

    fn possible(&self, call: &Call) -> Result<(), Fault> {
        let vm = call.vm().and_then(|id| self.vms.get(id));
        let existing = vm.ok_or(Fault::Gone)?.value.power;
        let wrong = match call {
            Call::PowerOn(_) => existing == PowerState::On,
            Call::PowerOff(_) => existing == PowerState::Off,
            Call::Suspend(_) => existing != PowerState::On,
            Call::Destroy(_) => existing == PowerState::On,
            _ => false,
        };
        if wrong {
            return Err(Fault::InvalidPowerState { existing });
        }
        Ok(())
    }

    /// A VM, or a clone that still runs, has the name in that folder.
    fn name_taken(&self, clone: &CloneCall, but: Option<&TaskId>) -> Option<Fault> {
        let vm = self.vms.values().find(|vm| {
            vm.value.name == clone.name && vm.value.folder.as_ref() == Some(&clone.folder)
        });
        let being_made = self.jobs().any(|(id, job)| {
            job.runs()
                && job.fails.is_none()
                && Some(id) != but
                && matches!(&job.call, Call::Clone(other)
                    if other.name == clone.name && other.folder == clone.folder)
        });
        (vm.is_some() || being_made).then(|| Fault::DuplicateName {
            existing: vm.map(|vm| vm.value.id.clone()),
        })
    }

    fn has_folder(&self, id: &FolderId) -> bool {
        self.folders.values().any(|known| known == id)
    }

    fn put(&mut self, vm: Vm) {
        self.touched.insert(vm.id.clone());
        self.vms.insert(vm.id.clone(), Arc::new(Printed::new(vm)));
    }

    fn fresh(&mut self, prefix: &str, name: &str) -> String {
        let id = format!("{prefix}{name}");
        let count = self.born.entry(id.clone()).or_default();
        *count += 1;
        format!("{id}-{count}")
    }
}

fn newborn(id: &VmId, clone: &CloneCall) -> Vm {
    let marker = Marker {
        disks: vec![DISK],
        ..clone.marker.clone()
    };
    Vm {
        id: id.clone(),
        name: clone.name.clone(),
        folder: Some(clone.folder.clone()),
        instance_uuid: Some(clone.instance_uuid.clone()),
        template: false,
        marker: Some(marker.to_text()),
        spec_hash: Some(clone.spec_hash.clone()),
        hold: None,
        power: PowerState::Off,
        connection: Connection::Connected,
        cpus: clone.cpus,
        memory_mib: clone.memory_mib,
        cpu_hot_add: false,
        memory_hot_add: false,
        disks: vec![DISK],
        snapshot: false,
        question: false,
        failover: false,
        destroy_disabled: false,
        created_at: None,
        tools_running: None,
        heartbeat: Heartbeat::Gray,
        ip: None,
        labels: BTreeMap::new(),
        tasks: Vec::new(),
    }
}
