//! vCenter's faults: typed where callers act on them, by name otherwise.

use std::fmt;

use crate::limits::MESSAGE_CHARS_MAX;
use crate::{Certainty, ManagedObjectRef, Value};

/// A fault, from a call's answer, a failed task, or a property that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The fault's type name, such as `DuplicateName`, whether or not it is typed here.
    pub name: String,
    /// vCenter's text, without control characters and cut to a bounded length; may be empty.
    pub message: String,
    /// What callers act on.
    pub kind: FaultKind,
}

/// The faults that callers act on. What vCenter left out of a fault is `None` or empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    /// The session has ended or never began.
    NotAuthenticated,
    /// User or password are wrong, or expired, or the clocks differ, or the session is in use.
    InvalidLogin,
    /// A privilege is missing.
    NoPermission {
        /// The object on which it is missing.
        object: Option<ManagedObjectRef>,
        /// The privilege's id, such as `VirtualMachine.Inventory.Delete`.
        privilege: Option<String>,
    },
    /// The object does not exist, or no longer does.
    ManagedObjectNotFound {
        /// The object.
        object: Option<ManagedObjectRef>,
    },
    /// The name is taken in that folder.
    DuplicateName {
        /// The name.
        name: String,
        /// The object that has it.
        object: Option<ManagedObjectRef>,
    },
    /// The virtual machine's power state does not allow it.
    InvalidPowerState {
        /// The state that was asked for, such as `poweredOn`.
        requested: Option<String>,
        /// The state that the machine has.
        existing: Option<String>,
    },
    /// The object's state does not allow it.
    InvalidState,
    /// Somebody else changed the object meanwhile.
    ConcurrentAccess,
    /// The object is busy with a task.
    TaskInProgress {
        /// The task.
        task: Option<ManagedObjectRef>,
    },
    /// Something that the call needs is in use.
    ResourceInUse {
        /// The resource's type.
        resource: Option<String>,
        /// The resource's name.
        name: Option<String>,
    },
    /// Processor, memory, storage or hosts do not suffice (any `Insufficient…` fault, `NoDiskSpace`).
    InsufficientResources,
    /// Something named in the call was not found.
    NotFound,
    /// The property collector does not know the version: begin again from an empty one.
    InvalidCollectorVersion,
    /// The call or the task was cancelled.
    RequestCanceled,
    /// vCenter could not talk to the host: the effect on the host is unknown.
    HostCommunication,
    /// A file of that name exists.
    FileAlreadyExists {
        /// The file.
        file: Option<String>,
    },
    /// The name is not allowed.
    InvalidName {
        /// The name.
        name: Option<String>,
    },
    /// An argument of the call is not allowed.
    InvalidArgument {
        /// The argument's property path.
        property: Option<String>,
    },
    /// The name or key is taken.
    AlreadyExists {
        /// The name.
        name: Option<String>,
    },
    /// The call is not possible on this object or server.
    NotSupported,
    /// An internal error of the server: the effect is unknown.
    Runtime,
    /// Any other fault, known by its name only.
    Other,
}

impl Fault {
    /// Reads a `LocalizedMethodFault`, the form in which tasks and collectors report faults.
    pub fn from_localized(value: &Value) -> Self {
        let message = value.text("localizedMessage").unwrap_or_default();
        // A bare fault in its place is not what the interface says, but servers differ.
        let fault = value.get("fault").unwrap_or(value);
        Self::new(fault.type_name(), message, fault)
    }

    pub(crate) fn new(name: &str, message: &str, detail: &Value) -> Self {
        let name = if name.is_empty() {
            "UnnamedFault"
        } else {
            name
        };
        Self {
            name: printable(name, MESSAGE_CHARS_MAX),
            message: printable(message.trim(), MESSAGE_CHARS_MAX),
            kind: kind(name, detail),
        }
    }

