//! A real API server: requests through the operator's adapter, people's deeds
//! by HTTP.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use vmgroup_core::group::GroupKey;
use vmgroup_kubernetes::{Adapter, Connection, Place};
use vmgroup_reconcile::event::{Event, WriteResult};
use vmgroup_reconcile::request::{MetaChange, Request, RequestId};

use super::draw::GROUPS;
use super::operation::{Operation, Replica, What};
use super::person::Person;
use super::simulated::lease;
use super::spec::status;
use super::story::Story;
use super::versions::Versions;
use super::words;
use crate::answer::{Answer, Outcome};

/// Longer than an answer takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(5);

/// For news to come, where the answer was another one.
const LITTLE_PATIENCE: Duration = Duration::from_millis(500);

/// The real side.
#[derive(Debug)]
pub(super) struct Real {
    runtime: Arc<Runtime>,
    namespace: String,
    own: Seat,
    /// A second replica: it only writes the lease.
    other: Seat,
    client: Client,
    versions: Versions,
    story: Story,
    requests: u64,
}

/// A way to the API server.
#[derive(Clone)]
pub(super) struct Client(pub(super) Connection);

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Client")
    }
}

/// One replica's adapter.
struct Seat {
    adapter: Adapter,
    events: mpsc::Receiver<Event>,
    answers: Vec<Event>,
    watch: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Seat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seat").finish_non_exhaustive()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(watch) = self.watch.take() {
            watch.abort();
        }
    }
}

impl Seat {
    fn new(client: &Client, namespace: &str, replica: Replica) -> Self {
        let (sender, events) = mpsc::channel(100);
        let place = Place {
            scope: Some(namespace.to_owned()),
            namespace: namespace.to_owned(),
            lease: "vmgroup".into(),
            replica: format!("{replica:?}"),
        };
        Seat {
            adapter: Adapter::new(client.0.client.clone(), place, sender),
            events,
            answers: Vec::new(),
            watch: None,
        }
    }

    fn begin_watch(&mut self, runtime: &Runtime) {
        let adapter = self.adapter.clone();
        let watch = runtime.spawn(async move { adapter.watch().await });
        self.watch = Some(watch);
    }
}

impl Real {
    pub(super) fn new(
        runtime: Arc<Runtime>,
        client: &Client,
        person: &Person,
        namespace: &str,
    ) -> Result<Self> {
        person.create_namespace(namespace)?;
        let mut real = Real {
            own: Seat::new(client, namespace, Replica::Own),
            other: Seat::new(client, namespace, Replica::Other),
            client: client.clone(),
            runtime,
            namespace: namespace.to_owned(),
            versions: Versions::default(),
            story: Story::default(),
            requests: 0,
        };
        real.watch_anew();
        if !real.until(PATIENCE, |it| it.story.shown().len() == 2) {
            bail!("the API server lists nothing");
        }
        Ok(real)
    }

    pub(super) fn execute(
        &mut self,
        person: &Person,
        operation: &Operation,
        expected: &Answer,
    ) -> Result<Answer> {
        self.story = Story::default();
        let outcome = self.outcome(person, operation)?;
        let patience = if outcome == expected.outcome {
            PATIENCE
        } else {
            LITTLE_PATIENCE
        };
        self.until(patience, |it| it.story.shown() == expected.shown);
        Ok(Answer {
            outcome,
            shown: self.story.shown(),
        })
    }

    /// Every object as a read gives it.
    pub(super) fn truth(&mut self) -> Result<Answer> {
        let mut shown = std::collections::BTreeMap::new();
        for group in GROUPS {
            let key = GroupKey::new(&self.namespace, *group);
            let outcome = self.written(|id| Request::ReadGroup { id, key })?;
            shown.insert((*group).to_owned(), outcome.to_string());
        }
        Ok(Answer {
            outcome: Outcome::Fine("the truth".into()),
            shown,
        })
    }

