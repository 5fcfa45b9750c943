//! `cargo xtask rig`: the real components that end-to-end tests run against.

use anyhow::{Result, bail};
use clap::{Args, Subcommand};

use crate::Verdict;
use crate::workspace::Workspace;

/// Run etcd, kube-apiserver and a vCenter simulator on loopback.
#[derive(Args)]
pub(crate) struct Rig {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Build the components from pinned Go modules; about six minutes the first time.
    Build,
    /// Start them and print the environment to work with them.
    Up,
    /// End what `up` started.
    Down,
    /// Say what runs.
    Status,
}

impl Rig {
    pub(crate) fn run(self, _workspace: &Workspace) -> Result<Verdict> {
        bail!("not there yet")
    }
}
