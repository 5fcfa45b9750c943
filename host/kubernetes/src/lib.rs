//! The adapter on Kubernetes: watches become events, requests become
//! conditional writes. It translates and never decides; it may repeat reads,
//! and never repeats a write.

pub mod limits;

pub mod error;

pub mod connect;

mod spacing;

pub mod adapter;

pub mod convert;

pub mod object;

mod watch;

mod patch;

mod status;

mod meta;

mod lease;

mod tell;

pub use adapter::{Adapter, Place};
pub use connect::{Connection, connect};
pub use error::Error;
