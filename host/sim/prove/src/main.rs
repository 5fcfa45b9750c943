//! `vmgroup-prove`: drawn schedules, by the thousand.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use vmgroup_prove::known;
use vmgroup_prove::logic;
use vmgroup_prove::runner::{self, Order, Tally};
use vmgroup_sim::host::Decide;
use vmgroup_sim::schedule::{Cast, Profile, Schedule, explain};
use vmgroup_sim::trace::Detail;

/// Runs drawn schedules and checks every oracle. Exit code 1 if one breaks.
#[derive(Debug, Parser)]
struct Arguments {
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// How many seeds.
    #[arg(long, default_value_t = 1_000)]
    count: u64,
    /// Stop after so many seconds.
    #[arg(long)]
    seconds: Option<u64>,
    /// Worlds at a time.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Only schedules of this profile.
    #[arg(long)]
    profile: Option<String>,
    /// Stop after so many seeds that break something.
    #[arg(long, default_value_t = 10)]
    failures: usize,
    /// Shrink the first seed's schedule and print its trace.
    #[arg(long)]
    explain: bool,
    /// Print the trace of the first seed's schedule.
    #[arg(long)]
    trace: bool,
    /// Decide in the sandbox, with the modules of target/guests.
    #[cfg(feature = "wasm")]
    #[arg(long)]
    wasm: bool,
}

/// Much of a run is making and dropping small things.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let profile = named(arguments.profile.as_deref())?;
    // A host that panics is a breach; its report is in the breach's text.
    std::panic::set_hook(Box::new(|_| {}));
    #[cfg(feature = "wasm")]
    if arguments.wasm {
        let sandbox = vmgroup_prove::sandbox::Sandbox::new()?;
        return go(&arguments, profile, |schedule: &Schedule| {
            sandbox.cast(schedule)
        });
    }
    go(&arguments, profile, logic::cast)
}

fn named(name: Option<&str>) -> Result<Option<&'static Profile>> {
    let Some(name) = name else { return Ok(None) };
    let profile = Profile::named(name).with_context(|| {
        let names: Vec<&str> = Profile::ALL.iter().map(|it| it.name).collect();
        format!("no profile `{name}`; there are {}", names.join(", "))
    })?;
    Ok(Some(profile))
}

fn go<D: Decide>(
    arguments: &Arguments,
    profile: Option<&'static Profile>,
    cast: impl Fn(&Schedule) -> Cast<D> + Sync,
) -> Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    if arguments.explain {
        let schedule = runner::schedule(arguments.first, profile);
        write!(out, "{}", explain(&schedule, cast))?;
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.trace {
        let schedule = runner::schedule(arguments.first, profile);
        let run = schedule.run(cast, Detail::Everything);
        write!(out, "{schedule}\n{}", run.trace)?;
        return Ok(ExitCode::SUCCESS);
    }
    let order = Order {
        first: arguments.first,
        count: arguments.count,
        for_at_most: arguments.seconds.map(Duration::from_secs),
        threads: arguments.threads,
        profile,
        failures_max: arguments.failures,
    };
    let tally = runner::run(order, &cast, |tally| {
        // Whoever does not listen to progress misses nothing.
        let broke: Vec<String> = tally.failures.keys().map(u64::to_string).collect();
        let seeds = if broke.is_empty() {
            "none".to_owned()
        } else {
            broke.join(", ")
        };
        let _ = writeln!(
            std::io::stderr(),
            "{} schedules, {:.0} a second, broke something: {seeds}",
            tally.schedules,
            tally.rate(),
        );
    });
    let new = report(&mut out, &tally, profile.is_none())?;
    let Some(seed) = new.first() else {
        return Ok(ExitCode::SUCCESS);
    };
    let schedule = runner::schedule(*seed, profile);
    writeln!(out, "\nthe first one, made small:\n")?;
    write!(out, "{}", explain(&schedule, &cast))?;
    Ok(ExitCode::FAILURE)
}

/// Prints the figures; gives the seeds whose breach is no open finding. In turn,
/// each seed has the profile that findings are listed for.
fn report(out: &mut impl Write, tally: &Tally, in_turn: bool) -> Result<Vec<u64>> {
    let mut new = Vec::new();
    writeln!(
        out,
        "{:.1} s, {:.0} schedules a second",
        tally.took.as_secs_f64(),
        tally.rate()
    )?;
    for (profile, count) in &tally.profiles {
        writeln!(out, "profile {profile}: {count}")?;
    }
    for (what, count) in &tally.counts {
        writeln!(out, "{what}: {count}")?;
    }
    for (seed, breaches) in &tally.failures {
        let first = breaches.first().map_or("", |breach| breach.oracle);
        if let Some(known) = known::find(*seed, first).filter(|_| in_turn) {
            writeln!(out, "seed {seed}: {first}, as known: {}", known.why)?;
            continue;
        }
        new.push(*seed);
        for breach in breaches {
            writeln!(out, "seed {seed}: {breach}")?;
        }
    }
    writeln!(out, "schedules: {}", tally.schedules)?;
    writeln!(out, "decisions: {}", tally.decisions)?;
    writeln!(out, "virtual hours: {}", tally.virtual_s / 3_600)?;
    writeln!(out, "next seed: {}", tally.next)?;
    writeln!(out, "known breaches: {}", tally.failures.len() - new.len())?;
    writeln!(out, "breaches: {}", new.len())?;
    Ok(new)
}
