//! The one table from vSphere's faults to ours.

use vmgroup_core::observation::PowerState;
use vmgroup_reconcile::inventory::Fault;
use vmgroup_vim::{Error, FaultKind};

use crate::error::chain;

/// Our word for a fault that a call on `target`, or a task of it, ended with.
pub(crate) fn translate(fault: &vmgroup_vim::Fault, target: &str) -> Fault {
    let message = || fault.to_string();
    match &fault.kind {
        FaultKind::NotAuthenticated => Fault::NotAuthenticated,
        FaultKind::NoPermission { object, privilege } => Fault::NoPermission {
            privilege: match (privilege, object) {
                (Some(privilege), Some(object)) => format!("{privilege} on {object}"),
                (Some(privilege), None) => privilege.clone(),
                (None, Some(object)) => format!("a privilege on {object}"),
                (None, None) => "a privilege".into(),
            },
        },
        // Only the object itself is proof: a call names many others.
        FaultKind::ManagedObjectNotFound { object } => match object {
            Some(object) if object.id == target => Fault::Gone,
            Some(object) => Fault::NotFound {
                what: object.to_string(),
            },
            None => other(fault),
        },
        FaultKind::NotFound => Fault::NotFound { what: message() },
        FaultKind::DuplicateName { object, .. } => Fault::DuplicateName {
            existing: object.as_ref().map(|object| object.id.clone()),
        },
        FaultKind::InvalidPowerState { existing, .. } => Fault::InvalidPowerState {
            existing: power_state(existing.as_deref()),
        },
        FaultKind::InvalidState
        | FaultKind::ConcurrentAccess
        | FaultKind::TaskInProgress { .. }
        | FaultKind::ResourceInUse { .. } => Fault::Busy { message: message() },
        FaultKind::InsufficientResources => Fault::InsufficientResources { message: message() },
        FaultKind::FileAlreadyExists { .. }
        | FaultKind::InvalidName { .. }
        | FaultKind::InvalidArgument { .. }
        | FaultKind::AlreadyExists { .. }
        | FaultKind::NotSupported => Fault::Invalid { message: message() },
        FaultKind::HostCommunication | FaultKind::RequestCanceled | FaultKind::Runtime => {
            Fault::Unavailable { message: message() }
        }
        FaultKind::InvalidLogin | FaultKind::InvalidCollectorVersion | FaultKind::Other => {
            other(fault)
        }
    }
}

/// Our word for a failed read of `target`.
pub(crate) fn of_read(error: &Error, target: &str) -> Fault {
    match error.fault() {
        Some(fault) => translate(fault, target),
        None => Fault::Unavailable {
            message: chain(error),
        },
    }
}

/// A power state in vSphere's word.
pub(crate) fn power_state(word: Option<&str>) -> PowerState {
    match word {
        Some("poweredOn") => PowerState::On,
        Some("poweredOff") => PowerState::Off,
        Some("suspended") => PowerState::Suspended,
        _ => PowerState::Unknown,
    }
}

/// The error is a fault that names exactly this object as not existing.
pub(crate) fn names_missing(error: &Error, id: &str) -> bool {
    missing_object(error).is_some_and(|missing| missing == id)
}

/// The object that a fault says does not exist.
pub(crate) fn missing_object(error: &Error) -> Option<&str> {
    match &error.fault()?.kind {
        FaultKind::ManagedObjectNotFound { object } => object.as_ref().map(|o| o.id.as_str()),
        _ => None,
    }
}

/// The session has ended.
pub(crate) fn is_session_over(error: &Error) -> bool {
    error
        .fault()
        .is_some_and(|fault| fault.kind == FaultKind::NotAuthenticated)
}

fn other(fault: &vmgroup_vim::Fault) -> Fault {
    Fault::Other {
        name: fault.name.clone(),
        message: fault.message.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vmgroup_vim::ManagedObjectRef;

    fn fault(kind: FaultKind) -> vmgroup_vim::Fault {
        vmgroup_vim::Fault {
            name: "N".into(),
            message: "m".into(),
            kind,
        }
    }

    #[test]
    #[allow(clippy::too_many_lines, reason = "one table of cases")]
    fn every_fault_has_a_word() {
        let vm = || Some(ManagedObjectRef::virtual_machine("vm-1"));
        let message = || String::from("N: m");
        let other = || Fault::Other {
            name: "N".into(),
            message: "m".into(),
        };
        let table = [
            (FaultKind::NotAuthenticated, Fault::NotAuthenticated),
            (FaultKind::InvalidLogin, other()),
            (
                FaultKind::NoPermission {
                    object: vm(),
                    privilege: Some("VirtualMachine.Inventory.Delete".into()),
                },
                Fault::NoPermission {
                    privilege: "VirtualMachine.Inventory.Delete on VirtualMachine:vm-1".into(),
                },
            ),
            (
                FaultKind::ManagedObjectNotFound { object: vm() },
                Fault::Gone,
            ),
            (
                FaultKind::ManagedObjectNotFound {
                    object: Some(ManagedObjectRef::folder("group-v2")),
                },
                Fault::NotFound {
                    what: "Folder:group-v2".into(),
                },
            ),
            (FaultKind::ManagedObjectNotFound { object: None }, other()),
            (
                FaultKind::DuplicateName {
                    name: "a".into(),
                    object: vm(),
                },
                Fault::DuplicateName {
                    existing: Some("vm-1".into()),
                },
            ),
            (
                FaultKind::InvalidPowerState {
                    requested: None,
                    existing: Some("poweredOn".into()),
                },
                Fault::InvalidPowerState {
                    existing: PowerState::On,
                },
            ),
            (FaultKind::InvalidState, Fault::Busy { message: message() }),
            (
                FaultKind::ConcurrentAccess,
                Fault::Busy { message: message() },
            ),
            (
                FaultKind::TaskInProgress { task: None },
                Fault::Busy { message: message() },
            ),
            (
                FaultKind::ResourceInUse {
                    resource: None,
                    name: None,
                },
                Fault::Busy { message: message() },
            ),
            (
                FaultKind::InsufficientResources,
                Fault::InsufficientResources { message: message() },
            ),
            (FaultKind::NotFound, Fault::NotFound { what: message() }),
            (FaultKind::InvalidCollectorVersion, other()),
            (
                FaultKind::RequestCanceled,
                Fault::Unavailable { message: message() },
            ),
            (
                FaultKind::HostCommunication,
                Fault::Unavailable { message: message() },
            ),
            (
                FaultKind::FileAlreadyExists { file: None },
                Fault::Invalid { message: message() },
            ),
            (
                FaultKind::InvalidName { name: None },
                Fault::Invalid { message: message() },
            ),
            (
                FaultKind::InvalidArgument { property: None },
                Fault::Invalid { message: message() },
            ),
            (
                FaultKind::AlreadyExists { name: None },
                Fault::Invalid { message: message() },
            ),
            (
                FaultKind::NotSupported,
                Fault::Invalid { message: message() },
            ),
            (
                FaultKind::Runtime,
                Fault::Unavailable { message: message() },
            ),
            (FaultKind::Other, other()),
        ];
        for (kind, wanted) in table {
            assert_eq!(translate(&fault(kind.clone()), "vm-1"), wanted, "{kind:?}");
        }
    }
}
