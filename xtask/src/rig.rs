//! `cargo xtask rig`: the real components that end-to-end tests run against.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use vmgroup_rig::{Control, Standing};

use crate::voice::{print, say, took};
use crate::workspace::Workspace;
use crate::{Verdict, child};

/// Run etcd, kube-apiserver and a vCenter simulator on loopback.
///
/// All are built from pinned Go modules, so Go is needed; what was built is kept in target/rig.
#[derive(Args)]
pub(crate) struct Rig {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Build the components; about six minutes the first time.
    Build,
    /// Build and start them, and leave them running.
    ///
    /// Prints the environment to work with them, kubectl on PATH included: `eval "$(cargo xtask rig up)"`.
    Up,
    /// End exactly what `rig up` started.
    Down,
    /// Say what runs; exit with 1 unless everything does.
    Status,
}

impl Rig {
    pub(crate) fn run(self, workspace: &Workspace) -> Result<Verdict> {
        let started = Instant::now();
        let state = workspace.target("rig").join("standing");
        let mut progress = |step: &str| say(format_args!("rig: {step}"));
        match self.action {
            Action::Build => {
                let binaries = vmgroup_rig::build(&mut progress)?;
                let folder = workspace.shown(binaries.directory());
                say(format_args!(
                    "rig: built in {folder} ({})",
                    took(started.elapsed())
                ));
            }
            Action::Up => {
                fs::create_dir_all(&state)?;
                let standing = vmgroup_rig::up(&state, &mut progress)?;
                for line in standing.exports() {
                    print(line);
                }
                let tools = standing.kubectl.parent().unwrap_or(workspace.root());
                print(format_args!("export PATH='{}':\"$PATH\"", tools.display()));
                say(format_args!("rig: up ({})", took(started.elapsed())));
                say(format_args!(
                    "rig: vCenter's certificate is signed by {}, its control port is {}",
                    workspace.shown(&standing.vc_authority),
                    standing.control_url
                ));
                say("hint: eval \"$(cargo xtask rig up)\"; cargo xtask rig down ends it");
            }
            Action::Down => match vmgroup_rig::down(&state)?.as_slice() {
                [] => say("rig: nothing was running"),
                ended => say(format_args!("rig: ended {}", ended.join(", "))),
            },
            Action::Status => return status(&state.join("rig.json")),
        }
        Ok(Verdict::Fine)
    }
}

/// Asks each side of the rig whether it answers.
fn status(file: &PathBuf) -> Result<Verdict> {
    if !file.is_file() {
        print("down");
        say("hint: cargo xtask rig up");
        return Ok(Verdict::Failed);
    }
    let text = fs::read(file).with_context(|| format!("failed to read {}", file.display()))?;
    let standing: Standing = serde_json::from_slice(&text)?;
    let mut ready = Command::new(&standing.kubectl);
    ready
        .arg("--kubeconfig")
        .arg(&standing.kubeconfig)
        .args(["get", "--raw", "/readyz"]);
    let sides = [
        ("kube-apiserver", child::output(&mut ready).map(|_| ())),
        ("vcsim", Control::new(&standing.control_url).health()),
    ];
    let mut verdict = Verdict::Fine;
    for (name, answer) in sides {
        if let Err(error) = answer {
            verdict = Verdict::Failed;
            print(format_args!("{name}: does not answer: {error:#}"));
        } else {
            print(format_args!("{name}: up"));
        }
    }
    if verdict == Verdict::Failed {
        say("hint: cargo xtask rig down, then cargo xtask rig up");
    }
    Ok(verdict)
}
