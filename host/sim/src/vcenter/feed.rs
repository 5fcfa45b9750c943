//! The feed of a session: everything anew first, then changes in order, each
//! made some time before it arrives.

use std::collections::BTreeSet;

use vmgroup_core::time::{Monotonic, Now};
use vmgroup_reconcile::event::Event;
use vmgroup_reconcile::inventory::{Task, TaskId, VmId};
use vmgroup_reconcile::request::RequestId;

use super::{Due, SessionId, VCenter};
use crate::history::Fact;

#[derive(Debug, Clone)]
pub(super) struct Feed {
    id: RequestId,
    epoch: u64,
    /// It has shown everything once; only changes follow.
    begun: bool,
    flush_planned: bool,
    /// Updates made before are lost.
    loses_until: Monotonic,
    /// What its owner believes to be in view.
    shown: BTreeSet<VmId>,
    vms: BTreeSet<VmId>,
    tasks: BTreeSet<TaskId>,
    /// Number of the last news, to find out whether there were any since.
    mark: u64,
}

impl VCenter {
    /// Begins the session's feed anew: `FeedReset` with that id comes first,
    /// not before `earliest`. False if the session has ended.
    pub fn begin_feed(
        &mut self,
        now: Now,
        session: SessionId,
        id: RequestId,
        earliest: Monotonic,
    ) -> bool {
        let Some(it) = self.sessions.get_mut(&session).filter(|it| !it.ended) else {
            return false;
        };
        it.epoch += 1;
        it.wanted_from = it.epoch;
        it.last = it.last.max(earliest);
        let epoch = it.epoch;
        it.feed = Some(Feed {
            id,
            epoch,
            begun: false,
            flush_planned: false,
            loses_until: Monotonic(0),
            shown: BTreeSet::new(),
            vms: BTreeSet::new(),
            tasks: BTreeSet::new(),
            mark: 0,
        });
        let reset = self.options.feed_reset;
        self.after(now, reset, Due::FeedBegins { session, epoch });
        true
    }

    /// Updates of the next so many milliseconds get lost on their way.
    pub(crate) fn lose_updates(&mut self, now: Now, session: SessionId, for_ms: u64) {
        let feed = self
            .sessions
            .get_mut(&session)
            .and_then(|it| it.feed.as_mut());
        if let Some(feed) = feed {
            let (at, until) = (now.monotonic, now.monotonic.plus(for_ms));
            feed.loses_until = until;
            self.log.push(Fact::UpdatesLost { at, until });
        }
    }

    /// The next news arrive so many milliseconds late, and so do those behind.
    pub(crate) fn lag_feed(&mut self, now: Now, session: SessionId, for_ms: u64) {
        if let Some(it) = self.sessions.get_mut(&session) {
            it.last = it.last.max(now.monotonic.plus(for_ms));
        }
    }

    /// The next feed that begins, of whatever session, lacks every second VM.
    pub(crate) fn show_half(&mut self) {
        self.partial_next = true;
    }

    /// The feed also shows exactly these VMs from here on.
    pub fn track(&mut self, now: Now, session: SessionId, vms: &[VmId]) {
        let Some(it) = self.sessions.get_mut(&session) else {
            return;
        };
        let wanted: BTreeSet<VmId> = vms.iter().cloned().collect();
        let touched: Vec<VmId> = it.tracked.symmetric_difference(&wanted).cloned().collect();
        it.tracked = wanted;
        for vm in touched {
            self.dirty(now, session, Some(&vm), None);
        }
    }

    /// The VM changed, came or went.
    pub(super) fn show_vm(&mut self, now: Now, vm: &str) {
        self.count_anew(now, vm);
        for session in self.fed() {
            self.dirty(now, session, Some(vm), None);
        }
    }

    /// A task of the operator's user changed.
    pub(super) fn show_task(&mut self, now: Now, task: &str) {
        for session in self.fed() {
            self.dirty(now, session, None, Some(task));
        }
    }

    pub(super) fn feed_begins(&mut self, now: Now, session: SessionId, epoch: u64) {
        if self.feed(session, epoch).is_none() {
            return;
        }
        let partial = std::mem::take(&mut self.partial_next);
        let in_view = self.vms.keys().filter(|id| self.in_view(session, id));
        let shown: BTreeSet<VmId> = in_view
            .enumerate()
            .filter(|(index, _)| !partial || index % 2 == 0)
            .map(|(_, id)| id.clone())
            .collect();
        let vms = shown.iter().filter_map(|id| self.view(id)).collect();
        let tells = self.options.tells_operations;
        let tasks = self.tasks.values();
        let tasks = tasks.filter_map(|it| it.view(now, tells)).collect();
        let Some(feed) = self.feed(session, epoch) else {
            return;
        };
        feed.begun = true;
        feed.shown = shown;
        feed.vms.clear();
        feed.tasks.clear();
        let id = feed.id;
        self.send_news(now, session, Event::FeedReset { id, vms, tasks });
    }

