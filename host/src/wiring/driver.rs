//! Runs the state machine on real clocks: one task owns it, takes events one by
//! one and hands out what it asks for. Nothing here decides anything.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, sleep_until, timeout};
use vmgroup_core::time::{Monotonic, Now, Timestamp};
use vmgroup_reconcile::Machine;
use vmgroup_reconcile::event::Event;
use vmgroup_reconcile::request::Request;

use super::hands::Hands;
use crate::limits::{CALLS_END, FAREWELL, PAUSE_LEAST, SIGN_OF_LIFE};
use crate::telemetry;

/// Both clocks, from one origin.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clocks {
    origin: Instant,
}

impl Clocks {
    /// Clocks that begin to run.
    pub(crate) fn start() -> Clocks {
        Clocks {
            origin: Instant::now(),
        }
    }

    /// Both clocks at this moment.
    pub(crate) fn now(self) -> Now {
        let ms = |passed: Duration| u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
        let utc = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Now {
            monotonic: Monotonic(ms(self.origin.elapsed())),
            utc: Timestamp(ms(utc)),
        }
    }

    /// That moment on the clock of the runtime, not before `earliest`.
    fn instant(self, at: Monotonic, earliest: Instant) -> tokio::time::Instant {
        let at = self.origin + Duration::from_millis(at.0);
        at.max(earliest).into()
    }
}

/// What can be seen from outside, for probes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Vitals {
    /// When the driver last went round.
    pub(crate) alive_at: Monotonic,
    /// All groups have been seen once.
    pub(crate) listed: bool,
}

/// What happens, in the order in which the machine takes it in.
pub(crate) struct Inbox {
    /// Before everything else.
    pub(crate) first: mpsc::Receiver<Event>,
    /// In the order in which it came.
    pub(crate) heard: mpsc::Receiver<Event>,
}

impl Inbox {
    /// The next event; none if nobody is left who could send one.
    async fn next(&mut self) -> Option<Event> {
        tokio::select! {
            biased;
            Some(event) = self.first.recv() => Some(event),
            event = self.heard.recv() => event,
        }
    }

    /// What has come already.
    fn next_there_is(&mut self) -> Option<Event> {
        let first = self.first.try_recv();
        first.or_else(|_| self.heard.try_recv()).ok()
    }
}

/// Drives the machine until `stop` comes; then lets it say farewell.
pub(crate) async fn drive(
    mut machine: Machine,
    clocks: Clocks,
    mut inbox: Inbox,
    hands: Arc<Hands>,
    seen: watch::Sender<Vitals>,
    stop: impl Future<Output = ()>,
) {
    let mut stop = std::pin::pin!(stop);
    let mut listed = false;
    loop {
        let alive_at = clocks.now().monotonic;
        seen.send_replace(Vitals { alive_at, listed });
        let earliest = Instant::now() + PAUSE_LEAST;
        let deadline = machine.deadline().map(|at| clocks.instant(at, earliest));
        let event = tokio::select! {
            biased;
            () = &mut stop => break,
            event = inbox.next() => match event {
                Some(event) => event,
                None => break,
            },
            () = until(deadline) => Event::Time,
            () = sleep(SIGN_OF_LIFE) => continue,
        };
        listed |= matches!(event, Event::GroupsListed(_));
        for request in machine.step(event, clocks.now()) {
            hand_out(&hands, request);
        }
    }
    tracing::info!("stopping");
    let mut farewell = machine.step(Event::Stop, clocks.now());
    // Answers to what is under way are still heard: the lease cannot be given up
    // while it is being renewed.
    let answers = async {
        loop {
            tokio::select! {
                biased;
                event = inbox.next() => match event {
                    Some(event) => farewell.extend(machine.step(event, clocks.now())),
                    None => break,
                },
                () = hands.idle() => break,
            }
        }
        // The last one may have been answered between the two looks.
        while let Some(event) = inbox.next_there_is() {
            farewell.extend(machine.step(event, clocks.now()));
        }
    };
    if timeout(CALLS_END, answers).await.is_err() {
        tracing::warn!("calls that were under way have not been answered");
    }
    // Adapters that wait for a place in the channel must not wait for ever.
    let drain = tokio::spawn(async move { while inbox.next().await.is_some() {} });
    for request in farewell {
        if let Request::Note(note) = request {
            telemetry::note(&note);
            continue;
        }
        // A session that cannot be ended is no reason to keep the lease.
        if timeout(FAREWELL, hands.perform(request)).await.is_err() {
            tracing::warn!("the session or the lease could not be given up in time");
        }
    }
    drain.abort();
    tracing::info!("stopped");
}

fn hand_out(hands: &Arc<Hands>, request: Request) {
    match request {
        Request::Note(note) => telemetry::note(&note),
        request => hands.begin(request),
    }
}

async fn until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_lease_waits_behind_nothing() {
        let (events, heard) = mpsc::channel(8);
        let (renewals, first) = mpsc::channel(8);
        let mut inbox = Inbox { first, heard };
        let lease = || Event::LeaseSeen {
            lease: None,
            id: None,
        };
        for _ in 0..3 {
            events.send(Event::FeedIdle).await.expect("a place");
        }
        renewals.send(lease()).await.expect("a place");
        let is_lease = |event: Option<Event>| matches!(event, Some(Event::LeaseSeen { .. }));
        assert!(is_lease(inbox.next().await));
        renewals.send(lease()).await.expect("a place");
        assert!(is_lease(inbox.next_there_is()));
        // Whoever renews may have ended before the others.
        drop(renewals);
        assert!(matches!(inbox.next().await, Some(Event::FeedIdle)));
        assert!(matches!(inbox.next_there_is(), Some(Event::FeedIdle)));
        drop(events);
        assert!(matches!(inbox.next().await, Some(Event::FeedIdle)));
        assert!(inbox.next().await.is_none());
    }
}
