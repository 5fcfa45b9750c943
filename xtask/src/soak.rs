//! `cargo xtask soak`: a long run with random edits and faults on the rig.

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use crate::voice::say;
use crate::workspace::Workspace;
use crate::{Verdict, child, guests};

/// Let people edit and things go wrong at random, for some minutes, on real components.
///
/// Two operators run up to six groups on etcd, kube-apiserver and a vCenter simulator, behind a
/// proxy that delays and resets calls, loses answers, answers 429, 500 and SOAP faults, cuts
/// watches; the sessions expire, tasks fail, operators are killed and started again. Meanwhile
/// groups are created, scaled, resized and deleted, VMs powered off, moved and destroyed by hand, and the
/// module is swapped. Every four rounds the faults end: within 60 s each group has to be as wished,
/// with one VM a slot, no folder too many, no session but that of whoever leads and those of the
/// killed, no running task, one lease, nothing asked of anybody, and no more VMs made than were asked for; then memory, open files, threads, sessions, tasks and leases are sampled.
///
/// Through the first 80 % of the time the first operator lives, and its figures have to stay flat;
/// the table says how small a leak would have shown in a run of this length. In the rest whoever
/// leads may be killed. At the end all groups are deleted, and nothing may be left.
///
/// Exit codes: 0 all held, 1 something broke (with seed and round) or grows, 2 it could not be run, or was too short to say so.
#[derive(Args)]
pub(crate) struct Soak {
    /// How long, without start and farewell.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    minutes: u64,
    /// The seed of the rounds: the same one draws the same edits and faults.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Output,
}

#[derive(Clone, Copy, ValueEnum)]
enum Output {
    /// A table, and figures one a line.
    Text,
    /// All samples, the judgements and what broke.
    Json,
}

impl Soak {
    pub(crate) fn run(self, workspace: &Workspace) -> Result<Verdict> {
        guests::build(workspace, guests::Way::Auto, false)?;
        vmgroup_rig::build(&mut |line| say(line))?;
        for package in [["vmgroup", "vmgroup"], ["vmgroup-e2e", "soak"]] {
            let [package, binary] = package;
            let mut build = child::cargo();
            build
                .args(["build", "--package", package, "--bin", binary])
                .current_dir(workspace.root());
            child::run_shown(&mut build)?;
        }
        let output = match self.output {
            Output::Text => "text",
            Output::Json => "json",
        };
        let mut soak = child::cargo();
        soak.args([
            "run",
            "--quiet",
            "--package",
            "vmgroup-e2e",
            "--bin",
            "soak",
        ])
        .arg("--")
        .args(["--minutes", &self.minutes.to_string()])
        .args(["--seed", &self.seed.to_string()])
        .args(["--output", output])
        .current_dir(workspace.root());
        let status = soak
            .status()
            .with_context(|| format!("failed to start `{}`", child::line(&soak)))?;
        match status.code() {
            Some(0) => Ok(Verdict::Fine),
            Some(1) => Ok(Verdict::Failed),
            _ => bail!("`{}` ended with {status}", child::line(&soak)),
        }
    }
}
