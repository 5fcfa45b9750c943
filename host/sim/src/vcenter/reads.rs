//! Reads past the feed: they see the truth at the time they are executed.

use vmgroup_core::observation::Connection;
use vmgroup_reconcile::event::ReadResult;
use vmgroup_reconcile::inventory::{Fault, FolderId, Vm};
use vmgroup_reconcile::request::Read;

use super::{SessionId, VCenter};

impl VCenter {
    /// Reads in a session.
    pub fn read(&self, session: SessionId, read: &Read) -> ReadResult {
        if !self.alive(session) {
            return ReadResult::Failed {
                fault: Fault::NotAuthenticated,
            };
        }
        match read {
            Read::Vm(id) => match self.view(id) {
                Some(vm) => ReadResult::Vm(Box::new(vm)),
                None => ReadResult::Gone,
            },
            Read::Identity(uuid) => ReadResult::Vms(
                self.vms
                    .values()
                    .filter(|vm| vm.instance_uuid == *uuid)
                    .filter(|vm| {
                        self.options.search_finds_inaccessible
                            || vm.connection != Connection::Inaccessible
                    })
                    .filter_map(|vm| self.view(&vm.id))
                    .collect(),
            ),
            Read::Folder(id) if self.folders.contains_key(id) => self.folder(id),
            Read::Folder(_) => ReadResult::Gone,
            Read::FolderNamed(name) => match self.folder_named(&self.root, name) {
                Some(folder) => self.folder(&folder.id),
                None => ReadResult::NoFolder,
            },
        }
    }

    /// What can be read of a VM.
    pub(super) fn view(&self, id: &str) -> Option<Vm> {
        let running = self
            .tasks
            .values()
            .filter(|task| task.runs() && task.entity.as_deref() == Some(id))
            .map(|task| task.id.clone())
            .collect();
        Some(self.vms.get(id)?.view(running))
    }

    fn folder(&self, id: &FolderId) -> ReadResult {
        let others = self
            .folders
            .values()
            .filter(|folder| folder.parent.as_ref() == Some(id))
            .count();
        ReadResult::Folder {
            id: id.clone(),
            vms: self
                .vms
                .values()
                .filter(|vm| vm.folder == *id)
                .filter_map(|vm| self.view(&vm.id))
                .collect(),
            others: u32::try_from(others).unwrap_or(u32::MAX),
        }
    }
}
