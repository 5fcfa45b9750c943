//! Hands a request to the adapter that it is for. Each runs in a task of its
//! own; requests of the session keep their order.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};
use vmgroup_engine::Module;
use vmgroup_modules::Store;
use vmgroup_reconcile::event::{CallResult, Event, LoginResult, ReadResult, WriteResult};
use vmgroup_reconcile::inventory::Fault;
use vmgroup_reconcile::request::Request;

use super::decisions::Decisions;
use super::loader::Decided;
use crate::limits::{RENEWALS_MAX, TASKS_MAX};

/// What an adapter does with one request: its answer, if it has one, goes into
/// the channel that the adapter was made with.
pub(crate) trait Adapter: Send + Sync + 'static {
    /// Performs it. Requests of the session take their place in the order of these calls,
    /// before the futures are polled.
    fn perform(self: Arc<Self>, request: Request) -> Performing;
}

/// Ends when the request has been answered.
pub(crate) type Performing = Pin<Box<dyn Future<Output = ()> + Send>>;

/// All adapters of one operator.
pub(crate) struct Hands {
    objects: Arc<dyn Adapter>,
    vcenter: Arc<dyn Adapter>,
    decisions: Decisions,
    events: mpsc::Sender<Event>,
    /// One place for each task that is under way.
    under_way: Arc<Semaphore>,
    /// The same for writes of the lease, which wait for no place.
    renewals: Arc<Semaphore>,
}

impl Hands {
    /// Hands for these adapters; answers of lost tasks go to `events`.
    pub(crate) fn new(
        objects: Arc<dyn Adapter>,
        vcenter: Arc<dyn Adapter>,
        modules: Arc<Store<Module>>,
        events: mpsc::Sender<Event>,
    ) -> Arc<Hands> {
        Arc::new(Hands {
            objects,
            vcenter,
            decisions: Decisions::new(modules),
            events,
            under_way: Arc::new(Semaphore::new(TASKS_MAX as usize)),
            renewals: Arc::new(Semaphore::new(RENEWALS_MAX as usize)),
        })
    }

    /// Begins a request; its answer comes as an event.
    pub(crate) fn begin(self: &Arc<Self>, request: Request) {
        match &request {
            Request::Login { .. }
            | Request::Logout
            | Request::Relist { .. }
            | Request::Track { .. } => {
                // Only a logout is worth waiting for at the end.
                let ends = matches!(request, Request::Logout);
                let place = ends.then(|| Arc::clone(&self.under_way).try_acquire_owned());
                let work = run(Arc::clone(&self.vcenter), request, self.events.clone());
                tokio::spawn(async move {
                    work.await;
                    drop(place);
                });
            }
            Request::WriteLease { .. } => {
                // It waits behind nothing: who cannot renew has to stop acting. The
                // place is there to be waited for.
                let place = Arc::clone(&self.renewals).try_acquire_owned();
                let hands = Arc::clone(self);
                tokio::spawn(async move {
                    hands.perform(request).await;
                    drop(place);
                });
            }
            Request::Decide { .. } => {
                // It has turns instead of a place, and nobody waits for its answer at the end.
                let hands = Arc::clone(self);
                tokio::spawn(async move { hands.decide(request).await });
            }
            _ => {
                // Taken at once, so that it is under way from now on, if there is one.
                let free = Arc::clone(&self.under_way).try_acquire_owned().ok();
                let hands = Arc::clone(self);
                tokio::spawn(async move {
                    let _place = match free {
                        Some(place) => Some(place),
                        None => Arc::clone(&hands.under_way).acquire_owned().await.ok(),
                    };
                    hands.perform(request).await;
                });
            }
        }
    }

    /// Performs a request to its end.
    pub(crate) async fn perform(&self, request: Request) {
        let adapter = match &request {
            Request::WriteStatus { .. }
            | Request::WriteMeta { .. }
            | Request::ReadGroup { .. }
            | Request::Tell { .. }
            | Request::WriteLease { .. } => &self.objects,
            Request::Login { .. }
            | Request::Logout
            | Request::Relist { .. }
            | Request::Track { .. }
            | Request::Read { .. }
            | Request::Call { .. } => &self.vcenter,
            Request::Decide { .. } | Request::Note(_) => return,
        };
        run(Arc::clone(adapter), request, self.events.clone()).await;
    }

    /// Waits until nothing is under way.
    pub(crate) async fn idle(&self) {
        let _all = self.under_way.acquire_many(TASKS_MAX).await;
        let _renewals = self.renewals.acquire_many(RENEWALS_MAX).await;
    }

    async fn decide(&self, request: Request) {
        let Request::Decide {
            id,
            group,
            module,
            observation,
        } = request
        else {
            return;
        };
        let turn = self.decisions.turn(&module).await;
        let decided = self.decisions.decide(turn, &group, module, observation);
        let Decided { module, result, .. } = decided.await;
        let decided = Event::Decided { id, module, result };
        let _ = self.events.send(decided).await;
    }
}

/// Performs a request, which begins at once; a panic becomes the answer that nothing is known.
fn run(
    adapter: Arc<dyn Adapter>,
    request: Request,
    events: mpsc::Sender<Event>,
) -> impl Future<Output = ()> + Send {
    let lost = lost(&request);
    let begun = catch_unwind(AssertUnwindSafe(|| tokio::spawn(adapter.perform(request))));
    async move {
        let failed = match begun {
            Ok(task) => task.await.is_err(),
            Err(_) => true,
        };
        if failed {
            // A panic has told of itself.
            tracing::error!("an adapter failed");
            if let Some(event) = lost {
                let _ = events.send(event).await;
            }
        }
    }
}

