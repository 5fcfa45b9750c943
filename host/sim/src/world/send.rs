//! The way of a request: sent, arrived, executed, answered; and what can
//! happen to it on each leg.

use vmgroup_core::observation::Observation;
use vmgroup_core::plan::{self, Answer};
use vmgroup_core::time::Monotonic;
use vmgroup_reconcile::event::{
    CallResult, DecideResult, Event, LoginResult, ReadResult, WriteResult,
};
use vmgroup_reconcile::inventory;
use vmgroup_reconcile::request::Request;

use super::seat::Outgoing;
use super::{Occurrence, World, words};
use crate::faults::{RequestFault, Unsent};
use crate::history::{Decided, Fact};
use crate::host::Decide;
use crate::kind::Kind;
use crate::trace::Detail;

impl<D: Decide> World<D> {
    /// Takes a request from a host and puts it on its way.
    pub(super) fn send(&mut self, seat: usize, request: Request) {
        if let Some(text) = self.trace.wants(words::depth(&request)) {
            let name = self.seats[seat].name.clone();
            self.say(&name, text, || words::of_request(&request));
        }
        let Some(kind) = Kind::of(&request) else {
            self.decide_or_note(seat, request);
            return;
        };
        let fault = self
            .faults
            .on_request(self.now, seat, kind, &mut self.random);
        let way = if kind.to_cluster() {
            self.cluster.way()
        } else {
            self.vcenter.way()
        };
        let mut at = self.now.plus(way);
        let it = &mut self.seats[seat];
        if kind.of_session() {
            at = at.max(it.session_way);
            it.session_way = at;
        }
        let outgoing = Outgoing {
            life: it.life,
            sent_at: self.now,
            request,
            fault,
            held_up: false,
        };
        self.plan(at, Occurrence::Sent(seat, Box::new(outgoing)));
    }

    /// A request has arrived where it is executed.
    pub(super) fn arrive(&mut self, seat: usize, mut outgoing: Outgoing) {
        let it = &mut self.seats[seat];
        let alive = it.life == outgoing.life;
        if !alive {
            let unsent = usize::try_from(outgoing.life)
                .ok()
                .and_then(|life| it.ended.get(life));
            if unsent == Some(&Unsent::Sent) {
                self.perform(seat, &outgoing, self.now);
            }
            return;
        }
        if it.frozen {
            it.outbox.push_back(outgoing);
            return;
        }
        if let Some(fault) = &outgoing.fault {
            self.count(fault);
            let text = || format!("{fault:?}: {}", words::of_request(&outgoing.request));
            self.trace.add(self.now, "fault", Detail::Story, text);
        }
        let lost_at = outgoing.sent_at.plus(self.options.timeout_ms);
        if outgoing.fault.is_some() {
            self.disturb(LOST_MS);
        }
        match outgoing.fault.clone() {
            None
            | Some(
                RequestFault::TaskFails(_)
                | RequestFault::Refused(_)
                | RequestFault::HalfWay(_)
                | RequestFault::Hidden(_)
                | RequestFault::Vanishes
                | RequestFault::PassedOn(_),
            ) => self.perform_and_answer(seat, &outgoing, 0),
            Some(RequestFault::Slow(ms)) => self.perform_and_answer(seat, &outgoing, ms),
            Some(RequestFault::LostBefore) => self.lose(seat, &outgoing, lost_at),
            Some(RequestFault::LostAfter) => {
                self.perform(seat, &outgoing, lost_at);
                self.lose(seat, &outgoing, lost_at);
            }
            Some(RequestFault::CrashBefore) => self.crash(seat, Unsent::Dropped),
            Some(RequestFault::CrashAfter) => {
                self.perform(seat, &outgoing, self.now);
                self.crash(seat, Unsent::Dropped);
            }
            Some(RequestFault::FreezeBefore(ms)) => {
                outgoing.fault = None;
                self.freeze(seat);
                self.seats[seat].outbox.push_back(outgoing);
                self.plan(self.now.plus(ms), Occurrence::Thaw(seat));
            }
        }
    }

