//! Folders and names: a name is taken once in a folder.

use vmgroup_core::observation::PowerState;
use vmgroup_core::time::{Monotonic, Now};
use vmgroup_reconcile::inventory::{Fault, FolderId};
use vmgroup_reconcile::request::Call;

use super::{VCenter, VmTruth};
use crate::oracles::LOOKED_MS;

/// A folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderTruth {
    /// MoID.
    pub id: FolderId,
    /// Name.
    pub name: String,
    /// The folder it is in; none at the top.
    pub parent: Option<FolderId>,
    /// When people last took a VM out of it that is not its group's.
    pub taken_from_at: Option<Monotonic>,
}

impl VCenter {
    /// Path of a VM or folder below the top, such as `/other/base`.
    pub fn path(&self, folder: &str, name: &str) -> String {
        let mut parts = vec![name.to_owned()];
        let mut above = self.folders.get(folder);
        while let Some(folder) = above {
            parts.push(folder.name.clone());
            above = folder.parent.as_ref().and_then(|id| self.folders.get(id));
        }
        parts.push(String::new());
        parts.reverse();
        parts.join("/")
    }

    /// A folder by the folder above it and its name.
    pub fn folder_named(&self, parent: &str, name: &str) -> Option<&FolderTruth> {
        self.folders
            .values()
            .find(|folder| folder.parent.as_deref() == Some(parent) && folder.name == name)
    }

    pub(super) fn add_folder(&mut self, name: &str, parent: Option<FolderId>) -> FolderId {
        let id = format!("group-v{}", self.number());
        self.folders.insert(
            id.clone(),
            FolderTruth {
                id: id.clone(),
                name: name.to_owned(),
                parent,
                taken_from_at: None,
            },
        );
        id
    }

    /// The folder is the root, or somewhere below it.
    pub(super) fn below_root(&self, folder: &str) -> bool {
        let mut at = Some(folder);
        while let Some(id) = at {
            if id == self.root {
                return true;
            }
            at = self
                .folders
                .get(id)
                .and_then(|folder| folder.parent.as_deref());
        }
        false
    }

    /// Fails if the name is taken in the folder by a VM, by a folder, or by a
    /// clone that is still running. `but` is a task that does not count.
    pub(super) fn name_free(
        &self,
        folder: &str,
        name: &str,
        but: Option<&str>,
    ) -> Result<(), Fault> {
        let vm = self
            .vms
            .values()
            .find(|vm| vm.folder == folder && vm.name == name)
            .map(|vm| vm.id.clone());
        let existing = vm.or_else(|| self.folder_named(folder, name).map(|it| it.id.clone()));
        if existing.is_some() {
            return Err(Fault::DuplicateName { existing });
        }
        let being_made = self.tasks.values().any(|task| {
            task.runs()
                && Some(task.id.as_str()) != but
                && task.fails.is_none()
                && matches!(&task.call, Some(Call::Clone(clone))
                    if clone.folder == folder && clone.name == name)
        });
        if being_made {
            return Err(Fault::DuplicateName { existing: None });
        }
        Ok(())
    }

    /// Fails if a VM runs in the folder or below: it cannot be unregistered.
    pub(super) fn all_off(&self, folder: &str) -> Result<(), Fault> {
        let runs = |vm: &&VmTruth| vm.folder == folder && vm.power == PowerState::On;
        if self.vms.values().any(|vm| runs(&vm)) {
            return Err(Fault::InvalidPowerState {
                existing: PowerState::On,
            });
        }
        self.folders
            .values()
            .filter(|below| below.parent.as_deref() == Some(folder))
            .try_for_each(|below| self.all_off(&below.id))
    }

    /// Unregisters what is in the folder and removes it. Whoever does that to a
    /// folder that is not empty makes VMs disappear from the inventory.
    pub(super) fn unregister_and_destroy(&mut self, now: Now, id: &FolderId, held_up: bool) {
        let inside: Vec<FolderId> = self
            .folders
            .values()
            .filter(|folder| folder.parent.as_ref() == Some(id))
            .map(|folder| folder.id.clone())
            .collect();
        for folder in &inside {
            self.unregister_and_destroy(now, folder, held_up);
        }
        let vms: Vec<String> = self
            .vms
            .values()
            .filter(|vm| vm.folder == *id)
            .map(|vm| vm.id.clone())
            .collect();
        // What people put into it after the look, no call can except.
        let unseen: Vec<String> = self
            .vms
            .values()
            .filter(|vm| vm.folder == *id && self.foreign.contains_key(&vm.id))
            .filter(|vm| held_up || vm.came_within(LOOKED_MS, now.monotonic))
            .map(|vm| vm.id.clone())
            .collect();
        for vm in &unseen {
            self.foreign.remove(vm);
        }
        if vms.iter().any(|vm| !unseen.contains(vm)) || !inside.is_empty() {
            self.misdeed(
                now,
                format!("folder {id} was destroyed with {vms:?} and {inside:?} in it"),
            );
        }
        for vm in vms {
            self.vms.remove(&vm);
            self.show_vm(now, &vm);
        }
        self.folders.remove(id);
    }
}
