//! Operations as requests of the operator, and answers in common words.

use std::collections::BTreeMap;

use vmgroup_core::group::GroupKey;
use vmgroup_core::marker::Marker;
use vmgroup_core::names::OperationId;
use vmgroup_core::observation::{Connection, PowerState};
use vmgroup_core::time::Timestamp;
use vmgroup_reconcile::event::CallResult;
use vmgroup_reconcile::inventory::{Heartbeat, Task, TaskState, Vm as SeenVm};
use vmgroup_reconcile::request::{Call, CloneCall, Read};

use super::names::Names;
use super::operation::{Identity, NewVm, Operation, Source, Vm, What};
use super::words;
use crate::answer::Outcome;

/// The template's name on both sides.
pub(super) const TEMPLATE: &str = "vm-operator-template";

/// Inventory paths of one side.
#[derive(Debug, Clone)]
pub(super) struct Paths {
    /// The template's.
    pub(super) template: String,
    /// Of nothing.
    pub(super) nothing: String,
}

/// Whose calls these are.
pub(super) fn group() -> GroupKey {
    GroupKey::new("n", "g")
}

/// The operation id of its call.
pub(super) fn operation_id(operation: &Operation) -> String {
    OperationId::in_slot("honest", 0, operation.number.into()).to_string()
}

/// The call that the operation is, if it is one.
pub(super) fn call(names: &Names, operation: &Operation, paths: &Paths) -> Option<Call> {
    let spec_hash = format!("v1:{}", operation.number);
    Some(match &operation.what {
        What::CreateFolder(name) => Call::CreateFolder {
            name: (*name).to_owned(),
        },
        What::Clone(it) => Call::Clone(clone(names, it, paths, spec_hash)),
        What::PowerOn(vm) => Call::PowerOn(names.vm(*vm)),
        What::PowerOff(vm) => Call::PowerOff(names.vm(*vm)),
        What::ShutdownGuest(vm) => Call::ShutdownGuest(names.vm(*vm)),
        What::Suspend(vm) => Call::Suspend(names.vm(*vm)),
        What::Reconfigure(vm, hardware) => Call::Reconfigure {
            vm: names.vm(*vm),
            cpus: hardware.cpus,
            memory_mib: hardware.memory_mib,
            spec_hash,
        },
        What::Mark(vm, of, own) => Call::Mark {
            vm: names.vm(*vm),
            marker: of.map_or(String::new(), |of| marker(names, of).to_text()),
            spec_hash: of.map_or(String::new(), |_| spec_hash),
            instance_uuid: own.map(|own| names.uuid(own)),
        },
        What::Destroy(vm) => Call::Destroy(names.vm(*vm)),
        What::DestroyFolder(folder) => Call::DestroyFolder(names.folder(*folder)),
        _ => return None,
    })
}

/// The read that the operation is, if it is one.
pub(super) fn read(names: &Names, what: &What) -> Option<Read> {
    Some(match what {
        What::ReadVm(vm) => Read::Vm(names.vm(*vm)),
        What::ReadIdentity(identity) => Read::Identity(names.uuid(*identity)),
        What::ReadFolder(folder) => Read::Folder(names.folder(*folder)),
        What::ReadFolderNamed(name) => Read::FolderNamed((*name).to_owned()),
        _ => return None,
    })
}

fn clone(names: &Names, it: &NewVm, paths: &Paths, spec_hash: String) -> CloneCall {
    CloneCall {
        template: match it.source {
            Source::Template => TEMPLATE.to_owned(),
            Source::TemplatePath => paths.template.clone(),
            Source::Named(name) => names.named(name),
            Source::NoPath => paths.nothing.clone(),
        },
        folder: names.folder(it.folder),
        name: names.named(it.name),
        instance_uuid: names.uuid(it.identity),
        marker: marker(names, it.identity),
        spec_hash,
        cpus: it.hardware.cpus,
        memory_mib: it.hardware.memory_mib,
    }
}

fn marker(names: &Names, of: Identity) -> Marker {
    let GroupKey { namespace, name } = group();
    Marker {
        version: Marker::VERSION,
        install: "honest".into(),
        vcenter: "vcenter".into(),
        namespace,
        name,
        identity: "i".into(),
        slot: of.0,
        instance_uuid: names.uuid(of),
        disks: Vec::new(),
    }
}

/// The answer to a call that started no task.
pub(super) fn answered(names: &Names, result: &CallResult) -> Outcome {
    match result {
        CallResult::Started(_) => Outcome::Fine("started".into()),
        CallResult::Done { result: None } => Outcome::Fine("done".into()),
        CallResult::Done { result: Some(id) } => {
            Outcome::Fine(format!("done ({})", names.of_folder(id)))
        }
        CallResult::Refused(fault) => {
            Outcome::Fault(format!("refused: {}", words::fault(names, fault)))
        }
        CallResult::NotSent { .. } => not_sent(),
        CallResult::Lost { .. } => Outcome::Fault("lost".into()),
    }
}

/// The end of the operation's task, which may have made a VM.
pub(super) fn ended(names: &mut Names, operation: &Operation, task: Option<&Task>) -> Outcome {
    let Some(task) = task else {
        return Outcome::Fault("task never seen".into());
    };
    if let (What::Clone(_), TaskState::Succeeded { result: Some(id) }) =
        (&operation.what, &task.state)
    {
        names.know_vm(Vm::Of(operation.number), id);
    }
    if task.operation_id != Some(operation_id(operation)) {
        return Outcome::Fault("task of another operation".into());
    }
    words::task(names, &task.state)
}

/// Of a call without a session.
pub(super) fn not_sent() -> Outcome {
    Outcome::Fault("not sent".into())
}

/// Of a feed that could not begin anew.
pub(super) fn not_listed() -> Outcome {
    Outcome::Fault("not listed".into())
}

/// Of a deed.
pub(super) fn done_by_hand<T, E>(done: &Result<T, E>) -> Outcome {
    match done {
        Ok(_) => Outcome::Fine("done by hand".into()),
        Err(_) => Outcome::Fault("refused to a person".into()),
    }
}

/// A VM of which nothing but that is known.
pub(super) fn bare(id: &str, name: &str, folder: &str) -> SeenVm {
    SeenVm {
        id: id.to_owned(),
        name: name.to_owned(),
        folder: Some(folder.to_owned()),
        instance_uuid: None,
        template: false,
        marker: None,
        spec_hash: None,
        hold: None,
        power: PowerState::Unknown,
        connection: Connection::Unknown,
        cpus: 0,
        memory_mib: 0,
        cpu_hot_add: false,
        memory_hot_add: false,
        disks: Vec::new(),
        snapshot: false,
        question: false,
        failover: false,
        destroy_disabled: false,
        created_at: Some(Timestamp(0)),
        tools_running: None,
        heartbeat: Heartbeat::Gray,
        ip: None,
        labels: BTreeMap::new(),
        tasks: Vec::new(),
    }
}
