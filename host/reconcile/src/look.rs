//! The fresh look right before a call, and the call that follows from it.
//! There is no policy in here: what to do was decided and committed; the look
//! only says whether it can still be done.

use vmgroup_core::group::{Adoption, GroupKey, Spec};
use vmgroup_core::hash;
use vmgroup_core::marker::Marker;
use vmgroup_core::names::{self, OperationId};
use vmgroup_core::observation::{FailureClass, Hold, PowerState, Slot, WakeReason};

use crate::backoff::Backoff;
use crate::drift::grows_while_running;
use crate::event::ReadResult;
use crate::group::{Folder, Group};
use crate::inventory::{Known, Vm, VmId};
use crate::limits::{LOOK_MS_MAX, SEARCH_RETRY_MOST_MS, SEARCH_RETRY_MS, SPARED_MS};
use crate::machine::Machine;
use crate::member::holds;
use crate::membership::Tie;
use crate::operation::{NextStep, Stage, Verdict, Work, judge, power_step};
use crate::request::{Call, CloneCall, Request, RequestId};
use crate::unsure::Unproven;

impl Machine {
    /// The fresh look is answered.
    pub(crate) fn looked(&mut self, key: &GroupKey, slot: Slot, id: RequestId, result: ReadResult) {
        let now = self.now.monotonic;
        let Some(operation) = self.operation(key, slot) else {
            return;
        };
        match (&operation.stage, result) {
            (Stage::Looking { id: waiting, .. } | Stage::Searching(waiting), _)
                if *waiting != id => {}
            (Stage::Looking { begun_at, .. }, ReadResult::Vms(_) | ReadResult::Vm(_))
                if now.since(*begun_at) > LOOK_MS_MAX =>
            {
                self.failed(key, slot, FailureClass::Transient, &too_slow());
            }
            (Stage::Looking { .. }, ReadResult::Vms(vms)) => {
                self.looked_for_identity(key, slot, vms);
            }
            (Stage::Looking { .. }, ReadResult::Vm(vm)) => self.looked_at_vm(key, slot, &vm),
            (Stage::Looking { .. }, ReadResult::Gone) => {
                if let Some(vm) = operation.vm.clone() {
                    self.vm_is_gone(&vm);
                }
                self.over(key, slot);
            }
            (Stage::Searching(_), ReadResult::Vms(vms)) => self.searched(key, slot, vms),
            (Stage::Looking { .. }, _) => {
                let what = "the VM could not be read right before the call";
                self.failed(key, slot, FailureClass::Transient, what);
            }
            (Stage::Searching(_), result) => {
                operation.heard_at = Some(now);
                if let ReadResult::Failed { fault } = result
                    && let Verdict::Failed(_, why) = judge(&Work::Clone, &fault)
                {
                    // Less and less: another try costs a complete view.
                    let first = Backoff::new(SEARCH_RETRY_MS, SEARCH_RETRY_MOST_MS);
                    let before = operation.unproven.as_ref();
                    let unproven = Unproven::again(before, first, &(key, slot), now, why);
                    operation.unproven = Some(unproven);
                    self.wake(key, 0, WakeReason::TimeCame);
                }
                self.become_unsure(key, slot);
            }
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
            None => self.abandon(key, slot),
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
            vcenter: self.session.vcenter().to_owned(),
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
    pub(crate) fn found_instead(&mut self, key: &GroupKey, slot: Slot, vms: Vec<Vm>) {
        let mut ours = None;
        let mut stranger = String::new();
        for vm in vms {
            if self.tie(key, slot, &vm).holds_slot() {
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
                self.failed(key, slot, FailureClass::NameTaken, &message);
            }
        }
    }

    fn looked_at_vm(&mut self, key: &GroupKey, slot: Slot, vm: &Vm) {
        let Some(operation) = self.operation(key, slot) else {
            return;
        };
        operation.power = Some(vm.power);
        let work = operation.work.clone();
        let tie = self.tie(key, slot, vm);
        let adopts = |group: &Group| group.object.adoption == Some(Adoption::Adopt);
        let adoptable = work == Work::Adopt
            && self.groups.get(key).is_some_and(adopts)
            && (self.is_still_left_over(key, vm) || matches!(tie, Tie::Brought | Tie::Former));
        if tie != Tie::Member && !adoptable {
            if work == Work::LetGo && vm.marker.as_deref().unwrap_or_default().is_empty() {
                self.done_already(key, slot);
                return;
            }
            let message = format!("the marker of VM {} does not speak of slot {slot}", vm.id);
            self.failed(key, slot, FailureClass::Transient, &message);
            return;
        }
        if let Some(hold) = blocking(&work, &Known::new(vm.clone())) {
            if hold == Hold::DestroyDisabled {
                self.spare(key, &vm.id);
            }
            let message = format!("VM {} is held: {hold}", vm.id);
            self.failed(key, slot, FailureClass::Transient, &message);
            return;
        }
        let step = self.next_step(key, slot, &work, vm);
        if matches!(step, NextStep::Call(_)) && !self.is_allowed_as_seen(key, slot, vm) {
            self.abandon(key, slot);
            return;
        }
        match step {
            NextStep::Call(call) => {
                if matches!(call, Call::PowerOff(_) | Call::ShutdownGuest(_)) {
                    self.expect_back(key, slot, vm);
                }
                self.call(key, slot, call);
            }
            NextStep::Over => self.done_already(key, slot),
            NextStep::Impossible(message) => {
                self.failed(key, slot, FailureClass::Invalid, &message);
            }
            NextStep::NotNow(message) => {
                self.failed(key, slot, FailureClass::Transient, &message);
            }
        }
    }

    /// It is powered on again, and vCenter disables Destroy on every VM that runs: without this
    /// it would be powered off for its deletion again and again.
    fn spare(&mut self, key: &GroupKey, vm: &VmId) {
        let until = self.now.monotonic.plus(SPARED_MS);
        let group = self.groups.get_mut(key);
        if let Some(since) = group.and_then(|group| group.since.get_mut(vm)) {
            since.spared_until = until;
        }
    }

    fn next_step(&self, key: &GroupKey, slot: Slot, work: &Work, vm: &Vm) -> NextStep {
        let Some(group) = self.groups.get(key) else {
            return NextStep::Over;
        };
        match work {
            Work::Reconfigure => {
                let spec = group.object.spec.as_ref();
                spec.map_or(NextStep::Over, |spec| reconfigure(spec, vm))
            }
            Work::Adopt => {
                let instance_uuid = names::instance_uuid(group.identity(), slot);
                let Some(mut marker) = self.marker(key, slot, &instance_uuid) else {
                    return NextStep::Over;
                };
                marker.disks = own_disks(vm);
                NextStep::Call(Call::Mark {
                    vm: vm.id.clone(),
                    marker: marker.to_text(),
                    spec_hash: vm.spec_hash.clone().unwrap_or_default(),
                    instance_uuid: Some(instance_uuid),
                })
            }
            Work::LetGo => NextStep::Call(Call::Mark {
                vm: vm.id.clone(),
                marker: String::new(),
                spec_hash: String::new(),
                instance_uuid: None,
            }),
            _ => power_step(work, vm),
        }
    }

    pub(crate) fn call(&mut self, key: &GroupKey, slot: Slot, call: Call) {
        let Some(group) = self.groups.get(key) else {
            return;
        };
        let Some(operation) = group.operations.get(&slot) else {
            return;
        };
        let is_as_committed = operation.generation == Some(group.object.generation)
            && operation.identity == group.identity();
        let is_here = self.session.is_live() && !self.is_elsewhere(key);
        if !is_as_committed || group.reread || !is_here {
            // The owner changed spec or identity between the commit and this moment, the
            // object itself is in doubt, or the session of the look has ended: the next one
            // may be with another vCenter.
            self.abandon(key, slot);
            return;
        }
        let operation_id =
            OperationId::in_slot(group.identity(), slot, operation.intent).to_string();
        self.pay(key, slot);
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
}

/// What an adopted VM counts as born with: what its marker says, if it has one; otherwise all but
/// what was attached to it.
fn own_disks(vm: &Vm) -> Vec<i32> {
    match vm.marker.as_deref().and_then(Marker::parse) {
        Some(before) => before.disks,
        None => vm.disks.iter().copied().filter(|key| *key >= 0).collect(),
    }
}

fn reconfigure(spec: &Spec, vm: &Vm) -> NextStep {
    let Some(spec_hash) = hash::reconfigured(vm.spec_hash.as_deref(), spec) else {
        return NextStep::Impossible(format!("VM {} carries no spec hash", vm.id));
    };
    if vm.spec_hash.as_deref() == Some(spec_hash.as_str()) {
        return NextStep::Over;
    }
    if vm.power != PowerState::Off && !grows_while_running(vm, spec) {
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
    holds(known).into_iter().find(|hold| match hold {
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
        | Hold::Duplicate => true,
    })
}

/// Why nothing follows from a look that took too long.
pub(crate) fn too_slow() -> String {
    let seconds = LOOK_MS_MAX / 1_000;
    format!(
        "the look right before the call took more than {seconds} s, so that nothing was called: \
         vCenter or the operator's host is slow; it is tried again"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::tests::{marked, vm};

    #[test]
    fn what_was_attached_to_an_adopted_vm_is_not_its_own() {
        let disks = vec![-2_001, 2_000];
        let left_over = Vm {
            disks: disks.clone(),
            ..vm("vm-1")
        };
        assert_eq!(own_disks(&left_over), [2_000]);
        let member = Vm {
            disks,
            ..marked("vm-1", |marker| marker.disks = vec![2_000, 2_002])
        };
        assert_eq!(own_disks(&member), [2_000, 2_002]);
    }

    fn spec(cpus: u32, memory_mib: u64) -> Spec {
        Spec {
            cpus,
            memory_mib,
            ..Spec::nothing()
        }
    }

    #[test]
    fn hardware_is_set_where_it_can_be_without_a_power_off() {
        let running = Vm {
            power: PowerState::On,
            spec_hash: Some(hash::spec_hash(&spec(1, 1_024))),
            cpu_hot_add: true,
            ..vm("vm-1")
        };
        let off = Vm {
            power: PowerState::Off,
            ..running.clone()
        };
        let unknown = Vm {
            spec_hash: None,
            ..off.clone()
        };
        let step = |vm: &Vm, cpus, memory_mib| match reconfigure(&spec(cpus, memory_mib), vm) {
            NextStep::Call(Call::Reconfigure {
                cpus, memory_mib, ..
            }) => format!("{cpus} CPUs, {memory_mib} MiB"),
            NextStep::Impossible(why) | NextStep::NotNow(why) => why,
            NextStep::Over => "over".to_owned(),
            NextStep::Call(other) => panic!("{other:?}"),
        };
        assert_eq!(step(&running, 1, 1_024), "over");
        assert_eq!(step(&running, 2, 1_024), "2 CPUs, 1024 MiB");
        assert_eq!(
            step(&running, 2, 2_048),
            "VM vm-1 has to be powered off for it"
        );
        assert_eq!(step(&off, 2, 2_048), "2 CPUs, 2048 MiB");
        assert_eq!(step(&unknown, 2, 2_048), "VM vm-1 carries no spec hash");
    }

    #[test]
    fn what_is_attached_to_a_vm_keeps_it_from_being_destroyed_and_from_nothing_else() {
        let blocked = |work: Work, change: fn(&mut Vm)| {
            let mut vm = marked("vm-1", |marker| marker.disks = vec![2_000]);
            change(&mut vm);
            blocking(&work, &Known::new(vm))
        };
        for (change, hold) in [
            (
                (|vm| vm.snapshot = true) as fn(&mut Vm),
                Hold::ForeignSnapshot,
            ),
            (|vm| vm.disks.push(2_001), Hold::ForeignDisk),
            (|vm| vm.destroy_disabled = true, Hold::DestroyDisabled),
        ] {
            assert_eq!(blocked(Work::Delete, change), Some(hold));
            assert_eq!(blocked(Work::PowerOn, change), None);
        }
        // Every VM that runs has it disabled.
        let runs = |vm: &mut Vm| {
            (vm.power, vm.destroy_disabled) = (PowerState::On, true);
        };
        assert_eq!(blocked(Work::Delete, runs), None);
        for work in [Work::Delete, Work::PowerOn] {
            let asked = blocked(work, |vm| vm.question = true);
            assert_eq!(asked, Some(Hold::Question));
        }
    }
}
