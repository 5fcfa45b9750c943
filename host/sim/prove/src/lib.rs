//! Runs drawn schedules by the thousand: the real operator, and the real
//! modules natively or in their sandbox, in the simulated world.

pub mod logic;

pub mod runner;

pub mod known;

pub mod flaws;

pub mod clones;

#[cfg(feature = "wasm")]
pub mod sandbox;
