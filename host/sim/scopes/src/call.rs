//! Calls by what they change, and by name.

use vmgroup_reconcile::request::Call;

/// The VM that a call changes.
pub(crate) fn target(call: &Call) -> Option<&str> {
    match call {
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

/// The word for a call.
pub(crate) fn kind(call: &Call) -> &'static str {
    match call {
        Call::CreateFolder { .. } => "create folder",
        Call::Clone(_) => "clone",
        Call::PowerOn(_) => "power on",
        Call::PowerOff(_) => "power off",
        Call::ShutdownGuest(_) => "shut down",
        Call::Suspend(_) => "suspend",
        Call::Reconfigure { .. } => "reconfigure",
        Call::Mark { .. } => "mark",
        Call::Destroy(_) => "destroy",
        Call::DestroyFolder(_) => "destroy folder",
    }
}
