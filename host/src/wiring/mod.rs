//! Puts the parts together: what the machine asks for reaches an adapter, what
//! the adapters see reaches the machine.

pub(crate) mod loader;
