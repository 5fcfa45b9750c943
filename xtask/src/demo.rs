//! `cargo xtask demo`: from a fresh clone to a running operator.

use std::time::Instant;

use anyhow::{Context, Result};
use clap::Args;

use crate::voice::{say, took};
use crate::workspace::Workspace;
use crate::{Verdict, child, guests};

/// Show the operator at work, with everything simulated.
///
/// Builds the WebAssembly modules and the operator in its lightest form, without a Kubernetes
/// client, and runs `vmgroup demo`: the real operator and the real modules on a simulated vCenter.
/// Needs only Rust.
#[derive(Args)]
pub(crate) struct Demo {
    /// Arguments for `vmgroup demo`, for example `-- --keep`.
    #[arg(last = true)]
    arguments: Vec<String>,
}

impl Demo {
    pub(crate) fn run(self, workspace: &Workspace) -> Result<Verdict> {
        let started = Instant::now();
        guests::build(workspace, guests::Way::Auto, false)?;

        say("demo: building vmgroup");
        // A folder of its own, so that the whole operator is not replaced by this one.
        let light = [
            "--package",
            "vmgroup",
            "--no-default-features",
            "--target-dir",
        ];
        let folder = workspace.target("demo");
        let mut build = child::cargo();
        build.arg("build").args(light).arg(&folder);
        child::run_shown(build.current_dir(workspace.root()))?;
        say(format_args!(
            "demo: ready after {}",
            took(started.elapsed())
        ));

        let mut demo = child::cargo();
        demo.args(["run", "--quiet"])
            .args(light)
            .arg(&folder)
            .args(["--", "demo"])
            .args(self.arguments);
        let status = demo
            .current_dir(workspace.root())
            .status()
            .context("failed to start the demo")?;
        Ok(if status.success() {
            Verdict::Fine
        } else {
            Verdict::Failed
        })
    }
}
