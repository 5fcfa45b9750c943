//! Honest simulators: the same random operations go to a simulated vCenter and
//! to vcsim, to a simulated API server and to a real one, and their answers
//! have to agree. The simulation runs the operator millions of times; what it
//! gets wrong would be proved wrongly each time.
//!
//! Reading order: [`pair`] is what two sides must offer, [`compare`] runs one
//! sequence on both, [`shrink`] makes a failing one small, [`run`] repeats that
//! and adds up. [`vcenter`] and [`cluster`] are the two pairs; what is known to
//! differ stands in one table of each.

pub mod pair;

pub mod answer;

pub mod known;

pub mod compare;

pub mod shrink;

pub mod run;

pub mod totals;

pub mod planted;

pub mod vcenter;

pub mod cluster;
