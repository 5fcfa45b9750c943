//! What people and other programs do in vCenter by hand.

use std::collections::BTreeMap;

use vmgroup_core::marker::{HOLD_KEY, Marker};
use vmgroup_core::names;
use vmgroup_core::observation::{Connection, PowerState};
use vmgroup_core::time::Now;
use vmgroup_reconcile::inventory::{FolderId, Heartbeat, VmId};

use super::{Due, VCenter, VmTruth};
use crate::Refused;
use crate::history::Fact;

impl VCenter {
    /// A VM of somebody else: one disk, powered off, no marker.
    pub fn create_vm(
        &mut self,
        now: Now,
        name: &str,
        folder: &FolderId,
        shape: impl FnOnce(&mut VmTruth),
    ) -> VmId {
        let number = self.number();
        let id = format!("vm-{number}");
        let mut vm = VmTruth {
            id: id.clone(),
            name: name.to_owned(),
            folder: folder.clone(),
            instance_uuid: format!("by-hand-{number}"),
            template: false,
            extra_config: BTreeMap::new(),
            power: PowerState::Off,
            connection: Connection::Connected,
            cpus: 1,
            memory_mib: 1024,
            cpu_hot_add: false,
            memory_hot_add: false,
            disks: vec![2000],
            snapshot: false,
            question: false,
            failover: false,
            destroy_disabled: false,
            created_at: now.utc,
            tools: self.options.tools,
            tools_running: false,
            heartbeat: Heartbeat::Gray,
            ip: None,
            labels: BTreeMap::new(),
            boots: 0,
            meddled_at: Some(now.monotonic),
            came_at: Some(now.monotonic),
            joined_at: None,
        };
        shape(&mut vm);
        vm.joined_at = vm.agreed().map(|_| now.monotonic);
        self.foreign.insert(id.clone(), vm.clone());
        self.vms.insert(id.clone(), vm);
        self.show_vm(now, &id);
        id
    }

    /// A template beside the root.
    pub fn create_template(&mut self, now: Now, name: &str) -> VmId {
        let folder = self.elsewhere.clone();
        let hot_add = self.options.hot_add;
        self.create_vm(now, name, &folder, |vm| {
            vm.template = true;
            vm.cpu_hot_add = hot_add;
            vm.memory_hot_add = hot_add;
        })
    }

    /// Creates a folder below the root.
    pub fn folder_by_hand(&mut self, name: &str) -> FolderId {
        let root = self.root.clone();
        self.add_folder(name, Some(root))
    }

    /// Changes the power state.
    ///
    /// # Errors
    /// There is no such VM.
    pub fn power_by_hand(&mut self, now: Now, id: &str, power: PowerState) -> Result<(), Refused> {
        self.by_hand(now, id, |vm| {
            if vm.power != power {
                vm.set_power(power);
            }
        })?;
        let boots = self.vms.get(id).map_or(0, |vm| vm.boots);
        if power == PowerState::On {
            let (boot, vm) = (self.options.boot, id.to_owned());
            self.after(now, boot, Due::GuestUp { vm, boots });
        }
        Ok(())
    }

    /// Destroys a VM.
    ///
    /// # Errors
    /// There is no such VM.
    pub fn delete_by_hand(&mut self, now: Now, id: &str) -> Result<(), Refused> {
        let vm = self.vms.remove(id).ok_or_else(|| missing(id))?;
        self.foreign.remove(id);
        self.taken_out(now, &vm);
        self.show_vm(now, id);
        Ok(())
    }

    /// Makes a copy: it inherits extraConfig, and so the marker. Its
    /// instanceUuid is a new one, unless `twin` is set (a restored backup).
    ///
    /// # Errors
    /// There is no such VM.
    pub fn copy_by_hand(
        &mut self,
        now: Now,
        id: &str,
        name: &str,
        folder: &FolderId,
        twin: bool,
    ) -> Result<VmId, Refused> {
        let original = self.vms.get(id).cloned().ok_or_else(|| missing(id))?;
        Ok(self.create_vm(now, name, folder, |vm| {
            let uuid = std::mem::take(&mut vm.instance_uuid);
            *vm = VmTruth {
                id: vm.id.clone(),
                name: vm.name.clone(),
                folder: vm.folder.clone(),
                instance_uuid: if twin {
                    original.instance_uuid.clone()
                } else {
                    uuid
                },
                power: PowerState::Off,
                tools_running: false,
                heartbeat: Heartbeat::Gray,
                ip: None,
                boots: 0,
                meddled_at: vm.meddled_at,
                came_at: vm.came_at,
                created_at: vm.created_at,
                ..original
            };
        }))
    }

    /// Sets this vCenter up anew around the same hosts: it has another id from
    /// the next login on.
    pub fn rebuild(&mut self, instance: &str) {
        instance.clone_into(&mut self.instance);
    }

    /// Keeps a VM busy with a task of somebody else.
    ///
    /// # Errors
    /// There is no such VM.
    pub fn occupy(&mut self, now: Now, id: &str, for_ms: u64) -> Result<(), Refused> {
        if !self.vms.contains_key(id) {
            return Err(missing(id));
        }
        self.begin_foreign_task(now, id, for_ms);
        Ok(())
    }

    /// Sets the key that holds a VM, or takes it away.
    ///
    /// # Errors
    /// There is no such VM.
    pub fn hold(&mut self, now: Now, id: &str, reason: Option<&str>) -> Result<(), Refused> {
        self.by_hand(now, id, |vm| vm.set_key(HOLD_KEY, reason.unwrap_or("")))
    }

    /// Changes anything about a VM: its name, folder, connection, disks.
    ///
    /// # Errors
    /// There is no such VM.
    pub fn by_hand(
        &mut self,
        now: Now,
        id: &str,
        change: impl FnOnce(&mut VmTruth),
    ) -> Result<(), Refused> {
        let vm = self.vms.get_mut(id).ok_or_else(|| missing(id))?;
        let before = vm.clone();
        change(vm);
        vm.meddled_at = Some(now.monotonic);
        if vm.folder != before.folder {
            vm.came_at = Some(now.monotonic);
        }
        if before.agreed().is_none() && vm.agreed().is_some() {
            vm.joined_at = Some(now.monotonic);
        }
        let parted = before.agreed().filter(|_| vm.agreed().is_none());
        if vm.folder != before.folder {
            self.taken_out(now, &before);
        }
        if let Some(Marker { identity, .. }) = parted {
            let at = now.monotonic;
            self.log.push(Fact::Parted { at, identity });
        }
        self.remember_foreign(id);
        self.show_vm(now, id);
        Ok(())
    }

    /// A member of the folder's own group does not count: it has to be deleted anyway.
    fn taken_out(&mut self, now: Now, vm: &VmTruth) {
        let of_group = vm
            .agreed()
            .map(|marker| names::folder_name(&marker.group()));
        if let Some(folder) = self.folders.get_mut(&vm.folder)
            && of_group.as_ref() != Some(&folder.name)
        {
            folder.taken_from_at = Some(now.monotonic);
        }
    }

    /// What people do to a VM of theirs is how they want to find it again.
    pub(super) fn remember_foreign(&mut self, id: &str) {
        if let (Some(was), Some(vm)) = (self.foreign.get_mut(id), self.vms.get(id)) {
            was.clone_from(vm);
        }
    }
}

fn missing(id: &str) -> Refused {
    Refused::Missing {
        what: "VM",
        name: id.to_owned(),
    }
}
