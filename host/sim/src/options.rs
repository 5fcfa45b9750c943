//! How the simulated world behaves while nothing goes wrong.

use vmgroup_core::time::Timestamp;
use vmgroup_reconcile::event::ActiveModule;

use crate::random::Latency;
use crate::trace::Detail;

/// Everything that can be set about a world.
#[derive(Debug, Clone)]
pub struct Options {
    /// Fixes every draw.
    pub seed: u64,
    /// Wall-clock time at the beginning.
    pub utc: Timestamp,
    /// How many hosts run.
    pub hosts: usize,
    /// Version of the credentials in the secret; vCenter accepts them.
    pub credentials: String,
    /// Modules that are active when a host starts.
    pub modules: Vec<ActiveModule>,
    /// From asking the module to its answer.
    pub decide: Latency,
    /// After so many milliseconds without an answer it is given up as lost.
    pub timeout_ms: u64,
    /// From a crash to the next start.
    pub restart_ms: u64,
    /// How much the trace tells.
    pub trace: Detail,
    /// The API server.
    pub cluster: ClusterOptions,
    /// vCenter.
    pub vcenter: VCenterOptions,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            seed: 1,
            // 2026-01-01T00:00:00Z
            utc: Timestamp(1_767_225_600_000),
            hosts: 1,
            credentials: "credentials-1".into(),
            modules: Vec::new(),
            decide: Latency::between(1, 3),
            timeout_ms: 30_000,
            restart_ms: 1_000,
            trace: Detail::Everything,
            cluster: ClusterOptions::default(),
            vcenter: VCenterOptions::default(),
        }
    }
}

/// How the simulated API server behaves.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// A request's way there, and again its answer's way back.
    pub way: Latency,
    /// From a change to its arrival by watch. Order is kept.
    pub watch_lag: Latency,
    /// From asking for a list to its arrival.
    pub list: Latency,
}

impl Default for ClusterOptions {
    fn default() -> Self {
        ClusterOptions {
            way: Latency::between(1, 4),
            watch_lag: Latency::between(1, 20),
            list: Latency::between(5, 20),
        }
    }
}

/// When something is refused to a VM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refuses {
    /// Never.
    Never,
    /// While it runs.
    Running,
    /// While it is off, too.
    Always,
}

/// How the simulated vCenter behaves.
#[derive(Debug, Clone)]
pub struct VCenterOptions {
    /// A request's way there, and again its answer's way back.
    pub way: Latency,
    /// How long a clone's task runs.
    pub clone: Latency,
    /// How long a task that changes power runs.
    pub power: Latency,
    /// How long a reconfiguration runs.
    pub reconfigure: Latency,
    /// How long the destruction of a VM or folder runs.
    pub destroy: Latency,
    /// How long a task runs that fails on its first check.
    pub fault: Latency,
    /// Faults that need no work come as the call's answer and not by a task.
    pub refuse_at_call: bool,
    /// Tasks tell the operation id of the call that began them; how a real one
    /// does that is not documented.
    pub tells_operations: bool,
    /// What is cloned from templates takes processors and memory while it runs.
    pub hot_add: bool,
    /// When vCenter refuses new hardware, whatever a VM is said to take.
    pub refuses_hardware: Refuses,
    /// What is cloned from templates has VMware Tools.
    pub tools: bool,
    /// From power on to running Tools and an address.
    pub boot: Latency,
    /// From asking the guest to shut down to powered off.
    pub shutdown: Latency,
    /// Changes within so many milliseconds come in one update of the feed.
    pub feed_collect_ms: u64,
    /// From the update's making to its arrival. Order is kept.
    pub feed_lag: Latency,
    /// From the beginning of a feed to the view that it starts with.
    pub feed_reset: Latency,
    /// The feed says that nothing changed after so many milliseconds.
    pub feed_idle_ms: u64,
    /// An ended task is forgotten after so many milliseconds (about ten
    /// minutes in a real vCenter).
    pub tasks_kept_ms: u64,
    /// The search by instanceUuid finds VMs whose files are not reached.
    pub search_finds_inaccessible: bool,
}

impl Default for VCenterOptions {
    fn default() -> Self {
        VCenterOptions {
            way: Latency::between(2, 10),
            clone: Latency::between(2_000, 4_000),
            power: Latency::between(300, 900),
            reconfigure: Latency::between(200, 600),
            destroy: Latency::between(300, 900),
            fault: Latency::between(20, 60),
            refuse_at_call: false,
            tells_operations: true,
            hot_add: false,
            refuses_hardware: Refuses::Never,
            tools: true,
            boot: Latency::between(2_000, 5_000),
            shutdown: Latency::between(2_000, 5_000),
            feed_collect_ms: 20,
            feed_lag: Latency::between(5, 50),
            feed_reset: Latency::between(50, 200),
            feed_idle_ms: 10_000,
            tasks_kept_ms: 600_000,
            search_finds_inaccessible: true,
        }
    }
}
