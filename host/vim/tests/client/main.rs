//! The client against a server on loopback that answers from a script.
#![allow(clippy::unwrap_used)]

mod answers;
mod faults;
mod hostile;
mod requests;
mod secrets;
mod server;
mod transport;
