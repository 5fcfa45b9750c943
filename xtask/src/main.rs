//! Everything that is done to this repository, one task a file; people and CI run the same code.

mod demo;
mod guests;
mod rig;
mod test;

mod audit;
mod bench;
mod fuzz;
mod mutants;
mod prove;
mod soak;
mod tidy;

mod child;
mod voice;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

/// Tasks of the vmgroup repository.
///
/// Two of them are all that is needed: `cargo xtask demo` shows the operator at work, and
/// `cargo xtask test` proves it. Both do their own set-up.
///
/// Exit codes: 0 fine, 1 what was asked about failed, 2 it could not be run.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    Demo(demo::Demo),
    Test(test::Test),
    Guests(guests::Guests),
    Rig(rig::Rig),
    Tidy(tidy::Tidy),
    Audit(audit::Audit),
    Bench(bench::Bench),
    Prove(prove::Prove),
    Soak(soak::Soak),
    Fuzz(fuzz::Fuzz),
    Mutants(mutants::Mutants),
}

/// What a task found out; that it could not be run at all is an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Fine,
    Failed,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let verdict = Workspace::find().and_then(|workspace| match cli.task {
        Task::Demo(task) => task.run(&workspace),
        Task::Test(task) => task.run(&workspace),
        Task::Guests(task) => task.run(&workspace),
        Task::Rig(task) => task.run(&workspace),
        Task::Tidy(task) => task.run(&workspace),
        Task::Audit(task) => task.run(&workspace),
        Task::Bench(task) => task.run(&workspace),
        Task::Prove(task) => task.run(&workspace),
        Task::Soak(task) => task.run(&workspace),
        Task::Fuzz(task) => task.run(&workspace),
        Task::Mutants(task) => task.run(&workspace),
    });
    match verdict {
        Ok(Verdict::Fine) => ExitCode::SUCCESS,
        Ok(Verdict::Failed) => ExitCode::FAILURE,
        Err(error) => {
            voice::say(format_args!("error: {error:#}"));
            ExitCode::from(2)
        }
    }
}
