//! `vmgroup compile-trial`: the operator's other process, see `wiring::trial`.

use std::io::{Read as _, stdin};

use anyhow::Context as _;
use clap::Args;
use rustix::process::{
    Resource, Rlimit, Signal, getppid, getrlimit, set_parent_process_death_signal, setrlimit,
};
use vmgroup_engine::{Limits, Tried, try_to_compile};

use crate::limits::COMPILE_STACK;
use crate::voice::Verdict;

/// Compile the module on stdin within bounds, and keep nothing of it.
///
/// The operator does this before it takes a module in, so that one that is too much for the
/// compiler ends this process and not the operator. Exits with 0 or 1 if the compiler came to an
/// end, whatever it had to say.
#[derive(Args)]
pub(crate) struct CompileTrial {
    /// Bytes of memory; beyond, the process is at its end.
    #[arg(long, value_name = "BYTES")]
    bytes: u64,
    /// Seconds of a processor; beyond, the process is at its end.
    #[arg(long, value_name = "SECONDS")]
    cpu: u64,
    /// The process that asks; without it this one ends.
    #[arg(long, value_name = "PID")]
    parent: i32,
}

impl CompileTrial {
    pub(crate) fn run(self) -> anyhow::Result<Verdict> {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        let parent = getppid().map(rustix::process::Pid::as_raw_pid);
        anyhow::ensure!(parent == Some(self.parent), "whoever asked is gone");
        let limits = Limits::default();
        let mut bytes = Vec::new();
        let most = u64::try_from(limits.module_bytes)?.saturating_add(1);
        stdin()
            .take(most)
            .read_to_end(&mut bytes)
            .context("failed to read the module")?;
        self.bound().context("failed to set the bounds")?;
        // Whoever takes the module in has more stack than that.
        let compiler = std::thread::Builder::new()
            .stack_size(COMPILE_STACK)
            .spawn(move || try_to_compile(&bytes, &limits));
        let Ok(compiler) = compiler else {
            // There is not even memory for that.
            std::process::abort()
        };
        match compiler.join() {
            // What is wrong with it is the operator's to say, who asks the same question.
            Ok(Tried::Ended(Ok(()))) => Ok(Verdict::Fine),
            // A panic, too: it is caught there as it is here.
            Ok(Tried::Ended(Err(_))) | Err(_) => Ok(Verdict::Failed),
            Ok(Tried::OutOfMemory) => std::process::abort(),
        }
    }

    fn bound(&self) -> rustix::io::Result<()> {
        for (resource, soft, hard) in [
            (Resource::Data, self.bytes, self.bytes),
            // The signal of the soft one tells it from an end that others have made.
            (Resource::Cpu, self.cpu, self.cpu.saturating_add(5)),
            // A core file would hold somebody's module, and take space.
            (Resource::Core, 0, 0),
        ] {
            let most = getrlimit(resource).maximum.unwrap_or(u64::MAX);
            let new = Rlimit {
                current: Some(soft.min(most)),
                maximum: Some(hard.min(most)),
            };
            setrlimit(resource, new)?;
        }
        Ok(())
    }
}
