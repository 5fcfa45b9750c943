//! `vmgroup demo`.

use clap::Args;

use crate::demo;
use crate::voice::{EXIT_CODES, Verdict, at_terminal};

/// Show the operator at work on a simulated vCenter.
///
/// The real operator and the real WebAssembly modules run against a simulated API server and a
/// simulated vCenter in virtual time. Groups are created, repaired, scaled and deleted; a VM is
/// powered off by hand; the module is swapped while everything runs. In the end the inventory
/// itself is checked. Needs no network.
#[derive(Args)]
#[command(after_long_help = format!("\
Examples:
  vmgroup demo               the whole walk, in less than 15 seconds
  vmgroup demo --speed 4     for those who read fast
  vmgroup demo --keep        stay, watch and play; end with Ctrl-C

Without a terminal the demo does not wait between lines.

{EXIT_CODES}"))]
pub(crate) struct Demo {
    /// Leave the groups running at the end, and print what changes until Ctrl-C. Commands that are
    /// typed are carried out.
    #[arg(long)]
    keep: bool,
    /// How many times faster than is comfortable to read.
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = speed)]
    speed: f64,
    /// Fixes every latency in the simulated world.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

impl Demo {
    pub(crate) fn run(self) -> anyhow::Result<Verdict> {
        let converged = demo::run(&demo::Wishes {
            keep: self.keep,
            seed: self.seed,
            speed: at_terminal().then_some(self.speed),
        })?;
        Ok(if converged {
            Verdict::Fine
        } else {
            Verdict::Failed
        })
    }
}

fn speed(text: &str) -> Result<f64, String> {
    let speed: f64 = text.parse().map_err(|_| "it is not a number".to_owned())?;
    if speed.is_finite() && speed > 0.0 {
        Ok(speed)
    } else {
        Err("it has to be more than 0".into())
    }
}
