//! The adapter: requests in, events out, each request answered once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use futures_util::FutureExt as _;
use tokio::sync::{Semaphore, mpsc, oneshot};
use vmgroup_reconcile::event::{CallResult, Event, LoginResult, ReadResult};
use vmgroup_reconcile::inventory::{Fault, VmId};
use vmgroup_reconcile::request::{Request, RequestId};

use crate::feed::Feed;
use crate::goodbye::Goodbye;
use crate::limits::READS_AT_ONCE;
use crate::login::log_in;
use crate::patience::{Logouts, Patience};
use crate::session::Session;
use crate::{Config, CredentialSource, Credentials, Error};

/// The adapter to one vCenter. Clones are the same adapter.
#[derive(Clone)]
pub struct Vcenter {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    credentials: Arc<dyn CredentialSource>,
    events: mpsc::Sender<Event>,
    logouts: Logouts,
    goodbye: Arc<Goodbye>,
    /// Ends with the last login, relist, track or logout: they follow one another.
    turn: Mutex<Option<oneshot::Receiver<()>>>,
    session: Mutex<Option<Arc<Session>>>,
    /// The VMs that each session's feed shows beyond those below the root.
    tracked: Mutex<Vec<VmId>>,
    calls: Semaphore,
    reads: Semaphore,
}

/// What the request before ends with, and what this one ends with.
type Turn = (Option<oneshot::Receiver<()>>, oneshot::Sender<()>);

impl std::fmt::Debug for Vcenter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vcenter").finish_non_exhaustive()
    }
}

impl Vcenter {
    /// An adapter without a session. Nothing is sent; the credentials are read at
    /// each login. Events go to `events`.
    pub fn new(
        config: Config,
        credentials: Arc<dyn CredentialSource>,
        events: mpsc::Sender<Event>,
    ) -> Self {
        let calls = Semaphore::new(config.calls_at_once.clamp(1, Semaphore::MAX_PERMITS));
        Vcenter {
            inner: Arc::new(Inner {
                config,
                credentials,
                events,
                logouts: Logouts::default(),
                goodbye: Arc::default(),
                turn: Mutex::default(),
                session: Mutex::default(),
                tracked: Mutex::default(),
                calls,
                reads: Semaphore::new(READS_AT_ONCE),
            }),
        }
    }

    /// Performs a request and gives the events that the protocol promises for it,
    /// whatever happens. `Login`, `Relist`, `Track`, `Logout`, `Read` and `Call`
    /// are for this adapter; it has nothing to say to others.
    ///
    /// The work begins at once, in a task of its own, and goes on if the future
    /// is dropped; the future ends when the request has been answered (a login or
    /// relist: when its feed runs). Calls and reads run beside one another; login,
    /// relist, track and logout follow one another in the order of their calls. What
    /// a logout waits for is given up.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn perform(&self, mut request: Request) -> impl Future<Output = ()> + Send + use<> {
        if let Request::Track { vms } = &mut request {
            // It may be a long list, and wait for its turn behind others like it.
            *self.inner.tracked() = std::mem::take(vms);
        }
        let answer = answer_to_failure(&request);
        let (turn, patience) = self.inner.queue(&request);
        let this = self.clone();
        let work = tokio::spawn(async move {
            // Dropped when the work ends, however it does: the next one's turn.
            let _ends = match turn {
                Some((before, ends)) => {
                    if let Some(before) = before {
                        let _ = before.await;
                    }
                    Some(ends)
                }
                None => None,
            };
            this.dispatch(request, patience).await;
        });
        let inner = Arc::clone(&self.inner);
        tokio::spawn(async move {
            if let Err(error) = work.await {
                tracing::warn!(error = %error, "a request to vCenter came to an unexpected end");
                if let Some(answer) = answer {
                    inner.tell(answer).await;
                }
            }
        })
        .map(|_| ())
    }

    /// Ends the session, if there is one: for the end of the process.
    pub async fn close(&self) {
        self.perform(Request::Logout).await;
    }

    async fn dispatch(&self, request: Request, patience: Patience) {
        let inner = &*self.inner;
        match request {
            Request::Login { id, .. } => inner.login(id, patience).await,
            Request::Logout => inner.logout().await,
            Request::Relist { id, .. } => inner.relist(id, patience).await,
            Request::Track { .. } => inner.track(patience).await,
            Request::Read { id, read } => {
                let _place = inner.reads.acquire().await;
                let result = match inner.session() {
                    Some(session) => session.read(read).await,
                    None => ReadResult::Failed {
                        fault: Fault::NotAuthenticated,
                    },
                };
                inner.tell(Event::Read { id, result }).await;
            }
            Request::Call {
                id,
                operation_id,
                call,
                ..
            } => {
                let asked = Instant::now();
                // The look was made in this one; the next may be with another vCenter.
                let looked = inner.session();
                let _place = inner.calls.acquire().await;
                let is_same = |session: &Arc<Session>| {
                    let looked = looked.as_ref();
                    looked.is_some_and(|looked| Arc::ptr_eq(looked, session))
                };
                let result = match inner.session().filter(is_same) {
                    Some(session) => session.call(call, &operation_id, asked).await,
                    None => CallResult::NotSent {
                        message: "there is no session with vCenter, or not the one of the look"
                            .into(),
                    },
                };
                inner.tell(Event::Called { id, result }).await;
            }
            Request::Decide { .. }
            | Request::WriteStatus { .. }
            | Request::WriteMeta { .. }
            | Request::ReadGroup { .. }
            | Request::Tell { .. }
            | Request::WriteLease { .. }
            | Request::Note(_) => {
                tracing::warn!("a request reached vCenter's adapter that is not for it");
            }
        }
    }
}

