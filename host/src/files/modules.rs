//! A module in a file.

use std::path::Path;

use vmgroup_engine::{Engine, LoadError, Module};

use crate::builtin;
use crate::voice::Problem;

/// The module in that file, or the built-in one.
pub(crate) fn load(path: Option<&Path>) -> anyhow::Result<Module> {
    let engine = builtin::engine();
    match path {
        None => builtin::default(&engine),
        Some(path) => Ok(from_file(&engine, path)?),
    }
}

/// The module in that file.
pub(crate) fn from_file(engine: &Engine, path: &Path) -> Result<Module, Problem> {
    let bytes = super::bytes(path)?;
    engine.load(&bytes).map_err(|error| refused(path, error))
}

fn refused(path: &Path, error: LoadError) -> Problem {
    let hint = error.hint();
    let text = format!("module `{}` is refused at stage {}", path.display(), error.stage().as_str());
    let problem = Problem::new(text).because(error);
    match hint {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
}
