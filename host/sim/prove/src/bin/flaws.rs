//! `flaws`: seeded bugs, and how many schedules it takes to catch each.

use std::io::Write;
use std::num::NonZero;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{available_parallelism, scope};

use anyhow::{Context, Result, anyhow};
use clap::Parser;
use vmgroup_prove::flaws::{Caught, FLAWS, Flaw, hunt};

/// Hunts every seeded bug. Exit code 1 if one gets away.
#[derive(Debug, Parser)]
struct Arguments {
    /// Only these; all if none is named.
    names: Vec<String>,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// Schedules to draw for one bug at most.
    #[arg(long, default_value_t = 50_000)]
    most: u64,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let named = |name: &String| {
        let names: Vec<&str> = FLAWS.iter().map(|flaw| flaw.name).collect();
        Flaw::named(name)
            .with_context(|| format!("no flaw `{name}`; there are {}", names.join(", ")))
    };
    let chosen: Vec<&Flaw> = if arguments.names.is_empty() {
        FLAWS.iter().collect()
    } else {
        arguments.names.iter().map(named).collect::<Result<_>>()?
    };
    // A host that panics is a breach; its report is in the breach's text.
    std::panic::set_hook(Box::new(|_| {}));
    let mut out = std::io::stdout().lock();
    let (mut free, mut longest) = (0, 0);
    for (flaw, caught) in hunt_all(&chosen, arguments.first, arguments.most)? {
        match caught {
            Some(caught) => {
                longest = longest.max(caught.schedules);
                writeln!(
                    out,
                    "{:<26} caught after {:>4} schedules (seed {}) by {}",
                    flaw.name, caught.schedules, caught.seed, caught.breach
                )?;
            }
            None => {
                free += 1;
                writeln!(out, "{:<26} got away: {}", flaw.name, flaw.after)?;
            }
        }
    }
    writeln!(out, "most schedules for one: {longest}")?;
    writeln!(out, "flaws caught: {}", chosen.len() - free)?;
    writeln!(out, "flaws that got away: {free}")?;
    Ok(if free == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Hunts them side by side; the results come in their order.
fn hunt_all<'a>(
    flaws: &[&'a Flaw],
    first: u64,
    most: u64,
) -> Result<Vec<(&'a Flaw, Option<Caught>)>> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut found = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(flaw) = flaws.get(index) else {
                return found;
            };
            found.push((index, *flaw, hunt(flaw, first, most)));
        }
    };
    let lanes = available_parallelism().map_or(1, NonZero::get);
    let mut found = scope(|scope| {
        let lanes: Vec<_> = (0..lanes).map(|_| scope.spawn(work)).collect();
        let mut found = Vec::new();
        for lane in lanes {
            let of_lane = lane.join().map_err(|_| anyhow!("a hunt panicked"))?;
            found.extend(of_lane);
        }
        anyhow::Ok(found)
    })?;
    found.sort_by_key(|(index, ..)| *index);
    let found = found.into_iter().map(|(_, flaw, caught)| (flaw, caught));
    Ok(found.collect())
}
