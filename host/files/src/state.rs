//! The folder of the state. A file is replaced whole or not at all, and one
//! that cannot be understood is never overwritten.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use vmgroup_core::group::GroupKey;

use crate::error::{FilesError, Problem};
use crate::limits::RECORD_BYTES_MAX;
use crate::record::{Deletion, Record, Stored, Tombstone};

/// A file that was not renamed into place when its writer died.
const UNFINISHED: &str = ".unfinished-";

/// Reads and writes the files of one state.
#[derive(Debug, Clone)]
pub(crate) struct State {
    folder: PathBuf,
}

/// Why something was not written.
#[derive(Debug)]
pub(crate) struct NotWritten {
    /// It stands there, but may be gone after a power cut.
    pub(crate) uncertain: bool,
    pub(crate) error: FilesError,
}

impl State {
    pub(crate) fn at(folder: &Path) -> State {
        State {
            folder: folder.to_owned(),
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn folder_of<T: Stored>(&self) -> PathBuf {
        self.folder.join(T::FOLDER)
    }

    /// Creates the folders.
    pub(crate) fn create(&self) -> Result<(), FilesError> {
        for folder in [
            self.folder_of::<Record>(),
            self.folder_of::<Tombstone>(),
            self.folder_of::<Deletion>(),
        ] {
            let failed = |source| FilesError::Write {
                path: folder.clone(),
                source,
            };
            fs::create_dir_all(&folder).map_err(failed)?;
        }
        Ok(())
    }

    /// Removes what a writer that died left; only the lock's holder may.
    pub(crate) fn tidy(&self) -> Result<(), FilesError> {
        for path in self
            .files::<Record>()?
            .into_iter()
            .chain(self.files::<Tombstone>()?)
        {
            let name = path.file_name().unwrap_or_default().as_encoded_bytes();
            if name.starts_with(UNFINISHED.as_bytes()) {
                remove(&path)?;
            }
        }
        Ok(())
    }

    /// Everything of one kind, if all of it can be read.
    pub(crate) fn all<T: Stored>(&self) -> Result<BTreeMap<GroupKey, T>, FilesError> {
        let each = self.each::<T>()?.into_iter();
        each.map(|item| item.map(|item| (item.key(), item)))
            .collect()
    }

    /// Everything of one kind, each by itself.
    pub(crate) fn each<T: Stored>(&self) -> Result<Vec<Result<T, FilesError>>, FilesError> {
        let paths = self.files::<T>()?.into_iter();
        let paths = paths.filter(|path| is_finished(path));
        Ok(paths.filter_map(|path| self.one(&path)).collect())
    }

    fn one<T: Stored>(&self, path: &Path) -> Option<Result<T, FilesError>> {
        let bytes = match read(path) {
            Ok(bytes) => bytes?,
            Err(error) => return Some(Err(error)),
        };
        let item = serde_json::from_slice(&bytes).map_err(|error| corrupt(path, &error));
        Some(item.and_then(|item: T| {
            let key = item.key();
            if path.file_name() == self.path::<T>(&key).file_name() {
                return Ok(item);
            }
            let text = format!("it is about {key}, which its name does not say");
            Err(FilesError::Corrupt(problem(path, text)))
        }))
    }

    /// Replaces the file, so that after a crash the old one or the new one is there.
    pub(crate) fn write<T: Stored>(&self, item: &T) -> Result<(), NotWritten> {
        let path = self.path::<T>(&item.key());
        let failed = |uncertain: bool| {
            let path = path.clone();
            move |source: io::Error| NotWritten {
                uncertain,
                error: FilesError::Write { path, source },
            }
        };
        let folder = self.folder_of::<T>();
        let write = || {
            let mut text = serde_json::to_vec_pretty(item)?;
            text.push(b'\n');
            // A request is read by the operator, whoever makes it.
            let mut file = tempfile::Builder::new()
                .prefix(UNFINISHED)
                .permissions(Permissions::from_mode(0o644))
                .tempfile_in(&folder)?;
            file.write_all(&text)?;
            file.as_file().sync_all()?;
            file.persist(&path).map_err(io::Error::from)?;
            Ok(())
        };
        write().map_err(failed(false))?;
        sync(&folder).map_err(failed(true))
    }

    /// Removes the file, if there is one.
    pub(crate) fn remove<T: Stored>(&self, key: &GroupKey) -> Result<(), FilesError> {
        let path = self.path::<T>(key);
        remove(&path)?;
        let folder = self.folder_of::<T>();
        sync(&folder).map_err(|source| FilesError::Write { path, source })
    }

    /// Neither a namespace nor a name has an underscore.
    fn path<T: Stored>(&self, key: &GroupKey) -> PathBuf {
        self.folder_of::<T>()
            .join(format!("{}_{}.json", key.namespace, key.name))
    }

    /// Sorted; none if the folder does not exist.
    fn files<T: Stored>(&self) -> Result<Vec<PathBuf>, FilesError> {
        let folder = self.folder_of::<T>();
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            other => other,
        };
        let paths = entries.and_then(|entries| {
            let paths = entries.map(|entry| entry.map(|entry| entry.path()));
            paths.collect::<io::Result<Vec<PathBuf>>>()
        });
        let mut paths = paths.map_err(|source| FilesError::Read {
            path: folder,
            source,
        })?;
        paths.sort();
        Ok(paths)
    }
}

/// Not hidden, and of the one kind that is written here.
fn is_finished(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    !name.starts_with(b".") && name.ends_with(b".json")
}

/// None if it has been removed meanwhile.
fn read(path: &Path) -> Result<Option<Vec<u8>>, FilesError> {
    let mut bytes = Vec::new();
    let read =
        File::open(path).and_then(|file| file.take(RECORD_BYTES_MAX + 1).read_to_end(&mut bytes));
    match read {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(FilesError::Read {
            path: path.to_owned(),
            source,
        }),
        Ok(length) if length as u64 > RECORD_BYTES_MAX => {
            let text = format!("it has more than {RECORD_BYTES_MAX} bytes");
            Err(FilesError::Corrupt(problem(path, text)))
        }
        Ok(_) => Ok(Some(bytes)),
    }
}

fn corrupt(path: &Path, error: &serde_json::Error) -> FilesError {
    let (line, column) = (error.line() as u64, error.column() as u64);
    let text = error.to_string();
    let told = format!(" at line {line} column {column}");
    let text = text.strip_suffix(&told).unwrap_or(&text).to_owned();
    FilesError::Corrupt(Problem {
        line,
        column,
        ..problem(path, text)
    })
}

fn problem(path: &Path, message: String) -> Problem {
    Problem {
        file: path.to_owned(),
        line: 0,
        column: 0,
        message,
        hint: Some(
            "repair the file or bring it back from a backup; without it the group is a new one \
             to which its VMs do not belong"
                .into(),
        ),
    }
}

fn remove(path: &Path) -> Result<(), FilesError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != ErrorKind::NotFound => Err(FilesError::Write {
            path: path.to_owned(),
            source,
        }),
        _ => Ok(()),
    }
}

/// A name in a folder lasts when the folder has been written, too.
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests;
