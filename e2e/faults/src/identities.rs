//! Which group an identity means, learned from what the API server answers: the
//! operation ids of calls to vCenter begin with one.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::call::{Call, Server};

const ANNOTATION: &str = "vm.codeconnect.vmworld.com/identity";

/// Identities and their groups. What one proxy learns another may know.
#[derive(Debug, Default)]
pub(crate) struct Identities(Mutex<BTreeMap<String, String>>);

impl Identities {
    /// Completes a call to vCenter by the group that it is about.
    pub(crate) fn complete(&self, call: &mut Call) {
        if call.server != Server::Vcenter {
            return;
        }
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let identity = call.operation.split('/').next().unwrap_or_default();
        call.group = known.get(identity).cloned();
    }

    /// Reads an answer to a write of a group: nothing is done in vCenter before
    /// such a write.
    pub(crate) fn learn(&self, call: &Call, answer: &[u8]) {
        let (Server::Kubernetes, true, Some(group)) = (call.server, call.changes, &call.group)
        else {
            return;
        };
        let Ok(object) = serde_json::from_slice::<Value>(answer) else {
            return;
        };
        if let Some(identity) = object["metadata"]["annotations"][ANNOTATION].as_str() {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            known.insert(identity.to_owned(), group.clone());
        }
    }
}
