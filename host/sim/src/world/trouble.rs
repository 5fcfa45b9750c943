//! What goes wrong with the world as a whole.

use std::collections::BTreeMap;

use vmgroup_core::group::GroupKey;
use vmgroup_core::time::Monotonic;
use vmgroup_reconcile::event::GroupObject;

use super::deeds::is_untold;
use super::{Occurrence, World};
use crate::cluster::{Cluster, WatchId};
use crate::faults::WorldFault;
use crate::history::{Fact, Outage};
use crate::host::Decide;
use crate::kind::Kind;
use crate::trace::Detail;
use crate::vcenter::{SessionId, VCenter, VmTruth};

/// The API server is away for so long while it is restored: by then its clients have
/// heard of it.
const RESTORE_MS: u64 = 100;

/// How long an old list stands before a new one comes.
const OLD_LIST_MS: u64 = 5_000;

impl<D: Decide> World<D> {
    /// Lets go wrong what was planned, except a restore whose backup does not tell of a
    /// member that is out of view (docs/testing.md, what is open).
    pub(super) fn suffer_as_planned(&mut self, what: &WorldFault) {
        let hidden = match what {
            WorldFault::RestoreCluster(ago_ms) => self.hidden_by_restore(*ago_ms),
            _ => None,
        };
        match hidden.map(|vm| vm.id.clone()) {
            Some(vm) => self.say("fault", Detail::Everything, || {
                format!("{what:?} is left out: no status would tell of {vm}")
            }),
            None => self.suffer(what),
        }
    }

    fn hidden_by_restore(&self, ago_ms: u64) -> Option<&VmTruth> {
        let elsewhere = self.vcenter.elsewhere();
        let mut moved = self.vcenter.vms().filter(|vm| vm.folder == *elsewhere);
        let objects = self.objects_at(Monotonic(self.now.0.saturating_sub(ago_ms)));
        moved.find(|vm| is_untold(vm, &objects))
    }

    /// Lets something go wrong.
    pub fn suffer(&mut self, what: &WorldFault) {
        let now = self.now();
        self.say("fault", Detail::Story, || format!("{what:?}"));
        self.count(what);
        match what {
            WorldFault::Crash(host, unsent) => self.crash(*host, *unsent),
            WorldFault::Freeze(host, for_ms) => {
                self.disturb(*for_ms);
                self.freeze(*host);
                self.plan(self.now.plus(*for_ms), Occurrence::Thaw(*host));
            }
            WorldFault::ExpireSession(host) => self.in_session(*host, |vcenter, session| {
                vcenter.end_session(now, session, "the session expired");
            }),
            WorldFault::DropFeed(host) => self.in_session(*host, |vcenter, session| {
                vcenter.drop_feed(now, session, "the feed broke");
            }),
            WorldFault::RestartVCenter(for_ms) => {
                self.outage(*for_ms, false);
                self.vcenter.restart(now, *for_ms);
            }
            WorldFault::CutVCenter(for_ms) => {
                self.outage(*for_ms, false);
                self.vcenter.cut_off(now, *for_ms);
            }
            WorldFault::CutCluster(for_ms) => {
                self.cut_cluster(*for_ms);
            }
            WorldFault::Deny(kind, for_ms) => self.deny(*kind, *for_ms),
            WorldFault::ReconnectWatch(host) => self.on_watch(*host, |cluster, watch| {
                cluster.reconnect(now, watch);
            }),
            WorldFault::RepeatWatch(host, count) => self.on_watch(*host, |cluster, watch| {
                cluster.repeat(now, watch, *count);
            }),
            WorldFault::StallWatch(host, for_ms) => {
                if let Some(watch) = self.seats.get(*host).and_then(|it| it.watch) {
                    self.cluster.silence(watch);
                    let end = Occurrence::Trouble(WorldFault::ReconnectWatch(*host));
                    self.plan(self.now.plus(*for_ms), end);
                }
            }
            WorldFault::OldList(host, ago_ms) => {
                let objects = self.objects_at(Monotonic(self.now.0.saturating_sub(*ago_ms)));
                if let Some(watch) = self.seats.get(*host).and_then(|it| it.watch) {
                    self.cluster.reconnect_to(now, watch, objects);
                    let end = Occurrence::Trouble(WorldFault::ReconnectWatch(*host));
                    self.plan(self.now.plus(OLD_LIST_MS), end);
                }
            }
            WorldFault::RestoreCluster(ago_ms) => self.restore_cluster(*ago_ms),
            WorldFault::LoseUpdates(host, for_ms) => self.in_session(*host, |vcenter, session| {
                vcenter.lose_updates(now, session, *for_ms);
            }),
            WorldFault::LagFeed(host, for_ms) => {
                self.disturb(*for_ms);
                self.in_session(*host, |vcenter, session| {
                    vcenter.lag_feed(now, session, *for_ms);
                });
            }
            WorldFault::PartialFeed(host) => self.in_session(*host, |vcenter, session| {
                vcenter.show_half();
                vcenter.drop_feed(now, session, "the feed broke");
            }),
            WorldFault::ClockJump(ms) => self.jumped_ms = self.jumped_ms.saturating_add(*ms),
        }
    }

