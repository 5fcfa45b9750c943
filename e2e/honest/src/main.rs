//! Runs sequences for a long time and prints what they add up to: data on
//! stdout, a disagreement with all that is needed to repeat it on stderr.
//! Exit codes: 0 the sides agree, 1 they do not, 2 it could not be run.

use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Parser, ValueEnum};
use serde_json::json;
use vmgroup_honest::cluster::Clusters;
use vmgroup_honest::pair::Pair;
use vmgroup_honest::run::{Effort, Report, run_side_by_side};
use vmgroup_honest::vcenter::Vcenters;

/// Gives the same operations to the simulations and to the real components.
#[derive(Debug, Parser)]
struct Arguments {
    /// What is compared.
    #[arg(value_enum)]
    pair: Which,
    /// The seed of the first sequence; each one counts up.
    #[arg(long, default_value_t = 1)]
    first_seed: u64,
    /// How many sequences at most.
    #[arg(long, default_value_t = 100)]
    sequences: u64,
    /// How many operations each sequence has.
    #[arg(long, default_value_t = 60)]
    length: usize,
    /// No sequence begins after so many minutes.
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// How many pairs at a time.
    #[arg(long, default_value = "4")]
    side_by_side: NonZeroUsize,
    /// How the totals are printed.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Output,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Which {
    /// The simulated vCenter and vcsim.
    Vcenter,
    /// The simulated API server and a real one.
    Cluster,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Output {
    Text,
    Json,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let told = match arguments.pair {
        Which::Vcenter => tell(Vcenters::default, &arguments),
        Which::Cluster => tell(Clusters::default, &arguments),
    };
    match told {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            complain(&format!("error: {error:#}"));
            ExitCode::from(2)
        }
    }
}

/// Whether the sides agreed.
fn tell<P: Pair>(make: fn() -> P, arguments: &Arguments) -> Result<bool> {
    let effort = Effort {
        first_seed: arguments.first_seed,
        sequences: arguments.sequences,
        length: arguments.length,
        time: Duration::from_secs(arguments.minutes * 60),
        shrinking: Duration::from_secs(120),
    };
    let report = run_side_by_side(make, effort, arguments.side_by_side)?;
    print(&match arguments.output {
        Output::Text => text::<P>(&report),
        Output::Json => as_json::<P>(&report),
    });
    if let Some(failure) = &report.failure {
        complain(&failure.to_string());
    }
    let excessive = report.totals.excessive::<P>();
    for name in &excessive {
        complain(&format!("the known difference `{name}` was met too often"));
    }
    Ok(report.failure.is_none() && excessive.is_empty())
}

fn text<P: Pair>(report: &Report) -> String {
    let totals = &report.totals;
    let count = totals.count();
    let (rarest, times) = totals.rarest::<P>();
    let mut text = totals.to_string();
    for name in totals.unmet::<P>() {
        text.push_str(&format!("   none met the known difference `{name}`\n"));
    }
    text.push_str(&format!(
        "{}: {} sequences, {} operations, {} of them faulting, in {:.1} s; \
         {rarest} least often, {times} times",
        P::NAME,
        totals.sequences,
        count.all,
        count.faults,
        report.took.as_secs_f64()
    ));
    text.push_str(&format!(
        "\noperations: {}\nfaulting: {}\nof the rarest kind: {times}\nnext seed: {}\ndisagreements: {}",
        count.all,
        count.faults,
        report.next_seed,
        usize::from(report.failure.is_some()) + totals.excessive::<P>().len()
    ));
    text
}

fn as_json<P: Pair>(report: &Report) -> String {
    let totals = &report.totals;
    let kinds = totals.kinds.iter().map(|(kind, count)| {
        let count = json!({"operations": count.all, "faults": count.faults});
        ((*kind).to_owned(), count)
    });
    let answers = totals
        .classes
        .iter()
        .map(|((kind, class), times)| json!({"kind": kind, "answer": class, "times": times}));
    json!({
        "pair": P::NAME,
        "sequences": totals.sequences,
        "operations": totals.count().all,
        "faults": totals.count().faults,
        "seconds": report.took.as_secs_f64(),
        "kinds": kinds.collect::<serde_json::Map<_, _>>(),
        "answers": answers.collect::<Vec<_>>(),
        "knownDifferences": totals.known,
        "knownDifferencesNeverMet": totals.unmet::<P>(),
        "agreed": report.failure.is_none(),
    })
    .to_string()
}

#[allow(clippy::print_stdout, reason = "data")]
fn print(text: &str) {
    println!("{text}");
}

#[allow(clippy::print_stderr, reason = "talk")]
fn complain(text: &str) {
    eprintln!("{text}");
}
