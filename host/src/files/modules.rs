//! A module in a file.

use std::path::Path;

use vmgroup_engine::{Engine, Limits, LoadError, Module};
use vmgroup_modules::built_in;

use crate::voice::Problem;

/// The module in that file, or the built-in one.
pub(crate) fn load(path: Option<&Path>) -> anyhow::Result<Module> {
    let engine = Engine::new(Limits::default());
    match path {
        None => Ok(engine.load(built_in())?),
        Some(path) => {
            let bytes = super::bytes(path)?;
            Ok(engine.load(&bytes).map_err(|error| refused(path, error))?)
        }
    }
}

fn refused(path: &Path, error: LoadError) -> Problem {
    let hint = error.hint();
    let (path, stage) = (path.display(), error.stage().as_str());
    let text = format!("module `{path}` is refused at stage {stage}");
    let problem = Problem::new(text).because(error);
    match hint {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
}
