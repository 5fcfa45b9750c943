//! What the operator knows of vCenter, in words of its own: the adapter
//! translates vSphere's properties into these types once.

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
    /// Device keys of its disks, sorted.
    pub disks: Vec<i32>,
    /// It has a snapshot.
    pub snapshot: bool,
    /// It waits for a question to be answered.
    pub question: bool,
    /// vCenter has disabled Destroy on it.
    pub destroy_disabled: bool,
    /// When vCenter created it, by vCenter's clock.
    pub created_at: Option<Timestamp>,
    /// VMware Tools run in it; none if it has none or that cannot be told.
    pub tools_running: Option<bool>,
    /// First IP address that the guest reports.
    pub ip: Option<String>,
    /// Running tasks on it (`recentTask` that have not ended), sorted.
    pub tasks: Vec<TaskId>,
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
        /// What, in words.
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
