//! Where in a vCenter the operator works and how it gets there.

use vmgroup_vim::Limits;

use crate::limits::CALLS_AT_ONCE;

/// What does not change while the process runs. Address, user and password do:
/// they come from a [`crate::CredentialSource`] at each login.
#[derive(Debug, Clone)]
pub struct Config {
    /// Accept any certificate of the server.
    pub insecure: bool,
    /// PEM certificates of the authorities that may vouch for the server; the
    /// system's if none.
    pub ca_pem: Option<Vec<u8>>,
    /// Name of the datacenter; not needed if there is only one.
    pub datacenter: Option<String>,
    /// The folder below which all group folders are: its path below the
    /// datacenter's VM folder, `vm-operator` if none. It is created if missing.
    pub root_folder: Option<String>,
    /// Where clones run: the name of a cluster, host or resource pool, or an
    /// inventory path. Not needed if there is only one cluster or host.
    pub resource_pool: Option<String>,
    /// Calls that change something, under way at once; at least one. More wait in
    /// the adapter, so it is as many as the machine has operations in flight.
    pub calls_at_once: usize,
    /// Times and sizes of one call.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            insecure: false,
            ca_pem: None,
            datacenter: None,
            root_folder: None,
            resource_pool: None,
            calls_at_once: CALLS_AT_ONCE,
            limits: Limits::default(),
        }
    }
}