/// The answer to a request of which nobody knows what became.
fn lost(request: &Request) -> Option<Event> {
    let message = "a bug of the operator: see its log".to_owned();
    Some(match request {
        Request::WriteStatus { id, .. }
        | Request::WriteMeta { id, .. }
        | Request::ReadGroup { id, .. } => Event::GroupAnswered {
            id: *id,
            result: WriteResult::Lost { message },
        },
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
        Request::Decide { .. }
        | Request::Tell { .. }
        | Request::Logout
        | Request::Track { .. }
        | Request::Note(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use vmgroup_core::group::GroupKey;
    use vmgroup_reconcile::event::DecideResult;
    use vmgroup_reconcile::request::{Call, Read, RequestId};

    use super::*;

    #[derive(Default)]
    struct Broken {
        at_once: bool,
    }

    fn broken(at_once: bool) -> Arc<Broken> {
        Arc::new(Broken { at_once })
    }

    impl Adapter for Broken {
        fn perform(self: Arc<Self>, _: Request) -> Performing {
            assert!(!self.at_once, "a bug");
            Box::pin(async { panic!("a bug") })
        }
    }

    #[tokio::test]
    async fn a_call_in_an_adapter_that_panics_is_answered_as_lost() {
        for at_once in [false, true] {
            let (events, mut heard) = mpsc::channel(8);
            let hands = Hands::new(broken(at_once), broken(at_once), Arc::default(), events);
            hands.begin(Request::Call {
                id: RequestId(7),
                group: GroupKey::new("default", "web"),
                operation_id: String::new(),
                call: Call::PowerOn("vm-1".into()),
            });
            let event = heard.recv().await.expect("an answer");
            let lost = matches!(
                event,
                Event::Called {
                    id: RequestId(7),
                    result: CallResult::Lost { .. }
                }
            );
            assert!(lost, "{event:?}");
            hands.idle().await;
        }
    }

    #[tokio::test]
    async fn what_has_just_been_begun_is_under_way() {
        let (events, mut heard) = mpsc::channel(8);
        let hands = Hands::new(broken(false), broken(false), Arc::default(), events);
        hands.begin(Request::Read {
            id: RequestId(9),
            read: Read::Vm("vm-1".into()),
        });
        hands.idle().await;
        assert!(heard.try_recv().is_ok(), "it was not waited for");
    }

    /// Notes what it was asked for, in order, and takes its time.
    #[derive(Default)]
    struct Slow(std::sync::Mutex<Vec<Request>>, std::sync::atomic::AtomicU32);

    impl Adapter for Slow {
        fn perform(self: Arc<Self>, request: Request) -> Performing {
            self.0.lock().expect("no panic").push(request);
            Box::pin(async move {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                self.1.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            })
        }
    }

    #[tokio::test]
    async fn requests_of_the_session_keep_their_order_and_a_logout_is_waited_for() {
        let (events, _heard) = mpsc::channel(8);
        let slow = Arc::new(Slow::default());
        let hands = Hands::new(slow.clone(), slow.clone(), Arc::default(), events);
        let asked = [Request::Track { vms: Vec::new() }, Request::Logout];
        for request in &asked {
            hands.begin(request.clone());
        }
        assert_eq!(*slow.0.lock().expect("no panic"), asked);
        hands.idle().await;
        assert_ne!(slow.1.load(std::sync::atomic::Ordering::SeqCst), 0);
    }

    fn question(id: u64, module: Option<&str>) -> Request {
        let text = r#"{"context": {"now": 0}, "desired": {"replicas": 1}, "members": []}"#;
        Request::Decide {
            id: RequestId(id),
            group: GroupKey::new("default", "web"),
            module: module.map(str::to_owned),
            observation: serde_json::from_str(text).expect("an observation"),
        }
    }

    /// Which question was not answered by a module.
    async fn failed(heard: &mut mpsc::Receiver<Event>) -> u64 {
        match heard.recv().await.expect("an answer") {
            Event::Decided {
                id,
                result: DecideResult::Failed { .. },
                ..
            } => id.0,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_module_that_is_not_there_decides_nothing() {
        let (events, mut heard) = mpsc::channel(8);
        let hands = Hands::new(broken(false), broken(false), Arc::default(), events);
        hands.begin(question(8, Some("absent")));
        assert_eq!(failed(&mut heard).await, 8);
    }

    #[tokio::test]
    async fn a_slow_module_keeps_neither_another_nor_the_end_waiting() {
        let (events, mut heard) = mpsc::channel(8);
        let hands = Hands::new(broken(false), broken(false), Arc::default(), events);
        let slow = Some("slow".to_owned());
        let mut turns = Vec::new();
        while let Some(turn) = hands.decisions.turn(&slow).now_or_never() {
            turns.push(turn);
        }
        hands.begin(question(1, Some("slow")));
        hands.begin(question(2, Some("other")));
        assert_eq!(failed(&mut heard).await, 2);
        hands.idle().await;
        assert!(heard.try_recv().is_err(), "it had no turn");
        turns.pop();
        assert_eq!(failed(&mut heard).await, 1);
    }
}
