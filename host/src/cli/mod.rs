//! The commands, one file each.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::voice::{self, EXIT_CODES, Verdict};

mod demo;

#[cfg(feature = "files")]
mod run;

#[cfg(feature = "cluster")]
mod run_cluster;

#[cfg(feature = "files")]
mod get;

#[cfg(feature = "files")]
mod delete;

#[cfg(feature = "files")]
mod plan;

mod test;

mod module;

#[cfg(feature = "files")]
mod compile_trial;

#[cfg(feature = "files")]
mod crd;

mod completions;

/// Where `vmgroup run --groups` keeps its state if nobody says otherwise.
#[cfg(feature = "files")]
const STATE: &str = ".vmgroup";

/// Keeps groups of vSphere VMs the way their VmGroup objects say.
///
/// What to do is decided by a sandboxed WebAssembly module; vmgroup checks its plans against rules
/// that no module can lift, then carries them out.
#[derive(Parser)]
#[command(name = "vmgroup", version, propagate_version = true, after_long_help = EXIT_CODES)]
#[command(arg_required_else_help = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Demo),
    #[cfg(feature = "files")]
    Run(Box<run::Run>),
    #[cfg(feature = "files")]
    Get(get::Get),
    #[cfg(feature = "files")]
    Delete(delete::Delete),
    #[cfg(feature = "files")]
    Plan(plan::Plan),
    Test(test::Test),
    Module(module::Module),
    #[cfg(feature = "files")]
    Crd(crd::Crd),
    Completions(completions::Completions),
    #[cfg(feature = "files")]
    #[command(hide = true)]
    CompileTrial(compile_trial::CompileTrial),
}

/// Reads the command line and does what it says.
pub(crate) fn main() -> ExitCode {
    let arguments = std::env::args_os().map(as_written_for_the_demo);
    match Cli::parse_from(arguments).command.run() {
        Ok(verdict) => voice::end(verdict),
        Err(error) => voice::report(&error),
    }
}

/// The Go demo's flags had one dash; Deployments that were written for it go on.
fn as_written_for_the_demo(argument: OsString) -> OsString {
    match argument.to_str() {
        Some("-insecure") => "--insecure".into(),
        Some("-enable-leader-election") => "--leader-elect".into(),
        Some(text) if text.starts_with("-metrics-addr") => format!("-{text}").into(),
        _ => argument,
    }
}

impl Command {
    fn run(self) -> anyhow::Result<Verdict> {
        match self {
            Command::Demo(demo) => demo.run(),
            #[cfg(feature = "files")]
            Command::Run(run) => run.run(),
            #[cfg(feature = "files")]
            Command::Get(get) => get.run(),
            #[cfg(feature = "files")]
            Command::Delete(delete) => delete.run(),
            #[cfg(feature = "files")]
            Command::Plan(plan) => plan.run(),
            Command::Test(test) => test.run(),
            Command::Module(module) => module.run(),
            #[cfg(feature = "files")]
            Command::Crd(crd) => crd.run(),
            Command::Completions(completions) => completions.run(),
            #[cfg(feature = "files")]
            Command::CompileTrial(trial) => trial.run(),
        }
    }
}
