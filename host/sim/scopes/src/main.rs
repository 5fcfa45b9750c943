//! `vmgroup-scopes`: searches the scopes that are named, or all small ones.
#![allow(clippy::print_stdout, reason = "the figures are the output")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use vmgroup_scopes::{End, FLAWS, Flaw, Found, Limits, Scope, Size, scopes, search};

/// Search small scopes exhaustively: the operator's state machine against
/// everything that can happen in a tiny world.
///
/// Without arguments all small scopes are searched, then each flaw is planted in
/// turn and has to be found. Exits with 1 if something does not hold, if a scope
/// does not close, or if a flaw is not found.
#[derive(Parser)]
struct Arguments {
    /// Scopes to search.
    scopes: Vec<String>,
    /// Search the large ones, too; open ones, whose search has never come to an end, only by name.
    #[arg(long)]
    all: bool,
    /// Begin with the N-th of them: to go on where another search stopped.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    from: u32,
    /// Begin no scope after so many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = u64::MAX)]
    begin_within: u64,
    /// List the scopes.
    #[arg(long)]
    list: bool,
    /// Plant a flaw in the hosts: it has to be found.
    #[arg(long, value_enum, default_value = "none")]
    flaw: Flaw,
    /// Hold one in so many worlds that are taken for a known one against it: 1 for
    /// all of them, 0 for none.
    #[arg(long, value_name = "N", default_value_t = 16)]
    twins: usize,
    /// Give a scope up after so many states.
    #[arg(long, default_value_t = 20_000_000)]
    states: usize,
    /// Give a scope up after so many seconds.
    #[arg(long, default_value_t = 36_000)]
    seconds: u64,
}

/// Much of a search is making and dropping small things.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.list {
        list();
        return ExitCode::SUCCESS;
    }
    let named = |name: &str| scopes().find(|scope| scope.name == name);
    for name in &arguments.scopes {
        if named(name).is_none() {
            println!("there is no scope `{name}`; see --list");
            return ExitCode::from(2);
        }
    }
    let chosen = |scope: &&Scope| {
        if arguments.scopes.is_empty() {
            match scope.size {
                Size::Small => true,
                Size::Large => arguments.all,
                Size::Open => false,
            }
        } else {
            arguments.scopes.iter().any(|name| name == scope.name)
        }
    };
    let limits = Limits {
        states: arguments.states,
        time: Duration::from_secs(arguments.seconds),
        twins: arguments.twins,
    };
    println!(
        "{:<26} {:>10} {:>11} {:>6} {:>7} {:>9} {:>8} {:>8} {:>6}  end",
        "scope",
        "states",
        "transitions",
        "depth",
        "settles",
        "frontier",
        "seconds",
        "states/s",
        "MiB"
    );
    let (mut states, mut fine) = (0, true);
    let (mut held, mut broken) = (0, 0);
    let begun = Instant::now();
    let scopes = scopes().filter(chosen).skip(arguments.from as usize - 1);
    let in_time = |_: &&Scope| begun.elapsed() < Duration::from_secs(arguments.begin_within);
    for scope in scopes.take_while(in_time) {
        let found = search(scope, arguments.flaw, limits);
        states += found.states;
        let as_it_should = tell(scope, &found, arguments.flaw);
        *(if as_it_should { &mut held } else { &mut broken }) += 1;
        fine &= as_it_should;
    }
    println!("states: {states}");
    println!("scopes that hold and close: {held}");
    println!("scopes that do not: {broken}");
    println!("next scope: {}", arguments.from as usize + held + broken);
    if arguments.scopes.is_empty() && arguments.from == 1 && arguments.flaw == Flaw::None {
        for (flaw, name) in FLAWS {
            println!("planted: {flaw:?}");
            let scope = named(name).expect("the table of flaws names scopes");
            fine &= tell(scope, &search(scope, *flaw, limits), *flaw);
        }
    }
    ExitCode::from(u8::from(!fine))
}

fn list() {
    for scope in scopes() {
        let size = match scope.size {
            Size::Small => "small",
            Size::Large => "large",
            Size::Open => "open",
        };
        println!("{:<26} {size:<6} {}", scope.name, scope.about);
    }
}

/// Prints what was found. False if that is not what should be.
fn tell(scope: &Scope, found: &Found, flaw: Flaw) -> bool {
    let seconds = found.took.as_secs_f64();
    let end = match &found.end {
        End::Closed => "closed".to_owned(),
        End::Unfinished => "UNFINISHED".to_owned(),
        End::Broken { breach, .. } => format!("{} BROKEN: {}", breach.oracle, breach.text),
    };
    println!(
        "{:<26} {:>10} {:>11} {:>6} {:>7} {:>9} {:>8.1} {:>8.0} {:>6}  {end}",
        scope.name,
        found.states,
        found.transitions,
        found.depth,
        found.settles_within,
        found.frontier,
        seconds,
        found.states as f64 / seconds,
        resident_mib(),
    );
    if let End::Broken { trace, .. } = &found.end {
        for (number, line) in trace.iter().enumerate() {
            println!("    {:>3}  {line}", number + 1);
        }
    }
    match flaw {
        Flaw::None => matches!(found.end, End::Closed),
        _ => matches!(found.end, End::Broken { .. }),
    }
}

/// Memory that the process holds at this moment, as Linux tells; zero elsewhere.
fn resident_mib() -> usize {
    const PAGES_PER_MIB: usize = 256;
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split_whitespace().nth(1);
    pages
        .and_then(|pages| pages.parse::<usize>().ok())
        .unwrap_or_default()
        / PAGES_PER_MIB
}
