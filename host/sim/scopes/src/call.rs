//! Calls by name.

use vmgroup_reconcile::request::Call;

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