    fn perform_and_answer(&mut self, seat: usize, outgoing: &Outgoing, slow_ms: u64) {
        let to_cluster = Kind::of(&outgoing.request).is_some_and(Kind::to_cluster);
        let way = if to_cluster {
            self.cluster.way()
        } else {
            self.vcenter.way()
        };
        let at = self.now.plus(way + slow_ms);
        if let Some(answer) = self.perform(seat, outgoing, at) {
            self.plan(at, Occurrence::Heard(seat, outgoing.life, Box::new(answer)));
        }
    }

    fn lose(&mut self, seat: usize, outgoing: &Outgoing, at: Monotonic) {
        // Whoever begins a feed anew has given up the one before; and a feed
        // that may not show what it was told to show is given up.
        let of_feed = matches!(
            outgoing.request,
            Request::Relist { .. } | Request::Track { .. }
        );
        if let Some(session) = self.seats[seat].session.filter(|_| of_feed) {
            self.vcenter.abandon(session);
        }
        if let Some(event) = lost(&outgoing.request) {
            self.plan(at, Occurrence::Heard(seat, outgoing.life, Box::new(event)));
        }
    }

    fn decide_or_note(&mut self, seat: usize, request: Request) {
        let Request::Decide {
            id,
            group,
            module,
            observation,
        } = request
        else {
            return;
        };
        let (digest, result) = self.decide.decide(module.as_deref(), &observation);
        self.facts.push(Fact::Decided(Box::new(Decided {
            at: self.now,
            host: seat,
            group,
            digest: digest.clone(),
            plan: plan(&result),
            words: spoken(&observation),
        })));
        let took = self.options.decide.draw(&mut self.random);
        let life = self.seats[seat].life;
        let event = Event::Decided {
            id,
            module: digest,
            result,
        };
        self.plan(
            self.now.plus(took),
            Occurrence::Heard(seat, life, Box::new(event)),
        );
    }
}

fn plan(result: &DecideResult) -> Option<Vec<plan::Effect>> {
    match result {
        DecideResult::Answered(Answer::Plan(plan)) => {
            Some(plan.actions.iter().map(|it| it.effect.clone()).collect())
        }
        _ => None,
    }
}

/// The free text of an observation: what could carry something that a module
/// must not learn.
fn spoken(observation: &Observation) -> Vec<String> {
    let context = &observation.context;
    let violations = context.violations.iter().map(|it| it.message.clone());
    [context.settings.clone()]
        .into_iter()
        .chain(context.memo.clone())
        .chain(violations)
        .collect()
}

/// Whoever waits for an answer that does not come waits so long at most.
const LOST_MS: u64 = 5 * 60 * 1_000;

/// What an adapter says when no answer came in time.
fn lost(request: &Request) -> Option<Event> {
    let message = "no answer in time".to_owned();
    if let Request::Relist { .. } | Request::Track { .. } = request {
        return Some(Event::FeedLost {
            reason: message,
            session_ended: false,
        });
    }
    let id = request.id()?;
    Some(match request {
        Request::WriteStatus { .. } | Request::WriteMeta { .. } | Request::ReadGroup { .. } => {
            Event::GroupAnswered {
                id,
                result: WriteResult::Lost { message },
            }
        }
        Request::WriteLease { .. } => Event::LeaseFailed { id, message },
        Request::Login { .. } => Event::LoginAnswered {
            id,
            result: LoginResult::Failed { message },
        },
        Request::Read { .. } => Event::Read {
            id,
            result: ReadResult::Failed {
                fault: inventory::Fault::Unavailable { message },
            },
        },
        Request::Call { .. } => Event::Called {
            id,
            result: CallResult::Lost { message },
        },
        Request::Decide { .. }
        | Request::Tell { .. }
        | Request::Logout
        | Request::Relist { .. }
        | Request::Track { .. }
        | Request::Note(_) => return None,
    })
}
