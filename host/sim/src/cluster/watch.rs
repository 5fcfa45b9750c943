//! Watches: a list first, then every change in order, each after a lag.

use std::collections::VecDeque;

use vmgroup_core::time::{Monotonic, Now};
use vmgroup_reconcile::event::{Event, GroupObject};

use super::Cluster;

/// So many changes can be told once more.
const RECENT: usize = 8;

/// Names one watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WatchId(pub u64);

#[derive(Debug, Clone, Default)]
pub(super) struct Watch {
    /// On their way, in order; times never go back.
    queue: VecDeque<(Monotonic, Event)>,
    last: Monotonic,
    /// It tells nothing until it lists anew.
    silent: bool,
}

impl Watch {
    fn push(&mut self, at: Monotonic, event: Event) {
        self.last = self.last.max(at);
        self.queue.push_back((self.last, event));
    }
}

impl Cluster {
    /// Begins a watch: lists of groups and approvals as they are, the lease and
    /// the credentials' version, then every change.
    pub fn open_watch(&mut self, now: Now) -> WatchId {
        self.opened += 1;
        let id = WatchId(self.opened);
        self.watches.insert(id, Watch::default());
        let objects = self.groups().cloned().collect();
        self.list(now, id, objects);
        id
    }

    /// Lists anew, as after a watch that broke: what was on its way is lost.
    pub fn reconnect(&mut self, now: Now, id: WatchId) {
        let objects = self.groups().cloned().collect();
        self.reconnect_to(now, id, objects);
    }

    /// Lists these objects as if they were all, after a watch that broke.
    pub(crate) fn reconnect_to(&mut self, now: Now, id: WatchId, objects: Vec<GroupObject>) {
        if let Some(watch) = self.watches.get_mut(&id) {
            watch.queue.clear();
            watch.silent = false;
            self.list(now, id, objects);
        }
    }

    /// Tells nothing any more, until it lists anew.
    pub(crate) fn silence(&mut self, id: WatchId) {
        if let Some(watch) = self.watches.get_mut(&id) {
            watch.queue.clear();
            watch.silent = true;
        }
    }

    /// Brings the last so many changes of groups once more, after newer ones.
    pub(crate) fn repeat(&mut self, now: Now, id: WatchId, count: usize) {
        let lag = self.options.watch_lag.draw(&mut self.random);
        let at = now.monotonic.plus(lag);
        let skipped = self.recent.len().saturating_sub(count);
        if let Some(watch) = self.watches.get_mut(&id).filter(|watch| !watch.silent) {
            for event in self.recent.iter().skip(skipped) {
                watch.push(at, event.clone());
            }
        }
    }

    /// Ends a watch.
    pub fn close_watch(&mut self, id: WatchId) {
        self.watches.remove(&id);
    }

    /// When the next change arrives at somebody.
    pub fn next_due(&self) -> Option<Monotonic> {
        self.watches
            .values()
            .filter_map(|watch| watch.queue.front().map(|(at, _)| *at))
            .min()
    }

    /// One change that has arrived, the earliest first.
    pub fn arrive(&mut self, now: Monotonic) -> Option<(WatchId, Event)> {
        let (_, id) = self
            .watches
            .iter()
            .filter_map(|(id, watch)| watch.queue.front().map(|(at, _)| (*at, *id)))
            .filter(|(at, _)| *at <= now)
            .min()?;
        let (_, event) = self.watches.get_mut(&id)?.queue.pop_front()?;
        Some((id, event))
    }

    pub(super) fn announce(&mut self, now: Now, event: &Event) {
        if matches!(event, Event::GroupChanged(_) | Event::GroupGone { .. }) {
            self.recent.push_back(event.clone());
            if self.recent.len() > RECENT {
                self.recent.pop_front();
            }
        }
        for watch in self.watches.values_mut().filter(|watch| !watch.silent) {
            let at = now
                .monotonic
                .plus(self.options.watch_lag.draw(&mut self.random));
            watch.push(at, event.clone());
        }
    }

    fn list(&mut self, now: Now, id: WatchId, objects: Vec<GroupObject>) {
        let at = now.monotonic.plus(self.options.list.draw(&mut self.random));
        let events = [
            Event::CredentialsChanged {
                version: self.credentials.clone(),
            },
            Event::LeaseSeen {
                lease: self.lease.clone(),
                id: None,
            },
            Event::ApprovalsListed(self.approvals.values().cloned().collect()),
            Event::GroupsListed(objects),
        ];
        if let Some(watch) = self.watches.get_mut(&id) {
            for event in events {
                watch.push(at, event);
            }
        }
    }
}
