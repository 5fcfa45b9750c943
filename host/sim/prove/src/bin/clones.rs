//! `clones`: how often a VM is made twice while every fifth answer is lost.

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Parser;
use vmgroup_prove::clones::{clone_all, sound};

/// Clones VMs, a hundred in each simulated world, while one in five answers of vCenter and API
/// server is lost. Exit code 1 if one is made twice, or anything else breaks.
#[derive(Debug, Parser)]
struct Arguments {
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// How many seeds.
    #[arg(long, default_value_t = 100)]
    count: u64,
    /// Stop after so many seconds.
    #[arg(long, default_value_t = u64::MAX)]
    seconds: u64,
}

/// Much of a run is making and dropping small things.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let begun = Instant::now();
    let most = Duration::from_secs(arguments.seconds);
    let mut out = std::io::stdout().lock();
    let mut next = arguments.first;
    let (mut clones, mut duplicates, mut lost, mut requests, mut broke) = (0, 0, 0, 0, 0);
    let end = arguments.first.saturating_add(arguments.count);
    while next < end && begun.elapsed() < most {
        let world = clone_all(next, sound());
        for breach in world.breaches.iter().take(3) {
            writeln!(out, "seed {next}: {breach}")?;
        }
        clones += world.clones;
        duplicates += world.duplicates;
        lost += world.lost;
        requests += world.requests;
        broke += usize::from(!world.breaches.is_empty());
        next += 1;
    }
    writeln!(out, "requests: {requests}")?;
    writeln!(out, "answers lost: {lost}")?;
    writeln!(out, "clones: {clones}")?;
    writeln!(out, "duplicates: {duplicates}")?;
    writeln!(out, "worlds that broke: {broke}")?;
    writeln!(out, "next seed: {next}")?;
    Ok(ExitCode::from(u8::from(duplicates > 0 || broke > 0)))
}
