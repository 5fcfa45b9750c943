//! `vmgroup compile-trial`: the operator's other process, see `wiring::trial`.

use std::io::{Read as _, stdin};

use anyhow::Context as _;
use clap::Args;
use rustix::process::{Resource, Rlimit, Signal, set_parent_process_death_signal, setrlimit};
use vmgroup_engine::{Limits, try_to_compile};

use crate::voice::Verdict;

/// Compile the module on stdin within bounds, and keep nothing of it.
///
/// The operator does this before it takes a module in, so that one that is too much for the
/// compiler ends this process and not the operator.
#[derive(Args)]
pub(crate) struct CompileTrial {
    /// Bytes of memory; beyond, the process is at its end.
    #[arg(long, value_name = "BYTES")]
    bytes: u64,
    /// Seconds of a processor; beyond, the process is at its end.
    #[arg(long, value_name = "SECONDS")]
    cpu: u64,
}

impl CompileTrial {
    pub(crate) fn run(self) -> anyhow::Result<Verdict> {
        let limits = Limits::default();
        let mut bytes = Vec::new();
        let most = u64::try_from(limits.module_bytes)?.saturating_add(1);
        stdin()
            .take(most)
            .read_to_end(&mut bytes)
            .context("failed to read the module")?;
        self.bound().context("failed to set the bounds")?;
        // What is wrong with it is the operator's to say, who asks the same question.
        Ok(match try_to_compile(&bytes, &limits) {
            Ok(()) => Verdict::Fine,
            Err(_) => Verdict::Failed,
        })
    }

    fn bound(&self) -> rustix::io::Result<()> {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        for (resource, most) in [(Resource::Data, self.bytes), (Resource::Cpu, self.cpu)] {
            let most = Some(most);
            setrlimit(
                resource,
                Rlimit {
                    current: most,
                    maximum: most,
                },
            )?;
        }
        // A core file would hold somebody's module, and take space.
        let none = Some(0);
        setrlimit(
            Resource::Core,
            Rlimit {
                current: none,
                maximum: none,
            },
        )
    }
}