impl Inner {
    /// The turn of a request that is carried out in order, and for how long it is
    /// worth waiting for.
    fn queue(&self, request: &Request) -> (Option<Turn>, Patience) {
        let mut last = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(request, Request::Logout) {
            self.logouts.asked_for();
        }
        let turn = is_ordered(request).then(|| {
            let (ends, over) = oneshot::channel();
            (last.replace(over), ends)
        });
        (turn, self.logouts.patience())
    }

    async fn login(&self, id: RequestId, mut patience: Patience) {
        self.end_session().await;
        let mut version = String::new();
        let begun = match self.credentials.read() {
            Ok(credentials) => {
                version = credentials.version();
                self.begin_session(&credentials, &mut patience).await
            }
            Err(error) => Err(error),
        };
        let result = match &begun {
            Ok((vcenter, _)) => LoginResult::In {
                vcenter: vcenter.clone(),
            },
            Err(Error::Refused { message }) => LoginResult::Refused {
                version,
                message: message.clone(),
            },
            Err(error) => LoginResult::Failed {
                message: error.in_full(),
            },
        };
        self.tell(Event::LoginAnswered { id, result }).await;
        if let Ok((_, feed)) = begun {
            feed.run(id);
            let goodbye = Arc::clone(&self.goodbye);
            tokio::spawn(async move { goodbye.say_again().await });
        }
    }

    async fn begin_session(
        &self,
        credentials: &Credentials,
        patience: &mut Patience,
    ) -> Result<(String, Feed), Error> {
        let (config, events) = (&self.config, self.events.clone());
        let (vcenter, session) =
            log_in(config, credentials, events, patience, &self.goodbye).await?;
        let tracked = self.tracked().clone();
        let begun = async {
            // What it cannot show is not in the feed's first view either.
            session.try_track(tracked.into_iter().collect()).await?;
            Feed::begin(&session).await
        };
        let begun = match patience.wait(begun).await {
            Ok(begun) => begun.map_err(|source| Error::Vcenter {
                doing: "begin the feed of updates".into(),
                hint: "",
                source: Box::new(source),
            }),
            Err(given_up) => Err(given_up),
        };
        match begun {
            Ok(feed) => {
                *self.slot() = Some(session);
                Ok((vcenter, feed))
            }
            Err(error) => {
                session.close(&self.goodbye).await;
                Err(error)
            }
        }
    }

    async fn logout(&self) {
        self.end_session().await;
    }

    async fn end_session(&self) {
        let session = self.slot().take();
        if let Some(session) = session {
            session.close(&self.goodbye).await;
        }
    }

    async fn relist(&self, id: RequestId, mut patience: Patience) {
        let lost = |reason: String, session_ended| Event::FeedLost {
            reason,
            session_ended,
        };
        let Some(session) = self.session() else {
            let reason = "there is no session with vCenter".into();
            return self.tell(lost(reason, true)).await;
        };
        match patience.wait(Feed::begin(&session)).await {
            Ok(Ok(feed)) => feed.run(id),
            Err(given_up) => self.tell(lost(given_up.to_string(), false)).await,
            Ok(Err(error)) => {
                let ended = crate::fault::is_session_over(&error);
                let reason = format!(
                    "the feed cannot begin anew: {}",
                    crate::error::chain(&error)
                );
                self.tell(lost(reason, ended)).await;
            }
        }
    }

    /// Those that were named last: the requests before may still wait, and have nothing to add.
    async fn track(&self, mut patience: Patience) {
        let vms = self.tracked().clone();
        if let Some(session) = self.session() {
            // With the session what it tracks is over anyway.
            let _ = patience
                .wait(session.track(vms.into_iter().collect()))
                .await;
        }
    }

    async fn tell(&self, event: Event) {
        // A machine that has ended needs no answer.
        let _ = self.events.send(event).await;
    }

    fn session(&self) -> Option<Arc<Session>> {
        self.slot().clone()
    }

    fn slot(&self) -> MutexGuard<'_, Option<Arc<Session>>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tracked(&self) -> MutexGuard<'_, Vec<VmId>> {
        self.tracked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_ordered(request: &Request) -> bool {
    matches!(
        request,
        Request::Login { .. } | Request::Relist { .. } | Request::Track { .. } | Request::Logout
    )
}

/// What a request is answered with if performing it ends in a panic.
fn answer_to_failure(request: &Request) -> Option<Event> {
    let message = || String::from("the adapter failed; see its log");
    match request {
        Request::Login { id, .. } => Some(Event::LoginAnswered {
            id: *id,
            result: LoginResult::Failed { message: message() },
        }),
        Request::Relist { .. } => Some(Event::FeedLost {
            reason: message(),
            session_ended: false,
        }),
        Request::Read { id, .. } => Some(Event::Read {
            id: *id,
            result: ReadResult::Failed {
                fault: Fault::Unavailable { message: message() },
            },
        }),
        Request::Call { id, .. } => Some(Event::Called {
            id: *id,
            result: CallResult::Lost { message: message() },
        }),
        Request::Decide { .. }
        | Request::WriteStatus { .. }
        | Request::WriteMeta { .. }
        | Request::ReadGroup { .. }
        | Request::Tell { .. }
        | Request::WriteLease { .. }
        | Request::Logout
        | Request::Track { .. }
        | Request::Note(_) => None,
    }
}
