//! A process that ends with the test, however that ends.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

const POLL: Duration = Duration::from_millis(10);
const START_LIMIT: Duration = Duration::from_secs(10);

/// A running command, kept on a leash by the rig's steward.
#[derive(Debug)]
pub(crate) struct Child {
    steward: std::process::Child,
    leash: Option<ChildStdin>,
    pid: i32,
    log: PathBuf,
}

impl Child {
    /// Runs the command; what it writes goes to `log`.
    ///
    /// # Panics
    /// When it cannot be started.
    #[track_caller]
    pub(crate) fn start(steward: &Path, command: &Command, log: &Path) -> Self {
        let out = File::create(log).expect("a log file");
        let mut leashed = Command::new(steward);
        leashed
            .arg("run")
            .arg(command.get_program())
            .args(command.get_args())
            .stdin(Stdio::piped())
            .stdout(out.try_clone().expect("a file handle"))
            .stderr(out);
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => leashed.env(name, value),
                None => leashed.env_remove(name),
            };
        }
        let mut steward = leashed.spawn().expect("the rig's steward starts");
        let leash = steward.stdin.take();
        let parent = i32::try_from(steward.id()).expect("a process id");
        let deadline = Instant::now() + START_LIMIT;
        let pid = loop {
            if let Some(pid) = child_of(parent) {
                break pid;
            }
            assert!(
                Instant::now() < deadline && matches!(steward.try_wait(), Ok(None)),
                "{} did not start:\n{}",
                command.get_program().display(),
                fs::read_to_string(log).unwrap_or_default()
            );
            std::thread::sleep(POLL);
        };
        Self {
            steward,
            leash,
            pid,
            log: log.to_owned(),
        }
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.pid.unsigned_abs()
    }

    /// Everything that it wrote so far.
    pub(crate) fn output(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Whether it has not ended.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.steward.try_wait(), Ok(None))
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// When there is no such process any more.
    #[track_caller]
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.pid).expect("a process id");
        kill_process(pid, signal).expect("the process exists");
    }

    /// Asks it to end, unless it has.
    pub(crate) fn ask_to_end(&self) {
        if let Some(pid) = Pid::from_raw(self.pid) {
            // There may be no such process any more.
            let _ = kill_process(pid, Signal::TERM);
        }
    }

    /// Waits until it has ended; gives how (0 or not), and after what time.
    ///
    /// # Panics
    /// When it goes on for longer than that.
    #[track_caller]
    pub(crate) fn ended(&mut self, limit: Duration) -> (ExitStatus, Duration) {
        let start = Instant::now();
        loop {
            if let Ok(Some(status)) = self.steward.try_wait() {
                return (status, start.elapsed());
            }
            assert!(
                start.elapsed() < limit,
                "process {} still runs after {} s",
                self.pid,
                limit.as_secs()
            );
            std::thread::sleep(POLL);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        drop(self.leash.take());
        let deadline = Instant::now() + START_LIMIT;
        while Instant::now() < deadline {
            if !matches!(self.steward.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(POLL);
        }
        let _ = self.steward.kill();
        let _ = self.steward.wait();
    }
}

/// Whether a status says that a command ended well.
pub(crate) fn is_good(status: ExitStatus) -> bool {
    status.success() && status.signal().is_none()
}

/// The process whose parent is that one, and which runs a program of its own: Go
/// tries out at its start what the kernel can do, with a child that ends at once.
fn child_of(parent: i32) -> Option<i32> {
    let program = |pid: i32| fs::read_link(format!("/proc/{pid}/exe")).ok();
    let of_parent = program(parent)?;
    let entries = fs::read_dir("/proc").ok()?;
    entries.flatten().find_map(|entry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        // The name, in parentheses, may hold anything.
        let mut fields = stat.rsplit_once(") ")?.1.split(' ');
        let of: i32 = fields.nth(1)?.parse().ok()?;
        let runs = of == parent && program(pid).is_some_and(|own| own != of_parent);
        runs.then_some(pid)
    })
}
