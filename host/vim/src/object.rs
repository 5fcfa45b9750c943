//! References to vCenter's managed objects.

use std::fmt;

/// A managed object reference: its type, such as `VirtualMachine`, and its id, such as `vm-42`.
///
/// An id is unique within one vCenter only, and an object that is unregistered and registered
/// again gets another one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ManagedObjectRef {
    /// The managed object type, such as `VirtualMachine`, `Folder` or `Task`.
    pub kind: String,
    /// The id (MoID), such as `vm-42`.
    pub id: String,
}

impl ManagedObjectRef {
    /// Makes a reference from its type and its id.
    pub fn new(kind: impl Into<String>, id: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            id: id.into(),
        }
    }

    /// A reference to a virtual machine or template.
    pub fn virtual_machine(id: impl Into<String>) -> Self {
        Self::new("VirtualMachine", id)
    }

    /// A reference to a folder.
    pub fn folder(id: impl Into<String>) -> Self {
        Self::new("Folder", id)
    }

    /// A reference to a task.
    pub fn task(id: impl Into<String>) -> Self {
        Self::new("Task", id)
    }
}

impl fmt::Display for ManagedObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.id)
    }
}
