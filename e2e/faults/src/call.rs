//! What a request asks for, in the words of its server.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One of the two servers.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Server {
    /// The kube-apiserver.
    #[default]
    Kubernetes,
    /// vCenter.
    Vcenter,
}

/// A call, as far as it can be told from the request.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Call {
    /// Whom it is for.
    pub server: Server,
    /// The verb of the API server, as `update`, or vCenter's method.
    pub verb: String,
    /// The resource with its subresource, as `vmgroups/status`, or the type of
    /// the object.
    pub resource: String,
    /// `namespace/name`, the name alone, or the MoID; empty for a collection.
    pub object: String,
    /// Namespace and name of the group that it is about, if that is known.
    pub group: Option<String>,
    /// The slot that it is about.
    pub slot: Option<u32>,
    /// vCenter's operation id.
    pub operation: String,
    /// It may change something.
    pub changes: bool,
    /// What is written to the API server.
    #[serde(skip)]
    pub written: Option<Value>,
}

impl Call {
    /// A watch, whose answer has no end.
    pub fn is_watch(&self) -> bool {
        self.server == Server::Kubernetes && self.verb == "watch"
    }

    /// A list.
    pub fn is_list(&self) -> bool {
        self.server == Server::Kubernetes && self.verb == "list"
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kubernetes => "kubernetes",
            Self::Vcenter => "vcenter",
        })
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        if !self.object.is_empty() {
            write!(f, " {}", self.object)?;
        }
        match (&self.group, self.slot) {
            (Some(group), Some(slot)) => write!(f, " (slot {slot} of {group})"),
            (Some(group), None) if *group != self.object => write!(f, " (of {group})"),
            _ => Ok(()),
        }
    }
}
