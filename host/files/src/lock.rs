//! One operator a state.

use std::fs::{File, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::thread::sleep;

use vmgroup_core::text::one_line;
use vmgroup_core::time::Timestamp;

use crate::error::FilesError;
use crate::limits::{HOLDER_CHARS_MAX, LOCK_TRIES, LOCK_WAIT};

/// Held as long as it lives; the system frees it when the process ends, however.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    pub(crate) fn take(folder: &Path, now: Timestamp) -> Result<Lock, FilesError> {
        let path = path(folder);
        let failed = |source| FilesError::Write {
            path: path.clone(),
            source,
        };
        let mut file = open(&path).map_err(failed)?;
        for tries_left in (0..LOCK_TRIES).rev() {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if tries_left > 0 => sleep(LOCK_WAIT),
                Err(TryLockError::WouldBlock) => {
                    return Err(FilesError::Locked {
                        folder: folder.to_owned(),
                        holder: holder(&mut file),
                    });
                }
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
        }
        let holder = format!(
            "process {}, since {}\n",
            std::process::id(),
            now.to_rfc3339()
        );
        file.set_len(0)
            .and_then(|()| file.write_all(holder.as_bytes()))
            .map_err(failed)?;
        Ok(Lock { _file: file })
    }

    /// Whether an operator runs on that state.
    pub(crate) fn is_held(folder: &Path) -> bool {
        let held = |file: File| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
        File::open(path(folder)).is_ok_and(held)
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(path)
}

fn path(folder: &Path) -> PathBuf {
    folder.join("lock")
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    match file.take(HOLDER_CHARS_MAX as u64).read_to_string(&mut text) {
        Ok(length) if length > 0 => one_line(&text, HOLDER_CHARS_MAX),
        _ => "another process".into(),
    }
}
