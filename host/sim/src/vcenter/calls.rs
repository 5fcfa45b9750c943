//! Calls: what vCenter checks before it works, and what it answers.

use std::collections::BTreeSet;

use vmgroup_core::group::GroupKey;
use vmgroup_core::marker::Marker;
use vmgroup_core::observation::{Connection, PowerState, Slot};
use vmgroup_core::time::Now;
use vmgroup_reconcile::event::CallResult;
use vmgroup_reconcile::inventory::{Fault, VmId};
use vmgroup_reconcile::request::{Call, CloneCall};

use super::{Due, SessionId, VCenter, VmTruth};
use crate::history::{Called, Effect, Fact};
use crate::kind::Kind;
use crate::options::Refuses;
use crate::random::Latency;

/// Who asks, and under which operation id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The group.
    pub group: GroupKey,
    /// Operation id.
    pub operation_id: String,
    /// Which host.
    pub host: usize,
    /// The host stood still, or died, between its last look and this call.
    pub held_up: bool,
}

/// What goes wrong with one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spoil {
    /// It is refused so.
    Refused(Fault),
    /// Its task ends so, without an effect.
    Fails(Fault),
    /// Its task ends so, and has had its effect all the same.
    HalfWay(Fault),
    /// Its task is not shown for so many milliseconds.
    Hidden(u64),
    /// Its task is forgotten at its end, which nobody is shown.
    Vanishes,
    /// Its task ends well, and another one has the effect so many milliseconds later.
    PassedOn(u64),
}

impl VCenter {
    /// Takes a call or refuses it, and spoils it so.
    pub fn call(
        &mut self,
        now: Now,
        session: SessionId,
        asked: &Asked,
        call: &Call,
        spoil: Option<Spoil>,
    ) -> CallResult {
        let target = call.vm().and_then(|id| self.vms.get(id)).cloned();
        let result = match (self.alive(session), spoil) {
            (false, _) => CallResult::Refused(Fault::NotAuthenticated),
            (true, Some(Spoil::Refused(fault))) => CallResult::Refused(fault),
            (true, spoil) => self.take(now, asked, call, spoil),
        };
        let population = match call {
            Call::Clone(clone) => self.population(&clone.marker),
            _ => 0,
        };
        self.log.push(Fact::Called(Box::new(Called {
            at: now.monotonic,
            group: asked.group.clone(),
            operation_id: asked.operation_id.clone(),
            host: asked.host,
            held_up: asked.held_up,
            call: call.clone(),
            result: result.clone(),
            target,
            population,
        })));
        result
    }

    /// VMs whose marker agrees and names that identity, by MoID.
    pub fn members(&self, identity: &str) -> Vec<VmId> {
        self.vms
            .values()
            .filter(|vm| vm.agreed().is_some_and(|it| it.identity == identity))
            .map(|vm| vm.id.clone())
            .collect()
    }

    /// Clones for that group and identity that run and may succeed, by MoID of the task.
    pub fn clones(&self, group: &GroupKey, identity: &str) -> Vec<String> {
        let is_for = |call: &Call| match call {
            Call::Clone(it) => it.marker.group() == *group && it.marker.identity == identity,
            _ => false,
        };
        self.tasks
            .values()
            .filter(|task| task.runs() && task.fails.is_none())
            .filter(|task| task.call.as_ref().is_some_and(is_for))
            .map(|task| task.id.clone())
            .collect()
    }

    /// Slots of that marker's group that are filled, or will be.
    fn population(&self, asked: &Marker) -> u32 {
        let filled = self.vms.values().filter_map(VmTruth::agreed);
        let running = self.tasks.values().filter_map(|task| match &task.call {
            Some(Call::Clone(clone)) if task.runs() && task.fails.is_none() => {
                Some(clone.marker.clone())
            }
            _ => None,
        });
        // What people add to a slot that is filled is not the operator's.
        let ours = filled
            .chain(running)
            .filter(|marker| marker.identity == asked.identity && marker.group() == asked.group());
        let slots: BTreeSet<Slot> = ours.map(|marker| marker.slot).collect();
        u32::try_from(slots.len()).unwrap_or(u32::MAX)
    }

