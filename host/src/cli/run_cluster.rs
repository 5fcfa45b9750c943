//! What `vmgroup run` is told of API server and vCenter.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use tokio::sync::watch;
use vmgroup_kubernetes::Place;
use vmgroup_vcenter::{Config, CredentialSource, EnvironmentCredentials, FileCredentials};

use crate::files;
use crate::voice::Problem;
use crate::wiring::driver::Vitals;
use crate::wiring::hands::Adapter;
use crate::wiring::operator::{Ends, made_up_name};
use crate::wiring::{cluster, health};

/// Where the deployment mounts the secret `vc-creds`.
const MOUNTED_CREDENTIALS: &str = "/etc/vmgroup/vc-creds";
/// Where the deployment's probes ask: at the Pod's address, of whichever family. The first
/// takes both; a node without IPv6 does not have it.
const HEALTH_IN_POD: [SocketAddr; 2] = [
    SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 8080),
    SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 8080),
];

/// Which objects, and who acts on them.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Kubernetes")]
pub(crate) struct ClusterFlags {
    /// How to reach the API server; KUBECONFIG, ~/.kube/config or the Pod's account if left out.
    #[arg(long, value_name = "FILE", conflicts_with = "groups")]
    kubeconfig: Option<PathBuf>,
    /// Only groups of this namespace.
    #[arg(long, value_name = "NAMESPACE", conflicts_with = "groups")]
    namespace: Option<String>,
    /// Wait for the lease before acting (this is so by default).
    #[arg(
        long,
        alias = "enable-leader-election",
        overrides_with = "no_leader_elect"
    )]
    leader_elect: bool,
    /// Act without a lease: only where no second operator can run.
    #[arg(long)]
    no_leader_elect: bool,
    /// Name of the lease; the role in deploy/ allows this one only.
    #[arg(long, value_name = "NAME", default_value = "vmgroup")]
    lease_name: String,
    /// Namespace of the lease.
    #[arg(
        long,
        value_name = "NAMESPACE",
        env = "POD_NAMESPACE",
        default_value = "codeconnect-vm-operator-system"
    )]
    lease_namespace: String,
    /// Name of this replica, different from that of every other one; made up if left out.
    #[arg(long, value_name = "NAME", env = "POD_NAME", default_value_t = made_up_name(), hide_default_value = true)]
    replica: String,
    /// Deployments that were written for the Go demo give it; there are no metrics yet.
    #[arg(long = "metrics-addr", hide = true, value_name = "ADDRESS")]
    _metrics_addr: Option<String>,
    /// Where /healthz and /readyz answer; in a Pod port 8080 of every address if left
    /// out, elsewhere nowhere.
    #[arg(long, value_name = "ADDRESS")]
    health_addr: Option<SocketAddr>,
}

/// Which vCenter, and where in it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "vCenter")]
pub(crate) struct VcenterFlags {
    /// A folder with files VC_HOST, VC_USER and VC_PASS, read anew for every login.
    #[arg(long, alias = "creds-dir", value_name = "DIR")]
    vc_credentials: Option<PathBuf>,
    /// PEM file with the authorities that may vouch for vCenter; the system's if left out.
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    vc_ca: Option<PathBuf>,
    /// Accept any certificate of vCenter.
    #[arg(long)]
    insecure: bool,
    /// The datacenter; not needed if there is only one.
    #[arg(long, value_name = "NAME")]
    datacenter: Option<String>,
    /// The folder below which all groups' folders are; made if it is missing.
    #[arg(long, value_name = "PATH", default_value = "vm-operator")]
    folder: String,
    /// Cluster, host or resource pool where VMs run; not needed if there is only one.
    #[arg(long, value_name = "NAME")]
    resource_pool: Option<String>,
}

impl ClusterFlags {
    /// The name under which this replica takes part in the election.
    pub(crate) fn replica(&self) -> Option<String> {
        (!self.no_leader_elect).then(|| self.replica.clone())
    }

    /// Begins to watch.
    pub(crate) async fn open(&self, ends: &Ends) -> Result<Arc<dyn Adapter>, Problem> {
        let place = Place {
            scope: self.namespace.clone(),
            namespace: self.lease_namespace.clone(),
            lease: self.lease_name.clone(),
            replica: self.replica.clone(),
        };
        cluster::objects(ends, self.kubeconfig.as_deref(), place).await
    }

    /// Answers probes, where that is asked for.
    pub(crate) async fn serve_health(
        &self,
        ends: &Ends,
        vitals: &watch::Sender<Vitals>,
        in_cluster: bool,
    ) -> Result<(), Problem> {
        let in_pod = in_cluster && std::env::var_os("KUBERNETES_SERVICE_HOST").is_some();
        let at = match &self.health_addr {
            Some(named) => std::slice::from_ref(named),
            None if in_pod => &HEALTH_IN_POD,
            None => return Ok(()),
        };
        health::serve(at, ends.clocks, vitals.subscribe()).await
    }
}

impl VcenterFlags {
    /// Somebody has said which vCenter.
    pub(crate) fn is_there(&self) -> bool {
        self.credentials_folder().is_some() || std::env::var_os("VC_HOST").is_some()
    }

    /// An adapter on it, for so many operations at a time.
    pub(crate) fn open(&self, ends: &Ends, operations: usize) -> Result<Arc<dyn Adapter>, Problem> {
        let credentials: Arc<dyn CredentialSource> = match self.credentials_folder() {
            Some(folder) => Arc::new(FileCredentials::new(folder)),
            None => Arc::new(EnvironmentCredentials),
        };
        let config = Config {
            insecure: self.insecure,
            ca_pem: self.vc_ca.as_deref().map(files::bytes).transpose()?,
            datacenter: self.datacenter.clone(),
            root_folder: Some(self.folder.clone()),
            resource_pool: self.resource_pool.clone(),
            calls_at_once: operations,
            ..Config::default()
        };
        Ok(cluster::vcenter(ends, config, credentials))
    }

    /// The folder that is named; else, without `VC_HOST`, the mounted one.
    fn credentials_folder(&self) -> Option<PathBuf> {
        let mounted = || {
            let folder = PathBuf::from(MOUNTED_CREDENTIALS);
            let unset = std::env::var_os("VC_HOST").is_none();
            (unset && folder.is_dir()).then_some(folder)
        };
        self.vc_credentials.clone().or_else(mounted)
    }
}
