//! What people do while the operator works: data, so that a schedule of deeds
//! can be drawn, shrunk and printed.

use vmgroup_core::group::{Adoption, GroupKey, Spec};
use vmgroup_core::observation::{Connection, PowerState, Slot};
use vmgroup_reconcile::inventory::{Heartbeat, VmId};

/// Which VM is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// The one with this MoID.
    Id(VmId),
    /// The first one of this name.
    Named(String),
    /// The one whose agreed marker names this group and slot.
    Member(GroupKey, Slot),
    /// The n-th of the VMs whose agreed marker names this group, by slot.
    Nth(GroupKey, usize),
}

/// Where a VM goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Outside the root.
    Elsewhere,
    /// The root itself.
    Root,
    /// The root's child of that name.
    Folder(String),
}

/// One thing that somebody does.
#[derive(Debug, Clone, PartialEq)]
pub enum Deed {
    /// Creates a group.
    Create(GroupKey, Box<Result<Spec, String>>),
    /// Replaces a group's spec.
    Edit(GroupKey, Box<Result<Spec, String>>),
    /// Sets a group's replicas.
    Scale(GroupKey, u32),
    /// Asks for a group's deletion.
    Delete(GroupKey),
    /// Says what becomes of left-overs.
    Adopt(GroupKey, Option<Adoption>),
    /// Says that the group belongs to that vCenter from now on.
    BelongsTo(GroupKey, String),
    /// Takes every finalizer away by force.
    StripFinalizers(GroupKey),
    /// Sets or takes away the finalizer of another controller.
    Finalizer(GroupKey, bool),
    /// Empties the status, as an overzealous backup or script does.
    WipeStatus(GroupKey),
    /// Takes the identity annotation away.
    Unclaim(GroupKey),
    /// Writes that into the identity annotation.
    Identify(GroupKey, String),
    /// Writes the first group's identity into the second's annotation.
    CopyIdentity(GroupKey, GroupKey),
    /// Copies the first group's object under the second key, annotations and all.
    CopyObject(GroupKey, GroupKey),
    /// Puts this logic into the place of the module of that name.
    Swap(Option<String>, String),
    /// Approves the effects that the group's status says are held; the first
    /// key is the approval's own.
    Approve(GroupKey, GroupKey),
    /// Changes the secret to this version; vCenter accepts it or does not.
    Rotate(String, bool),
    /// Creates a template of that name.
    AddTemplate(String),
    /// Creates a VM of somebody else.
    AddVm(String, Place),
    /// Changes the power state by hand.
    Power(Which, PowerState),
    /// Destroys a VM by hand.
    Destroy(Which),
    /// Renames a VM.
    Rename(Which, String),
    /// Moves a VM.
    Move(Which, Place),
    /// Copies a VM: the copy inherits the marker.
    Copy(Which, String, Place),
    /// Restores a backup beside the VM: both agree with the marker.
    Twin(Which, String, Place),
    /// Its guest hangs, or answers again.
    Guest(Which, Heartbeat),
    /// Its host or its files are lost, or found again.
    Connect(Which, Connection),
    /// Turns a VM into a template or back.
    Template(Which, bool),
    /// Adds a disk.
    AddDisk(Which),
    /// Takes a snapshot, or removes it.
    Snapshot(Which, bool),
    /// Somebody, such as a backup, disables Destroy on it, or enables it again.
    Protect(Which, bool),
    /// Writes a label on it.
    Label(Which, String, String),
    /// Sets or removes the key that holds a VM.
    Hold(Which, bool),
    /// Takes the VM's marker away.
    Unmark(Which),
    /// The VM waits for a question to be answered, or no longer.
    Question(Which, bool),
    /// vSphere HA brings the VM up on another host, or has done so.
    Failover(Which, bool),
    /// Keeps the VM busy for so many milliseconds.
    Occupy(Which, u64),
}
