//! Every call in order, and what became of it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::watch;

use crate::call::Call;
use crate::identities::Identities;
use crate::plan::Pattern;

/// A call and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Record {
    /// Its place in the order of arrival, from 1.
    pub number: u64,
    /// The name of the proxy that saw it.
    pub via: String,
    /// What was asked for.
    pub call: Call,
    /// When it arrived, in milliseconds since the trace began.
    pub began_ms: u64,
    /// When its answer was there.
    pub answered_ms: Option<u64>,
    /// How often it was forwarded.
    pub forwarded: u32,
    /// The status that the server answered.
    pub status: Option<u16>,
    /// The type of the SOAP fault that vCenter answered.
    pub fault: Option<String>,
    /// What the operator got.
    pub delivery: Delivery,
    /// The rules of the plan that hit it.
    pub rules: Vec<usize>,
}

/// What the operator got of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Delivery {
    /// Nothing yet.
    Pending,
    /// What the server answered.
    Whole,
    /// Something else.
    Changed,
    /// Nothing, by the plan.
    Withheld,
    /// Nothing, because the operator did not wait for it.
    Abandoned,
    /// Nothing, because the server did not answer.
    Unanswered,
}

impl Record {
    /// The server has carried it out, as far as its answer tells.
    pub fn is_executed(&self) -> bool {
        self.status.is_some_and(|status| status < 400)
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            number,
            via,
            call,
            began_ms,
            ..
        } = self;
        write!(f, "{number:>5} {began_ms:>7} ms {via} {call}")?;
        if let Some(status) = self.status {
            write!(f, " → {status}")?;
        }
        if let Some(fault) = &self.fault {
            write!(f, " {fault}")?;
        }
        match self.delivery {
            Delivery::Whole => {}
            other => write!(f, " [{other:?}]")?,
        }
        if self.forwarded > 1 {
            write!(f, " (forwarded {} times)", self.forwarded)?;
        }
        if self.rules.is_empty() {
            Ok(())
        } else {
            write!(f, " ← rule {:?}", self.rules)
        }
    }
}

/// The record of all calls. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Trace(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    began: Instant,
    records: Mutex<Records>,
    /// Changes with each call that arrives.
    arrivals: watch::Sender<usize>,
    identities: Identities,
}

#[derive(Debug, Default)]
struct Records {
    /// How many came before those that are kept.
    forgotten: usize,
    kept: Vec<Record>,
}

impl Default for Trace {
    fn default() -> Self {
        Self::new()
    }
}

impl Trace {
    /// An empty one, which begins now.
    pub fn new() -> Self {
        Self(Arc::new(Inner {
            began: Instant::now(),
            records: Mutex::default(),
            arrivals: watch::Sender::default(),
            identities: Identities::default(),
        }))
    }

    /// All calls so far.
    pub fn records(&self) -> Vec<Record> {
        self.lock().kept.clone()
    }

    /// Forgets the calls so far, so that a long run does not fill the memory.
    pub fn forget(&self) {
        let mut records = self.lock();
        records.forgotten += records.kept.len();
        records.kept.clear();
    }

    /// The calls that a pattern means.
    pub fn of(&self, pattern: &Pattern) -> Vec<Record> {
        let records = self.lock();
        let of = records
            .kept
            .iter()
            .filter(|record| pattern.fits(&record.call));
        of.cloned().collect()
    }

    /// Milliseconds since it began.
    pub fn now_ms(&self) -> u64 {
        ms(self.0.began.elapsed())
    }

    pub(crate) fn identities(&self) -> &Identities {
        &self.0.identities
    }

    /// Notes a call that arrives; gives its place.
    pub(crate) fn begin(&self, via: &str, call: &Call, rules: Vec<usize>) -> usize {
        let mut records = self.lock();
        let place = records.forgotten + records.kept.len();
        records.kept.push(Record {
            number: place as u64 + 1,
            via: via.to_owned(),
            call: call.clone(),
            began_ms: self.now_ms(),
            answered_ms: None,
            forwarded: 0,
            status: None,
            fault: None,
            delivery: Delivery::Pending,
            rules,
        });
        self.0.arrivals.send_replace(place + 1);
        place
    }

    pub(crate) fn note(&self, place: usize, change: impl FnOnce(&mut Record)) {
        let mut records = self.lock();
        let kept = place.checked_sub(records.forgotten);
        if let Some(record) = kept.and_then(|kept| records.kept.get_mut(kept)) {
            change(record);
        }
    }

    /// Waits until a call arrives after that place which the pattern means.
    pub(crate) async fn until(&self, after: usize, pattern: &Pattern) {
        let mut arrivals = self.0.arrivals.subscribe();
        let mut next = after + 1;
        loop {
            arrivals.borrow_and_update();
            let found = {
                let records = self.lock();
                let skipped = next.saturating_sub(records.forgotten);
                let mut new = records.kept.iter().skip(skipped);
                let found = new.any(|it| pattern.fits(&it.call));
                next = records.forgotten + records.kept.len();
                found
            };
            if found || arrivals.changed().await.is_err() {
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Records> {
        self.0
            .records
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_forgotten_takes_no_place_from_what_comes() {
        let trace = Trace::new();
        let old = trace.begin("p", &Call::default(), Vec::new());
        trace.forget();
        let new = trace.begin("p", &Call::default(), Vec::new());
        trace.note(old, |record| record.status = Some(500));
        trace.note(new, |record| record.status = Some(200));
        let kept = trace.records();
        assert_eq!((old, new, kept.len()), (0, 1, 1));
        assert_eq!((kept[0].number, kept[0].status), (2, Some(200)));
    }
}
