//! A trial of the steps that cannot be bounded from within: for a process that has
//! bounds of its own, and may come to an end.

use wasmtime::Engine;

use crate::engine::config;
use crate::inspect::inspect;
use crate::load::{chain, check_inspection, check_size};
use crate::{Limits, LoadError};

/// Size → inspect → compile, and nothing is kept of it. Nothing of the module runs.
///
/// # Errors
/// As [`Engine::load`](crate::Engine::load), as far as it goes.
pub fn try_to_compile(bytes: &[u8], limits: &Limits) -> Result<(), LoadError> {
    check_size(bytes, limits)?;
    check_inspection(&inspect(bytes), limits)?;
    // It runs nothing, so that it needs no pool of memory.
    let engine = Engine::new(&config(limits)).expect("settings that this machine supports");
    let compiled = engine.precompile_component(bytes);
    compiled.map(drop).map_err(|error| LoadError::Compile {
        problem: chain(&error),
    })
}
