//! `cargo xtask bench decide`: the default reconciler as wasm against the same
//! code native, in one run. Prints medians and a ratio; judges nothing.
#![allow(clippy::print_stdout, reason = "the figures are the output")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use vmgroup_core::case::Case;
use vmgroup_core::observation::Observation;
use vmgroup_engine::{Engine, Limits, Module};

/// Calls of each kind at a size; fewer at large sizes, so that a run takes
/// seconds.
const CALLS: [(usize, usize); 3] = [(10, 4_000), (100, 2_000), (1_000, 400)];
/// Calls before anything is counted.
const WARM_UP: usize = 50;

fn main() -> Result<()> {
    let path = std::env::args()
        .nth(1)
        .context("the path of the module is missing")?;
    let bytes = std::fs::read(&path).with_context(|| format!("reading {path}"))?;
    let engine = Engine::new(Limits::default());
    let module = engine.load(&bytes).context("loading the module")?;
    println!(
        "members  wasm p50  wasm p99  native p50  native p99  fuel      memory KiB  calls/s  ratio"
    );
    let mut fixed = Duration::ZERO;
    for (members, calls) in CALLS {
        let figures = measure(&module, &observation(members)?, calls)?;
        if members == 10 {
            fixed = figures.wasm.p50.saturating_sub(figures.native.p50);
        }
        println!("{}", figures.line(members));
    }
    println!(
        "fixed cost per call (wasm − native at 10 members): {}",
        micros(fixed)
    );
    Ok(())
}

struct Percentiles {
    p50: Duration,
    p99: Duration,
}

struct Figures {
    wasm: Percentiles,
    native: Percentiles,
    fuel: u64,
    memory: u64,
}

impl Figures {
    fn line(&self, members: usize) -> String {
        let seconds = self.wasm.p50.as_secs_f64();
        let ratio = seconds / self.native.p50.as_secs_f64();
        format!(
            "{members:>7}  {:>8}  {:>8}  {:>10}  {:>10}  {:<8}  {:>10}  {:>7.0}  ratio={ratio:.2}",
            micros(self.wasm.p50),
            micros(self.wasm.p99),
            micros(self.native.p50),
            micros(self.native.p99),
            self.fuel,
            self.memory / 1024,
            1.0 / seconds,
        )
    }
}

/// Both in turn, so that a slow moment of the machine meets both.
fn measure(module: &Module, observation: &Observation, calls: usize) -> Result<Figures> {
    let first = module.reconcile(observation).context("deciding")?;
    let same = first.answer == vmgroup_native::decide(observation);
    ensure!(
        same,
        "wasm and native decide differently: what is compared is not the same code"
    );
    let (mut wasm, mut native) = (Vec::new(), Vec::new());
    for call in 0..calls + WARM_UP {
        let begin = Instant::now();
        black_box(module.reconcile(black_box(observation))).context("deciding")?;
        let in_wasm = begin.elapsed();
        let begin = Instant::now();
        black_box(vmgroup_native::decide(black_box(observation)));
        let natively = begin.elapsed();
        if call >= WARM_UP {
            wasm.push(in_wasm);
            native.push(natively);
        }
    }
    Ok(Figures {
        wasm: percentiles(wasm),
        native: percentiles(native),
        fuel: first.usage.fuel,
        memory: first.usage.memory_peak_bytes as u64,
    })
}

fn percentiles(mut durations: Vec<Duration>) -> Percentiles {
    durations.sort();
    let at = |per_cent: usize| durations[(durations.len() - 1) * per_cent / 100];
    Percentiles {
        p50: at(50),
        p99: at(99),
    }
}

fn micros(duration: Duration) -> String {
    format!("{:.1} µs", duration.as_secs_f64() * 1e6)
}

/// A settled group that is to grow by one, with one member powered off.
fn observation(members: usize) -> Result<Observation> {
    let list: Vec<serde_json::Value> = (0..members)
        .map(|slot| {
            let power = if slot == 3 { "off" } else { "on" };
            serde_json::json!({ "id": format!("vm-{slot}"), "slot": slot, "power": power })
        })
        .collect();
    let case = serde_json::json!({
        "description": "one member more, one to be powered on",
        "input": {
            "context": { "now": 1_700_000_000_000_u64, "settings": "{}" },
            "desired": { "replicas": members + 1 },
            "members": list,
        },
        "expect": { "lawful": { "never": [] } },
    });
    Ok(Case::parse(&case.to_string())?.input)
}
