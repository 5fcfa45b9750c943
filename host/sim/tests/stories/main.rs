//! The real state machine and the real default logic, natively, in the
//! simulated world: the stories that a person would tell of the operator.
#![allow(clippy::unwrap_used, missing_docs)]

mod stage;

mod walk;

mod faults;

mod hands;

mod random;
