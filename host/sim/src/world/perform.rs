//! What an adapter does with a request that has arrived, and its answer.

use vmgroup_core::time::Monotonic;
use vmgroup_reconcile::event::{CallResult, Event, LoginResult, ReadResult, WriteResult};
use vmgroup_reconcile::inventory::Fault;
use vmgroup_reconcile::request::{Request, RequestId};

use super::World;
use super::seat::Outgoing;
use crate::faults::RequestFault;
use crate::history::{Arrival, Fact};
use crate::host::Decide;
use crate::kind::{Kind, about};
use crate::vcenter::{Asked, Spoil};

const REFUSED: &str = "connection refused";
const FORBIDDEN: &str = "forbidden";
/// A right that somebody took away.
const PRIVILEGE: &str = "as denied";

impl<D: Decide> World<D> {
    /// Executes a request; the answer will arrive at `answer_at`, if it does.
    pub(super) fn perform(
        &mut self,
        seat: usize,
        outgoing: &Outgoing,
        answer_at: Monotonic,
    ) -> Option<Event> {
        let kind = Kind::of(&outgoing.request)?;
        let reached = if kind.to_cluster() {
            self.now >= self.cluster_down_until
        } else {
            self.vcenter.reachable(self.now())
        };
        let denied_until = self.denied_until.get(&kind);
        let denied = denied_until.is_some_and(|until| self.now < *until);
        self.arrivals.push(Arrival {
            at: self.now,
            host: seat,
            kind,
            reached,
            denied: (reached && denied).then(|| subject(&outgoing.request)),
            in_vain_for: about(&outgoing.request).filter(|_| !reached).cloned(),
        });
        if kind.to_cluster() {
            if !reached {
                return failed_in_cluster(&outgoing.request, REFUSED);
            }
            if denied {
                return failed_in_cluster(&outgoing.request, FORBIDDEN);
            }
            return self.perform_in_cluster(seat, &outgoing.request);
        }
        if !reached {
            return unreachable_vcenter(&outgoing.request);
        }
        self.perform_in_vcenter(seat, outgoing, answer_at, denied)
    }

    fn perform_in_cluster(&mut self, seat: usize, request: &Request) -> Option<Event> {
        let now = self.now();
        let (id, result) = match request {
            Request::WriteStatus { id, target, status } => {
                (*id, self.cluster.write_status(now, target, status))
            }
            Request::WriteMeta { id, target, change } => {
                (*id, self.cluster.write_meta(now, target, change))
            }
            Request::ReadGroup { id, key } => (*id, self.cluster.read_group(key)),
            Request::Tell {
                target,
                warning,
                reason,
                message,
            } => {
                self.cluster.tell(target, *warning, reason, message);
                return None;
            }
            Request::WriteLease { id, lease } => {
                let id = *id;
                return Some(match self.cluster.write_lease(now, lease) {
                    Ok(lease) => {
                        self.facts.push(Fact::Leased {
                            at: self.now,
                            host: seat,
                            given_up: lease.holder.is_empty(),
                        });
                        Event::LeaseSeen {
                            lease: Some(lease),
                            id: Some(id),
                        }
                    }
                    Err(message) => Event::LeaseFailed { id, message },
                });
            }
            _ => return None,
        };
        Some(Event::GroupAnswered { id, result })
    }

    fn perform_in_vcenter(
        &mut self,
        seat: usize,
        outgoing: &Outgoing,
        answer_at: Monotonic,
        denied: bool,
    ) -> Option<Event> {
        let now = self.now();
        let session = self.seats[seat]
            .session
            .filter(|_| self.seats[seat].life == outgoing.life);
        match &outgoing.request {
            Request::Login { id, .. } => Some(self.log_in(seat, outgoing, *id, answer_at)),
            Request::Logout => {
                if let Some(session) = session {
                    self.vcenter.logout(session);
                    self.seats[seat].session = None;
                }
                None
            }
            Request::Relist { id, .. } => {
                let begun = session
                    .is_some_and(|session| self.vcenter.begin_feed(now, session, *id, answer_at));
                (!begun).then(|| Event::FeedLost {
                    reason: "the session is not authenticated".into(),
                    session_ended: true,
                })
            }
            Request::Track { vms } => {
                if let Some(session) = session {
                    self.vcenter.track(now, session, vms);
                }
                None
            }
            Request::Read { id, read } => {
                let result = match session {
                    Some(_) if denied => ReadResult::Failed { fault: no_right() },
                    Some(session) => self.vcenter.read(session, read),
                    None => ReadResult::Failed {
                        fault: Fault::NotAuthenticated,
                    },
                };
                Some(Event::Read { id: *id, result })
            }
            Request::Call {
                id,
                group,
                operation_id,
                call,
            } => {
                let asked = Asked {
                    group: group.clone(),
                    operation_id: operation_id.clone(),
                    host: seat,
                    held_up: outgoing.held_up || self.seats[seat].life != outgoing.life,
                };
                let spoil = if denied {
                    Some(Spoil::Refused(no_right()))
                } else {
                    outgoing.fault.as_ref().and_then(spoil)
                };
                // The bytes of a crashed process still carry its session.
                let session = session.or_else(|| self.left_behind(seat, outgoing));
                let result = match session {
                    Some(session) => self.vcenter.call(now, session, &asked, call, spoil),
                    None => CallResult::NotSent {
                        message: "there is no session".into(),
                    },
                };
                Some(Event::Called { id: *id, result })
            }
            _ => None,
        }
    }

