//! Puts the parts together: what the machine asks for reaches an adapter, what
//! the adapters see reaches the machine.

pub(crate) mod loader;

#[cfg(feature = "files")]
pub(crate) mod trial;

#[cfg(feature = "files")]
mod decisions;

#[cfg(feature = "files")]
pub(crate) mod driver;

#[cfg(feature = "files")]
pub(crate) mod hands;

#[cfg(feature = "files")]
pub(crate) mod objects;

#[cfg(feature = "files")]
pub(crate) mod simulated;

#[cfg(feature = "files")]
pub(crate) mod operator;

#[cfg(feature = "cluster")]
pub(crate) mod cluster;

#[cfg(feature = "cluster")]
pub(crate) mod health;
