//! What can happen to two hosts, with a lease and without.

use super::PLAIN;
use crate::scope::Deed::{Delete, PowerOff, Scale};
use crate::scope::FaultKind::{Crash, Freeze, LoseAnswer};
use crate::scope::{Scope, Size};

/// Worlds of two hosts.
pub(super) const SCOPES: &[Scope] = &[
    Scope {
        name: "takeover",
        about: "one VM is made, one of two hosts freezes or crashes at any moment",
        hosts: 2,
        lease: true,
        faults: 1,
        kinds: &[Crash, Freeze],
        size: Size::Large,
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
        size: Size::Open,
        ..PLAIN
    },
    Scope {
        name: "two-active",
        about: "two hosts act at once, without a lease",
        hosts: 2,
        size: Size::Open,
        ..PLAIN
    },
    Scope {
        name: "two-active-hands",
        about: "two hosts act without a lease, a person powers a VM off",
        hosts: 2,
        settled_first: true,
        deeds: &[PowerOff(0, 0)],
        ..PLAIN
    },
    Scope {
        name: "two-active-delete",
        about: "two hosts act without a lease, a group of one is deleted",
        hosts: 2,
        settled_first: true,
        deeds: &[Delete(0)],
        size: Size::Large,
        ..PLAIN
    },
    Scope {
        name: "two-active-scale-down",
        about: "two hosts act without a lease, two VMs become one",
        groups: &[2],
        hosts: 2,
        settled_first: true,
        deeds: &[Scale(0, 1)],
        size: Size::Large,
        ..PLAIN
    },
    Scope {
        name: "two-active-crash",
        about: "two hosts act without a lease, a person powers a VM off and one of them crashes",
        hosts: 2,
        settled_first: true,
        deeds: &[PowerOff(0, 0)],
        faults: 1,
        kinds: &[Crash],
        size: Size::Large,
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
    Scope {
        name: "takeover-lost-answer",
        about: "one VM is made, one of two hosts crashes or an answer is lost",
        hosts: 2,
        lease: true,
        faults: 1,
        kinds: &[Crash, LoseAnswer],
        size: Size::Large,
        ..PLAIN
    },
    Scope {
        name: "two-active-lost-answer",
        about: "two hosts act without a lease, a person powers a VM off and an answer is lost",
        hosts: 2,
        settled_first: true,
        deeds: &[PowerOff(0, 0)],
        faults: 1,
        kinds: &[LoseAnswer],
        size: Size::Large,
        ..PLAIN
    },
    Scope {
        name: "takeover-hands",
        about: "a person powers a VM off, one of two hosts freezes or crashes",
        hosts: 2,
        lease: true,
        settled_first: true,
        deeds: &[PowerOff(0, 0)],
        faults: 1,
        kinds: &[Crash, Freeze],
        size: Size::Large,
        ..PLAIN
    },
    Scope {
        name: "takeover-delete",
        about: "a group of one is deleted, one of two hosts crashes",
        hosts: 2,
        lease: true,
        settled_first: true,
        deeds: &[Delete(0)],
        faults: 1,
        kinds: &[Crash],
        ..PLAIN
    },
];
