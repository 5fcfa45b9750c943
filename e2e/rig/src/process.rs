//! Starts, watches and ends the processes of a rig.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use crate::components::Binaries;

const POLL: Duration = Duration::from_millis(50);
/// A component that is asked to end gets this long.
const PATIENCE: Duration = Duration::from_secs(10);
const LOG_TAIL_BYTES: u64 = 4_000;

/// How long a process lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lifetime {
    /// As long as this process, however that ends.
    WithParent,
    /// Until ended by its id.
    Detached,
}

/// What to start.
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) environment: Vec<(&'static str, OsString)>,
}

/// A process and the moment it started, which tells it from a later process
/// with the same id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) name: String,
    pub(crate) pid: i32,
    /// In clock ticks since boot.
    pub(crate) started: u64,
}

impl Identity {
    pub(crate) fn of(name: &str, pid: u32) -> Result<Self> {
        let pid = i32::try_from(pid).context("process id out of range")?;
        let started = start_time(pid).with_context(|| format!("{name} (pid {pid}) is gone"))?;
        Ok(Self {
            name: name.to_owned(),
            pid,
            started,
        })
    }

    pub(crate) fn is_alive(&self) -> bool {
        start_time(self.pid) == Some(self.started)
    }

    /// Ends the process if it is still the one that was started, and waits for it.
    /// Gives whether there was one to end.
    pub(crate) fn end(&self) -> Result<bool> {
        if !self.is_alive() {
            return Ok(false);
        }
        for signal in [Signal::TERM, Signal::KILL] {
            self.signal(signal)?;
            let deadline = Instant::now() + PATIENCE;
            while Instant::now() < deadline {
                if !self.is_alive() {
                    return Ok(true);
                }
                sleep(POLL);
            }
        }
        bail!("{} (pid {}) does not end", self.name, self.pid)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_raw(self.pid).context("process id 0")?;
        match kill_process(pid, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => {
                Err(error).with_context(|| format!("failed to end {} (pid {pid})", self.name))
            }
        }
    }
}

/// The start time of a process that runs, from field 22 of its `stat`; none for
/// one that ended and only waits to be collected. The name in field 2 may hold
/// spaces and parentheses.
fn start_time(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let after_name = stat.rsplit_once(") ")?.1;
    let mut fields = after_name.split(' ');
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

/// A started component, which ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
    lifetime: Lifetime,
    leash: Option<ChildStdin>,
    released: bool,
}

impl Process {
    pub(crate) fn start(
        binaries: &Binaries,
        program: Program,
        log: &Path,
        lifetime: Lifetime,
    ) -> Result<Self> {
        let name = program.name;
        let out =
            File::create(log).with_context(|| format!("failed to create {}", log.display()))?;
        let mut command = match lifetime {
            Lifetime::WithParent => {
                let mut command = Command::new(binaries.path("steward"));
                command
                    .arg("run")
                    .arg(binaries.path(name))
                    .stdin(Stdio::piped());
                command
            }
            Lifetime::Detached => {
                let mut command = Command::new(binaries.path(name));
                // Out of the terminal's group, so that an interrupt there leaves it alone.
                command.process_group(0).stdin(Stdio::null());
                command
            }
        };
        let mut child = command
            .args(program.arguments)
            .envs(program.environment)
            .stdout(out.try_clone()?)
            .stderr(out)
            .spawn()
            .with_context(|| format!("failed to start {name}"))?;
        let leash = child.stdin.take();
        Ok(Self {
            name,
            child,
            log: log.to_owned(),
            lifetime,
            leash,
            released: false,
        })
    }

    /// Waits until `ready` is true; an error when the process ends before.
    pub(crate) fn wait_until(
        &mut self,
        limit: Duration,
        mut ready: impl FnMut() -> Result<bool>,
    ) -> Result<()> {
        let deadline = Instant::now() + limit;
        loop {
            if ready()? {
                return Ok(());
            }
            self.check()?;
            if Instant::now() > deadline {
                bail!(
                    "{} is not ready after {} s:\n{}",
                    self.name,
                    limit.as_secs(),
                    self.log_tail()
                );
            }
            sleep(POLL);
        }
    }

    /// An error with the end of the log when the process has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} ended with {status}:\n{}", self.name, self.log_tail()),
        }
    }

    pub(crate) fn identity(&self) -> Result<Identity> {
        Identity::of(self.name, self.child.id())
    }

    /// Lets a detached process run on.
    pub(crate) fn release(mut self) {
        debug_assert_eq!(self.lifetime, Lifetime::Detached);
        self.released = true;
    }

    fn log_tail(&self) -> String {
        let tail = || -> std::io::Result<String> {
            let mut file = File::open(&self.log)?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL_BYTES)))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        tail().unwrap_or_else(|error| format!("(no log: {error})"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.released {
            return;
        }
        // Steward ends its component when the pipe closes, and then itself.
        let patience = if self.leash.take().is_some() {
            PATIENCE
        } else {
            Duration::ZERO
        };
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
