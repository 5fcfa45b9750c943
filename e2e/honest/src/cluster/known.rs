//! Where the simulated API server and a real one are known to differ.

use crate::known::{Known, Right};

/// Writes that may make a version in which nothing changed but who manages a field.
const WRITES: &[&str] = &[
    "apply",
    "edit",
    "scale",
    "flurry",
    "adopt",
    "finalizer",
    "write-status",
];

const MANAGED_FIELDS: &str = "a write that changes nothing but who manages a field makes a new \
                              version of the object; the simulation knows no managed fields, and \
                              the operator does not look at them";

/// The table.
pub(super) const KNOWN: &[Known] = &[
    Known {
        name: "managed-fields",
        right: Right::Real,
        reason: MANAGED_FIELDS,
        kinds: WRITES,
        about: "news of groups *",
        simulated: "",
        real: "* changed in nothing that is seen: *",
        parts: true,
    },
    Known {
        name: "managed-fields-in-a-flurry",
        right: Right::Real,
        reason: MANAGED_FIELDS,
        kinds: &["flurry"],
        about: "news of groups *",
        simulated: "* changed: *",
        real: "* changed in nothing that is seen: *",
        parts: true,
    },
];
