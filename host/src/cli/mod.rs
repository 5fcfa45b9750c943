//! The commands, one file each.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::voice::{self, EXIT_CODES, Verdict};

mod demo;

mod test;

mod module;

mod completions;

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
    Test(test::Test),
    Module(module::Module),
    Completions(completions::Completions),
}

/// Reads the command line and does what it says.
pub(crate) fn main() -> ExitCode {
    match Cli::parse().command.run() {
        Ok(verdict) => verdict.into(),
        Err(error) => voice::report(&error),
    }
}

impl Command {
    fn run(self) -> anyhow::Result<Verdict> {
        match self {
            Command::Demo(demo) => demo.run(),
            Command::Test(test) => test.run(),
            Command::Module(module) => module.run(),
            Command::Completions(completions) => completions.run(),
        }
    }
}
