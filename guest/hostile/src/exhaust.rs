//! Behaviour that takes more than the host gives. `black_box` keeps the
//! optimiser from seeing that none of it is of any use.

use std::hint::black_box;

use vmgroup_sdk::{Plan, log};

const MIB: usize = 1 << 20;

pub(crate) fn fuel() -> Plan {
    let mut turns: u64 = 0;
    while black_box(true) {
        turns = black_box(turns.wrapping_add(1));
    }
    Plan::default()
}

pub(crate) fn stack() -> Plan {
    let depth = descend(black_box(0));
    log::debug(&format!("came back from depth {depth}"));
    Plan::default()
}

/// Work after the call, and a local whose address is taken, keep this from
/// becoming a loop.
#[inline(never)]
fn descend(depth: u64) -> u64 {
    let local = [depth; 16];
    if black_box(depth) == u64::MAX {
        return depth;
    }
    let deeper = descend(depth + 1);
    black_box(&local)[0].wrapping_add(deeper)
}

pub(crate) fn memory() -> Plan {
    let mut kept = Vec::new();
    while black_box(true) {
        kept.push(black_box(vec![1_u8; MIB]));
    }
    Plan::default()
}

pub(crate) fn output() -> Plan {
    Plan {
        notes: vec!["n".repeat(100 * MIB)],
        ..Plan::default()
    }
}

pub(crate) fn trap() -> Plan {
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable();
    #[cfg(not(target_arch = "wasm32"))]
    std::process::abort();
}

pub(crate) fn log() -> Plan {
    for line in 0..1_000_000 {
        log::error(&format!("line {line}"));
    }
    Plan::default()
}

pub(crate) fn log_line() -> Plan {
    log::error(&"\u{1b}[31m".repeat(16 * MIB / 5));
    Plan::default()
}
