//! Groups without a cluster: `VmGroup` YAML in one folder; another one, the
//! state, holds what an API server would: UID, generation, version, identity,
//! finalizer and status, and a lock.
//!
//! ```text
//!   groups/*.yaml ──document──▶ what is asked for ─┐
//!                                                  ├─groups──▶ events
//!   state/groups/*.json ─────▶ what is known ──────┘◀──perform── requests
//! ```
//!
//! A file that is gone deletes nothing: [`request_deletion`] does. What a spec
//! means is in the CRD's crate, which this one does not know: it is handed in as
//! a [`Schema`].

mod schema;

mod yaml;

mod document;

mod folder;

mod record;

mod state;

mod lock;

mod groups;

mod perform;

mod watch;

mod outside;

mod error;

pub mod limits;

pub use document::{Document, GroupDocument, documents_in, read_documents};
pub use error::{FilesError, Problem};
pub use groups::Groups;
pub use outside::{Asked, list, request_deletion};
pub use schema::{ApprovedEffects, Schema, Unknown};
pub use watch::Watch;

#[cfg(test)]
mod scene;
