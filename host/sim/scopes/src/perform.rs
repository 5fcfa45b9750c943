//! What comes of a request when it is executed, and what is heard of it when
//! its answer is lost.

use std::collections::BTreeSet;

use vmgroup_reconcile::event::{CallResult, Event, LoginResult, ReadResult, WriteResult};
use vmgroup_reconcile::inventory::Fault;
use vmgroup_reconcile::request::{Request, RequestId};

use crate::cluster::News;
use crate::happen::Taken;
use crate::host::Session;
use crate::oracles;
use crate::vcenter::Caller;

impl Taken {
    /// Executes a request; returns its answer, if it has one.
    pub(crate) fn perform(
        &mut self,
        number: usize,
        request: &Request,
        late: bool,
    ) -> Option<Event> {
        let world = &mut self.world;
        Some(match request {
            Request::WriteStatus { id, target, status } => {
                self.wrote = true;
                written(*id, world.cluster.write_status(target, status))
            }
            Request::WriteMeta { id, target, change } => {
                self.wrote = true;
                let result = world.cluster.write_meta(target, change);
                if let Some(News::Gone(stored)) = world.cluster.news.last() {
                    let object = stored.value.clone();
                    oracles::object_gone(world, &object, &mut self.breaches);
                }
                written(*id, result)
            }
            Request::WriteLease { id, lease } => match world.cluster.write_lease(lease) {
                Ok(lease) => Event::LeaseSeen {
                    lease: Some(lease),
                    id: Some(*id),
                },
                Err(message) => Event::LeaseFailed { id: *id, message },
            },
            Request::Login { id, .. } => {
                world.hosts[number].session = Some(Session {
                    feeds: true,
                    reset: Some(*id),
                    changed: BTreeSet::new(),
                });
                Event::LoginAnswered {
                    id: *id,
                    result: LoginResult::In {
                        vcenter: "vc".into(),
                    },
                }
            }
            Request::Relist { id, .. } => {
                let session = world.hosts[number].session.as_mut();
                match session.filter(|it| it.feeds) {
                    Some(session) => {
                        session.reset = Some(*id);
                        session.changed.clear();
                        return None;
                    }
                    None => Event::FeedLost {
                        reason: "the session is not authenticated".into(),
                        session_ended: true,
                    },
                }
            }
            Request::Call {
                id,
                group,
                operation_id,
                call,
            } => {
                self.wrote = true;
                let result = if world.hosts[number].session.is_some() {
                    world.vcenter.call(Caller { operation_id, late }, call)
                } else {
                    CallResult::Refused(Fault::NotAuthenticated)
                };
                if let CallResult::Started(task) = &result {
                    world.excused |= late;
                    oracles::call_started(world, group, task, &mut self.breaches);
                }
                Event::Called { id: *id, result }
            }
            other => unreachable!("{other:?} changes nothing"),
        })
    }
}

fn written(id: RequestId, result: WriteResult) -> Event {
    Event::GroupAnswered { id, result }
}

/// What an adapter says when no answer came in time.
pub(crate) fn lost(request: &Request) -> Event {
    let message = "no answer in time".to_owned();
    match request {
        Request::WriteStatus { id, .. }
        | Request::WriteMeta { id, .. }
        | Request::ReadGroup { id, .. } => written(*id, WriteResult::Lost { message }),
        Request::WriteLease { id, .. } => Event::LeaseFailed { id: *id, message },
        Request::Login { id, .. } => Event::LoginAnswered {
            id: *id,
            result: LoginResult::Failed { message },
        },
        Request::Relist { .. } => Event::FeedLost {
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
            result: CallResult::Lost { message },
        },
        other => unreachable!("nothing of {other:?} can be lost"),
    }
}
