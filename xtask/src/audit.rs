//! `cargo xtask audit`: what the dependencies are allowed to be, by cargo-deny and `deny.toml`.

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::Result;
use clap::Args;

use crate::voice::{print, say, took};
use crate::workspace::Workspace;
use crate::{Verdict, child};

const TOOL: &str = "cargo-deny";

/// What can be said without asking anybody, in the order in which it is said.
const OFFLINE_CHECKS: [&str; 3] = ["bans", "licenses", "sources"];

/// Check the dependencies: bans, licences, sources and, where they can be fetched, advisories.
///
/// Runs cargo-deny with deny.toml, and installs it into target/tools when it is missing (a few
/// minutes). The database of advisories is fetched from the network: where that is impossible it
/// is said, and the other checks decide alone.
#[derive(Args)]
pub(crate) struct Audit {
    /// Leave the advisories out, fetch nothing.
    #[arg(long)]
    offline: bool,
}

impl Audit {
    pub(crate) fn run(self, workspace: &Workspace) -> Result<Verdict> {
        let deny = || prepare(workspace);
        let mut verdict = Verdict::Fine;
        let result = |check: &str, outcome: &str| print(format_args!("{check:<10} {outcome}"));

        for check in OFFLINE_CHECKS {
            if passes(deny()?.args(["check", check]))? {
                result(check, "ok");
            } else {
                result(check, "FAILED");
                verdict = Verdict::Failed;
            }
        }
        if self.offline {
            result("advisories", "left out (--offline)");
        } else if let Err(error) = child::output(deny()?.args(["fetch", "db"])) {
            let error = format!("{error:#}");
            let last = error.lines().last().unwrap_or_default();
            say(format_args!(
                "audit: the advisories could not be fetched: {last}"
            ));
            result("advisories", "NOT CHECKED");
        } else if passes(deny()?.args(["check", "--disable-fetch", "advisories"]))? {
            result("advisories", "ok");
        } else {
            result("advisories", "FAILED");
            verdict = Verdict::Failed;
        }
        Ok(verdict)
    }
}

/// What cargo-deny finds it says on stderr; its own summary would only repeat ours.
fn passes(deny: &mut Command) -> Result<bool> {
    Ok(deny.stdout(Stdio::null()).status()?.success())
}

/// cargo-deny, from PATH or from `target/tools`, where it is installed when it is missing.
fn prepare(workspace: &Workspace) -> Result<Command> {
    let tools = workspace.target("tools");
    let own = tools.join("bin").join(TOOL);
    if !own.is_file() && !child::exists(TOOL) {
        let started = Instant::now();
        say(format_args!(
            "audit: installing {TOOL} into {}",
            workspace.shown(&tools)
        ));
        let mut install = child::cargo();
        install
            .args(["install", TOOL, "--locked", "--root"])
            .arg(&tools);
        // Used a few times a day: quick to build is better than quick.
        install.args(["--config", "profile.release.lto=false"]);
        install.args(["--config", "profile.release.opt-level=1"]);
        child::run_shown(install.current_dir(workspace.root()))?;
        say(format_args!(
            "audit: installed in {}",
            took(started.elapsed())
        ));
    }
    let mut deny = Command::new(if own.is_file() { own } else { TOOL.into() });
    deny.current_dir(workspace.root());
    Ok(deny)
}
