//! The modules that come with the program.

/// The example that fills the highest slot first, one at a time.
pub(crate) const ONE_BY_ONE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/one-by-one.wasm"));
