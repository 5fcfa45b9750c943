//! What the ids of one side mean.

use std::collections::{BTreeMap, BTreeSet};

use vmgroup_reconcile::inventory::{FolderId, VmId};

use super::operation::{Folder, Identity, Vm};

/// Ids of one side, by the operation that made them.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    vms: BTreeMap<Vm, VmId>,
    folders: BTreeMap<Folder, FolderId>,
    /// Those that were ever tracked.
    tracked: BTreeSet<VmId>,
    /// Tells this sequence's instanceUuids from those of others.
    sequence: u64,
}

impl Names {
    /// Without any; `sequence` is another number each time.
    pub(super) fn new(sequence: u64) -> Self {
        Names {
            sequence,
            ..Names::default()
        }
    }

    /// The name of a VM. Each sequence has names of its own, because vcsim keeps
    /// the files of VMs that were unregistered.
    pub(super) fn named(&self, name: &str) -> String {
        format!("{name}-{}", self.sequence)
    }

    pub(super) fn know_vm(&mut self, vm: Vm, id: &str) {
        self.vms.insert(vm, id.to_owned());
    }

    pub(super) fn know_folder(&mut self, folder: Folder, id: &str) {
        self.folders.insert(folder, id.to_owned());
    }

    /// The id of a VM; one that nothing has if it was never made.
    pub(super) fn vm(&self, vm: Vm) -> VmId {
        let known = self.vms.get(&vm).cloned();
        known.unwrap_or_else(|| "vm-999999".into())
    }

    pub(super) fn folder(&self, folder: Folder) -> FolderId {
        let known = self.folders.get(&folder).cloned();
        known.unwrap_or_else(|| "group-v999999".into())
    }

    pub(super) fn note_tracked(&mut self, ids: &[VmId]) {
        self.tracked.extend(ids.iter().cloned());
    }

    /// How a VM is called among what a feed shows.
    pub(super) fn in_feed(&self, id: &str) -> String {
        let name = self.of_vm(id);
        if self.tracked.contains(id) {
            format!("tracked {name}")
        } else {
            name
        }
    }

    /// Whose id that is.
    pub(super) fn of_vm(&self, id: &str) -> String {
        let known = self.vms.iter().find(|(_, known)| *known == id);
        known.map_or_else(|| "an unknown vm".into(), |(vm, _)| vm.to_string())
    }

    pub(super) fn of_folder(&self, id: &str) -> String {
        let known = self.folders.iter().find(|(_, known)| *known == id);
        known.map_or_else(
            || "an unknown folder".into(),
            |(folder, _)| folder.to_string(),
        )
    }

    /// Whose id that is, if it is a VM's or folder's at all.
    pub(super) fn of_any(&self, id: &str) -> String {
        let is_vm = self.vms.values().any(|known| known == id);
        if is_vm {
            self.of_vm(id)
        } else {
            self.of_folder(id)
        }
    }

    /// The instanceUuid of an identity.
    pub(super) fn uuid(&self, identity: Identity) -> String {
        let Identity(number) = identity;
        format!("aaaaaaaa-bbbb-5ccc-8{:03x}-{:012x}", number, self.sequence)
    }

    /// Which identity has that instanceUuid; `fresh` if none of them has.
    pub(super) fn of_uuid(&self, uuid: &str) -> String {
        let known = (0..64).map(Identity).find(|it| self.uuid(*it) == uuid);
        known.map_or_else(|| "fresh".into(), |it| it.to_string())
    }
}