    pub(super) fn feed_flushes(&mut self, now: Now, session: SessionId, epoch: u64) {
        let Some(feed) = self.feed(session, epoch) else {
            return;
        };
        feed.flush_planned = false;
        let touched = std::mem::take(&mut feed.vms);
        let task_ids = std::mem::take(&mut feed.tasks);
        if now.monotonic < feed.loses_until {
            return;
        }
        let mut shown = std::mem::take(&mut feed.shown);
        let mut vms = Vec::new();
        let mut left = Vec::new();
        for id in touched {
            match self.view(&id).filter(|_| self.in_view(session, &id)) {
                Some(vm) => {
                    shown.insert(id);
                    vms.push(vm);
                }
                None if shown.remove(&id) => left.push(id),
                None => {}
            }
        }
        let tells = self.options.tells_operations;
        let tasks: Vec<Task> = task_ids
            .iter()
            .filter_map(|id| self.tasks.get(id)?.view(now, tells))
            .collect();
        if let Some(feed) = self.feed(session, epoch) {
            feed.shown = shown;
        }
        if !(vms.is_empty() && left.is_empty() && tasks.is_empty()) {
            self.send_news(now, session, Event::FeedChanged { vms, left, tasks });
        }
    }

    pub(super) fn feed_idles(&mut self, now: Now, session: SessionId, mark: u64) {
        let idle = self
            .sessions
            .get(&session)
            .and_then(|it| it.feed.as_ref())
            .is_some_and(|feed| feed.mark == mark);
        if idle {
            self.send_news(now, session, Event::FeedIdle);
        }
    }

    /// News of that feed are still wanted when they arrive.
    pub(super) fn feed_wants(&self, session: SessionId, epoch: u64) -> bool {
        self.sessions
            .get(&session)
            .is_some_and(|it| epoch >= it.wanted_from)
    }

    /// Puts news on their way, behind those before them.
    pub(super) fn send_news(&mut self, now: Now, session: SessionId, event: Event) {
        let lag = self.options.feed_lag.draw(&mut self.random);
        let idle_ms = self.options.feed_idle_ms;
        let mark = self.number();
        let Some(it) = self.sessions.get_mut(&session) else {
            return;
        };
        it.last = it.last.max(now.monotonic.plus(lag));
        let (at, epoch) = (it.last, it.epoch);
        let feeds = it.feed.is_some();
        if let Some(feed) = &mut it.feed {
            feed.mark = mark;
        }
        let event = Box::new(event);
        self.at(
            at,
            Due::FeedArrives {
                session,
                epoch,
                event,
            },
        );
        if feeds {
            self.at(at.plus(idle_ms), Due::FeedIdles { session, mark });
        }
    }

    fn dirty(&mut self, now: Now, session: SessionId, vm: Option<&str>, task: Option<&str>) {
        let collect_ms = self.options.feed_collect_ms;
        let Some(feed) = self
            .sessions
            .get_mut(&session)
            .and_then(|it| it.feed.as_mut())
        else {
            return;
        };
        feed.vms.extend(vm.map(str::to_owned));
        feed.tasks.extend(task.map(str::to_owned));
        if feed.begun && !feed.flush_planned {
            feed.flush_planned = true;
            let epoch = feed.epoch;
            self.at(
                now.monotonic.plus(collect_ms),
                Due::FeedFlushes { session, epoch },
            );
        }
    }

    fn feed(&mut self, session: SessionId, epoch: u64) -> Option<&mut Feed> {
        self.sessions
            .get_mut(&session)?
            .feed
            .as_mut()
            .filter(|feed| feed.epoch == epoch)
    }

    fn fed(&self) -> Vec<SessionId> {
        self.sessions
            .iter()
            .filter(|(_, it)| it.feed.is_some())
            .map(|(id, _)| *id)
            .collect()
    }

    fn in_view(&self, session: SessionId, vm: &str) -> bool {
        let tracked = self
            .sessions
            .get(&session)
            .is_some_and(|it| it.tracked.contains(vm));
        self.vms
            .get(vm)
            .is_some_and(|truth| tracked || self.below_root(&truth.folder))
    }
}
