//! How many members above the wanted number there may be while some are replaced.

use vmgroup_sdk::Observation;

use crate::headroom::Headroom;
use crate::{heal, update};

/// The surge that the host allows: none unless a member may be replaced.
pub(crate) fn allowed(seen: &Observation) -> u64 {
    let replaceable = |m| update::is_outdated(seen, m) || heal::is_allowed(seen, m);
    if seen.members.iter().any(replaceable) {
        seen.desired.max_surge.into()
    } else {
        0
    }
}

/// The surge that the members to be replaced ask for. Those that may not be
/// deleted ask for none: their surge would stay for ever. Broken members ask
/// for it only where they cannot be deleted first, since enough have to stay.
pub(crate) fn wanted(seen: &Observation, headroom: &Headroom) -> u64 {
    let allowed = allowed(seen);
    if allowed == 0 || !headroom.has_deletes() {
        return 0;
    }
    let to_replace = seen
        .idle_members()
        .filter(|m| m.is_free_to_delete())
        .filter(|m| update::is_outdated(seen, m) || (heal::is_due(seen, m) && !headroom.allows(m)))
        .count() as u64;
    to_replace.min(allowed)
}
