//! `cargo xtask bench`: figures, each measured side by side in one run. They judge nothing: a
//! figure that has to hold is a test's business, and machines are noisy.

use anyhow::Result;
use clap::{Args, Subcommand};

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
}

impl Bench {
    pub(crate) fn run(self, workspace: &Workspace) -> Result<Verdict> {
        match self.what {
            What::Decide => decide(workspace),
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
