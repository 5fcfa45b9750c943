//! `cargo xtask bench`: figures, each measured side by side in one run. They judge nothing: a
//! figure that has to hold is a test's business, and machines are noisy.

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::voice::say;
use crate::workspace::Workspace;
use crate::{Verdict, child, guests};

/// Measure, and print ratios.
#[derive(Args)]
pub(crate) struct Bench {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// The default reconciler as wasm against the same code native.
    ///
    /// Groups of 10, 100 and 1,000 members, one call of each in turn: p50, p99, fuel, peak memory
    /// and `ratio=` (wasm p50 to native p50). Builds in release, a few minutes the first time.
    Decide,
    /// From apply to all Ready, and from delete to all gone, on the rig.
    ///
    /// Prints `floor_ratio=`: the operator's time to the floor, which is the larger of
    /// ⌈groups · replicas / cap⌉ clones one after another and a bare client that makes the same
    /// calls in the same run. The operator is built in release, minutes the first time: without
    /// optimisation its own time is most of what would be measured.
    Converge {
        /// How many groups.
        #[arg(long, default_value_t = 4)]
        groups: u32,
        /// VMs of each.
        #[arg(long, default_value_t = 5)]
        replicas: u32,
        /// How long a clone's task takes, in milliseconds.
        #[arg(long, default_value_t = 1_000)]
        clone_ms: u32,
    },
}

impl Bench {
    pub(crate) fn run(self, workspace: &Workspace) -> Result<Verdict> {
        match self.what {
            What::Decide => decide(workspace),
            What::Converge {
                groups,
                replicas,
                clone_ms,
            } => converge(workspace, [groups, replicas, clone_ms]),
        }
    }
}

fn decide(workspace: &Workspace) -> Result<Verdict> {
    guests::build(workspace, guests::Way::Auto, false)?;
    let mut bench = child::cargo();
    bench
        .args(["run", "--release", "--package", "vmgroup-bench", "--"])
        .arg(workspace.target("guests/default.wasm"))
        .current_dir(workspace.root());
    child::run_shown(&mut bench)?;
    Ok(Verdict::Fine)
}

fn converge(workspace: &Workspace, numbers: [u32; 3]) -> Result<Verdict> {
    guests::build(workspace, guests::Way::Auto, false)?;
    vmgroup_rig::build(&mut |line| say(line))?;
    let mut operator = child::cargo();
    operator
        .args(["build", "--release", "--package", "vmgroup"])
        .current_dir(workspace.root());
    child::run_shown(&mut operator)?;
    let mut bench = child::cargo();
    bench
        .args(["run", "--package", "vmgroup-e2e", "--bin", "converge", "--"])
        .args(numbers.map(|number| number.to_string()))
        .env("VMGROUP_BINARY", workspace.target("release/vmgroup"))
        .current_dir(workspace.root());
    child::run_shown(&mut bench)?;
    Ok(Verdict::Fine)
}
