//! Reads: the folder and the requests for deletion, whenever they change.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use vmgroup_reconcile::event::Event;

use crate::groups::Groups;
use crate::limits::{POLL, QUIET, QUIET_MAX};
use crate::record::Deletion;

/// Watches as long as it lives.
#[must_use = "nothing is watched any more when this is dropped"]
#[derive(Debug)]
pub struct Watch {
    wake: Sender<Wake>,
}

enum Wake {
    Changed,
    Stop,
}

impl Drop for Watch {
    fn drop(&mut self) {
        // A thread that has ended needs no telling.
        let _ = self.wake.send(Wake::Stop);
    }
}

impl Watch {
    /// Tells all groups and approvals, and then every change, on a thread of its own.
    ///
    /// # Errors
    /// No thread could be started.
    pub fn start(
        groups: &Arc<Groups>,
        events: impl Fn(Event) + Send + 'static,
    ) -> std::io::Result<Watch> {
        Watch::start_at_pace(groups, POLL, events)
    }

    pub(crate) fn start_at_pace(
        groups: &Arc<Groups>,
        poll: Duration,
        events: impl Fn(Event) + Send + 'static,
    ) -> std::io::Result<Watch> {
        let (wake, woken) = channel();
        let watch = Watch { wake: wake.clone() };
        let groups = Arc::clone(groups);
        std::thread::Builder::new()
            .name("group-files".into())
            .spawn(move || {
                // The watch begins before the first look, so that no change is missed.
                let mut watcher = watch_folders(&groups, &wake);
                groups.look();
                events(Event::GroupsListed(groups.objects()));
                events(Event::ApprovalsListed(groups.approvals()));
                while wait(&woken, poll) {
                    if watcher.is_none() {
                        watcher = watch_folders(&groups, &wake);
                    }
                    groups.look().into_iter().for_each(&events);
                }
            })?;
        Ok(watch)
    }
}

/// None if the system has no more watches; looking from time to time does.
fn watch_folders(groups: &Groups, wake: &Sender<Wake>) -> Option<RecommendedWatcher> {
    let wake = wake.clone();
    let changed = move |event: notify::Result<notify::Event>| {
        // Reading a file is an event too, which must not cause reading it.
        if !event.is_ok_and(|event| event.kind.is_access()) {
            let _ = wake.send(Wake::Changed);
        }
    };
    let mut watcher = notify::recommended_watcher(changed).ok()?;
    let requests = groups.state.folder_of::<Deletion>();
    for folder in [groups.folder.as_path(), requests.as_path()] {
        let folder = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        watcher.watch(folder, RecursiveMode::NonRecursive).ok()?;
    }
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

#[cfg(test)]
mod tests;
