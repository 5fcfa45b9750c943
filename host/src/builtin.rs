//! The modules that come with the program.

use vmgroup_engine::{Engine, Limits, Module};

/// An engine with the limits that every command uses.
pub(crate) fn engine() -> Engine {
    Engine::new(Limits::default())
}

/// The default reconciler.
pub(crate) fn default(engine: &Engine) -> anyhow::Result<Module> {
    Ok(engine.load(DEFAULT)?)
}

/// The default reconciler's bytes.
pub(crate) const DEFAULT: &[u8] = include_bytes!("../../target/guests/default.wasm");

/// The example that fills the highest slot first, one at a time.
pub(crate) const ONE_BY_ONE: &[u8] = include_bytes!("../../target/guests/one-by-one.wasm");
