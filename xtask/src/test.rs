//! `cargo xtask test`: every check there is, in stages, from nothing.

mod count;
mod stage;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::voice::{print, say, took};
use crate::workspace::Workspace;
use crate::{Verdict, child};
use count::Count;
use stage::{Counting, STAGES, Stage};

const LOG_FOLDER: &str = "test-logs";

/// As much of a failed stage's log as is shown.
const SHOWN_LINES: usize = 100;

/// Set up all that is needed, and run every check: about 35 minutes from nothing, 25 warm.
///
/// Each stage writes a log below target/test-logs; the end of it is shown when the stage fails.
/// What is missing on this machine is named, and counts as failed: nothing is skipped. The last
/// line is `N passed, N failed`; the exit code is 1 if anything failed.
#[derive(Args)]
pub(crate) struct Test {
    /// Run this stage alone, and trust that those before it have been run; can be repeated.
    #[arg(long, value_name = "STAGE")]
    only: Vec<String>,
    /// List the stages and what they check.
    #[arg(long)]
    list: bool,
}

impl Test {
    pub(crate) fn run(self, workspace: &Workspace) -> Result<Verdict> {
        for name in &self.only {
            ensure!(
                STAGES.iter().any(|stage| stage.name == name),
                "there is no stage `{name}`\nhint: cargo xtask test --list"
            );
        }
        if self.list {
            for stage in STAGES {
                print(format_args!("{:<7} {}", stage.name, stage.about));
            }
            return Ok(Verdict::Fine);
        }
        let chosen = |stage: &&Stage| {
            self.only.is_empty() || self.only.iter().any(|name| name == stage.name)
        };
        let xtask = std::env::current_exe().context("failed to find the running xtask")?;
        let mut run = Run {
            workspace,
            xtask,
            results: Vec::new(),
        };
        for stage in STAGES.iter().filter(chosen) {
            run.stage(stage);
        }
        Ok(run.report())
    }
}

/// One run through the stages.
struct Run<'a> {
    workspace: &'a Workspace,
    /// Known from the start: later stages rebuild the file that this process was started from.
    xtask: PathBuf,
    results: Vec<(&'static Stage, Count, Duration)>,
}

impl Run<'_> {
    fn stage(&mut self, stage: &'static Stage) {
        let started = Instant::now();
        say(format_args!("{}: {}", stage.name, stage.about));
        let count = match self.obstacle(stage) {
            Some(obstacle) => {
                say(format_args!("{}: not run: {obstacle}", stage.name));
                Count::FAILED
            }
            None => self.execute(stage).unwrap_or_else(|error| {
                say(format_args!("{}: {error:#}", stage.name));
                Count::FAILED
            }),
        };
        let time = started.elapsed();
        say(format_args!("{}: {count} ({})", stage.name, took(time)));
        self.results.push((stage, count, time));
    }

    /// Why a stage cannot be run, and what a person does about it.
    fn obstacle(&self, stage: &Stage) -> Option<String> {
        let failed = |name| {
            self.results
                .iter()
                .any(|(done, count, _)| done.name == name && count.failed > 0)
        };
        if let Some(name) = stage.after.iter().find(|name| failed(**name)) {
            return Some(format!("it needs the stage `{name}`, which failed"));
        }
        let tool = stage
            .tools
            .iter()
            .find(|tool| !child::exists(tool.program))?;
        Some(format!(
            "`{}` is missing\nhint: {}",
            tool.program, tool.hint
        ))
    }

    fn execute(&self, stage: &Stage) -> Result<Count> {
        let log = self
            .workspace
            .target(LOG_FOLDER)
            .join(format!("{}.log", stage.name));
        let mut command = stage.command(&self.xtask);
        command
            .current_dir(self.workspace.root())
            .env("CARGO_TERM_COLOR", "never");
        let status = child::run_logged(stage.name, &mut command, &log, None)?;
        let text = String::from_utf8_lossy(&std::fs::read(&log)?).into_owned();
        let count = match stage.counting {
            Counting::Stage => Count::of_one(status.success()),
            Counting::Tests => Count::of_tests(&text, status.success()),
        };
        if count.failed > 0 {
            let shown = self.workspace.shown(&log);
            let failures = count::failures(&text);
            say(failures.trim());
            // A program that crashed has no list of what failed.
            if failures.is_empty() || text.contains("process didn't exit successfully") {
                say(format_args!("---- the last {SHOWN_LINES} lines of {shown}"));
                say(child::last_lines(&log, SHOWN_LINES)?);
            }
            say(format_args!("---- all of it: {shown}"));
            for name in count::failed_tests(&text) {
                say(format_args!("failed: {name}"));
            }
            say(format_args!("hint: cargo xtask test --only {}", stage.name));
        }
        Ok(count)
    }

    /// The table and, alone on the last line, the sum.
    fn report(&self) -> Verdict {
        let mut sum = Count::default();
        print(format_args!(
            "{:<8} {:>12} {:>7} {:>7}",
            "stage", "time", "passed", "failed"
        ));
        for (stage, count, time) in &self.results {
            let Count { passed, failed } = *count;
            print(format_args!(
                "{:<8} {:>12} {passed:>7} {failed:>7}",
                stage.name,
                took(*time)
            ));
            sum = sum.plus(*count);
        }
        print(sum);
        if sum.failed == 0 {
            Verdict::Fine
        } else {
            Verdict::Failed
        }
    }
}
