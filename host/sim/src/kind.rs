//! Kinds of requests: what faults are aimed at and what oracles count.

use vmgroup_core::group::GroupKey;
use vmgroup_reconcile::request::{Call, Read, Request};

macro_rules! kinds {
    ($($name:ident = $text:literal: $doc:literal),+ $(,)?) => {
        /// A kind of request that leaves the host.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind { $(#[doc = $doc] $name),+ }

        impl Kind {
            /// Every kind.
            pub const ALL: &'static [Kind] = &[$(Kind::$name),+];

            /// Its name in traces.
            pub fn as_str(self) -> &'static str {
                match self { $(Kind::$name => $text),+ }
            }
        }
    };
}

kinds! {
    WriteStatus = "write-status": "A group's status is written.",
    WriteMeta = "write-meta": "A group's finalizer or annotations are written.",
    ReadGroup = "read-group": "A group is read.",
    Tell = "tell": "An event is written.",
    WriteLease = "write-lease": "The lease is written.",
    Login = "login": "A session begins.",
    Logout = "logout": "A session ends.",
    Relist = "relist": "The feed begins anew.",
    Track = "track": "The feed shows other VMs too.",
    ReadVm = "read-vm": "A VM is read.",
    ReadIdentity = "read-identity": "VMs are searched by instanceUuid.",
    ReadFolder = "read-folder": "A folder is read by MoID.",
    ReadFolderNamed = "read-folder-named": "A folder is read by name.",
    CreateFolder = "create-folder": "A folder is made.",
    Clone = "clone": "A VM is cloned.",
    PowerOn = "power-on": "A VM is powered on.",
    PowerOff = "power-off": "A VM is powered off.",
    ShutdownGuest = "shutdown-guest": "A guest is asked to shut down.",
    Suspend = "suspend": "A VM is suspended.",
    Reconfigure = "reconfigure": "A VM's hardware is changed.",
    Mark = "mark": "A VM's marker is changed.",
    Destroy = "destroy": "A VM is destroyed.",
    DestroyFolder = "destroy-folder": "A folder is destroyed.",
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Kind {
    /// The kind of a request; none if it stays inside the host's process.
    pub fn of(request: &Request) -> Option<Kind> {
        Some(match request {
            Request::Decide { .. } | Request::Note(_) => return None,
            Request::WriteStatus { .. } => Kind::WriteStatus,
            Request::WriteMeta { .. } => Kind::WriteMeta,
            Request::ReadGroup { .. } => Kind::ReadGroup,
            Request::Tell { .. } => Kind::Tell,
            Request::WriteLease { .. } => Kind::WriteLease,
            Request::Login { .. } => Kind::Login,
            Request::Logout => Kind::Logout,
            Request::Relist { .. } => Kind::Relist,
            Request::Track { .. } => Kind::Track,
            Request::Read { read, .. } => match read {
                Read::Vm(_) => Kind::ReadVm,
                Read::Identity(_) => Kind::ReadIdentity,
                Read::Folder(_) => Kind::ReadFolder,
                Read::FolderNamed(_) => Kind::ReadFolderNamed,
            },
            Request::Call { call, .. } => Kind::of_call(call),
        })
    }

    /// The kind of a call.
    pub fn of_call(call: &Call) -> Kind {
        match call {
            Call::CreateFolder { .. } => Kind::CreateFolder,
            Call::Clone(_) => Kind::Clone,
            Call::PowerOn(_) => Kind::PowerOn,
            Call::PowerOff(_) => Kind::PowerOff,
            Call::ShutdownGuest(_) => Kind::ShutdownGuest,
            Call::Suspend(_) => Kind::Suspend,
            Call::Reconfigure { .. } => Kind::Reconfigure,
            Call::Mark { .. } => Kind::Mark,
            Call::Destroy(_) => Kind::Destroy,
            Call::DestroyFolder(_) => Kind::DestroyFolder,
        }
    }

    /// It goes to the API server, not to vCenter.
    pub fn to_cluster(self) -> bool {
        self <= Kind::WriteLease
    }

    /// It belongs to the session, whose requests keep their order.
    pub fn of_session(self) -> bool {
        matches!(
            self,
            Kind::Login | Kind::Logout | Kind::Relist | Kind::Track
        )
    }

    /// It changes the power state of a VM.
    pub fn changes_power(self) -> bool {
        matches!(self, Kind::PowerOn | Kind::PowerOff | Kind::Suspend)
    }

    /// It changes vCenter's inventory.
    pub fn mutates(self) -> bool {
        self >= Kind::CreateFolder
    }
}

/// The group that a request names.
pub(crate) fn about(request: &Request) -> Option<&GroupKey> {
    match request {
        Request::Decide { group, .. } | Request::Call { group, .. } => Some(group),
        Request::WriteStatus { target, .. }
        | Request::WriteMeta { target, .. }
        | Request::Tell { target, .. } => Some(&target.key),
        Request::ReadGroup { key, .. } => Some(key),
        Request::WriteLease { .. }
        | Request::Login { .. }
        | Request::Logout
        | Request::Relist { .. }
        | Request::Track { .. }
        | Request::Read { .. }
        | Request::Note(_) => None,
    }
}