    fn take(&mut self, now: Now, asked: &Asked, call: &Call, spoil: Option<Spoil>) -> CallResult {
        match call {
            Call::CreateFolder { name } => self.create_folder(now, asked, name),
            Call::ShutdownGuest(vm) => self.shutdown_guest(now, asked, vm),
            _ => match self.entity(call) {
                Err(fault) => CallResult::Refused(fault),
                Ok(entity) => {
                    let busy = !matches!(call, Call::Clone(_)) && self.busy(&entity);
                    let checked = if busy {
                        Err(Fault::Busy {
                            message: format!("another task is already in progress on {entity}"),
                        })
                    } else {
                        self.check(call, None)
                    };
                    match checked {
                        Err(fault) if busy || self.options.refuse_at_call => {
                            CallResult::Refused(fault)
                        }
                        Err(fault) => {
                            let latency = self.options.fault;
                            let spoil = Some(Spoil::Fails(fault));
                            self.begin_task(now, asked, call, &entity, spoil, latency)
                        }
                        Ok(()) => {
                            let latency = self.latency(call);
                            self.begin_task(now, asked, call, &entity, spoil, latency)
                        }
                    }
                }
            },
        }
    }

    fn create_folder(&mut self, now: Now, asked: &Asked, name: &str) -> CallResult {
        let root = self.root.clone();
        if let Err(fault) = self.name_free(&root, name, None) {
            return CallResult::Refused(fault);
        }
        let id = self.add_folder(name, Some(root));
        self.effect(now, asked, Kind::CreateFolder, true, None, None);
        CallResult::Done { result: Some(id) }
    }

    fn shutdown_guest(&mut self, now: Now, asked: &Asked, id: &VmId) -> CallResult {
        let Some(vm) = self.vms.get(id) else {
            return CallResult::Refused(Fault::Gone);
        };
        if vm.power != PowerState::On {
            return CallResult::Refused(Fault::InvalidPowerState { existing: vm.power });
        }
        if !vm.tools_running {
            return CallResult::Refused(Fault::Other {
                name: "ToolsUnavailable".into(),
                message: "VMware Tools is not running in this virtual machine".into(),
            });
        }
        let (boots, marker) = (vm.boots, vm.agreed());
        let shutdown = self.options.shutdown;
        let vm = id.clone();
        self.after(now, shutdown, Due::GuestDown { vm, boots });
        self.effect(now, asked, Kind::ShutdownGuest, true, Some(id), marker);
        CallResult::Done { result: None }
    }

    /// What the call's task works on.
    fn entity(&self, call: &Call) -> Result<String, Fault> {
        match call {
            Call::Clone(clone) => {
                let template = self.template(clone)?;
                accessible(template)?;
                self.folder_there(&clone.folder)?;
                Ok(template.id.clone())
            }
            Call::DestroyFolder(id) if self.folders.contains_key(id) => Ok(id.clone()),
            _ => call
                .vm()
                .filter(|id| self.vms.contains_key(*id))
                .map(str::to_owned)
                .ok_or(Fault::Gone),
        }
    }

    /// A clone is a call on its folder, which the adapter tells from the others
    /// that the call names.
    fn folder_there(&self, folder: &str) -> Result<(), Fault> {
        let there = self.folders.contains_key(folder);
        there.then_some(()).ok_or(Fault::Gone)
    }

    /// The one VM of that name, or at that inventory path.
    fn template(&self, clone: &CloneCall) -> Result<&VmTruth, Fault> {
        let named: Vec<&VmTruth> = self
            .vms
            .values()
            .filter(|vm| {
                vm.name == clone.template || self.path(&vm.folder, &vm.name) == clone.template
            })
            .collect();
        match named[..] {
            [] => Err(Fault::NotFound {
                what: format!("template {:?}", clone.template),
            }),
            [one] => Ok(one),
            _ => Err(Fault::Invalid {
                message: format!("{} VMs are named `{}`", named.len(), clone.template),
            }),
        }
    }

