//! Names, plans and rules of vmgroup: pure data and pure functions.
//!
//! The modules in the order in which a decision passes through them.

pub mod limits;

pub mod time;

pub mod group;

pub mod names;

pub mod hash;

pub mod observation;

mod defaults;

pub mod zone;

pub mod plan;

pub mod check;

pub mod render;

pub mod text;

pub mod outcome;

pub mod marker;

pub mod status;

pub mod standing;

pub mod case;
