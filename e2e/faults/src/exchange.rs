//! One call, from the request to the answer.
//!
//! ```text
//!   read → count → wait → (signal before) → forward → (signal after) → answer → (signal answered)
//!            │        │                        │
//!            │        refuse, reset, answer    lose, answer, fault, older, truncate, garble, drip
//!            watch: passed on event by event
//! ```
//!
//! A call that changes something is carried through even when its operator is gone:
//! it had left the process.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::header::{ACCEPT_ENCODING, CONTENT_LENGTH, TRANSFER_ENCODING};
use hyper::http::response::Parts;
use hyper::{Request, Response};
use tokio::time::{sleep, timeout};

use crate::action::{Action, At, HostSignal};
use crate::answer::{self, Piped};
use crate::call::{Call, Server};
use crate::host::Host;
use crate::limits::{ANSWER_BYTES_MAX, HOLD_MAX, REQUEST_BYTES_MAX};
use crate::older::OlderLists;
use crate::rules::{Rules, Verdict};
use crate::trace::{Delivery, Trace};
use crate::upstream::Upstream;
use crate::watch::{self, Course};
use crate::{kubernetes, soap};

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) name: String,
    pub(crate) trace: Trace,
    pub(crate) rules: Rules,
    pub(crate) host: Host,
    pub(crate) older: OlderLists,
    /// Changes when all open watches are to be cut.
    pub(crate) cuts: tokio::sync::watch::Sender<u64>,
}

/// How a connection ends that gets no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Closed {
    /// In order.
    #[error("closed")]
    Quietly,
    /// At once.
    #[error("reset")]
    Reset,
}

type Answered = Result<Response<Piped>, Closed>;

/// Reads a request, and does with it what the plan says.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    server: Server,
    upstream: Arc<Upstream>,
    request: Request<Incoming>,
) -> Answered {
    let (mut parts, body) = request.into_parts();
    let body = Limited::new(body, REQUEST_BYTES_MAX).collect().await;
    let body = body.map_err(|_| Closed::Reset)?.to_bytes();
    let mut call = match server {
        Server::Kubernetes => kubernetes::read(&parts, &body),
        Server::Vcenter => soap::read(&body),
    };
    shared.trace.identities().complete(&mut call);
    // Answers are read here, so they must be plain.
    parts.headers.remove(ACCEPT_ENCODING);
    parts.headers.remove(TRANSFER_ENCODING);
    parts.headers.insert(CONTENT_LENGTH, body.len().into());
    let verdict = shared.rules.on(&call);
    let place = shared
        .trace
        .begin(&shared.name, &call, verdict.rules.clone());
    let must_end = call.changes || !verdict.rules.is_empty();
    let exchange = Exchange {
        shared,
        upstream,
        request: Request::from_parts(parts, body),
        call,
        place,
        verdict,
    };
    if must_end {
        let task = tokio::spawn(exchange.run());
        task.await.unwrap_or(Err(Closed::Reset))
    } else {
        exchange.run().await
    }
}

struct Exchange {
    shared: Arc<Shared>,
    upstream: Arc<Upstream>,
    request: Request<Bytes>,
    call: Call,
    place: usize,
    verdict: Verdict,
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.shared.trace.note(self.place, |record| {
            if record.delivery == Delivery::Pending {
                record.delivery = Delivery::Abandoned;
            }
        });
    }
}

impl Exchange {
    async fn run(mut self) -> Answered {
        for wait in std::mem::take(&mut self.verdict.waits) {
            self.wait(&wait).await;
        }
        let action = self.verdict.action.take();
        if let Some(action) = &action
            && let Some(answered) = self.instead(action).await
        {
            return answered;
        }
        if let Some(Action::Twice) = action {
            self.forward().await?.into_body().collect().await.ok();
        }
        let answer = self.forward().await?;
        let course = match action {
            Some(Action::Watch {
                after,
                fate,
                events,
            }) => Some(Course {
                after,
                fate,
                events,
            }),
            _ => None,
        };
        let (parts, body) = answer.into_parts();
        if self.call.is_watch() && parts.status.is_success() {
            return Ok(self.watched(parts, body, course));
        }
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        let Ok(body) = body else {
            return Err(self.unanswered());
        };
        let body = body.to_bytes();
        self.answered(&parts, &body);
        self.deliver(parts, body, action).await
    }

    async fn wait(&self, wait: &Action) {
        match wait {
            Action::Delay { ms, up_to_ms } => {
                let spread = up_to_ms.unwrap_or(*ms).saturating_sub(*ms) + 1;
                sleep(Duration::from_millis(ms + self.verdict.chance % spread)).await;
            }
            Action::Hold { until, at_most_ms } => {
                let limit = at_most_ms.map_or(HOLD_MAX, Duration::from_millis);
                let _ = timeout(limit, self.shared.trace.until(self.place, until)).await;
            }
            _ => {}
        }
    }

