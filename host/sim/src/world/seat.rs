//! A host's place: its life, its session and watch, and what waits while it
//! stands still.

use std::collections::VecDeque;

use vmgroup_core::time::Monotonic;
use vmgroup_reconcile::event::Event;
use vmgroup_reconcile::request::Request;

use super::{Occurrence, World};
use crate::cluster::WatchId;
use crate::faults::{RequestFault, Unsent};
use crate::host::{Decide, Host};
use crate::trace::Detail;
use crate::vcenter::SessionId;

pub(super) struct Seat {
    pub(super) name: String,
    /// None while the process does not run.
    pub(super) host: Option<Box<dyn Host>>,
    /// Counts its processes; news for an earlier one are dropped.
    pub(super) life: u32,
    /// What became of the unsent requests of each ended life.
    pub(super) ended: Vec<Unsent>,
    pub(super) watch: Option<WatchId>,
    pub(super) session: Option<SessionId>,
    pub(super) frozen: bool,
    pub(super) inbox: VecDeque<Event>,
    pub(super) outbox: VecDeque<Outgoing>,
    pub(super) steps: u64,
    /// Requests of the session keep their order: none arrives before this.
    pub(super) session_way: Monotonic,
    wakes_at: Option<Monotonic>,
    pub(super) hot: u64,
    pub(super) asked_to_stop: bool,
}

/// A request on its way.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub(super) life: u32,
    pub(super) sent_at: Monotonic,
    pub(super) request: Request,
    pub(super) fault: Option<RequestFault>,
    /// Its sender stood still since it was sent.
    pub(super) held_up: bool,
}

impl Seat {
    /// Empty seats.
    pub(super) fn row(count: usize) -> Vec<Seat> {
        (1..=count)
            .map(|number| Seat {
                name: if count == 1 {
                    "operator".to_owned()
                } else {
                    format!("operator-{number}")
                },
                host: None,
                life: 0,
                ended: Vec::new(),
                watch: None,
                session: None,
                frozen: false,
                inbox: VecDeque::new(),
                outbox: VecDeque::new(),
                steps: 0,
                session_way: Monotonic(0),
                wakes_at: None,
                hot: 0,
                asked_to_stop: false,
            })
            .collect()
    }

    /// When its host is to be woken.
    pub(super) fn wakes_at(&self) -> Option<Monotonic> {
        self.wakes_at.filter(|_| !self.frozen)
    }

    /// Looks when the host wants to be woken. One that wants it at the time at
    /// which it was just woken gets it a while later, so that the run ends, and is
    /// counted.
    fn look_at_deadline(&mut self, now: Monotonic, woken: bool) {
        self.wakes_at = self.host.as_ref().and_then(|host| host.deadline());
        if woken && self.wakes_at.is_some_and(|at| at <= now) {
            self.hot += 1;
            self.wakes_at = Some(now.plus(HOT_MS));
        }
    }
}

/// A host that wants to be woken without end waits so long.
const HOT_MS: u64 = 1_000;
/// A new process knows its way after so long.
const STARTING_MS: u64 = 5_000;

impl<D: Decide> World<D> {
    /// Starts a host's process: it knows only what cluster and vCenter tell it.
    pub(super) fn start(&mut self, seat: usize) {
        let now = self.now();
        if self.seats[seat].host.is_some() {
            return;
        }
        let life = self.seats[seat].life;
        let host = (self.factory)(seat, life, now);
        let watch = self.cluster.open_watch(now);
        let it = &mut self.seats[seat];
        it.host = Some(host);
        it.watch = Some(watch);
        it.look_at_deadline(now.monotonic, false);
        let name = it.name.clone();
        self.say(&name, Detail::Story, || "starts".into());
        for event in self.modules.values().cloned().collect::<Vec<_>>() {
            self.tell(seat, event);
        }
    }

    /// Ends a host's process without a word; it starts again a little later.
    pub fn crash(&mut self, host: usize, unsent: Unsent) {
        let restart_ms = self.options.restart_ms;
        self.disturb(restart_ms + STARTING_MS);
        self.kill(host, unsent);
        self.plan(self.now.plus(restart_ms), Occurrence::Start(host));
    }