    fn outcome(&mut self, person: &Person, operation: &Operation) -> Result<Outcome> {
        let key = GroupKey::new(&self.namespace, operation.group);
        match &operation.what {
            What::Read => self.written(|id| Request::ReadGroup { id, key }),
            What::WriteStatus(version, number) => {
                let target = self.versions.target(&key, *version);
                let status = Box::new(status(*number));
                self.written(|id| Request::WriteStatus { id, target, status })
            }
            What::Claim(version, identity, replace_demo) => {
                let change = MetaChange::Claim {
                    identity: format!("identity-{identity}"),
                    replace_demo: *replace_demo,
                };
                let target = self.versions.target(&key, *version);
                self.written(|id| Request::WriteMeta { id, target, change })
            }
            What::Release(version) => {
                let target = self.versions.target(&key, *version);
                let change = MetaChange::Release;
                self.written(|id| Request::WriteMeta { id, target, change })
            }
            What::WriteLease(replica, version) => {
                let version = self.versions.lease(*version);
                self.write_lease(operation, *replica, version)
            }
            What::CreateLease(replica) => self.write_lease(operation, *replica, String::new()),
            What::Rewatch => {
                self.own = Seat::new(&self.client, &self.namespace, Replica::Own);
                self.watch_anew();
                Ok(Outcome::Fine("watched anew".into()))
            }
            _ => {
                let done = person.does(&self.namespace, operation)?;
                self.wait_for(done.version);
                Ok(done.outcome)
            }
        }
    }

    fn watch_anew(&mut self) {
        self.own.begin_watch(&self.runtime);
    }

    fn request_id(&mut self) -> RequestId {
        self.requests += 1;
        RequestId(self.requests)
    }

    fn written(&mut self, request: impl FnOnce(RequestId) -> Request) -> Result<Outcome> {
        let id = self.request_id();
        self.runtime.block_on(self.own.adapter.perform(request(id)));
        let answered = |event: &Event| match event {
            Event::GroupAnswered { id: of, result } if *of == id => Some(result.clone()),
            _ => None,
        };
        if !self.until(PATIENCE, |it| {
            it.own.answers.iter().any(|e| answered(e).is_some())
        }) {
            bail!("the adapter did not answer");
        }
        let result = self.own.answers.iter().find_map(answered);
        self.own.answers.clear();
        let result = result.context("an answer was lost")?;
        self.story.answered(&mut self.versions, &result);
        if let WriteResult::Done(object) = &result {
            self.wait_for(Some(object.resource_version));
        }
        Ok(words::written(&result))
    }

    /// Waits until the watch has told that version, which may be one that the
    /// simulation does not know of.
    fn wait_for(&mut self, version: Option<u64>) {
        if let Some(version) = version {
            self.until(PATIENCE, |it| it.versions.is_watched(version));
        }
    }

    /// The answer comes before anything else can: the other replica does not
    /// watch, and nothing else is asked for meanwhile.
    fn write_lease(
        &mut self,
        operation: &Operation,
        replica: Replica,
        version: String,
    ) -> Result<Outcome> {
        let id = self.request_id();
        let lease = lease(operation, replica, version);
        let seat = match replica {
            Replica::Own => &mut self.own,
            Replica::Other => &mut self.other,
        };
        let work = seat.adapter.perform(Request::WriteLease { id, lease });
        self.runtime.block_on(work);
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let events = &mut match replica {
                Replica::Own => &mut self.own,
                Replica::Other => &mut self.other,
            }
            .events;
            let next = async { tokio::time::timeout(PATIENCE, events.recv()).await };
            let Ok(Some(event)) = self.runtime.block_on(next) else {
                break;
            };
            match event {
                Event::LeaseSeen {
                    lease,
                    id: Some(of),
                } if of == id => return Ok(words::lease(&mut self.versions, lease.as_ref())),
                Event::LeaseFailed { id: of, .. } if of == id => {
                    return Ok(words::lease(&mut self.versions, None));
                }
                event => self.story.take(&mut self.versions, &event),
            }
        }
        bail!("the adapter did not answer")
    }

    /// Takes events until that is so; whether it came to be so in time.
    fn until(&mut self, patience: Duration, mut is_so: impl FnMut(&Self) -> bool) -> bool {
        let deadline = Instant::now() + patience;
        while !is_so(self) {
            let left = deadline.saturating_duration_since(Instant::now());
            let next = async { tokio::time::timeout(left, self.own.events.recv()).await };
            match self.runtime.block_on(next) {
                Ok(Some(event @ Event::GroupAnswered { .. })) => self.own.answers.push(event),
                Ok(Some(event)) => self.story.take(&mut self.versions, &event),
                Ok(None) | Err(_) => return is_so(self),
            }
        }
        true
    }
}