    /// What happens without, or before, forwarding; none if it is forwarded now.
    async fn instead(&self, action: &Action) -> Option<Answered> {
        match action {
            Action::Refuse => Some(Err(self.withheld(Closed::Quietly))),
            Action::Reset => Some(Err(self.withheld(Closed::Reset))),
            Action::Answer {
                status,
                retry_after_s,
                forwarded: false,
            } => {
                self.delivered(Delivery::Changed);
                Some(Ok(answer::error(&self.call, *status, *retry_after_s)))
            }
            Action::Fault {
                kind,
                forwarded: false,
            } => {
                self.delivered(Delivery::Changed);
                Some(Ok(answer::fault(&self.call, kind)))
            }
            Action::Older { back } => {
                let kept = self.shared.older.get(self.request.uri().path(), *back)?;
                self.delivered(Delivery::Changed);
                let (mut parts, ()) = Response::new(()).into_parts();
                let json = hyper::header::HeaderValue::from_static("application/json");
                parts.headers.insert(hyper::header::CONTENT_TYPE, json);
                let length = kept.len();
                Some(Ok(answer::respond(parts, length, Piped::whole(kept))))
            }
            Action::Signal {
                send,
                at: At::Before,
                cont_after_ms,
            } => {
                self.signal(*send, *cont_after_ms).await;
                match send {
                    HostSignal::Kill => Some(Err(self.withheld(Closed::Reset))),
                    HostSignal::Stop => {
                        self.shared.host.until_thawed().await;
                        None
                    }
                }
            }
            _ => None,
        }
    }

    async fn forward(&self) -> Result<Response<Incoming>, Closed> {
        self.shared
            .trace
            .note(self.place, |record| record.forwarded += 1);
        let answer = self.upstream.send(&self.request).await;
        answer.map_err(|_| self.unanswered())
    }

    fn watched(self, mut parts: Parts, body: Incoming, course: Option<Course>) -> Response<Piped> {
        parts.headers.remove(CONTENT_LENGTH);
        parts.headers.remove(TRANSFER_ENCODING);
        let status = parts.status.as_u16();
        let trace = &self.shared.trace;
        let now = trace.now_ms();
        trace.note(self.place, |record| {
            record.status = Some(status);
            record.answered_ms = Some(now);
            record.delivery = match course {
                None => Delivery::Whole,
                Some(_) => Delivery::Changed,
            };
        });
        let (pipe, piped) = Piped::new();
        let mut cuts = self.shared.cuts.subscribe();
        // With it the connection to the server, which it reads from.
        tokio::spawn(async move {
            let hand = pipe.clone();
            tokio::select! {
                () = watch::pass(body, pipe, course) => {}
                _ = cuts.changed() => {
                    let _ = hand.send(Err(answer::cut())).await;
                }
            }
            drop(self);
        });
        Response::from_parts(parts, piped)
    }

    /// Notes what the server answered.
    fn answered(&self, parts: &Parts, body: &Bytes) {
        let status = parts.status.as_u16();
        let is_fault = self.call.server == Server::Vcenter && status >= 400;
        let fault = is_fault.then(|| soap::fault_of(body)).flatten();
        let trace = &self.shared.trace;
        let now = trace.now_ms();
        trace.note(self.place, |record| {
            record.status = Some(status);
            record.fault = fault;
            record.answered_ms = Some(now);
        });
        if status < 400 {
            trace.identities().learn(&self.call, body);
            if self.call.is_list() {
                self.shared.older.keep(self.request.uri().path(), body);
            }
        }
    }

    async fn deliver(self, parts: Parts, body: Bytes, action: Option<Action>) -> Answered {
        let length = body.len();
        let (delivery, piped) = match action {
            Some(Action::LoseAnswer) => return Err(self.withheld(Closed::Reset)),
            Some(Action::Answer {
                status,
                retry_after_s,
                ..
            }) => {
                self.delivered(Delivery::Changed);
                return Ok(answer::error(&self.call, status, retry_after_s));
            }
            Some(Action::Fault { kind, .. }) => {
                self.delivered(Delivery::Changed);
                return Ok(answer::fault(&self.call, &kind));
            }
            Some(Action::Signal {
                send,
                at: At::After,
                cont_after_ms,
            }) => {
                self.signal(send, cont_after_ms).await;
                if send == HostSignal::Kill {
                    return Err(self.withheld(Closed::Reset));
                }
                (Delivery::Whole, Piped::whole(body))
            }
            Some(Action::Signal {
                send,
                at: At::Answered,
                cont_after_ms,
            }) => {
                let host = self.shared.host.clone();
                let done = async move {
                    let after = cont_after_ms.map(Duration::from_millis);
                    host.signal(send, after).await;
                };
                (Delivery::Whole, answer::then(body, done))
            }
            Some(Action::Truncate { bytes }) => {
                (Delivery::Changed, answer::truncated(&body, bytes))
            }
            Some(Action::Garble { bytes }) => {
                let garbled = answer::garbled(&body, bytes, self.verdict.chance);
                (Delivery::Changed, Piped::whole(garbled))
            }
            Some(Action::Drip { bytes, every_ms }) => {
                let every = Duration::from_millis(every_ms);
                (Delivery::Whole, answer::dripped(body, bytes, every))
            }
            _ => (Delivery::Whole, Piped::whole(body)),
        };
        self.delivered(delivery);
        Ok(answer::respond(parts, length, piped))
    }

    async fn signal(&self, send: HostSignal, cont_after_ms: Option<u64>) {
        let after = cont_after_ms.map(Duration::from_millis);
        self.shared.host.signal(send, after).await;
    }

    fn delivered(&self, delivery: Delivery) {
        self.shared
            .trace
            .note(self.place, |record| record.delivery = delivery);
    }

    fn withheld(&self, closed: Closed) -> Closed {
        self.delivered(Delivery::Withheld);
        closed
    }

    fn unanswered(&self) -> Closed {
        self.delivered(Delivery::Unanswered);
        Closed::Reset
    }
}
