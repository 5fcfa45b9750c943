//! The operator's logic as one deterministic state machine without I/O.

pub mod inventory;

pub mod event;

pub mod request;
