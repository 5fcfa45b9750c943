//! A module in a file that may be replaced at any time: by a rename, by a copy
//! in place, or the way a kubelet replaces a ConfigMap's files, by renaming
//! `..data`, a link beside the file that the file's own link leads through.

use std::cell::{Cell, RefCell};
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant, SystemTime};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use crate::intake::{Intake, Taken};
use crate::limits::{LATE_PAUSE_FIRST, LATE_PAUSE_MOST, POLL, QUIET, QUIET_MAX};
use crate::loader::{Loader, Refusal, stage};
use crate::store::Name;

/// Watches as long as it lives.
#[must_use = "the file is watched no more when this is dropped"]
#[derive(Debug)]
pub struct FileWatch {
    wake: Sender<Wake>,
}

enum Wake {
    Changed,
    Stop,
}

impl Drop for FileWatch {
    fn drop(&mut self) {
        // A thread that has ended needs no telling.
        let _ = self.wake.send(Wake::Stop);
    }
}

/// Takes the file's module in for all those names, now and whenever the file
/// changes, on a thread of its own. The first events come soon after the return.
///
/// # Errors
/// No thread could be started.
pub fn watch_file<L: Loader>(
    intake: Arc<Intake<L>>,
    names: Vec<Name>,
    file: PathBuf,
) -> std::io::Result<FileWatch> {
    watch_at_pace(intake, names, file, POLL)
}

fn watch_at_pace<L: Loader>(
    intake: Arc<Intake<L>>,
    names: Vec<Name>,
    file: PathBuf,
    poll: Duration,
) -> std::io::Result<FileWatch> {
    let (wake, woken) = channel();
    let watch = FileWatch { wake: wake.clone() };
    let mut source = Source {
        intake,
        names,
        origin: file.display().to_string(),
        file,
        seen: None,
        late: None,
    };
    std::thread::Builder::new()
        .name("module-file".into())
        .spawn(move || {
            // The watch begins before the first look, so that no change is missed.
            let mut watcher = watch_folder(&source.file, &wake);
            source.look();
            while wait(&woken, poll) {
                if watcher.is_none() {
                    watcher = watch_folder(&source.file, &wake);
                }
                source.look();
            }
        })?;
    Ok(watch)
}

/// Notifications for everything in the file's folder: the file may be replaced,
/// and so may a link that it leads through. None if there is no such folder or
/// the system has no more watches; looking at the file from time to time does.
fn watch_folder(file: &Path, wake: &Sender<Wake>) -> Option<RecommendedWatcher> {
    let wake = wake.clone();
    let changed = move |event: notify::Result<notify::Event>| {
        // Reading the file is an event too, which must not cause reading it.
        if !event.is_ok_and(|event| event.kind.is_access()) {
            let _ = wake.send(Wake::Changed);
        }
    };
    let mut watcher = notify::recommended_watcher(changed).ok()?;
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    watcher.watch(folder, RecursiveMode::NonRecursive).ok()?;
    Some(watcher)
}

