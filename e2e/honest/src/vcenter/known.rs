//! Where the simulated vCenter and vcsim are known to differ.

use crate::known::{Known, Right};

/// Calls on a VM that start a task.
const ON_VMS: &[&str] = &[
    "clone",
    "power-on",
    "power-off",
    "suspend",
    "reconfigure",
    "mark",
    "destroy",
];

/// The table.
pub(super) const KNOWN: &[Known] = &[
    Known {
        name: "instance-uuid-twice",
        right: Right::Simulated,
        reason: "vCenter keeps instanceUuids unique: of a clone whose UUID is taken it makes one \
                 up; vcsim accepts it",
        kinds: &["clone"],
        about: "vm #*",
        simulated: "*, fresh, *",
        real: "*, identity *",
        parts: true,
    },
    Known {
        name: "power-on-of-nothing",
        right: Right::Both,
        reason: "PowerOnMultiVM_Task names its VMs as arguments: whether one that is gone refuses \
                 the call or is reported by the task is not documented, and the operator takes \
                 both as gone",
        kinds: &["power-on"],
        about: "answer",
        simulated: "refused: Gone",
        real: "task failed: Gone",
        parts: false,
    },
    Known {
        name: "destroy-of-no-folder",
        right: Right::Simulated,
        reason: "a call on an object that does not exist is refused; the rig adds \
                 UnregisterAndDestroy_Task to vcsim, where its task notices",
        kinds: &["destroy-folder"],
        about: "answer",
        simulated: "refused: Gone",
        real: "task failed: Gone",
        parts: false,
    },
    Known {
        name: "out-of-reach",
        right: Right::Both,
        reason: "what vCenter answers while it does not reach a VM depends on its host's state: \
                 a task that fails with a fault of the host in the simulation, InvalidState at \
                 once in the rig; the operator takes both as transient",
        kinds: ON_VMS,
        about: "answer",
        simulated: "task failed: Unavailable",
        real: "refused: Busy",
        parts: false,
    },
    Known {
        name: "power-on-out-of-reach",
        right: Right::Both,
        reason: "the same for PowerOnMultiVM_Task, whose task reports it",
        kinds: &["power-on"],
        about: "answer",
        simulated: "task failed: Unavailable",
        real: "task failed: Busy",
        parts: false,
    },
    Known {
        name: "power-on-of-a-template",
        right: Right::Simulated,
        reason: "vCenter says NotSupported of a VM that is marked as a template, vcsim InvalidState",
        kinds: &["power-on"],
        about: "answer",
        simulated: "task failed: Invalid",
        real: "task failed: Busy",
        parts: false,
    },
    Known {
        name: "hardware-of-a-suspended-vm",
        right: Right::Simulated,
        reason: "hardware changes only while a VM is off, or by hot-add while it runs; vcsim \
                 changes that of a suspended one too",
        kinds: &["reconfigure"],
        about: "answer",
        simulated: "task failed: InvalidPowerState (Suspended)",
        real: "task succeeded",
        parts: true,
    },
    Known {
        name: "files-by-name",
        right: Right::Simulated,
        reason: "vCenter finds another folder of files for a VM whose name another VM has, had \
                 or left behind; vcsim refuses",
        kinds: &["clone", "hand-makes", "hand-copies"],
        about: "answer",
        simulated: "*",
        real: "task failed: Invalid*",
        parts: true,
    },
    Known {
        name: "files-by-name-for-people",
        right: Right::Simulated,
        reason: "the same where a person makes the VM",
        kinds: &["hand-makes", "hand-copies"],
        about: "answer",
        simulated: "done by hand",
        real: "refused to a person",
        parts: true,
    },
    Known {
        name: "an-update-is-lost",
        right: Right::Simulated,
        reason: "vCenter's feed shows every change, also that a VM leaves a list view or comes \
                 back within reach; vcsim loses some, which a relist then shows",
        kinds: &[],
        about: "the feed",
        simulated: "live",
        real: "live, after a relist",
        parts: false,
    },
    Known {
        name: "a-tracked-vm-leaves-for-good",
        right: Right::Simulated,
        reason: "the rig takes a VM that moves out of the root out of every view, also out of \
                 the list view of tracked ones",
        kinds: &[],
        about: "tracked vm #*",
        simulated: "*",
        real: "",
        parts: true,
    },
    Known {
        name: "a-configuration-comes-back-quietly",
        right: Right::Simulated,
        reason: "vCenter's feed shows a configuration that can be read again; the rig changes the \
                 connection alone",
        kinds: &[],
        about: "*vm #*",
        simulated: "*",
        real: "*, unreadable, *",
        parts: true,
    },
    Known {
        name: "template-name-remembered",
        right: Right::Both,
        reason: "the adapter remembers for five minutes what a template's name means, so that it \
                 does not notice a second VM of that name",
        kinds: &["clone"],
        about: "answer",
        simulated: "refused: Invalid",
        real: "*",
        parts: true,
    },
];
