//! Files that people name on the command line.

use std::path::{Path, PathBuf};

use crate::voice::Problem;

pub(crate) mod modules;

/// The bytes of a file.
pub(crate) fn bytes(path: &Path) -> Result<Vec<u8>, Problem> {
    std::fs::read(path).map_err(|error| unreadable(path, error))
}

/// The text of a file.
pub(crate) fn text(path: &Path) -> Result<String, Problem> {
    std::fs::read_to_string(path).map_err(|error| unreadable(path, error))
}

fn unreadable(path: &Path, error: std::io::Error) -> Problem {
    Problem::new(format!("failed to read `{}`", path.display())).because(error)
}

/// The file itself, or every file with that ending in a folder and the folders
/// in it, in the order of their names.
pub(crate) fn below(path: &Path, ending: &str) -> Result<Vec<PathBuf>, Problem> {
    let mut found = Vec::new();
    if path.is_dir() {
        collect(path, ending, &mut found).map_err(|error| unreadable(path, error))?;
        found.sort();
    } else {
        std::fs::metadata(path).map_err(|error| unreadable(path, error))?;
        found.push(path.to_owned());
    }
    Ok(found)
}

fn collect(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        // A link to a folder is not followed: it may lead back.
        if entry.file_type()?.is_dir() {
            collect(&path, ending, found)?;
        } else if path.extension().is_some_and(|it| it == ending) {
            found.push(path);
        }
    }
    Ok(())
}

/// An error and its causes on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// What is wrong with groups or their state, and what to do.
#[cfg(feature = "files")]
pub(crate) fn state_problem(error: &vmgroup_files::FilesError) -> Problem {
    let hint = error.hint().map(str::to_owned);
    let source = std::error::Error::source(error).map(ToString::to_string);
    let text = match source {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    let problem = Problem::new(text);
    match hint {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
}
