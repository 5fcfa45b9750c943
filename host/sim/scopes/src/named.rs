//! The scopes by their names.

mod one_host;
mod two_hosts;

use crate::scope::FaultKind::{Crash, Delay, EndSession, FailTask, LoseAnswer, LoseFeed};
use crate::scope::{FaultKind, Scope, Size};

/// All scopes.
pub fn scopes() -> impl Iterator<Item = &'static Scope> {
    one_host::SCOPES.iter().chain(two_hosts::SCOPES)
}

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
    size: Size::Small,
};

/// Whatever can go wrong with one host.
const ANY: &[FaultKind] = &[Crash, LoseAnswer, EndSession, LoseFeed, FailTask, Delay];
