//! The proxy against small servers of the test's own, and against real ones.
#![allow(clippy::unwrap_used)]

mod actions;

mod watches;

mod processes;

mod real;

mod client;
mod server;