    /// Whether a call that was answered with this fault may still have had its effect.
    ///
    /// A fault that nobody here knows counts as unknown: reading again costs little, repeating a
    /// clone costs a machine.
    pub fn certainty(&self) -> Certainty {
        match &self.kind {
            FaultKind::NotAuthenticated
            | FaultKind::InvalidLogin
            | FaultKind::NoPermission { .. }
            | FaultKind::ManagedObjectNotFound { .. }
            | FaultKind::DuplicateName { .. }
            | FaultKind::InvalidPowerState { .. }
            | FaultKind::InvalidState
            | FaultKind::ConcurrentAccess
            | FaultKind::TaskInProgress { .. }
            | FaultKind::ResourceInUse { .. }
            | FaultKind::InsufficientResources
            | FaultKind::NotFound
            | FaultKind::InvalidCollectorVersion
            | FaultKind::FileAlreadyExists { .. }
            | FaultKind::InvalidName { .. }
            | FaultKind::InvalidArgument { .. }
            | FaultKind::AlreadyExists { .. }
            | FaultKind::NotSupported => Certainty::NotExecuted,
            FaultKind::RequestCanceled
            | FaultKind::HostCommunication
            | FaultKind::Runtime
            | FaultKind::Other => Certainty::Unknown,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.message.is_empty() {
            f.write_str(&self.name)
        } else {
            write!(f, "{}: {}", self.name, self.message)
        }
    }
}

fn kind(name: &str, detail: &Value) -> FaultKind {
    let text = |field| {
        detail
            .text(field)
            .map(|text| printable(text, MESSAGE_CHARS_MAX))
    };
    let reference = |field| detail.reference(field).cloned();
    match name {
        "NotAuthenticated" => FaultKind::NotAuthenticated,
        // An expired password is one that is refused; the type extends the other one.
        "InvalidLogin" | "PasswordExpired" => FaultKind::InvalidLogin,
        "NoPermission" => FaultKind::NoPermission {
            object: reference("object"),
            privilege: text("privilegeId"),
        },
        "ManagedObjectNotFound" => FaultKind::ManagedObjectNotFound {
            object: reference("obj"),
        },
        "DuplicateName" => FaultKind::DuplicateName {
            name: text("name").unwrap_or_default(),
            object: reference("object"),
        },
        "InvalidPowerState" => FaultKind::InvalidPowerState {
            requested: text("requestedState"),
            existing: text("existingState"),
        },
        "InvalidState"
        | "InvalidHostState"
        | "MethodDisabled"
        | "InvalidDatastoreState"
        | "QuestionPending"
        | "ToolsUnavailable"
        | "VAppNotRunning"
        | "VmConfigFault" => FaultKind::InvalidState,
        "ConcurrentAccess" => FaultKind::ConcurrentAccess,
        "TaskInProgress" | "VAppTaskInProgress" => FaultKind::TaskInProgress {
            task: reference("task"),
        },
        "ResourceInUse" | "FileLocked" => FaultKind::ResourceInUse {
            resource: text("type"),
            name: text("name"),
        },
        "NoDiskSpace" | "NoCompatibleHost" => FaultKind::InsufficientResources,
        name if name.starts_with("Insufficient") => FaultKind::InsufficientResources,
        "NotFound" | "FileNotFound" => FaultKind::NotFound,
        "InvalidCollectorVersion" => FaultKind::InvalidCollectorVersion,
        "RequestCanceled" => FaultKind::RequestCanceled,
        "HostCommunication" | "HostNotConnected" | "HostNotReachable" => {
            FaultKind::HostCommunication
        }
        "FileAlreadyExists" => FaultKind::FileAlreadyExists { file: text("file") },
        "InvalidName" => FaultKind::InvalidName { name: text("name") },
        "InvalidArgument" | "InvalidRequest" | "InvalidProperty" | "InvalidType"
        | "InvalidFolder" | "InvalidDatastore" => {
            let property = text("invalidProperty").or_else(|| text("name"));
            FaultKind::InvalidArgument { property }
        }
        "AlreadyExists" => FaultKind::AlreadyExists { name: text("name") },
        "NotSupported" | "MethodNotFound" | "NotImplemented" => FaultKind::NotSupported,
        name if is_about_hardware(name) => FaultKind::NotSupported,
        "RuntimeFault" | "SystemError" | "UnexpectedFault" => FaultKind::Runtime,
        _ => FaultKind::Other,
    }
}

/// Hardware that the VM, its version or its host does not take (vSphere API reference, of the
/// types that extend `VmConfigFault`).
fn is_about_hardware(name: &str) -> bool {
    matches!(
        name,
        "CpuHotPlugNotSupported"
            | "InvalidVmConfig"
            | "MemoryHotPlugNotSupported"
            | "MemorySizeNotRecommended"
            | "MemorySizeNotSupported"
            | "MemorySizeNotSupportedByDatastore"
            | "NotEnoughCpus"
            | "NotEnoughLogicalCpus"
            | "NumVirtualCoresPerSocketNotSupported"
            | "NumVirtualCpusIncompatible"
            | "NumVirtualCpusNotSupported"
    )
}

/// The text without control characters, so that it cannot forge lines where it is shown, and cut.
pub(crate) fn printable(text: &str, chars_max: usize) -> String {
    text.chars()
        .take(chars_max)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
