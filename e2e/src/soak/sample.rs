//! What the operators cost at a moment at which the world has settled.

use std::fs;

use serde::Serialize;

use super::world::World;

/// One operator's process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Host {
    /// The name of the replica.
    pub name: String,
    /// The process, which tells one life from another.
    pub pid: u32,
    /// It has the lease.
    pub leads: bool,
    /// Resident memory in KiB.
    pub rss_kib: u64,
    /// Open file descriptors.
    pub files: u64,
    /// Threads.
    pub threads: u64,
}

/// All figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sample {
    /// Milliseconds since the soak began.
    pub at_ms: u64,
    /// The last round before it.
    pub round: u64,
    /// The operators.
    pub hosts: Vec<Host>,
    /// Sessions in vCenter, without those of killed operators.
    pub sessions: u64,
    /// Tasks in vCenter that run.
    pub running_tasks: u64,
    /// Leases in the operators' namespace.
    pub leases: u64,
    /// Events in the operators' namespace.
    pub events: u64,
    /// Groups.
    pub groups: u64,
    /// VMs of groups.
    pub vms: u64,
}

impl Sample {
    /// Reads all of it.
    pub(crate) fn take(world: &World<'_>, at_ms: u64, round: u64) -> Result<Self, String> {
        let holder = world.stage.holder().unwrap_or_default();
        let mut hosts = Vec::new();
        for seat in &world.stage.seats {
            if let Some(pid) = seat.pid() {
                hosts.push(host(seat.name, pid, holder == seat.name)?);
            }
        }
        let sessions = world.stage.control().sessions();
        let sessions = sessions.map_err(|error| format!("{error:#}"))?;
        let wished = world.wishes.names();
        let wished = wished.iter().filter_map(|name| world.wishes.of(name));
        Ok(Self {
            at_ms,
            round,
            hosts,
            sessions: sessions.saturating_sub(world.orphaned_sessions()),
            running_tasks: world.running_tasks()?,
            leases: world.count("/apis/coordination.k8s.io/v1", "leases")?,
            events: world.count("/apis/events.k8s.io/v1", "events")?,
            groups: wished.clone().count() as u64,
            vms: wished.map(|wish| wish.replicas).sum(),
        })
    }

    /// The process, if it lived then.
    pub fn host(&self, pid: u32) -> Option<&Host> {
        self.hosts.iter().find(|host| host.pid == pid)
    }
}

fn host(name: &str, pid: u32, leads: bool) -> Result<Host, String> {
    let status = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&status).map_err(|error| format!("{status}: {error}"))?;
    let files = format!("/proc/{pid}/fd");
    let files = fs::read_dir(&files).map_err(|error| format!("{files}: {error}"))?;
    let figure = |name: &str| {
        let found = number(&status, name);
        found.ok_or_else(|| format!("process {pid} tells no {name}"))
    };
    Ok(Host {
        name: name.to_owned(),
        pid,
        leads,
        rss_kib: figure("VmRSS")?,
        files: files.count() as u64,
        threads: figure("Threads")?,
    })
}

/// A figure of `/proc/PID/status`.
fn number(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let words = line.strip_prefix(':')?;
    words.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_from_a_process() {
        let text = "VmRSSx:\t7 kB\nVmRSS:\t  5120 kB\nThreads:\t9\n";
        assert_eq!(number(text, "Threads"), Some(9));
        assert_eq!(number("VmRSS:\t  5120 kB\n", "VmRSS"), Some(5120));
        assert_eq!(number(text, "VmSwap"), None);
        let own = host("test", std::process::id(), false).expect("this process");
        assert!(own.rss_kib > 0 && own.files > 2 && own.threads > 0);
    }
}
