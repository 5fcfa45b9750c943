//! The adapter against the simulated vCenter of the rig.
#![allow(clippy::unwrap_used)]

mod calls;
mod feed;
mod reads;
mod sessions;
mod world;