/// Waits for the next look; false if there is none.
fn wait(woken: &Receiver<Wake>, poll: Duration) -> bool {
    match woken.recv_timeout(poll) {
        Ok(Wake::Changed) => {}
        Err(RecvTimeoutError::Timeout) => return true,
        Ok(Wake::Stop) | Err(RecvTimeoutError::Disconnected) => return false,
    }
    let begun = Instant::now();
    while begun.elapsed() < QUIET_MAX {
        match woken.recv_timeout(QUIET) {
            Ok(Wake::Changed) => {}
            Err(RecvTimeoutError::Timeout) => return true,
            Ok(Wake::Stop) | Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
    true
}

struct Source<L: Loader> {
    intake: Arc<Intake<L>>,
    names: Vec<Name>,
    file: PathBuf,
    origin: String,
    seen: Option<Version>,
    late: Option<Late>,
}

/// A content that was late, on a machine that has no time to spare: it is tried again, after
/// growing pauses.
struct Late {
    version: Version,
    again_at: Instant,
    pause: Duration,
}

impl Late {
    fn after(before: Option<Late>, version: Version) -> Self {
        let before = before.filter(|before| before.version == version);
        let pause = before.map_or(Duration::ZERO, |before| {
            (before.pause * 2).clamp(LATE_PAUSE_FIRST, LATE_PAUSE_MOST)
        });
        let again_at = Instant::now() + pause;
        Late {
            version,
            again_at,
            pause,
        }
    }

    fn waits(&self, version: &Version) -> bool {
        self.version == *version && Instant::now() < self.again_at
    }
}

/// What tells one content of a file from another without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Version {
    path: PathBuf,
    length: u64,
    modified: Option<SystemTime>,
    /// Builds and copies may keep length and time: number and change of the inode.
    inode: (u64, i64, i64),
}

impl<L: Loader> Source<L> {
    /// Reads the file if it may have changed.
    fn look(&mut self) {
        match version(&self.file) {
            Ok(version) if self.seen.as_ref() == Some(&version) => {}
            Ok(version) if self.late.as_ref().is_some_and(|late| late.waits(&version)) => {}
            Ok(version) => match self.read(&version) {
                Ok(bytes) => {
                    let content = Content::new(self, version, &bytes);
                    let wanted = || content.is_there();
                    let taken = self
                        .intake
                        .take_if(&wanted, &self.names, &self.origin, &bytes);
                    let version = content.version.into_inner();
                    let Some(taken) = taken else {
                        // The next look is at what it has become.
                        return;
                    };
                    let is_late = matches!(&taken, Taken::Refused(refusal) if refusal.late);
                    // Unless it changed while it was read, or was late: then it is
                    // read again.
                    let late = self.late.take().filter(|_| is_late);
                    self.late = is_late.then(|| Late::after(late, version.clone()));
                    self.seen = (!is_late).then_some(version);
                }
                Err(refusal) => self.unavailable(&refusal),
            },
            Err(refusal) => self.unavailable(&refusal),
        }
    }

    fn unavailable(&mut self, refusal: &Refusal) {
        self.seen = None;
        self.intake.unavailable(&self.names, &self.origin, refusal);
    }

    fn read(&self, version: &Version) -> Result<Vec<u8>, Refusal> {
        let limit = self.intake.bytes_max();
        let too_large = |bytes: u64| {
            let message = format!("module has {bytes} bytes, the limit is {limit}");
            Refusal::new(stage::SIZE, &message)
        };
        if version.length > limit as u64 {
            return Err(too_large(version.length));
        }
        let mut bytes = Vec::new();
        let mut file = File::open(&version.path).map_err(|error| cannot_read(&error))?;
        file.by_ref()
            .take(limit as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| cannot_read(&error))?;
        if bytes.len() > limit {
            return Err(too_large(bytes.len() as u64));
        }
        Ok(bytes)
    }
}

/// What was read of a file that may be replaced while it is examined.
struct Content<'a, L: Loader> {
    source: &'a Source<L>,
    bytes: &'a [u8],
    version: RefCell<Version>,
    is_replaced: Cell<bool>,
}

impl<'a, L: Loader> Content<'a, L> {
    fn new(source: &'a Source<L>, version: Version, bytes: &'a [u8]) -> Self {
        Content {
            source,
            bytes,
            version: RefCell::new(version),
            is_replaced: Cell::new(false),
        }
    }

    /// The file still has these bytes, whoever has touched it; one that cannot be read for a
    /// moment may have them again. Once it had others they are not asked for any more.
    fn is_there(&self) -> bool {
        if let Ok(now) = version(&self.source.file)
            && now != *self.version.borrow()
            && let Ok(bytes) = self.source.read(&now)
        {
            let is_replaced = bytes != self.bytes;
            self.is_replaced.set(self.is_replaced.get() || is_replaced);
            self.version.replace(now);
        }
        !self.is_replaced.get()
    }
}

/// The file behind all links, as it is. Only a regular file is a module: a pipe
/// would block whoever opens it.
fn version(file: &Path) -> Result<Version, Refusal> {
    let path = file.canonicalize().map_err(|error| cannot_read(&error))?;
    let metadata = fs::metadata(&path).map_err(|error| cannot_read(&error))?;
    if !metadata.is_file() {
        return Err(Refusal::new(stage::FETCH, "it is not a file"));
    }
    Ok(Version {
        path,
        length: metadata.len(),
        modified: metadata.modified().ok(),
        inode: (metadata.ino(), metadata.ctime(), metadata.ctime_nsec()),
    })
}

fn cannot_read(error: &std::io::Error) -> Refusal {
    Refusal::new(stage::FETCH, &format!("it cannot be read: {error}"))
}

#[cfg(test)]
mod tests;
