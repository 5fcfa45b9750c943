//! The real state machine and the real default logic, natively, in the
//! simulated world: the stories that a person would tell of the operator.
#![allow(clippy::unwrap_used, missing_docs)]
#![allow(
    clippy::needless_pass_by_value,
    reason = "a story reads better with values"
)]

mod stage;

mod walk;

mod modules;

mod faults;

mod views;

mod hands;

mod specs;

mod objects;

mod status;

mod claims;

mod identities;

mod deletions;

mod proofs;

mod looks;

mod waits;

mod unseen;

mod approvals;

mod losses;

mod rollouts;

mod hardware;

mod restores;

mod rights;

mod leases;

mod rivals;

mod swaps;

mod whims;
