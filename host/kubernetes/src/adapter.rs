//! One adapter for one API server: `watch` feeds the machine, `perform`
//! carries out what it asks for.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::api::ApiResource;
use kube::{Api, Client};
use tokio::sync::{Mutex, Semaphore, mpsc};
use tracing::debug;
use vmgroup_api::{PlanApproval, VmGroup};
use vmgroup_core::group::GroupKey;
use vmgroup_reconcile::event::{Event, WriteResult};
use vmgroup_reconcile::request::Request;

use crate::convert::group_object;
use crate::error::Failure;
use crate::lease::LeaseMemory;
use crate::limits::{REQUEST, REQUESTS_AT_ONCE};
use crate::object::Object;
use crate::watch::{Approvals, Groups, follow};

/// Where the operator stands in the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Only groups of this namespace; of all if none.
    pub scope: Option<String>,
    /// The operator's own namespace: the lease is there.
    pub namespace: String,
    /// Name of the lease.
    pub lease: String,
    /// Name of this replica, such as the Pod's: events carry it.
    pub replica: String,
}

/// Reads and writes the objects of one API server. Clones share everything.
#[derive(Clone)]
pub struct Adapter {
    pub(crate) client: Client,
    pub(crate) place: Arc<Place>,
    pub(crate) lease: Arc<Mutex<LeaseMemory>>,
    requests: Arc<Semaphore>,
    events: mpsc::Sender<Event>,
    renewals: mpsc::Sender<Event>,
}

impl Adapter {
    /// An adapter that sends what it sees to `events`. Nothing happens until
    /// `watch` or `perform` is called.
    pub fn new(client: Client, place: Place, events: mpsc::Sender<Event>) -> Self {
        Adapter {
            client,
            place: Arc::new(place),
            lease: Arc::default(),
            requests: Arc::new(Semaphore::new(REQUESTS_AT_ONCE)),
            renewals: events.clone(),
            events,
        }
    }

    /// What it sees of the lease goes to `renewals`: who hears of it behind everything else
    /// may hear of it too late.
    #[must_use]
    pub fn with_renewals(self, renewals: mpsc::Sender<Event>) -> Self {
        Adapter { renewals, ..self }
    }

    /// Reads: groups, approvals and the lease, until `events` has no receiver
    /// any more. Whatever fails is tried again; nothing ends it.
    pub async fn watch(&self) {
        tokio::join!(
            follow::<Groups>(self, self.scoped(&group_resource())),
            follow::<Approvals>(self, self.scoped(&ApiResource::erase::<PlanApproval>(&()))),
            self.poll_lease(),
        );
    }

    /// Whether that request is for this adapter.
    pub fn is_for(request: &Request) -> bool {
        matches!(
            request,
            Request::WriteStatus { .. }
                | Request::WriteMeta { .. }
                | Request::ReadGroup { .. }
                | Request::Tell { .. }
                | Request::WriteLease { .. }
        )
    }

    /// Carries out one request, and sends its answer. The caller gives each a
    /// task of its own; only so many of them ask the API server at once.
    pub async fn perform(&self, request: Request) {
        let _turn = match &request {
            // A lease that waits for others is lost.
            Request::WriteLease { .. } => None,
            _ => self.requests.acquire().await.ok(),
        };
        match request {
            Request::WriteStatus { id, target, status } => {
                let result = self.write_status(&target, &status).await;
                self.send(Event::GroupAnswered { id, result }).await;
            }
            Request::WriteMeta { id, target, change } => {
                let result = self.write_meta(&target, &change).await;
                self.send(Event::GroupAnswered { id, result }).await;
            }
            Request::ReadGroup { id, key } => {
                let result = match self.read(&key).await {
                    Ok(object) => WriteResult::Done(Box::new(group_object(&object))),
                    Err(failure) => failure.of_read(),
                };
                self.send(Event::GroupAnswered { id, result }).await;
            }
            Request::Tell {
                target,
                warning,
                reason,
                message,
            } => {
                self.tell(&target, warning, &reason, &message).await;
            }
            Request::WriteLease { id, lease } => self.write_lease(id, lease).await,
            Request::Decide { .. }
            | Request::Login { .. }
            | Request::Logout
            | Request::Relist { .. }
            | Request::Track { .. }
            | Request::Read { .. }
            | Request::Call { .. }
            | Request::Note(_) => debug!("a request that is not for Kubernetes was left"),
        }
    }

    /// Hands an event to the machine; false if it has ended.
    pub(crate) async fn send(&self, event: Event) -> bool {
        self.events.send(event).await.is_ok()
    }

    /// Hands an event of the lease to the machine.
    pub(crate) async fn send_renewal(&self, event: Event) {
        // Nobody hears it when the operator ends.
        let _ = self.renewals.send(event).await;
    }

    /// The machine has ended.
    pub(crate) fn is_over(&self) -> bool {
        self.events.is_closed()
    }

    /// The group's object as it is, by a quorum read.
    pub(crate) async fn read(&self, key: &GroupKey) -> Result<Object, Failure> {
        let groups = self.groups(&key.namespace);
        within(REQUEST, &key.name, groups.get(&key.name)).await
    }

    pub(crate) fn groups(&self, namespace: &str) -> Api<Object> {
        Api::namespaced_with(self.client.clone(), namespace, &group_resource())
    }

    pub(crate) fn leases(&self) -> Api<Lease> {
        Api::namespaced(self.client.clone(), &self.place.namespace)
    }

    fn scoped(&self, resource: &ApiResource) -> Api<Object> {
        match &self.place.scope {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, resource),
            None => Api::all_with(self.client.clone(), resource),
        }
    }
}

/// The resource of groups, whose objects are read untyped.
pub(crate) fn group_resource() -> ApiResource {
    ApiResource::erase::<VmGroup>(&())
}

/// The answer to a request about the object of that name, if it comes in time.
pub(crate) async fn within<T>(
    limit: Duration,
    name: &str,
    request: impl Future<Output = kube::Result<T>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(limit, request).await {
        Ok(answer) => answer.map_err(|error| Failure::of(&error, name)),
        Err(_) => Err(Failure::timeout()),
    }
}
