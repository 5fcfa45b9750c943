//! What the operator knows of vCenter, in words of its own: the adapter
//! translates vSphere's properties into these types once.

use std::collections::{BTreeMap, BTreeSet};

use vmgroup_core::group::GroupKey;
use vmgroup_core::marker::{Claim, Marker, Owner};
use vmgroup_core::observation::{Connection, PowerState};
use vmgroup_core::time::Timestamp;

/// MoID of a VM, such as `vm-42`.
pub type VmId = String;
/// MoID of a folder, such as `group-v7`.
pub type FolderId = String;
/// MoID of a task, such as `task-99`.
pub type TaskId = String;

/// A VM as one read or one update of the feed shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vm {
    /// MoID.
    pub id: VmId,
    /// Name in the inventory; empty if it cannot be read.
    pub name: String,
    /// The folder it is in.
    pub folder: Option<FolderId>,
    /// `config.instanceUuid`; none while the VM cannot be read.
    pub instance_uuid: Option<String>,
    /// The VM was turned into a template.
    pub template: bool,
    /// Value of the marker key, as it stands there.
    pub marker: Option<String>,
    /// Value of the spec hash key.
    pub spec_hash: Option<String>,
    /// Value of the hold key, if it is not empty.
    pub hold: Option<String>,
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
    /// Device keys of its disks, sorted; negated of those that were made apart from it and
    /// attached, which it was never born with.
    pub disks: Vec<i32>,
    /// It has a snapshot.
    pub snapshot: bool,
    /// It waits for a question to be answered.
    pub question: bool,
    /// vSphere HA is bringing it up on another host.
    pub failover: bool,
    /// vCenter has disabled Destroy on it.
    pub destroy_disabled: bool,
    /// When vCenter created it, told by the operator's clock.
    pub created_at: Option<Timestamp>,
    /// VMware Tools run in it; none if it has none or that cannot be told.
    pub tools_running: Option<bool>,
    /// What the guest's heartbeat says.
    pub heartbeat: Heartbeat,
    /// First IP address that the guest reports.
    pub ip: Option<String>,
    /// What people wrote on it, by name; only what a group's owner allows is seen
    /// by a module.
    pub labels: BTreeMap<String, String>,
    /// Running tasks on it (`recentTask` that have not ended), sorted.
    pub tasks: Vec<TaskId>,
}

/// `guestHeartbeatStatus`: what VMware Tools in the guest let vCenter know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Heartbeat {
    /// Nothing: no tools, or they do not run.
    #[default]
    Gray,
    /// It comes as it should.
    Green,
    /// It comes now and then.
    Yellow,
    /// It has stopped: the guest may hang.
    Red,
}

/// A task of this operator's user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// MoID.
    pub id: TaskId,
    /// The operation id that the call carried, if vCenter tells.
    pub operation_id: Option<String>,
    /// What it works on; a clone's is the template.
    pub entity: Option<String>,
    /// How far it is.
    pub state: TaskState,
}

impl Task {
    /// It has not ended.
    pub(crate) fn is_running(&self) -> bool {
        self.state == TaskState::Running
    }
}

/// How far a task is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskState {
    /// Queued or running.
    Running,
    /// Ended well; a clone's result is the new VM.
    Succeeded {
        /// MoID of what it made.
        result: Option<String>,
    },
    /// Ended badly.
    Failed(Fault),
}

/// Why vCenter did not do what it was asked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The session has ended.
    NotAuthenticated,
    /// The role lacks a privilege.
    NoPermission {
        /// The privilege, if vCenter names it.
        privilege: String,
    },
    /// The object of the call does not exist: ManagedObjectNotFound on it.
    Gone,
    /// Something that the call names does not exist, such as the template.
    NotFound {
        /// What, such as `template "base"`.
        what: String,
    },
    /// The name is taken in that folder.
    DuplicateName {
        /// By whom, if vCenter tells.
        existing: Option<String>,
    },
    /// The VM is not in the power state that the call needs.
    InvalidPowerState {
        /// The state it is in.
        existing: PowerState,
    },
    /// ConcurrentAccess, TaskInProgress, ResourceInUse: somebody else is at it.
    Busy {
        /// vCenter's words.
        message: String,
    },
    /// Not enough capacity.
    InsufficientResources {
        /// vCenter's words.
        message: String,
    },
    /// vCenter refused the values.
    Invalid {
        /// vCenter's words.
        message: String,
    },
    /// A host could not be reached, or vCenter itself is in trouble.
    Unavailable {
        /// vCenter's words.
        message: String,
    },
    /// Any other fault, by name.
    Other {
        /// Its type.
        name: String,
        /// vCenter's words.
        message: String,
    },
}

/// The replica of vCenter that the feed keeps, with what is looked up in it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inventory {
    vms: BTreeMap<VmId, Known>,
    by_identity: BTreeMap<String, BTreeSet<VmId>>,
    by_group: BTreeMap<GroupKey, BTreeSet<VmId>>,
    tasks: BTreeMap<TaskId, Task>,
    strays: BTreeSet<VmId>,
}

