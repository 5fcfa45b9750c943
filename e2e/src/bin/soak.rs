//! `cargo xtask soak`: a long run with random edits and faults.
//! Data on stdout, progress on stderr. Exit codes: 0 all held and stayed flat, 1 not so,
//! 2 it could not be run, was interrupted, or was too short to say so.
#![allow(clippy::print_stdout, reason = "the figures are the output")]
#![allow(clippy::print_stderr, reason = "progress is talk")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Parser, ValueEnum};
use serde_json::json;
use vmgroup_e2e::kill_points::Ground;
use vmgroup_e2e::soak::{Report, Soak, run};

/// Rounds between two times at which the world has to settle.
const ROUNDS_OF_A_BOUT: u64 = 4;

/// Random edits and faults for some minutes; everything settles, and nothing leaks.
#[derive(Parser)]
struct Arguments {
    /// How long, without start and farewell.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    minutes: u64,
    /// The seed of the rounds.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Output,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Text,
    Json,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match soak(&arguments) {
        Ok(report) => tell(&arguments, &report),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn soak(arguments: &Arguments) -> Result<Report> {
    let is_stopped = stop_when_asked()?;
    eprintln!("starting etcd, kube-apiserver and a vCenter simulator");
    let ground = catch_unwind(Ground::start);
    let ground = ground.map_err(|_| anyhow::anyhow!("the rig does not start"))?;
    // A breach tells why by the report.
    std::panic::set_hook(Box::new(|_| {}));
    let soak = Soak {
        seed: arguments.seed,
        length: Duration::from_secs(60 * arguments.minutes),
        rounds_of_a_bout: ROUNDS_OF_A_BOUT,
        is_stopped: &is_stopped,
    };
    let report = run(&ground, &soak, &mut |line| eprintln!("{line}"));
    // After an interrupt the rig's processes have gone already.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(ground)));
    Ok(report)
}

fn tell(arguments: &Arguments, report: &Report) -> ExitCode {
    let is_good = report.is_good();
    match arguments.output {
        Output::Text => println!("{}", report.table()),
        Output::Json => {
            let all = json!({ "good": is_good, "rows": report.rows(), "soak": report });
            println!("{all}");
        }
    }
    if report.is_interrupted {
        eprintln!("interrupted after round {}", report.rounds);
        return ExitCode::from(2);
    }
    if let Some(breach) = &report.breach {
        eprintln!("{}", breach.circumstances);
        eprintln!("---- the last rounds");
        for round in &report.last_rounds {
            eprintln!("{round}");
        }
        eprintln!(
            "broken in or after round {} of seed {}: {}",
            breach.round, report.seed, breach.what
        );
        eprintln!("hint: cargo xtask soak --seed {}", report.seed);
    }
    let unjudged = report.unjudged();
    if is_good && !unjudged.is_empty() {
        eprintln!(
            "too short to say whether it stays flat: {}",
            unjudged.join(", ")
        );
        eprintln!("hint: give it more minutes");
        return ExitCode::from(2);
    }
    ExitCode::from(u8::from(!is_good))
}

/// Ends the soak at its next step, so that the rig's files go too.
fn stop_when_asked() -> Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("failed to listen to signals")?;
    let asked = Arc::clone(&flag);
    std::thread::spawn(move || {
        if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            asked.store(true, Ordering::Relaxed);
        }
    });
    Ok(flag)
}
