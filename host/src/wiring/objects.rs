//! Groups in a folder as an adapter.

use std::sync::Arc;

use tokio::sync::mpsc;
use vmgroup_files::{Groups, Schema};
use vmgroup_reconcile::event::Event;
use vmgroup_reconcile::request::Request;

use super::hands::{Adapter, Performing};

/// How objects are understood: as the CRD has it.
pub(crate) fn schema() -> Schema {
    Schema {
        spec: |spec| vmgroup_api::spec_from_json(spec).map_err(|error| error.to_string()),
        unknown_fields: vmgroup_api::strict::unknown_fields,
        approval: |spec| {
            let approved =
                vmgroup_api::approval_from_json(spec).map_err(|error| error.to_string())?;
            Ok(vmgroup_files::ApprovedEffects {
                group: approved.group,
                effects_digest: approved.effects_digest,
                expires_at: approved.expires_at,
            })
        },
    }
}

/// The groups of one folder.
pub(crate) struct Folder {
    /// The groups.
    pub(crate) groups: Arc<Groups>,
    /// Where answers go.
    pub(crate) events: mpsc::Sender<Event>,
}

impl Adapter for Folder {
    fn perform(self: Arc<Self>, request: Request) -> Performing {
        Box::pin(async move {
            let groups = Arc::clone(&self.groups);
            let performed = tokio::task::spawn_blocking(move || groups.perform(&request)).await;
            let events = match performed {
                Ok(events) => events,
                // The task around this one turns it into an answer.
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            };
            for event in events {
                let _ = self.events.send(event).await;
            }
        })
    }
}
