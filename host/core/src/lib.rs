//! Names, plans and rules of vmgroup: pure data and pure functions.
//!
//! The modules in the order in which a decision passes through them.

pub mod time;

pub mod group;

pub mod observation;

pub mod plan;

pub mod marker;

pub mod status;
