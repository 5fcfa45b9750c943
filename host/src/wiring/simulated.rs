//! The simulated vCenter on real clocks, for trying groups without a vCenter.
//! Its inventory lives as long as the process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use vmgroup_core::time::Now;
use vmgroup_reconcile::event::{CallResult, Event, LoginResult, ReadResult};
use vmgroup_reconcile::inventory::Fault;
use vmgroup_reconcile::request::{Request, RequestId};
use vmgroup_sim::options::VCenterOptions;
use vmgroup_sim::random::Random;
use vmgroup_sim::vcenter::{Asked, SessionId, VCenter};

use super::driver::Clocks;
use super::hands::{Adapter, Performing};

/// Version of the only credentials that it accepts.
const CREDENTIALS: &str = "simulated";

/// A simulated vCenter as an adapter.
pub(crate) struct Simulated {
    clocks: Clocks,
    inner: Mutex<Inner>,
    /// Something was planned that may be due earlier than what was.
    planned: Notify,
    events: mpsc::Sender<Event>,
}

struct Inner {
    vcenter: VCenter,
    session: Option<SessionId>,
}

impl Inner {
    /// Logs in, ends the session before, and begins the feed of the new one.
    fn login(&mut self, now: Now, id: RequestId) -> LoginResult {
        let (result, session) = self.vcenter.login(now, CREDENTIALS);
        if let Some(old) = self.session.take() {
            self.vcenter.logout(old);
        }
        if let Some(session) = session {
            self.session = Some(session);
            self.vcenter.begin_feed(now, session, id, now.monotonic);
        }
        debug_assert!(matches!(result, LoginResult::In { .. }));
        result
    }
}

impl Simulated {
    /// One with these templates.
    pub(crate) fn new(
        clocks: Clocks,
        templates: &[String],
        events: mpsc::Sender<Event>,
    ) -> Arc<Simulated> {
        let now = clocks.now();
        let random = Random::new(now.utc.0);
        let mut vcenter = VCenter::new(VCenterOptions::default(), random, CREDENTIALS.into());
        for template in templates {
            vcenter.create_template(now, template);
        }
        Arc::new(Simulated {
            clocks,
            inner: Mutex::new(Inner {
                vcenter,
                session: None,
            }),
            planned: Notify::new(),
            events,
        })
    }

    /// Lets time pass in it, until nobody listens.
    pub(crate) async fn run(self: Arc<Self>) {
        let version = CREDENTIALS.to_owned();
        if self
            .events
            .send(Event::CredentialsChanged { version })
            .await
            .is_err()
        {
            return;
        }
        loop {
            let due = self.lock().vcenter.next_due();
            let wait = due.map(|at| at.since(self.clocks.now().monotonic));
            tokio::select! {
                () = self.events.closed() => return,
                () = self.planned.notified() => {}
                () = pause(wait) => {}
            }
            while let Some(news) = self.happen() {
                if let Some(event) = news
                    && self.events.send(event).await.is_err()
                {
                    return;
                }
            }
        }
    }

    /// Lets the next thing happen whose time has come; none if there is none.
    fn happen(&self) -> Option<Option<Event>> {
        let now = self.clocks.now();
        let mut inner = self.lock();
        if inner.vcenter.next_due().is_none_or(|at| at > now.monotonic) {
            return None;
        }
        let news = inner.vcenter.happen(now);
        let session = inner.session;
        Some(
            news.filter(|(of, _)| session == Some(*of))
                .map(|(_, event)| event),
        )
    }

    fn answer(&self, request: &Request) -> Option<Event> {
        let now = self.clocks.now();
        let mut inner = self.lock();
        let session = inner.session;
        Some(match request {
            Request::Login { id, .. } => {
                let (id, result) = (*id, inner.login(now, *id));
                Event::LoginAnswered { id, result }
            }
            Request::Logout => {
                if let Some(session) = inner.session.take() {
                    inner.vcenter.logout(session);
                }
                return None;
            }
            Request::Relist { id, .. } => {
                let begun = session.is_some_and(|session| {
                    inner.vcenter.begin_feed(now, session, *id, now.monotonic)
                });
                if begun {
                    return None;
                }
                Event::FeedLost {
                    reason: "there is no session".into(),
                    session_ended: true,
                }
            }
            Request::Track { vms } => {
                if let Some(session) = session {
                    inner.vcenter.track(now, session, vms);
                }
                return None;
            }
            Request::Read { id, read } => Event::Read {
                id: *id,
                result: match session {
                    Some(session) => inner.vcenter.read(session, read),
                    None => ReadResult::Failed {
                        fault: Fault::NotAuthenticated,
                    },
                },
            },
            Request::Call {
                id,
                group,
                operation_id,
                call,
            } => {
                let asked = Asked {
                    group: group.clone(),
                    operation_id: operation_id.clone(),
                    host: 0,
                    held_up: false,
                };
                let result = match session {
                    Some(session) => inner.vcenter.call(now, session, &asked, call, None),
                    None => CallResult::NotSent {
                        message: "there is no session".into(),
                    },
                };
                Event::Called { id: *id, result }
            }
            _ => return None,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Adapter for Simulated {
    fn perform(self: Arc<Self>, request: Request) -> Performing {
        let answer = self.answer(&request);
        Box::pin(async move {
            if let Some(event) = answer {
                let _ = self.events.send(event).await;
            }
            self.planned.notify_one();
        })
    }
}

async fn pause(wait_ms: Option<u64>) {
    match wait_ms {
        Some(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
        None => std::future::pending().await,
    }
}
