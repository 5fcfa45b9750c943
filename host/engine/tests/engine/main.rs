//! Everything that a module may try, against the real engine.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod forge;

mod load;

mod call;

mod guests;
