//! Everything that the operator can ask its adapters for. Each request has an
//! id and comes back as one event; only the machine repeats a write.

use vmgroup_core::group::GroupKey;
use vmgroup_core::observation::Observation;
use vmgroup_core::status::Status;

use crate::event::LeaseRecord;
use crate::inventory::{FolderId, VmId};

/// Ties an answer to its request. Never used twice by one machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

impl std::fmt::Display for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// Something that takes time or touches the world.
#[allow(
    clippy::large_enum_variant,
    reason = "requests are few, and moved once"
)]
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// Pure: ask the module. Answered by `Event::Decided`.
    Decide {
        /// Id.
        id: RequestId,
        /// The group, for spans and fairness.
        group: GroupKey,
        /// Name of the module; none for the default one.
        module: Option<String>,
        /// What it may see.
        observation: Box<Observation>,
    },
    /// Writes: the whole status, if the object still has that version.
    /// Answered by `Event::GroupAnswered`.
    WriteStatus {
        /// Id.
        id: RequestId,
        /// The object.
        target: ObjectTarget,
        /// What it becomes.
        status: Box<Status>,
    },
    /// Writes: finalizer and annotations, if the object still has that
    /// version. Answered by `Event::GroupAnswered`.
    WriteMeta {
        /// Id.
        id: RequestId,
        /// The object.
        target: ObjectTarget,
        /// What changes.
        change: MetaChange,
    },
    /// Reads: the object as it is now, by a quorum read. Answered by
    /// `Event::GroupAnswered`.
    ReadGroup {
        /// Id.
        id: RequestId,
        /// Which.
        key: GroupKey,
    },
    /// Writes: an event on the group's object, for people. Not answered.
    Tell {
        /// The object.
        target: ObjectTarget,
        /// Normal or Warning.
        warning: bool,
        /// CamelCase.
        reason: String,
        /// One sentence.
        message: String,
    },
    /// Writes: creates the lease (no version) or changes it, if it still has
    /// that version. Answered by `Event::LeaseSeen` or `Event::LeaseFailed`.
    WriteLease {
        /// Id.
        id: RequestId,
        /// What it becomes; `resource_version` is the one to be replaced,
        /// empty to create it.
        lease: LeaseRecord,
    },
    /// Writes: logs in with the credentials as they are and begins a feed.
    /// Answered by `Event::LoginAnswered`, then `Event::FeedReset`.
    Login {
        /// Id.
        id: RequestId,
        /// Why.
        reason: String,
    },
    /// Writes: ends session and feed. Not answered.
    Logout,
    /// Reads: begins the feed anew in the same session. Answered by
    /// `Event::FeedReset` or `Event::FeedLost`.
    Relist {
        /// Id.
        id: RequestId,
        /// Why.
        reason: String,
    },
    /// Reads: the feed also shows exactly these VMs, wherever they are. Not
    /// answered: they enter the feed.
    Track {
        /// All of them; replaces the previous ones.
        vms: Vec<VmId>,
    },
    /// Reads: from vCenter, past the feed. Answered by `Event::Read`.
    Read {
        /// Id.
        id: RequestId,
        /// What.
        read: Read,
    },
    /// Writes: in vCenter. Answered by `Event::Called`.
    Call {
        /// Id.
        id: RequestId,
        /// The group.
        group: GroupKey,
        /// `identity/slot/intent`: vCenter logs it and shows it on tasks.
        operation_id: String,
        /// What.
        call: Call,
    },
    /// A line of the operator's own story, for logs and traces. Not answered.
    Note(Note),
}

impl Request {
    /// The id under which it is answered; none if it is not.
    pub fn id(&self) -> Option<RequestId> {
        match self {
            Request::Decide { id, .. }
            | Request::WriteStatus { id, .. }
            | Request::WriteMeta { id, .. }
            | Request::ReadGroup { id, .. }
            | Request::WriteLease { id, .. }
            | Request::Login { id, .. }
            | Request::Relist { id, .. }
            | Request::Read { id, .. }
            | Request::Call { id, .. } => Some(*id),
            Request::Tell { .. } | Request::Logout | Request::Track { .. } | Request::Note(_) => {
                None
            }
        }
    }
}

