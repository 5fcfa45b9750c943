//! The adapters on a real API server and a real vCenter.

use std::path::Path;
use std::sync::Arc;

use vmgroup_kubernetes::{Place, connect};
use vmgroup_reconcile::request::Request;
use vmgroup_vcenter::{Config, CredentialSource, Vcenter, follow_credentials};

use super::hands::{Adapter, Performing};
use super::operator::Ends;
use crate::files::chain;
use crate::voice::Problem;

/// Begins to watch the objects of an API server.
pub(crate) async fn objects(
    ends: &Ends,
    kubeconfig: Option<&Path>,
    place: Place,
) -> Result<Arc<dyn Adapter>, Problem> {
    let connection = connect(kubeconfig).await.map_err(|error| {
        Problem::new(chain(&error)).hint(
            "name one with --kubeconfig or KUBECONFIG; or put groups in a folder and name that \
             with --groups",
        )
    })?;
    tracing::info!(url = connection.url, "watching the API server");
    let adapter = vmgroup_kubernetes::Adapter::new(connection.client, place, ends.events.clone())
        .with_renewals(ends.renewals.clone());
    let watching = adapter.clone();
    tokio::spawn(async move { watching.watch().await });
    Ok(Arc::new(Objects(adapter)))
}

/// A vCenter; nothing is sent to it before the machine wants a session.
pub(crate) fn vcenter(
    ends: &Ends,
    config: Config,
    credentials: Arc<dyn CredentialSource>,
) -> Arc<dyn Adapter> {
    tokio::spawn(follow_credentials(
        Arc::clone(&credentials),
        ends.events.clone(),
    ));
    Arc::new(Inventory(Vcenter::new(
        config,
        credentials,
        ends.events.clone(),
    )))
}

struct Objects(vmgroup_kubernetes::Adapter);

impl Adapter for Objects {
    fn perform(self: Arc<Self>, request: Request) -> Performing {
        Box::pin(async move { self.0.perform(request).await })
    }
}

struct Inventory(Vcenter);

impl Adapter for Inventory {
    fn perform(self: Arc<Self>, request: Request) -> Performing {
        Box::pin(self.0.perform(request))
    }
}