    /// Does it to the host's session, if it has one.
    fn in_session(&mut self, host: usize, what: impl FnOnce(&mut VCenter, SessionId)) {
        if let Some(session) = self.seats.get(host).and_then(|it| it.session) {
            what(&mut self.vcenter, session);
        }
    }

    /// Does it to the host's watch, if it has one.
    fn on_watch(&mut self, host: usize, what: impl FnOnce(&mut Cluster, WatchId)) {
        if let Some(watch) = self.seats.get(host).and_then(|it| it.watch) {
            what(&mut self.cluster, watch);
        }
    }

    /// Nothing goes wrong any more but what has begun.
    pub fn end_faults(&mut self) {
        self.faults.end();
        self.denied_until.clear();
    }

    fn restore_cluster(&mut self, ago_ms: u64) {
        let objects = self.objects_at(Monotonic(self.now.0.saturating_sub(ago_ms)));
        // A host that stands still cannot hear that versions are given again: where
        // there is one, etcd is restored as docs/operating.md has it.
        let bumps = self.faults.freezes();
        self.cluster.restore(self.now(), objects, bumps);
        // Nor does a request cross a restore that gives versions again.
        if !bumps {
            self.cut_cluster(RESTORE_MS);
        }
    }

    fn deny(&mut self, kind: Kind, for_ms: u64) {
        let (at, until) = (self.now, self.now.plus(for_ms));
        self.facts.push(Fact::Denied { at, until, kind });
        let denied_until = self.denied_until.entry(kind).or_default();
        *denied_until = until.max(*denied_until);
    }

    fn cut_cluster(&mut self, for_ms: u64) {
        self.outage(for_ms, true);
        self.cluster_down_until = self.cluster_down_until.max(self.now.plus(for_ms));
    }

    fn outage(&mut self, for_ms: u64, of_cluster: bool) {
        self.outages.push(Outage {
            from: self.now,
            to: self.now.plus(for_ms),
            of_cluster,
        });
    }

    /// Every group as it was then.
    fn objects_at(&self, then: Monotonic) -> Vec<GroupObject> {
        let mut objects: BTreeMap<&GroupKey, &GroupObject> = BTreeMap::new();
        for fact in self.facts.iter().take_while(|fact| fact.at() <= then) {
            match fact {
                Fact::Revised { object, .. } => {
                    objects.insert(&object.key, object);
                }
                Fact::Vanished { object, .. } => {
                    objects.remove(&object.key);
                }
                Fact::Restored { objects: all, .. } => {
                    objects = all.iter().map(|object| (&object.key, object)).collect();
                }
                _ => {}
            }
        }
        objects.into_values().cloned().collect()
    }
}
