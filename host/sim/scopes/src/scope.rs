//! The scopes: each a tiny world and what may go wrong in it.

/// A tiny world, and what may go wrong in it.
#[derive(Debug, Clone)]
pub struct Scope {
    /// Its name.
    pub name: &'static str,
    /// What it is about, in a line.
    pub about: &'static str,
    /// Replicas of each group at its beginning.
    pub groups: &'static [u32],
    /// Hosts, and whether they share a lease.
    pub hosts: usize,
    /// One host acts at a time, by a lease.
    pub lease: bool,
    /// The search begins when the groups have been made, not before.
    pub settled_first: bool,
    /// What people do, in this order, each at any moment.
    pub deeds: &'static [Deed],
    /// So many faults strike, at any moment.
    pub faults: u8,
    /// Of these kinds.
    pub kinds: &'static [FaultKind],
    /// Complete views are asked for every quarter of an hour, too.
    pub relists: bool,
    /// Everything that is on its way can overtake everything else; otherwise
    /// what `World::urgent` names comes first.
    pub loose: bool,
    /// Small enough for every run of the tests.
    pub small: bool,
}

/// What a person does. The numbers are those of a group and of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Asks for so many replicas.
    Scale(usize, u32),
    /// Deletes the object.
    Delete(usize),
    /// Powers the VM of a slot off, in vCenter.
    PowerOff(usize, u32),
    /// Destroys the VM of a slot, in vCenter.
    Destroy(usize, u32),
    /// Has another module of the same meaning decide.
    Swap,
}

/// What may go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// A host ends, with whatever had not been sent or heard, and starts anew.
    Crash,
    /// A request to vCenter or API server is executed or not, and nobody says.
    LoseAnswer,
    /// The session with vCenter ends.
    EndSession,
    /// The feed breaks.
    LoseFeed,
    /// A task fails half way, without an effect.
    FailTask,
    /// A host stands still for as long as it likes.
    Freeze,
    /// Time passes although something is on its way.
    Delay,
}

use Deed::{Delete, Destroy, PowerOff, Scale, Swap};
use FaultKind::{Crash, Delay, EndSession, FailTask, Freeze, LoseAnswer, LoseFeed};

const PLAIN: Scope = Scope {
    name: "",
    about: "",
    groups: &[1],
    hosts: 1,
    lease: false,
    settled_first: false,
    deeds: &[],
    faults: 0,
    kinds: &[],
    relists: false,
    loose: false,
    small: true,
};

/// All scopes, small ones first.
pub const SCOPES: &[Scope] = &[
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
        kinds: &[Crash, LoseAnswer, EndSession, LoseFeed, FailTask, Delay],
        small: false,
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
        small: false,
        ..PLAIN
    },
    Scope {
        name: "two-slots-crash",
        about: "two VMs are made, the host crashes once",
        groups: &[2],
        faults: 1,
        kinds: &[Crash],
        small: false,
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
        kinds: &[Crash, LoseAnswer, EndSession, LoseFeed, FailTask, Delay],
        small: false,
        ..PLAIN
    },
    Scope {
        name: "session-lost",
        about: "one VM is made, session and feed break, the object is deleted",
        deeds: &[Delete(0)],
        faults: 1,
        kinds: &[EndSession, LoseFeed],
        small: false,
        ..PLAIN
    },
    Scope {
        name: "task-fails",
        about: "two VMs are made, a task fails half way",
        groups: &[2],
        faults: 1,
        kinds: &[FailTask],
        small: false,
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
        small: false,
        ..PLAIN
    },
    Scope {
        name: "two-groups",
        about: "two groups of one VM are made, nothing goes wrong",
        groups: &[1, 1],
        small: false,
        ..PLAIN
    },
    Scope {
        name: "takeover",
        about: "one VM is made, one of two hosts freezes or crashes at any moment",
        hosts: 2,
        lease: true,
        faults: 1,
        kinds: &[Crash, Freeze],
        small: false,
        ..PLAIN
    },
    Scope {
        name: "takeover-scale-down",
        about: "two VMs become one, one of two hosts freezes at any moment",
        groups: &[2],
        hosts: 2,
        lease: true,
        settled_first: true,
        deeds: &[Scale(0, 1)],
        faults: 1,
        kinds: &[Freeze],
        small: false,
        ..PLAIN
    },
    Scope {
        name: "two-active",
        about: "two hosts act at once, without a lease",
        hosts: 2,
        small: false,
        ..PLAIN
    },
    Scope {
        name: "three-slots",
        about: "three VMs are made, nothing goes wrong",
        groups: &[3],
        small: false,
        ..PLAIN
    },
    Scope {
        name: "delete-crash-loose",
        about: "as delete-crash, and everything overtakes everything",
        deeds: &[Delete(0)],
        faults: 1,
        kinds: &[Crash],
        loose: true,
        small: false,
        ..PLAIN
    },
    Scope {
        name: "delete-lost-answer-loose",
        about: "as delete-lost-answer, and everything overtakes everything",
        deeds: &[Delete(0)],
        faults: 1,
        kinds: &[LoseAnswer],
        loose: true,
        small: false,
        ..PLAIN
    },
    Scope {
        name: "two-slots-loose",
        about: "as two-slots, and everything overtakes everything",
        groups: &[2],
        loose: true,
        small: false,
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
        name: "takeover-idle",
        about: "one of two hosts freezes or crashes while a group of one stands",
        hosts: 2,
        lease: true,
        settled_first: true,
        faults: 1,
        kinds: &[Crash, Freeze],
        ..PLAIN
    },
];
