//! A module is compiled in a process of its own first: the compiler's memory and time grow with
//! what it is given, and cannot be bounded from within. What ended there in time and within its
//! memory is compiled again in the operator, where it takes as much.

use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use vmgroup_engine::Stage;
use vmgroup_modules::Refusal;

use crate::files::chain;
use crate::limits::{COMPILE_BYTES_MAX, COMPILE_CPU, COMPILE_WALL};

/// Between two looks whether it has ended: nobody notices less.
const LOOK: Duration = Duration::from_millis(20);

/// How a trial is run.
pub(crate) struct Trial {
    program: PathBuf,
    arguments: Vec<OsString>,
    bytes: u64,
    wall: Duration,
}

impl Trial {
    /// A trial by this very program.
    pub(crate) fn by_this_program() -> std::io::Result<Trial> {
        let container = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
        let bytes = bytes_for(container.as_deref());
        let cpu = COMPILE_CPU.as_secs();
        let arguments = [
            "compile-trial".to_owned(),
            format!("--bytes={bytes}"),
            format!("--cpu={cpu}"),
        ];
        Ok(Trial {
            program: std::env::current_exe()?,
            arguments: arguments.map(OsString::from).to_vec(),
            bytes,
            wall: COMPILE_WALL,
        })
    }

    /// Whether the compiler comes to an end with the bytes, and leaves the rest alone. What it
    /// says of them is not asked here.
    pub(crate) fn run(&self, bytes: &[u8]) -> Result<(), Refusal> {
        let tried = self.begin(bytes).and_then(|child| self.wait(child));
        match tried {
            Ok(Some(status)) => self.judge(status),
            Ok(None) => Err(late(&format!("took more than {:?}", self.wall))),
            Err(error) => Err(late(&format!("cannot be tried: {}", chain(&error)))),
        }
    }

    fn begin(&self, bytes: &[u8]) -> std::io::Result<Child> {
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let written = child.stdin.take().map(|mut pipe| pipe.write_all(bytes));
        // One that ended without having read all says more by how it ended.
        if let Some(Err(error)) = written {
            tracing::debug!(error = chain(&error), "the trial did not read the module");
        }
        Ok(child)
    }

    /// How it ended; none if it had to be ended.
    fn wait(&self, mut child: Child) -> std::io::Result<Option<ExitStatus>> {
        let begun = Instant::now();
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(Some(status));
            }
            if begun.elapsed() > self.wall {
                child.kill()?;
                child.wait()?;
                return Ok(None);
            }
            std::thread::sleep(LOOK);
        }
    }

    fn judge(&self, status: ExitStatus) -> Result<(), Refusal> {
        match (
            status.code(),
            status.signal().and_then(Signal::from_named_raw),
        ) {
            (Some(0 | 1), _) => Ok(()),
            (_, Some(Signal::XCPU | Signal::KILL)) => {
                let seconds = COMPILE_CPU.as_secs();
                Err(refused(&format!(
                    "takes more than {seconds} s of a processor, or was killed; make it smaller"
                )))
            }
            (_, Some(Signal::ABORT)) => {
                let mib = self.bytes >> 20;
                Err(refused(&format!(
                    "takes more than {mib} MiB of memory; make its functions smaller, or give the \
                     operator's container more"
                )))
            }
            _ => Err(refused(&format!("ended the compiler: {status}"))),
        }
    }
}

/// The bytes that compiling may take in a container of which this is said.
fn bytes_for(container: Option<&str>) -> u64 {
    let most = container.and_then(|text| text.trim().parse::<u64>().ok());
    most.map_or(COMPILE_BYTES_MAX, |most| (most / 2).min(COMPILE_BYTES_MAX))
}

fn refused(what: &str) -> Refusal {
    Refusal::new(Stage::Compile.as_str(), &format!("compiling it {what}"))
}

fn late(what: &str) -> Refusal {
    refused(what).if_late(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A trial in which a shell stands for the compiler.
    fn trial(script: &str) -> Trial {
        Trial {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into()],
            bytes: 5 << 20,
            wall: Duration::from_secs(2),
        }
    }

    #[test]
    fn what_ends_in_order_passes_whatever_was_said() {
        let large = vec![0; 1 << 20];
        for script in ["cat > /dev/null", "cat > /dev/null; exit 1", "exit 0"] {
            assert_eq!(trial(script).run(&large), Ok(()), "{script}");
        }
    }

    #[test]
    fn what_ends_the_compiler_is_refused_and_only_the_wall_clock_and_the_machine_are_late() {
        let table = [
            ("kill -ABRT $$", "more than 5 MiB of memory", false),
            ("kill -XCPU $$", "more than 600 s of a processor", false),
            ("kill -SEGV $$", "ended the compiler: signal: 11", false),
            ("exit 3", "ended the compiler: exit status: 3", false),
            ("exec sleep 60", "took more than 2s", true),
        ];
        for (script, wanted, is_late) in table {
            let refusal = trial(script).run(b"module").expect_err(script);
            assert!(refusal.message.contains(wanted), "{refusal}");
            assert_eq!((refusal.stage, refusal.late), ("compile", is_late));
        }
        let nowhere = Trial {
            program: "/nowhere".into(),
            ..trial("")
        };
        let refusal = nowhere.run(b"module").expect_err("no program");
        assert!(refusal.late, "{refusal}");
    }

    #[test]
    fn it_takes_half_of_what_its_container_may() {
        let half = 256 << 20;
        assert_eq!(bytes_for(Some("536870912\n")), half);
        for unbounded in [None, Some("max\n"), Some("9223372036854771712")] {
            assert_eq!(bytes_for(unbounded), COMPILE_BYTES_MAX);
        }
    }
}