    /// Ends a host's process without a word, for good.
    pub fn kill(&mut self, host: usize, unsent: Unsent) {
        let Some(it) = self.seats.get_mut(host).filter(|it| it.host.is_some()) else {
            return;
        };
        it.host = None;
        it.life += 1;
        it.asked_to_stop = false;
        it.ended.push(unsent);
        it.frozen = false;
        it.inbox.clear();
        it.wakes_at = None;
        let outbox = std::mem::take(&mut it.outbox);
        let (watch, session) = (it.watch.take(), it.session.take());
        let name = it.name.clone();
        self.say(&name, Detail::Story, || "crashes".into());
        for outgoing in outbox {
            self.plan(self.now, Occurrence::Sent(host, Box::new(outgoing)));
        }
        if let Some(watch) = watch {
            self.cluster.close_watch(watch);
        }
        if let Some(session) = session {
            self.vcenter.abandon(session);
        }
    }

    /// Makes a host stand still: what it was about to send waits with it, and
    /// so does what it is told.
    pub fn freeze(&mut self, host: usize) {
        if let Some(it) = self.seats.get_mut(host).filter(|it| it.host.is_some()) {
            it.frozen = true;
            let name = it.name.clone();
            self.say(&name, Detail::Story, || "stands still".into());
        }
    }

    /// Lets it go on: what it was about to send goes out first, unseen by any
    /// second thought.
    pub fn thaw(&mut self, host: usize) {
        let Some(it) = self.seats.get_mut(host).filter(|it| it.frozen) else {
            return;
        };
        it.frozen = false;
        let outbox = std::mem::take(&mut it.outbox);
        let inbox = std::mem::take(&mut it.inbox);
        let (life, name) = (it.life, it.name.clone());
        self.say(&name, Detail::Story, || "goes on".into());
        for mut outgoing in outbox {
            outgoing.held_up = true;
            self.arrive(host, outgoing);
        }
        for event in inbox {
            self.hear(host, life, event);
        }
    }

    pub(super) fn hear_watch(&mut self, watch: WatchId, event: Event) {
        let seat = self.seats.iter().position(|it| it.watch == Some(watch));
        if let Some(seat) = seat {
            self.hear(seat, self.seats[seat].life, event);
        }
    }

    pub(super) fn hear_feed(&mut self, session: SessionId, event: Event) {
        let seat = self.seats.iter().position(|it| it.session == Some(session));
        if let Some(seat) = seat {
            self.hear(seat, self.seats[seat].life, event);
        }
    }

    /// The host's time has come.
    pub(super) fn wake(&mut self, seat: usize) {
        self.hear(seat, self.seats[seat].life, Event::Time);
    }

    /// Hands an event to a host, if it is still the one that it was meant for.
    pub(super) fn hear(&mut self, seat: usize, life: u32, event: Event) {
        let now = self.now();
        let it = &mut self.seats[seat];
        if it.life != life {
            return;
        }
        if it.frozen {
            it.inbox.push_back(event);
            return;
        }
        let Some(host) = &mut it.host else {
            return;
        };
        let woken = event == Event::Time;
        self.trace.add(self.now, &it.name, Detail::Everything, || {
            format!("<- {}", super::words::of_event(&event))
        });
        let requests = host.step(event, now);
        it.steps += 1;
        it.look_at_deadline(now.monotonic, woken);
        let steps = it.steps;
        for request in requests {
            self.send(seat, request);
        }
        if let Some(unsent) = self.faults.on_step(seat, steps) {
            *self.counts.entry("CrashAfterStep".into()).or_default() += 1;
            self.crash(seat, unsent);
        }
    }

    /// Tells a host something from its own process, right away.
    pub(super) fn tell(&mut self, seat: usize, event: Event) {
        if let Some(it) = self.seats.get(seat) {
            let life = it.life;
            self.plan(self.now, Occurrence::Heard(seat, life, Box::new(event)));
        }
    }
}
