//! Runs plans of the kill points side by side, and goes on where an earlier one ended.
#![allow(clippy::print_stdout, reason = "the results are the output")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::thread::scope;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::Parser;
use vmgroup_e2e::kill_points::{Ground, Learned, Ledger, Plan, learn, plans, run, weather};
use vmgroup_e2e::{digest, operator_binary, repository};

/// Kill, cut off or freeze the operator at each call that changes something.
///
/// Plans have numbers in an order of the seed. Those that the ledger has, for this binary
/// and seed, are not run again. Exit code 1 if any failed.
#[derive(Parser)]
struct Arguments {
    /// The seed of the order.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The first plan, from 1 on.
    #[arg(long, default_value_t = 1)]
    first: usize,
    /// How many plans.
    #[arg(long, default_value_t = 40)]
    count: usize,
    /// How many at a time.
    #[arg(long, default_value_t = 6)]
    side_by_side: usize,
    /// Begin no more runs after so many minutes.
    #[arg(long)]
    minutes: Option<u64>,
    /// The file of results; target/kill-points.jsonl if left out.
    #[arg(long)]
    ledger: Option<PathBuf>,
    /// Run plans again that the ledger has.
    #[arg(long)]
    again: bool,
    /// Tell the script once with this plan of the fault proxy instead.
    #[arg(long)]
    plan: Option<PathBuf>,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let path = arguments
        .ledger
        .clone()
        .unwrap_or_else(|| repository().join("target/kill-points.jsonl"));
    let binary = digest(&operator_binary());
    let ledger = Ledger::open(&path, &binary, arguments.seed)
        .with_context(|| format!("failed to open {}", path.display()))?;
    let began = Instant::now();
    let ground = Ground::start();
    let learned = learn(&ground);
    println!(
        "{} points in a run of {:.1} s, ready after {:.1} s",
        learned.points.len(),
        learned.took.as_secs_f64(),
        began.elapsed().as_secs_f64()
    );
    // A run that fails tells why by its outcome.
    std::panic::set_hook(Box::new(|_| {}));
    if let Some(file) = &arguments.plan {
        return once(file, &ground, &learned);
    }
    let chosen = plans(&learned.points, arguments.seed)
        .skip(arguments.first.saturating_sub(1))
        .take(arguments.count)
        .filter(|plan| arguments.again || !ledger.has(plan.number));
    let chosen: Vec<Plan> = chosen.collect();
    let deadline = arguments
        .minutes
        .map(|minutes| Instant::now() + Duration::from_secs(60 * minutes));
    let ran = side_by_side(&arguments, &ground, &learned, &ledger, chosen, deadline)?;
    Ok(report(&ledger, &ran, arguments.first, began.elapsed()))
}

fn once(file: &Path, ground: &Ground, learned: &Learned) -> Result<ExitCode> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("failed to read {}", file.display()))?;
    let outcome = weather(ground, vmgroup_faults::Plan::parse(&text)?, learned);
    println!("{outcome:#?}");
    if let Some(why) = &outcome.failure {
        println!("{why}");
    }
    Ok(ExitCode::from(u8::from(outcome.failure.is_some())))
}

/// Gives the numbers of the plans that were run. They are begun in order.
fn side_by_side(
    arguments: &Arguments,
    ground: &Ground,
    learned: &Learned,
    ledger: &Ledger,
    chosen: Vec<Plan>,
    deadline: Option<Instant>,
) -> Result<BTreeSet<usize>> {
    let waiting = Mutex::new(chosen.into_iter());
    let next = || {
        let is_late = deadline.is_some_and(|deadline| Instant::now() > deadline);
        let mut waiting = waiting.lock().ok()?;
        waiting.next().filter(|_| !is_late)
    };
    scope(|scope| {
        let work = || -> Result<BTreeSet<usize>> {
            let mut ran = BTreeSet::new();
            while let Some(plan) = next() {
                let outcome = run(ground, &plan, learned);
                ledger.add(&plan, &outcome)?;
                ran.insert(plan.number);
                let verdict = match (&outcome.failure, outcome.is_reached()) {
                    (Some(_), _) => "FAILED",
                    (None, true) => "ok",
                    (None, false) => "ok, not reached",
                };
                println!(
                    "{:>5} {:>5.1} s, healed in {:>4.1} s, {verdict}: {plan}{}",
                    plan.number,
                    outcome.took.as_secs_f64(),
                    outcome.convergence.as_secs_f64(),
                    outcome
                        .failure
                        .map(|why| format!("\n{why}"))
                        .unwrap_or_default()
                );
            }
            Ok(ran)
        };
        let lanes: Vec<_> = (0..arguments.side_by_side.max(1))
            .map(|_| scope.spawn(work))
            .collect();
        let mut ran = BTreeSet::new();
        for lane in lanes {
            let lane = lane.join();
            ran.extend(lane.unwrap_or_else(|_| anyhow::bail!("a lane ended"))?);
        }
        Ok(ran)
    })
}

/// What these runs have shown.
fn report(ledger: &Ledger, ran: &BTreeSet<usize>, first: usize, took: Duration) -> ExitCode {
    let mut lines = ledger.lines();
    lines.retain(|line| ran.contains(&line.number));
    let failed = lines.iter().filter(|line| line.failure.is_some()).count();
    let missed = lines.iter().filter(|line| !line.reached).count();
    let killed: u64 = lines.iter().map(|line| line.killed).sum();
    println!(
        "{} runs: {} reached their faults, {missed} did not; {killed} kills; {failed} failed; {:.0} s",
        lines.len(),
        lines.len() - missed,
        took.as_secs_f64()
    );
    let mut slowest: Vec<_> = lines.iter().collect();
    slowest.sort_by_key(|line| std::cmp::Reverse(line.convergence_ms));
    for line in slowest.iter().take(3) {
        let seconds = line.convergence_ms as f64 / 1_000.0;
        println!("slowest: {seconds:.1} s: {}", line.plan);
    }
    for line in lines.iter().filter(|line| line.failure.is_some()) {
        println!("failed: {} {}", line.number, line.plan);
    }
    let slowest = slowest.first().map_or(0, |line| line.convergence_ms);
    println!("slowest to heal, ms: {slowest}");
    println!("next plan: {}", ran.last().map_or(first, |last| last + 1));
    println!("kill-point runs: {}", lines.len() - missed);
    println!("kill-point runs that missed a fault: {missed}");
    println!("kills: {killed}");
    println!("kill-point runs that failed: {failed}");
    ExitCode::from(u8::from(failed > 0))
}
