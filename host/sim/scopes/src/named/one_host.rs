//! What can happen to one host.

use super::{ANY, PLAIN};
use crate::scope::Deed::{Delete, Destroy, PowerOff, Scale, Swap};
use crate::scope::FaultKind::{Crash, Delay, EndSession, FailTask, LoseAnswer, LoseFeed};
use crate::scope::{Scope, Size};

/// Worlds of one host.
pub(super) const SCOPES: &[Scope] = &[
    Scope {
        name: "one-slot",
        about: "one VM is made, nothing goes wrong",
        loose: true,
        ..PLAIN
    },
    Scope {
        name: "one-slot-crash",
        about: "one VM is made, the host crashes once",
        faults: 1,
        kinds: &[Crash],
        loose: true,
        ..PLAIN
    },
    Scope {
        name: "one-slot-lost-answer",
        about: "one VM is made, an answer is lost",
        faults: 1,
        kinds: &[LoseAnswer],
        loose: true,
        ..PLAIN
    },
    Scope {
        name: "one-slot-two-faults",
        about: "one VM is made, two things of any kind go wrong",
        faults: 2,
        kinds: ANY,
        size: Size::Large,
        ..PLAIN
    },
    Scope {
        name: "one-slot-relists",
        about: "one VM is made and looked at anew every quarter of an hour, the host crashes",
        faults: 1,
        kinds: &[Crash],
        relists: true,
        loose: true,
        ..PLAIN
    },
    Scope {
        name: "two-slots",
        about: "two VMs are made, nothing goes wrong",
        groups: &[2],
        ..PLAIN
    },
    Scope {
        name: "two-slots-lost-answer",
        about: "two VMs are made, an answer is lost",
        groups: &[2],
        faults: 1,
        kinds: &[LoseAnswer],
        size: Size::Large,
        ..PLAIN
    },
    Scope {
        name: "two-slots-crash",
        about: "two VMs are made, the host crashes once",
        groups: &[2],
        faults: 1,
        kinds: &[Crash],
        size: Size::Large,
        ..PLAIN
    },
    Scope {
        name: "scale-down-crash",
        about: "two VMs become one, the host crashes once",
        groups: &[2],
        settled_first: true,
        deeds: &[Scale(0, 1)],
        faults: 1,
        kinds: &[Crash],
        ..PLAIN
    },
    Scope {
        name: "scale-there-and-back",
        about: "two VMs become one and two again, the host crashes or an answer is lost",
        groups: &[2],
        settled_first: true,
        deeds: &[Scale(0, 1), Scale(0, 2)],
        faults: 1,
        kinds: &[Crash, LoseAnswer],
        ..PLAIN
    },
    Scope {
        name: "delete-lost-answer",
        about: "the object is deleted at any moment, an answer is lost",
        deeds: &[Delete(0)],
        faults: 1,
        kinds: &[LoseAnswer],
        ..PLAIN
    },
    Scope {
        name: "delete-crash",
        about: "the object is deleted at any moment, the host crashes",
        deeds: &[Delete(0)],
        faults: 1,
        kinds: &[Crash],
        ..PLAIN
    },
    Scope {
        name: "delete-two-faults",
        about: "the object is deleted at any moment, two things of any kind go wrong",
        deeds: &[Delete(0)],
        faults: 2,
        kinds: ANY,
        size: Size::Open,
        ..PLAIN
    },
    Scope {
        name: "session-lost",
        about: "one VM is made, session and feed break, the object is deleted",
        deeds: &[Delete(0)],
        faults: 1,
        kinds: &[EndSession, LoseFeed],
        size: Size::Large,
        ..PLAIN
    },
    Scope {
        name: "task-fails",
        about: "two VMs are made, a task fails half way",
        groups: &[2],
        faults: 1,
        kinds: &[FailTask],
        size: Size::Large,
        ..PLAIN
    },
    Scope {
        name: "hands",
        about: "a person powers a VM off and destroys it, the host crashes",
        settled_first: true,
        deeds: &[PowerOff(0, 0), Destroy(0, 0)],
        faults: 1,
        kinds: &[Crash, LoseAnswer],
        ..PLAIN
    },
    Scope {
        name: "swap",
        about: "another module of the same meaning decides from any moment on",
        groups: &[2],
        deeds: &[Swap],
        size: Size::Large,
        ..PLAIN
    },
    Scope {
        name: "two-groups",
        about: "two groups of one VM are made, nothing goes wrong",
        groups: &[1, 1],
        size: Size::Large,
        ..PLAIN
    },
    Scope {
        name: "three-slots",
        about: "three VMs are made, nothing goes wrong",
        groups: &[3],
        size: Size::Large,
        ..PLAIN
    },
    Scope {
        name: "delete-crash-loose",
        about: "as delete-crash, and everything overtakes everything",
        deeds: &[Delete(0)],
        faults: 1,
        kinds: &[Crash],
        loose: true,
        size: Size::Large,
        ..PLAIN
    },
    Scope {
        name: "delete-lost-answer-loose",
        about: "as delete-lost-answer, and everything overtakes everything",
        deeds: &[Delete(0)],
        faults: 1,
        kinds: &[LoseAnswer],
        loose: true,
        size: Size::Large,
        ..PLAIN
    },
    Scope {
        name: "two-slots-loose",
        about: "as two-slots, and everything overtakes everything",
        groups: &[2],
        loose: true,
        size: Size::Large,
        ..PLAIN
    },
    Scope {
        name: "swap-loose",
        about: "as swap with one VM, and everything overtakes everything",
        deeds: &[Swap],
        loose: true,
        ..PLAIN
    },
    Scope {
        name: "delete-made-crash",
        about: "a group of one is deleted, the host crashes or an answer is lost",
        settled_first: true,
        deeds: &[Delete(0)],
        faults: 1,
        kinds: &[Crash, LoseAnswer],
        ..PLAIN
    },
    Scope {
        name: "hands-off",
        about: "a person powers a VM off",
        settled_first: true,
        deeds: &[PowerOff(0, 0)],
        faults: 1,
        kinds: &[Crash],
        ..PLAIN
    },
    Scope {
        name: "three-slots-task-fails",
        about: "three VMs are made, a task fails half way",
        groups: &[3],
        faults: 1,
        kinds: &[FailTask],
        size: Size::Open,
        ..PLAIN
    },
    Scope {
        name: "two-slots-session",
        about: "two VMs are made, the session or the feed breaks, or something takes its time",
        groups: &[2],
        faults: 1,
        kinds: &[EndSession, LoseFeed, Delay],
        size: Size::Large,
        ..PLAIN
    },
    Scope {
        name: "two-slots-deleted",
        about: "a group of two is deleted at any moment, the host crashes once",
        groups: &[2],
        deeds: &[Delete(0)],
        faults: 1,
        kinds: &[Crash],
        size: Size::Open,
        ..PLAIN
    },
    Scope {
        name: "two-slots-swap-crash",
        about: "two VMs are made, another module decides from any moment on, the host crashes",
        groups: &[2],
        deeds: &[Swap],
        faults: 1,
        kinds: &[Crash],
        size: Size::Open,
        ..PLAIN
    },
    Scope {
        name: "two-groups-crash",
        about: "two groups of one VM are made, the host crashes once",
        groups: &[1, 1],
        faults: 1,
        kinds: &[Crash],
        size: Size::Large,
        ..PLAIN
    },
    Scope {
        name: "two-groups-lost-answer",
        about: "two groups of one VM are made, an answer is lost",
        groups: &[1, 1],
        faults: 1,
        kinds: &[LoseAnswer],
        size: Size::Large,
        ..PLAIN
    },
    Scope {
        name: "one-slot-two-faults-loose",
        about: "as one-slot-two-faults, and everything overtakes everything",
        faults: 2,
        kinds: ANY,
        loose: true,
        size: Size::Large,
        ..PLAIN
    },
    Scope {
        name: "scale-two-faults",
        about: "two VMs become one, two things of any kind go wrong",
        groups: &[2],
        settled_first: true,
        deeds: &[Scale(0, 1)],
        faults: 2,
        kinds: ANY,
        size: Size::Large,
        ..PLAIN
    },
    Scope {
        name: "scale-three-to-one",
        about: "three VMs become one and three again, the host crashes or an answer is lost",
        groups: &[3],
        settled_first: true,
        deeds: &[Scale(0, 1), Scale(0, 3)],
        faults: 1,
        kinds: &[Crash, LoseAnswer],
        size: Size::Open,
        ..PLAIN
    },
    Scope {
        name: "hands-two-faults",
        about: "a person powers a VM off and destroys it, two things of any kind go wrong",
        settled_first: true,
        deeds: &[PowerOff(0, 0), Destroy(0, 0)],
        faults: 2,
        kinds: ANY,
        size: Size::Large,
        ..PLAIN
    },
    Scope {
        name: "delete-made-two-faults",
        about: "a group of one is deleted, two things of any kind go wrong",
        settled_first: true,
        deeds: &[Delete(0)],
        faults: 2,
        kinds: ANY,
        size: Size::Large,
        ..PLAIN
    },
    Scope {
        name: "delete-made-loose",
        about: "as delete-made-crash, and everything overtakes everything",
        settled_first: true,
        deeds: &[Delete(0)],
        faults: 1,
        kinds: &[Crash, LoseAnswer],
        loose: true,
        size: Size::Large,
        ..PLAIN
    },
    Scope {
        name: "hands-loose",
        about: "as hands, and everything overtakes everything",
        settled_first: true,
        deeds: &[PowerOff(0, 0), Destroy(0, 0)],
        faults: 1,
        kinds: &[Crash, LoseAnswer],
        loose: true,
        size: Size::Large,
        ..PLAIN
    },
    Scope {
        name: "scale-down-loose",
        about: "as scale-down-crash or with a lost answer, and everything overtakes everything",
        groups: &[2],
        settled_first: true,
        deeds: &[Scale(0, 1)],
        faults: 1,
        kinds: &[Crash, LoseAnswer],
        loose: true,
        ..PLAIN
    },
    Scope {
        name: "delete-made-two-faults-loose",
        about: "as delete-made-two-faults, and everything overtakes everything",
        settled_first: true,
        deeds: &[Delete(0)],
        faults: 2,
        kinds: ANY,
        loose: true,
        size: Size::Large,
        ..PLAIN
    },
    Scope {
        name: "scale-back-two-faults",
        about: "two VMs become one and two again, two things of any kind go wrong",
        groups: &[2],
        settled_first: true,
        deeds: &[Scale(0, 1), Scale(0, 2)],
        faults: 2,
        kinds: ANY,
        size: Size::Large,
        ..PLAIN
    },
];
