//! A trial of the steps that cannot be bounded from within: for a process that has
//! bounds of its own, and may come to an end.

use wasmtime::{Engine, OutOfMemory};

use crate::engine::config;
use crate::inspect::inspect;
use crate::load::{chain, check_inspection, check_size};
use crate::{Limits, LoadError};

/// What came of it.
#[derive(Debug)]
pub enum Tried {
    /// The steps came to an end: the engine would have the same to say of the bytes.
    Ended(Result<(), LoadError>),
    /// There was not enough memory.
    OutOfMemory,
}

/// Size → inspect → compile, and nothing is kept of it. Nothing of the module runs.
pub fn try_to_compile(bytes: &[u8], limits: &Limits) -> Tried {
    let checked = check_size(bytes, limits);
    if let Err(error) = checked.and_then(|()| check_inspection(&inspect(bytes), limits)) {
        return Tried::Ended(Err(error));
    }
    // It runs nothing, so that it needs no pool of memory.
    let compiled = Engine::new(&config(limits)).and_then(|it| it.precompile_component(bytes));
    match compiled {
        Ok(_) => Tried::Ended(Ok(())),
        Err(error) if error.is::<OutOfMemory>() => Tried::OutOfMemory,
        Err(error) => Tried::Ended(Err(LoadError::Compile {
            problem: chain(&error),
        })),
    }
}
