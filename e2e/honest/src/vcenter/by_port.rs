//! What people do, and what truly is, by the control port of the rig.

use std::collections::BTreeMap;

use anyhow::Result;
use vmgroup_core::marker::{HOLD_KEY, MARKER_KEY, SPEC_HASH_KEY};
use vmgroup_core::observation::{Connection, PowerState};
use vmgroup_reconcile::inventory::{Vm as SeenVm, VmId};
use vmgroup_rig::Control;

use super::names::Names;
use super::operation::{Folder, Operation, What};
use super::requests;

/// Where a sequence's folders are.
#[derive(Debug)]
pub(super) struct Folders {
    /// Path of the folder below which all others are.
    pub(super) root: String,
    /// Path of the one outside.
    pub(super) elsewhere: String,
    /// Names of those that operations made.
    pub(super) made: BTreeMap<Folder, &'static str>,
}

impl Folders {
    fn path(&self, folder: Folder) -> String {
        match folder {
            Folder::Root => self.root.clone(),
            Folder::Elsewhere => self.elsewhere.clone(),
            Folder::Of(_) | Folder::Nobody => {
                let name = self.made.get(&folder).copied().unwrap_or("nowhere");
                format!("{}/{name}", self.root)
            }
        }
    }

    fn holds(&self, path: &str) -> bool {
        let below = |top: &str| {
            path.strip_prefix(top)
                .is_some_and(|rest| rest.starts_with('/'))
        };
        [&self.root, &self.elsewhere]
            .iter()
            .any(|top| path == top.as_str() || below(top))
    }
}

/// Does it; gives the VM that it made, or why it was refused.
pub(super) fn deed(
    control: &Control,
    names: &Names,
    folders: &Folders,
    operation: &Operation,
) -> Result<Result<Option<VmId>>> {
    let nothing = |done: Result<()>| done.map(|()| None);
    Ok(match &operation.what {
        What::HandMakes(name, folder) => control
            .create_vm(&names.named(name), &folders.path(*folder))
            .map(Some),
        What::HandPower(vm, power) => {
            nothing(control.set_power(&names.vm(*vm), power_word(*power)))
        }
        What::HandDestroys(vm) => nothing(control.delete_vm(&names.vm(*vm))),
        What::HandRenames(vm, name) => {
            nothing(control.rename_vm(&names.vm(*vm), &names.named(name)))
        }
        What::HandMoves(vm, folder) => {
            nothing(control.move_vm(&names.vm(*vm), &folders.path(*folder)))
        }
        What::HandCopies(vm, name, folder, twin) => control
            .copy_vm(
                &names.vm(*vm),
                &names.named(name),
                &folders.path(*folder),
                *twin,
            )
            .map(Some),
        What::Connects(vm, connection) => {
            nothing(control.set_connection(&names.vm(*vm), connection_word(*connection)))
        }
        What::HandHolds(vm, on) => {
            let value = if *on { "held" } else { "" };
            nothing(control.set_extra_config(&names.vm(*vm), HOLD_KEY, value))
        }
        What::HandUnmarks(vm) => nothing(control.set_extra_config(&names.vm(*vm), MARKER_KEY, "")),
        What::HotAdd(on) => nothing(control.set_hot_add(*on)),
        other => anyhow::bail!("{} is no deed of a person", other.kind()),
    })
}

/// VMs and folders of the sequence.
pub(super) fn truth(
    control: &Control,
    folders: &Folders,
    names: &Names,
) -> Result<(Vec<SeenVm>, BTreeMap<String, String>)> {
    let all = control.folders()?;
    let ids: BTreeMap<&str, &str> = all
        .iter()
        .map(|folder| (folder.path.as_str(), folder.moid.as_str()))
        .collect();
    let vms = control.vms()?.vms.into_iter();
    let vms = vms.filter(|vm| folders.holds(&vm.folder)).map(|vm| {
        let folder = ids.get(vm.folder.as_str()).copied().unwrap_or_default();
        let key = |name: &str| vm.markers.get(name).filter(|it| !it.is_empty()).cloned();
        SeenVm {
            marker: key(MARKER_KEY),
            spec_hash: key(SPEC_HASH_KEY),
            hold: key(HOLD_KEY),
            instance_uuid: Some(vm.instance_uuid.clone()),
            template: vm.template,
            power: power_of(&vm.power),
            connection: connection_of(&vm.connection),
            cpus: vm.cpus,
            memory_mib: u64::from(vm.memory_mb),
            disks: vm.disk_keys.clone(),
            ..requests::bare(&vm.moid, &vm.name, folder)
        }
    });
    let below = all.iter().filter_map(|folder| {
        let name = folder.path.strip_prefix(&folders.root)?.strip_prefix('/')?;
        Some((names.of_folder(&folder.moid), name.to_owned()))
    });
    Ok((vms.collect(), below.collect()))
}

/// Destroys all VMs of the sequence.
pub(super) fn clear_away(control: &Control, folders: &Folders) -> Result<()> {
    for vm in control.vms()?.vms {
        if folders.holds(&vm.folder) {
            if vm.connection != "connected" {
                control.set_connection(&vm.moid, "connected")?;
            }
            control.delete_vm(&vm.moid)?;
        }
    }
    Ok(())
}

fn power_word(power: PowerState) -> &'static str {
    match power {
        PowerState::On => "poweredOn",
        PowerState::Suspended => "suspended",
        PowerState::Off | PowerState::Unknown => "poweredOff",
    }
}

fn power_of(word: &str) -> PowerState {
    match word {
        "poweredOn" => PowerState::On,
        "suspended" => PowerState::Suspended,
        "poweredOff" => PowerState::Off,
        _ => PowerState::Unknown,
    }
}

fn connection_word(connection: Connection) -> &'static str {
    match connection {
        Connection::Connected | Connection::Unknown => "connected",
        Connection::Disconnected => "disconnected",
        Connection::Inaccessible => "inaccessible",
    }
}

fn connection_of(word: &str) -> Connection {
    match word {
        "connected" => Connection::Connected,
        "disconnected" => Connection::Disconnected,
        "inaccessible" => Connection::Inaccessible,
        _ => Connection::Unknown,
    }
}
