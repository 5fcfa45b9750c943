//! Modules that a machine wrote, by the thousand, in the real engine.
//!
//! As a test it runs some thousand. `--modules N --seed S` runs as many as one likes and prints what
//! they came to: `cargo test --release -p vmgroup-engine --test generated -- --modules 100000`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may panic and print"
)]

#[allow(dead_code, reason = "written for the other tests of the engine")]
#[path = "../engine/forge.rs"]
mod forge;

mod run;

mod module;

mod bodies;

mod random;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use vmgroup_engine::{Engine, Limits};

use crate::bodies::Steering;
use crate::run::{Found, run};

/// As many as take some ten seconds unoptimised.
const IN_A_TEST: u64 = 2_000;

fn main() -> ExitCode {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    if asked.iter().any(|word| word == "--modules") {
        let figure = |name: &str| -> Option<u64> {
            let at = asked.iter().position(|word| word == name)?;
            asked.get(at + 1)?.parse().ok()
        };
        let Some(modules) = figure("--modules") else {
            println!("--modules N [--seed S]");
            return ExitCode::from(2);
        };
        let found = run(&engine(), figure("--seed").unwrap_or(0), modules, progress);
        print(&found);
        return ExitCode::from(u8::from(!half_entered(&found)));
    }
    let trial = Trial::test("generated_modules_harm_nothing_but_their_own_call", || {
        let found = run(&engine(), 0, IN_A_TEST, |_| ());
        print(&found);
        if half_entered(&found) {
            Ok(())
        } else {
            Err(Failed::from(
                "fewer than half of the modules entered `reconcile`",
            ))
        }
    });
    libtest_mimic::run(&Arguments::from_args(), vec![trial]).exit_code()
}

/// The usual limits, but for a twentieth of the fuel: one module in ten is an endless loop, and how
/// it ends does not depend on how long it runs.
fn engine() -> Engine {
    Engine::new(Limits {
        fuel: Limits::default().fuel / 20,
        ..Limits::default()
    })
}

fn half_entered(found: &Found) -> bool {
    2 * found.entered >= found.modules
}

fn progress(found: &Found) {
    const EVERY: u64 = 5_000;
    if found.modules.is_multiple_of(EVERY) {
        println!("{}", summary(found));
    }
}

/// Outcomes by how the answer came about, the most frequent first.
fn print(found: &Found) {
    let columns = Steering::ALL.map(|steering| format!("{steering:>13?}"));
    println!("{:>8} {}", "all", columns.concat());
    let mut outcomes: Vec<_> = found.outcomes.iter().collect();
    outcomes.sort_by_key(|(_, counts)| std::cmp::Reverse(counts.iter().sum::<u64>()));
    for (outcome, counts) in outcomes {
        let columns = counts.map(|count| format!("{count:>13}"));
        println!(
            "{:>8} {}  {outcome}",
            counts.iter().sum::<u64>(),
            columns.concat()
        );
    }
    for (why, count) in &found.ungenerated {
        println!("{count:>8} not counted: {why}");
    }
    println!("{}", summary(found));
    println!("modules: {}", found.modules);
    println!("entered: {}", found.entered);
    println!("next seed: {}", found.next_seed);
}

/// One line for people and for whoever adds it up.
fn summary(found: &Found) -> String {
    let share = 100.0 * found.entered as f64 / found.modules.max(1) as f64;
    let rate = found.modules as f64 / found.time.as_secs_f64();
    format!(
        "modules={} entered={} ({share:.1} %) rate={rate:.0}/s mean_bytes={} resident_mib={}..{}",
        found.modules,
        found.entered,
        found.bytes / found.modules.max(1),
        found.resident_kib_warm >> 10,
        found.resident_kib_most >> 10,
    )
}
