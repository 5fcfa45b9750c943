//! What can go wrong, and where.

use std::fmt;
use std::io;
use std::path::PathBuf;

use vmgroup_core::group::GroupKey;

use crate::limits::NAMED_MAX;

/// Why the groups or their state cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// Another operator runs on that state.
    #[error("the state in {} is in use by {holder}", folder.display())]
    Locked {
        /// The state folder.
        folder: PathBuf,
        /// What the lock says of its holder.
        holder: String,
    },
    /// A file or folder could not be read.
    #[error("failed to read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file or folder could not be written.
    #[error("failed to write {}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file of the state says nothing that could be used. It is never overwritten.
    #[error("{0}")]
    Corrupt(Problem),
    /// There is no such group.
    #[error("there is no group {key}; there {}", known_groups(.known))]
    NoSuchGroup {
        /// Which.
        key: GroupKey,
        /// Those that there are.
        known: Vec<GroupKey>,
    },
}

impl FilesError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<&str> {
        match self {
            FilesError::Locked { .. } => {
                Some("end that process, or give this one a state folder of its own")
            }
            FilesError::Corrupt(problem) => problem.hint.as_deref(),
            FilesError::Read { .. } | FilesError::Write { .. } | FilesError::NoSuchGroup { .. } => {
                None
            }
        }
    }
}

/// Something that is wrong in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub file: PathBuf,
    /// Line, from 1; 0 if the whole file is meant.
    pub line: u64,
    /// Column, from 1; 0 if the whole line is meant.
    pub column: u64,
    /// What is wrong.
    pub message: String,
    /// What to do, where the message does not say it.
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        for number in [self.line, self.column].iter().take_while(|n| **n > 0) {
            write!(f, ":{number}")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for Problem {}

fn known_groups(known: &[GroupKey]) -> String {
    if known.is_empty() {
        return "is none at all".into();
    }
    let names: Vec<String> = known
        .iter()
        .take(NAMED_MAX)
        .map(ToString::to_string)
        .collect();
    match known.len().saturating_sub(NAMED_MAX) {
        0 => format!("is {}", names.join(", ")),
        more => format!("is {} and {more} more", names.join(", ")),
    }
}
