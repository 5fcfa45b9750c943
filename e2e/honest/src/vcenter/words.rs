//! Answers and views in words that mean the same on both sides. Left out is
//! what the sides make up (ids, times, addresses) and what is for people.

use std::collections::BTreeMap;

use vmgroup_core::marker::Marker;
use vmgroup_reconcile::event::{LoginResult, ReadResult};
use vmgroup_reconcile::inventory::{Fault, TaskState, Vm};

use super::names::Names;
use crate::answer::Outcome;

/// What the template is called.
const TEMPLATE: &str = "the template";

/// A fault by its name, with the particulars that the operator uses.
pub(super) fn fault(names: &Names, fault: &Fault) -> String {
    match fault {
        Fault::NotAuthenticated => "NotAuthenticated".into(),
        Fault::NoPermission { .. } => "NoPermission".into(),
        Fault::Gone => "Gone".into(),
        Fault::NotFound { .. } => "NotFound".into(),
        Fault::DuplicateName { existing } => match existing {
            Some(existing) => format!("DuplicateName ({})", names.of_any(existing)),
            None => "DuplicateName".into(),
        },
        Fault::InvalidPowerState { existing } => format!("InvalidPowerState ({existing:?})"),
        Fault::Busy { .. } => "Busy".into(),
        Fault::InsufficientResources { .. } => "InsufficientResources".into(),
        Fault::Invalid { .. } => "Invalid".into(),
        Fault::Unavailable { .. } => "Unavailable".into(),
        Fault::Other { name, .. } => name.clone(),
    }
}

/// The end of a task.
pub(super) fn task(names: &Names, state: &TaskState) -> Outcome {
    match state {
        TaskState::Running => Outcome::Fault("task still runs".into()),
        TaskState::Succeeded { result: None } => Outcome::Fine("task succeeded".into()),
        TaskState::Succeeded {
            result: Some(result),
        } => Outcome::Fine(format!("task succeeded ({})", names.of_any(result))),
        TaskState::Failed(why) => Outcome::Fault(format!("task failed: {}", fault(names, why))),
    }
}

/// The answer to a read.
pub(super) fn read(names: &Names, result: &ReadResult) -> Outcome {
    match result {
        ReadResult::Vm(it) => Outcome::Fine(format!("read ({})", vm(names, it))),
        ReadResult::Gone => Outcome::Fault("gone".into()),
        ReadResult::Vms(vms) if vms.is_empty() => Outcome::Fault("found nothing".into()),
        ReadResult::Vms(vms) => Outcome::Fine(format!("found ({})", all(names, vms))),
        ReadResult::Folder { id, vms, others } => Outcome::Fine(format!(
            "folder ({}, {others} others, {})",
            names.of_folder(id),
            all(names, vms)
        )),
        ReadResult::NoFolder => Outcome::Fault("no folder".into()),
        ReadResult::Failed { fault: why } => {
            Outcome::Fault(format!("failed: {}", fault(names, why)))
        }
    }
}

/// The answer to a login.
pub(super) fn login(result: &LoginResult) -> Outcome {
    match result {
        LoginResult::In { .. } => Outcome::Fine("in".into()),
        LoginResult::Refused { .. } => Outcome::Fault("refused".into()),
        LoginResult::Failed { .. } => Outcome::Fault("failed".into()),
    }
}

/// Each VM in words, by what it is called.
pub(super) fn vms<'a>(
    names: &Names,
    all: impl IntoIterator<Item = &'a Vm>,
) -> BTreeMap<String, String> {
    all.into_iter()
        .map(|it| (names.of_vm(&it.id), vm(names, it)))
        .collect()
}

fn all(names: &Names, all: &[Vm]) -> String {
    let all = vms(names, all).into_iter();
    let all: Vec<String> = all
        .map(|(name, words)| format!("{name}: {words}"))
        .collect();
    all.join("; ")
}

/// A VM, property by property.
pub(super) fn vm(names: &Names, vm: &Vm) -> String {
    if names.of_vm(&vm.id) == TEMPLATE {
        // The templates are made by the two sides themselves.
        return format!("{:?}, {:?}", vm.power, vm.connection);
    }
    let Some(uuid) = vm.instance_uuid.as_deref() else {
        return unreadable(names, vm);
    };
    let mut words = vec![
        format!("`{}`", vm.name),
        place(names, vm),
        names.of_uuid(uuid),
        format!("{:?}", vm.power),
        format!("{:?}", vm.connection),
        format!("{} cpus", vm.cpus),
        format!("{} MiB", vm.memory_mib),
        format!("{} disks", vm.disks.len()),
        marker(names, vm),
    ];
    words.extend(vm.spec_hash.as_ref().map(|hash| format!("hash {hash}")));
    words.extend(vm.hold.as_ref().map(|hold| format!("hold {hold}")));
    let flags = [
        (vm.template, "a template"),
        (vm.cpu_hot_add, "hot cpus"),
        (vm.memory_hot_add, "hot memory"),
        (vm.snapshot, "snapshot"),
        (vm.question, "question"),
        (vm.failover, "failover"),
        (vm.destroy_disabled, "destroy disabled"),
        (vm.created_at.is_none(), "of no age"),
        (!vm.tasks.is_empty(), "busy"),
    ];
    words.extend(
        flags
            .iter()
            .filter(|(on, _)| *on)
            .map(|(_, word)| (*word).into()),
    );
    words.join(", ")
}

/// vcsim does not tell the feed that a configuration cannot be read any more, so
/// what is left of it is not compared: nobody may use it.
fn unreadable(names: &Names, vm: &Vm) -> String {
    let place = place(names, vm);
    let Vm {
        name,
        power,
        connection,
        ..
    } = vm;
    format!("`{name}`, {place}, unreadable, {power:?}, {connection:?}")
}

fn place(names: &Names, vm: &Vm) -> String {
    let folder = vm.folder.as_deref();
    let folder = folder.map_or("nothing".into(), |id| names.of_folder(id));
    format!("in {folder}")
}

fn marker(names: &Names, vm: &Vm) -> String {
    let Some(text) = &vm.marker else {
        return "unmarked".into();
    };
    let Some(marker) = Marker::parse(text) else {
        return format!("marked {text}");
    };
    let disks = if marker.disks == vm.disks {
        "these"
    } else {
        "other"
    };
    let of = names.of_uuid(&marker.instance_uuid);
    format!("marked {of} with {disks} disks")
}