    /// Whether the call can be carried out as things are. `task` is the one
    /// that is about to do it, if it has begun.
    pub(super) fn check(&self, call: &Call, task: Option<&str>) -> Result<(), Fault> {
        if let Call::Clone(clone) = call {
            self.name_free(&clone.folder, &clone.name, task)?;
            self.folder_there(&clone.folder)?;
            return connected(self.template(clone)?);
        }
        if let Call::DestroyFolder(folder) = call {
            return self.all_off(folder);
        }
        let Some(id) = call.vm() else {
            return Ok(());
        };
        let vm = self.vms.get(id).ok_or(Fault::Gone)?;
        connected(vm)?;
        let wrong_power = Err(Fault::InvalidPowerState { existing: vm.power });
        match call {
            Call::PowerOn(_) if vm.power == PowerState::On => wrong_power,
            // NotSupported, in the adapter's word for it.
            Call::PowerOn(_) if vm.template => Err(Fault::Invalid {
                message: "a template cannot be powered on".into(),
            }),
            Call::PowerOff(_) if vm.power == PowerState::Off => wrong_power,
            Call::Suspend(_) if vm.power != PowerState::On => wrong_power,
            Call::Destroy(_) if vm.power == PowerState::On => wrong_power,
            Call::Destroy(_) if vm.destroy_disabled => Err(Fault::Other {
                name: "MethodDisabled".into(),
                message: "the method is disabled by a solution".into(),
            }),
            Call::Reconfigure {
                cpus, memory_mib, ..
            } => {
                let cold_cpus = *cpus < vm.cpus || (*cpus > vm.cpus && !vm.cpu_hot_add);
                let cold_memory = *memory_mib < vm.memory_mib
                    || (*memory_mib > vm.memory_mib && !vm.memory_hot_add);
                let changes = (*cpus, *memory_mib) != (vm.cpus, vm.memory_mib);
                let refuses = match self.options.refuses_hardware {
                    Refuses::Never => false,
                    Refuses::Running => changes && vm.power == PowerState::On,
                    Refuses::Always => changes,
                };
                match vm.power {
                    _ if refuses => Err(Fault::Invalid {
                        message: "MemorySizeNotSupported: too much for this VM".into(),
                    }),
                    PowerState::On if cold_cpus => Err(not_hot("CpuHotPlugNotSupported")),
                    PowerState::On if cold_memory => Err(not_hot("MemoryHotPlugNotSupported")),
                    PowerState::Suspended if cold_cpus || cold_memory => wrong_power,
                    _ => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    fn busy(&self, entity: &str) -> bool {
        self.tasks.values().any(|task| {
            task.runs()
                && task.entity.as_deref() == Some(entity)
                && !matches!(task.call, Some(Call::Clone(_)))
        })
    }

    fn latency(&self, call: &Call) -> Latency {
        match call {
            Call::Clone(_) => self.options.clone,
            Call::Destroy(_) | Call::DestroyFolder(_) => self.options.destroy,
            Call::Reconfigure { .. } | Call::Mark { .. } => self.options.reconfigure,
            _ => self.options.power,
        }
    }

    /// Writes down that a call had its effect.
    pub(super) fn effect(
        &mut self,
        now: Now,
        asked: &Asked,
        kind: Kind,
        changed: bool,
        vm: Option<&str>,
        marker: Option<Marker>,
    ) {
        let place = |marker: &Marker| (marker.group(), marker.identity.clone(), marker.slot);
        let claimants = marker.as_ref().map_or_else(Vec::new, |own| {
            let agreed = |vm: &&VmTruth| vm.agreed().is_some_and(|it| place(&it) == place(own));
            let vms = self.vms.values().filter(agreed);
            vms.map(|vm| vm.id.clone()).collect()
        });
        self.log.push(Fact::Effect(Box::new(Effect {
            at: now.monotonic,
            group: asked.group.clone(),
            operation_id: asked.operation_id.clone(),
            held_up: asked.held_up,
            kind,
            changed,
            vm: vm.map(str::to_owned),
            marker,
            claimants,
        })));
    }

    pub(super) fn misdeed(&mut self, now: Now, text: String) {
        let at = now.monotonic;
        self.log.push(Fact::Misdeed { at, text });
    }
}

fn not_hot(name: &str) -> Fault {
    // The adapter's word for what a VM does not take.
    Fault::Invalid {
        message: format!("{name}: not supported while the virtual machine is powered on"),
    }
}

fn connected(vm: &VmTruth) -> Result<(), Fault> {
    match vm.connection {
        Connection::Connected => Ok(()),
        Connection::Inaccessible => accessible(vm),
        Connection::Disconnected | Connection::Unknown => Err(Fault::Unavailable {
            message: format!("the host of {} is not connected", vm.id),
        }),
    }
}

/// Whether its configuration can be read. The adapter reads a template's disks
/// before it calls for a clone.
fn accessible(vm: &VmTruth) -> Result<(), Fault> {
    if vm.connection == Connection::Inaccessible {
        return Err(Fault::Unavailable {
            message: format!("the files of {} are not accessible", vm.id),
        });
    }
    Ok(())
}