/// A VM and its marker, parsed once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The VM.
    pub vm: Vm,
    /// Its marker, if it has one that can be parsed.
    pub marker: Option<Marker>,
}

impl Known {
    /// A VM with its marker parsed.
    pub fn new(vm: Vm) -> Self {
        let marker = vm.marker.as_deref().and_then(Marker::parse);
        Known { vm, marker }
    }

    /// The marker, if it speaks of this very VM. A clone, a restored VM or a
    /// replica inherits the marker, but not the instanceUuid.
    pub fn agreed(&self) -> Option<&Marker> {
        let own = self.vm.instance_uuid.as_deref()?;
        let marker = self.marker.as_ref()?;
        (marker.agrees(own) && !self.vm.template).then_some(marker)
    }

    /// What the VM is to a group; none without a marker, or while it cannot be
    /// read. A member that was turned into a template is like a copy.
    pub fn claim(&self, owner: &Owner) -> Option<(&Marker, Claim)> {
        let own = self.vm.instance_uuid.as_deref()?;
        let marker = self.marker.as_ref()?;
        let claim = match marker.claim(owner, own) {
            Claim::OtherInstall => Claim::OtherInstall,
            _ if self.vm.template => Claim::Copy,
            claim => claim,
        };
        Some((marker, claim))
    }

    /// vCenter can read the VM's configuration.
    pub fn is_readable(&self) -> bool {
        self.vm.instance_uuid.is_some()
    }
}

impl Inventory {
    /// Stores a VM as it is; returns what was known before.
    pub(crate) fn put(&mut self, vm: Vm) -> Option<Known> {
        let before = self.remove(&vm.id);
        let known = Known::new(vm);
        let id = known.vm.id.clone();
        if let Some(marker) = &known.marker {
            let identities = self.by_identity.entry(marker.identity.clone());
            identities.or_default().insert(id.clone());
            self.by_group
                .entry(marker.group())
                .or_default()
                .insert(id.clone());
        }
        self.vms.insert(id, known);
        before
    }

    /// Forgets a VM; returns what was known.
    pub(crate) fn remove(&mut self, id: &str) -> Option<Known> {
        let known = self.vms.remove(id)?;
        if let Some(marker) = &known.marker {
            take(&mut self.by_identity, &marker.identity, id);
            take(&mut self.by_group, &marker.group(), id);
        }
        Some(known)
    }

    /// The VM of that MoID.
    pub(crate) fn vm(&self, id: &str) -> Option<&Known> {
        self.vms.get(id)
    }

    /// VMs whose marker names that identity.
    pub(crate) fn of_identity(&self, identity: &str) -> impl Iterator<Item = &Known> {
        self.look_up(self.by_identity.get(identity))
    }

    /// VMs whose marker names that group.
    pub(crate) fn of_group(&self, group: &GroupKey) -> impl Iterator<Item = &Known> {
        self.look_up(self.by_group.get(group))
    }

    fn look_up<'a>(&'a self, ids: Option<&'a BTreeSet<VmId>>) -> impl Iterator<Item = &'a Known> {
        ids.into_iter().flatten().filter_map(|id| self.vms.get(id))
    }

    /// Stores a task as it is.
    pub(crate) fn put_task(&mut self, task: Task) {
        self.tasks.insert(task.id.clone(), task);
    }

    /// Forgets a task whose end has been dealt with.
    pub(crate) fn remove_task(&mut self, id: &str) {
        self.tasks.remove(id);
    }

    /// The task of that MoID.
    pub(crate) fn task(&self, id: &str) -> Option<&Task> {
        self.tasks.get(id)
    }

    /// All tasks of our user that the feed has shown.
    pub(crate) fn tasks(&self) -> impl Iterator<Item = &Task> {
        self.tasks.values()
    }

    /// Forgets all tasks, and all VMs but those; returns what it forgot of VMs.
    pub(crate) fn reset(&mut self, present: &BTreeSet<VmId>) -> Vec<Known> {
        let absent = |id: &&VmId| !present.contains(*id);
        let missing: Vec<VmId> = self.vms.keys().filter(absent).cloned().collect();
        self.tasks.clear();
        missing.iter().filter_map(|id| self.remove(id)).collect()
    }

    /// A VM of ours is outside of the feed's views. True if that is new.
    pub(crate) fn add_stray(&mut self, id: &VmId) -> bool {
        self.strays.insert(id.clone())
    }

    /// The VM does not exist. True if it was a stray.
    pub(crate) fn remove_stray(&mut self, id: &str) -> bool {
        self.strays.remove(id)
    }

    /// All VMs of ours outside of the feed's views.
    pub(crate) fn strays(&self) -> Vec<VmId> {
        self.strays.iter().cloned().collect()
    }
}