/// A group's object at one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectTarget {
    /// Namespace and name.
    pub key: GroupKey,
    /// UID.
    pub uid: String,
    /// The version that was seen.
    pub resource_version: u64,
}

/// A change of metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetaChange {
    /// Adds the finalizer and the identity; takes the demo's finalizer away
    /// if `replace_demo` is set.
    Claim {
        /// The identity.
        identity: String,
        /// The group's left-overs of the demo were adopted.
        replace_demo: bool,
    },
    /// Removes the finalizer: the object may go.
    Release,
}

/// A read past the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read {
    /// One VM by MoID.
    Vm(VmId),
    /// All VMs with that instanceUuid in the whole vCenter.
    Identity(String),
    /// A folder by MoID, with what is directly in it.
    Folder(FolderId),
    /// The root's child folder of that name.
    FolderNamed(String),
}

/// A call that changes vCenter. Values are complete: nothing is left to decide.
#[allow(clippy::large_enum_variant, reason = "calls are few, and moved once")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// Creates a folder below the root. `Done` with its MoID, or DuplicateName.
    CreateFolder {
        /// Name.
        name: String,
    },
    /// Clones the template into the folder, powered off.
    Clone(CloneCall),
    /// Powers on, wherever DRS places it.
    PowerOn(VmId),
    /// Cuts the power.
    PowerOff(VmId),
    /// Asks the guest operating system to shut down. `Done` at once.
    ShutdownGuest(VmId),
    /// Suspends.
    Suspend(VmId),
    /// Sets hardware and spec hash.
    Reconfigure {
        /// Which.
        vm: VmId,
        /// Virtual CPUs.
        cpus: u32,
        /// Memory in MiB.
        memory_mib: u64,
        /// Spec hash to write.
        spec_hash: String,
    },
    /// Writes or blanks marker and spec hash; nothing else.
    Mark {
        /// Which.
        vm: VmId,
        /// The marker, empty to blank it.
        marker: String,
        /// Spec hash, empty to blank it.
        spec_hash: String,
        /// New instanceUuid, if it is to change.
        instance_uuid: Option<String>,
    },
    /// Destroys a powered-off VM with its disks.
    Destroy(VmId),
    /// Unregisters and destroys an empty folder.
    DestroyFolder(FolderId),
}

impl Call {
    /// The VM that it changes; none for a folder, or a VM that is yet to be made.
    pub fn vm(&self) -> Option<&str> {
        match self {
            Call::PowerOn(vm)
            | Call::PowerOff(vm)
            | Call::ShutdownGuest(vm)
            | Call::Suspend(vm)
            | Call::Reconfigure { vm, .. }
            | Call::Mark { vm, .. }
            | Call::Destroy(vm) => Some(vm),
            Call::CreateFolder { .. } | Call::Clone(_) | Call::DestroyFolder(_) => None,
        }
    }
}

/// All that a clone needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloneCall {
    /// Name or inventory path of the template.
    pub template: String,
    /// Where the VM goes.
    pub folder: FolderId,
    /// Its name.
    pub name: String,
    /// Its instanceUuid.
    pub instance_uuid: String,
    /// Its marker without `disks`; the adapter adds the device keys of the
    /// template's disks, which are those that the clone is born with.
    pub marker: vmgroup_core::marker::Marker,
    /// Its spec hash.
    pub spec_hash: String,
    /// Virtual CPUs.
    pub cpus: u32,
    /// Memory in MiB.
    pub memory_mib: u64,
}

/// A line of the operator's own story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The group it is about.
    pub group: Option<GroupKey>,
    /// Who must act: nobody (Info), soon a person (Warning).
    pub warning: bool,
    /// Constant words, such as `clone started`.
    pub what: &'static str,
    /// The particulars.
    pub detail: String,
}