    fn log_in(
        &mut self,
        seat: usize,
        outgoing: &Outgoing,
        id: RequestId,
        answer_at: Monotonic,
    ) -> Event {
        let now = self.now();
        let version = self.cluster.credentials().to_owned();
        let (result, session) = self.vcenter.login(now, &version);
        // Whoever does not hear of a session cannot use or end it.
        let heard = self.seats[seat].life == outgoing.life
            && !matches!(
                outgoing.fault,
                Some(RequestFault::LostAfter | RequestFault::CrashAfter)
            );
        let in_time = heard && !outgoing.held_up;
        self.vcenter.name_login(seat, outgoing.life, in_time);
        if let Some(session) = session.filter(|_| heard) {
            if let Some(old) = self.seats[seat].session.replace(session) {
                self.vcenter.logout(old);
            }
            self.vcenter.begin_feed(now, session, id, answer_at);
        }
        Event::LoginAnswered { id, result }
    }

    /// A session that a crashed life of this host left behind.
    fn left_behind(&self, seat: usize, outgoing: &Outgoing) -> Option<crate::vcenter::SessionId> {
        if self.seats[seat].life == outgoing.life {
            return None;
        }
        let used: Vec<_> = self.seats.iter().filter_map(|it| it.session).collect();
        self.vcenter.sessions().find(|id| !used.contains(id))
    }
}

fn spoil(fault: &RequestFault) -> Option<Spoil> {
    Some(match fault {
        RequestFault::Refused(fault) => Spoil::Refused(fault.clone()),
        RequestFault::TaskFails(fault) => Spoil::Fails(fault.clone()),
        RequestFault::HalfWay(fault) => Spoil::HalfWay(fault.clone()),
        RequestFault::Hidden(ms) => Spoil::Hidden(*ms),
        RequestFault::Vanishes => Spoil::Vanishes,
        RequestFault::PassedOn(ms) => Spoil::PassedOn(*ms),
        _ => return None,
    })
}

/// What a request is about, in words.
fn subject(request: &Request) -> String {
    match request {
        Request::Read { read, .. } => format!("{read:?}"),
        Request::Call { operation_id, .. } => operation_id.clone(),
        other => about(other).map_or_else(String::new, ToString::to_string),
    }
}

fn no_right() -> Fault {
    Fault::NoPermission {
        privilege: PRIVILEGE.into(),
    }
}

fn failed_in_cluster(request: &Request, why: &str) -> Option<Event> {
    let message = why.to_owned();
    Some(match request {
        Request::WriteStatus { id, .. }
        | Request::WriteMeta { id, .. }
        | Request::ReadGroup { id, .. } => Event::GroupAnswered {
            id: *id,
            result: WriteResult::Failed { message },
        },
        Request::WriteLease { id, .. } => Event::LeaseFailed { id: *id, message },
        _ => return None,
    })
}

fn unreachable_vcenter(request: &Request) -> Option<Event> {
    let message = REFUSED.to_owned();
    Some(match request {
        Request::Login { id, .. } => Event::LoginAnswered {
            id: *id,
            result: LoginResult::Failed { message },
        },
        Request::Relist { .. } | Request::Track { .. } => Event::FeedLost {
            reason: message,
            session_ended: false,
        },
        Request::Read { id, .. } => Event::Read {
            id: *id,
            result: ReadResult::Failed {
                fault: Fault::Unavailable { message },
            },
        },
        Request::Call { id, .. } => Event::Called {
            id: *id,
            result: CallResult::NotSent { message },
        },
        _ => return None,
    })
}