fn take<K: Ord + Clone>(index: &mut BTreeMap<K, BTreeSet<VmId>>, key: &K, id: &str) {
    if let Some(ids) = index.get_mut(key) {
        ids.remove(id);
        if ids.is_empty() {
            index.remove(key);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A VM that is off, reached, and nothing special.
    pub(crate) fn vm(id: &str) -> Vm {
        Vm {
            id: id.into(),
            name: id.into(),
            folder: None,
            instance_uuid: Some(format!("uuid-of-{id}")),
            template: false,
            marker: None,
            spec_hash: None,
            hold: None,
            power: PowerState::Off,
            connection: Connection::Connected,
            cpus: 1,
            memory_mib: 1_024,
            cpu_hot_add: false,
            memory_hot_add: false,
            disks: vec![2_000],
            snapshot: false,
            question: false,
            failover: false,
            destroy_disabled: false,
            created_at: None,
            tools_running: None,
            heartbeat: Heartbeat::Gray,
            ip: None,
            labels: BTreeMap::new(),
            tasks: Vec::new(),
        }
    }

    /// The marker of a member in slot 3 of shop/web.
    pub(crate) fn marker(vm: &Vm) -> Marker {
        Marker {
            version: Marker::VERSION,
            install: "prod".into(),
            vcenter: "vc".into(),
            namespace: "shop".into(),
            name: "web".into(),
            identity: "identity".into(),
            slot: 3,
            instance_uuid: vm.instance_uuid.clone().unwrap_or_default(),
            disks: Vec::new(),
        }
    }

    /// Whom that marker names.
    pub(crate) fn owner() -> Owner {
        Owner {
            install: "prod".into(),
            vcenter: "vc".into(),
            group: GroupKey::new("shop", "web"),
            identity: "identity".into(),
        }
    }

    /// A VM with a marker, which is that of a member but for the change.
    pub(crate) fn marked(id: &str, change: impl FnOnce(&mut Marker)) -> Vm {
        let vm = vm(id);
        let mut marker = marker(&vm);
        change(&mut marker);
        Vm {
            marker: Some(marker.to_text()),
            ..vm
        }
    }

    #[test]
    fn a_marker_speaks_of_the_vm_that_it_was_written_for() {
        let member = marked("vm-1", |_| {});
        let agreed = |vm: Vm| Known::new(vm).agreed().map(|marker| marker.name.clone());
        assert_eq!(agreed(member.clone()), Some("web".into()));
        let template = Vm {
            template: true,
            ..member.clone()
        };
        let copy = Vm {
            instance_uuid: Some("uuid-of-a-copy".into()),
            ..member
        };
        assert_eq!((agreed(template), agreed(copy)), (None, None));
    }

    #[test]
    fn a_member_that_was_made_a_template_is_a_copy_unless_it_is_anothers() {
        let owner = owner();
        let template = |install: &str| Vm {
            template: true,
            ..marked("vm-1", |marker| marker.install = install.into())
        };
        let claim = |vm: Vm| Known::new(vm).claim(&owner).map(|(_, claim)| claim);
        assert_eq!(claim(template("prod")), Some(Claim::Copy));
        assert_eq!(claim(template("test")), Some(Claim::OtherInstall));
    }

    #[test]
    fn a_vm_is_found_by_the_marker_that_it_has_now() {
        let mut inventory = Inventory::default();
        inventory.put(marked("vm-1", |_| {}));
        inventory.put(marked("vm-1", |marker| {
            marker.name = "db".into();
            marker.identity = "another".into();
        }));
        let found = |identity: &str, group: &str| {
            let group = GroupKey::new("shop", group);
            (
                inventory.of_identity(identity).count(),
                inventory.of_group(&group).count(),
            )
        };
        assert_eq!(found("identity", "web"), (0, 0));
        assert_eq!(found("another", "db"), (1, 1));
        inventory.remove("vm-1");
        assert!(inventory.by_identity.is_empty() && inventory.by_group.is_empty());
    }

    #[test]
    fn what_a_new_view_does_not_show_is_forgotten() {
        let mut inventory = Inventory::default();
        let task = Task {
            id: "task-1".into(),
            operation_id: None,
            entity: None,
            state: TaskState::Running,
        };
        inventory.put(vm("vm-1"));
        inventory.put(vm("vm-2"));
        inventory.put_task(task.clone());
        let forgotten = inventory.reset(&["vm-2".to_owned()].into());
        assert_eq!(forgotten, [Known::new(vm("vm-1"))]);
        assert!(inventory.vm("vm-2").is_some() && inventory.tasks().next().is_none());
        inventory.put_task(task);
        inventory.remove_task("task-1");
        assert_eq!(inventory.task("task-1"), None);
    }

    #[test]
    fn a_stray_is_told_of_once() {
        let mut inventory = Inventory::default();
        let id = "vm-1".to_owned();
        assert!(inventory.add_stray(&id) && !inventory.add_stray(&id));
        assert_eq!(inventory.strays(), ["vm-1"]);
        assert!(inventory.remove_stray(&id) && !inventory.remove_stray(&id));
        assert!(inventory.strays().is_empty());
    }
}
