//! A VM as it truly is, and what of it can be read.

use std::collections::BTreeMap;

use vmgroup_core::marker::{HOLD_KEY, MARKER_KEY, Marker, SPEC_HASH_KEY};
use vmgroup_core::observation::{Connection, PowerState};
use vmgroup_core::time::{Monotonic, Timestamp};
use vmgroup_reconcile::inventory::{FolderId, Heartbeat, TaskId, Vm, VmId};

/// A VM as it truly is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VmTruth {
    /// MoID.
    pub id: VmId,
    /// Name in the inventory.
    pub name: String,
    /// The folder it is in.
    pub folder: FolderId,
    /// `config.instanceUuid`.
    pub instance_uuid: String,
    /// It was turned into a template.
    pub template: bool,
    /// All of `config.extraConfig`.
    pub extra_config: BTreeMap<String, String>,
    /// Power state.
    pub power: PowerState,
    /// Whether vCenter reaches it.
    pub connection: Connection,
    /// Virtual CPUs.
    pub cpus: u32,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// CPUs can be added while it runs.
    pub cpu_hot_add: bool,
    /// Memory can be added while it runs.
    pub memory_hot_add: bool,
    /// Device keys of its disks, sorted.
    pub disks: Vec<i32>,
    /// It has a snapshot.
    pub snapshot: bool,
    /// It waits for a question to be answered.
    pub question: bool,
    /// vSphere HA is bringing it up on another host.
    pub failover: bool,
    /// Destroy is disabled on it.
    pub destroy_disabled: bool,
    /// When it was created.
    pub created_at: Timestamp,
    /// VMware Tools run in it.
    pub tools_running: bool,
    /// VMware Tools are installed.
    pub tools: bool,
    /// What the guest's heartbeat says.
    pub heartbeat: Heartbeat,
    /// Address that the guest reports.
    pub ip: Option<String>,
    /// What people wrote on it, by name.
    pub labels: BTreeMap<String, String>,
    /// How often its power changed.
    pub boots: u64,
    /// When a person last did something to it.
    pub meddled_at: Option<Monotonic>,
    /// When a person last put it into its folder.
    pub came_at: Option<Monotonic>,
    /// When a person last made a member of it.
    pub joined_at: Option<Monotonic>,
}

impl VmTruth {
    /// A person did something to it less than so many milliseconds before then.
    pub(crate) fn meddled_within(&self, ms: u64, now: Monotonic) -> bool {
        self.meddled_at.is_some_and(|at| now.since(at) < ms)
    }

    /// A person put it into its folder less than so many milliseconds before then.
    pub(crate) fn came_within(&self, ms: u64, now: Monotonic) -> bool {
        self.came_at.is_some_and(|at| now.since(at) < ms)
    }

    /// A person made a member of it less than so many milliseconds before then.
    pub(crate) fn joined_within(&self, ms: u64, now: Monotonic) -> bool {
        self.joined_at.is_some_and(|at| now.since(at) < ms)
    }

    /// Its marker, if it has one that can be understood.
    pub fn marker(&self) -> Option<Marker> {
        Marker::parse(self.extra_config.get(MARKER_KEY)?)
    }

    /// Its marker, if it agrees with the VM: only then is it a member. What a
    /// person turned into a template is none.
    pub fn agreed(&self) -> Option<Marker> {
        self.marker()
            .filter(|marker| marker.instance_uuid == self.instance_uuid && !self.template)
    }

    /// What can be read of it. vCenter has no `config` of a VM whose files it
    /// does not reach.
    pub(super) fn view(&self, tasks: Vec<TaskId>) -> Vm {
        let readable = self.connection != Connection::Inaccessible;
        let key = |name: &str| {
            let value = self.extra_config.get(name).filter(|_| readable)?;
            (!value.is_empty()).then(|| value.clone())
        };
        Vm {
            id: self.id.clone(),
            name: self.name.clone(),
            folder: Some(self.folder.clone()),
            instance_uuid: readable.then(|| self.instance_uuid.clone()),
            template: readable && self.template,
            marker: key(MARKER_KEY),
            spec_hash: key(SPEC_HASH_KEY),
            hold: key(HOLD_KEY),
            power: self.power,
            connection: self.connection,
            cpus: if readable { self.cpus } else { 0 },
            memory_mib: if readable { self.memory_mib } else { 0 },
            cpu_hot_add: readable && self.cpu_hot_add,
            memory_hot_add: readable && self.memory_hot_add,
            disks: if readable {
                self.disks.clone()
            } else {
                Vec::new()
            },
            snapshot: self.snapshot,
            question: self.question,
            failover: self.failover,
            // It is on every VM that runs, so that the adapter tells of it on others only.
            destroy_disabled: self.destroy_disabled && self.power == PowerState::Off,
            created_at: readable.then_some(self.created_at),
            tools_running: (self.connection == Connection::Connected && self.tools)
                .then_some(self.tools_running),
            heartbeat: self.heartbeat,
            ip: self.ip.clone(),
            labels: self.labels.clone(),
            tasks,
        }
    }

    /// Its guest had come up, or it would have no address, and has stopped answering.
    pub(crate) fn is_silent(&self) -> bool {
        self.ip.is_some() && !self.tools_running
    }

    /// Sets a key; an empty value removes it, as vCenter does.
    pub(super) fn set_key(&mut self, key: &str, value: &str) {
        if value.is_empty() {
            self.extra_config.remove(key);
        } else {
            self.extra_config.insert(key.to_owned(), value.to_owned());
        }
    }

    /// Changes the power state. Tools, heartbeat and address go with the guest.
    pub(super) fn set_power(&mut self, power: PowerState) {
        self.power = power;
        self.boots += 1;
        self.tools_running = false;
        self.heartbeat = Heartbeat::Gray;
        self.ip = None;
    }
}
