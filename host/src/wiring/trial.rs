//! A module is compiled in a process of its own first: the compiler's memory and time grow with
//! what it is given, and cannot be bounded from within. What ended there in time and within its
//! memory is compiled again in the operator, where it takes as much.

use std::io::Write as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use vmgroup_engine::Stage;
use vmgroup_modules::{Refusal, Wanted};

use crate::files::chain;
use crate::limits::{COMPILE_BYTES_MAX, COMPILE_CPU, COMPILE_WALL};

/// Between two looks whether it has ended, or is not wanted any more: nobody notices less.
const LOOK: Duration = Duration::from_millis(20);

/// Whether the compiler comes to an end with the bytes, and leaves the rest alone. What it says
/// of them is not asked here.
pub(crate) fn try_to_compile(module: &[u8], wanted: Wanted<'_>) -> Result<(), Refusal> {
    let bytes = bytes_for(Path::new("/sys/fs/cgroup"));
    let mut command = Command::new(this_program().map_err(|error| untried(&error))?);
    command.arg0("vmgroup").arg("compile-trial").args([
        format!("--bytes={bytes}"),
        format!("--cpu={}", COMPILE_CPU.as_secs()),
        format!("--parent={}", std::process::id()),
    ]);
    match run(command, module, COMPILE_WALL, wanted) {
        Ok(Ended::Alone(status)) => judge(status, bytes),
        Ok(Ended::TooLate) => {
            Err(refused(&format!("took more than {COMPILE_WALL:?}")).if_late(true))
        }
        Ok(Ended::Unwanted) => Err(refused("was given up").if_late(true)),
        Err(error) => Err(untried(&error)),
    }
}

/// This very program, even if its file has been replaced since it was started.
fn this_program() -> std::io::Result<PathBuf> {
    let running = Path::new("/proc/self/exe");
    match running.exists() {
        true => Ok(running.into()),
        false => std::env::current_exe(),
    }
}

/// How the process came to its end.
enum Ended {
    /// By itself, or by a bound that it has.
    Alone(ExitStatus),
    /// It was ended when its time was over.
    TooLate,
    /// It was ended when nobody asked for the module any more.
    Unwanted,
}

fn run(
    mut command: Command,
    module: &[u8],
    wall: Duration,
    wanted: Wanted<'_>,
) -> std::io::Result<Ended> {
    let begun = Instant::now();
    let mut child = command
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let pipe = child.stdin.take();
    std::thread::scope(|scope| {
        // It may take its time to read, or end without having read all.
        let write = move || pipe.map(|mut pipe| pipe.write_all(module));
        let writer = std::thread::Builder::new().spawn_scoped(scope, write);
        let ended = writer.and_then(|_| wait(&mut child, begun + wall, wanted));
        if !matches!(ended, Ok(Ended::Alone(_))) {
            // Whatever this says, the writer may not wait any longer.
            let _ = child.kill();
            let _ = child.wait();
        }
        ended
    })
}

fn wait(child: &mut Child, end: Instant, wanted: Wanted<'_>) -> std::io::Result<Ended> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Ended::Alone(status));
        }
        if Instant::now() > end {
            return Ok(Ended::TooLate);
        }
        if !wanted() {
            return Ok(Ended::Unwanted);
        }
        std::thread::sleep(LOOK);
    }
}

fn judge(status: ExitStatus, bytes: u64) -> Result<(), Refusal> {
    let mib = bytes >> 20;
    match (
        status.code(),
        status.signal().and_then(Signal::from_named_raw),
    ) {
        (Some(0 | 1), _) => Ok(()),
        (_, Some(Signal::XCPU)) => {
            let seconds = COMPILE_CPU.as_secs();
            Err(refused(&format!(
                "takes more than {seconds} s of a processor; make it smaller"
            )))
        }
        // Another time the operator may use less of what its container has.
        (_, Some(Signal::ABORT)) => Err(refused(&format!(
            "takes more than {mib} MiB of memory, or nests too deeply; make its functions smaller, \
             or give the operator's container more memory"
        ))
        .if_late(bytes < COMPILE_BYTES_MAX)),
        (_, Some(Signal::SEGV | Signal::BUS | Signal::ILL | Signal::FPE | Signal::TRAP)) => {
            Err(refused(&format!("ended the compiler: {status}")))
        }
        // By somebody, or by a machine that has no memory to spare.
        (None, _) => Err(refused(&format!("was ended from outside: {status}")).if_late(true)),
        (Some(_), _) => Err(refused(&format!("could not be tried: {status}")).if_late(true)),
    }
}

/// The bytes that compiling may take: in a container half of what it has left beside this
/// process, which compiles the module afterwards.
fn bytes_for(container: &Path) -> u64 {
    let read = |name: &str| std::fs::read_to_string(container.join(name)).ok();
    let most = read("memory.max").and_then(|text| text.trim().parse::<u64>().ok());
    let used = read("memory.stat").and_then(|text| {
        let anonymous = text.lines().find_map(|line| line.strip_prefix("anon "))?;
        anonymous.trim().parse::<u64>().ok()
    });
    most.map_or(COMPILE_BYTES_MAX, |most| {
        (most.saturating_sub(used.unwrap_or(0)) / 2).min(COMPILE_BYTES_MAX)
    })
}

fn untried(error: &std::io::Error) -> Refusal {
    refused(&format!("could not be tried: {}", chain(error))).if_late(true)
}

fn refused(what: &str) -> Refusal {
    Refusal::new(Stage::Compile.as_str(), &format!("compiling it {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WALL: Duration = Duration::from_secs(2);

    /// What is said of a trial in which a shell stands for the compiler.
    fn tried(script: &str, module: &[u8]) -> Result<(), Refusal> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        match run(command, module, WALL, &|| true) {
            Ok(Ended::Alone(status)) => judge(status, 5 << 20),
            Ok(Ended::TooLate) => Err(refused("took too long").if_late(true)),
            Ok(Ended::Unwanted) => unreachable!("it is wanted"),
            Err(error) => Err(untried(&error)),
        }
    }

    #[test]
    fn what_ends_in_order_passes_whatever_was_said() {
        let large = vec![0; 1 << 20];
        for script in ["cat > /dev/null", "cat > /dev/null; exit 1", "exit 0"] {
            assert_eq!(tried(script, &large), Ok(()), "{script}");
        }
    }

    #[test]
    fn what_ends_the_compiler_is_refused_and_what_others_end_is_late() {
        let table = [
            ("kill -ABRT $$", "more than 5 MiB of memory", true),
            ("kill -XCPU $$", "more than 600 s of a processor", false),
            ("kill -SEGV $$", "ended the compiler: signal: 11", false),
            ("kill -KILL $$", "ended from outside", true),
            ("kill -TERM $$", "ended from outside", true),
            ("exit 2", "could not be tried: exit status: 2", true),
            ("exec sleep 60", "took too long", true),
        ];
        let more_than_a_pipe_holds = vec![0; 1 << 20];
        for (script, wanted, is_late) in table {
            let refusal = tried(script, &more_than_a_pipe_holds).expect_err(script);
            assert!(refusal.message.contains(wanted), "{refusal}");
            assert_eq!((refusal.stage, refusal.late), ("compile", is_late));
        }
    }

    #[test]
    fn what_is_not_wanted_any_more_is_given_up() {
        let begun = Instant::now();
        let wanted = || begun.elapsed() < LOOK;
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "exec sleep 60"]);
        let ended = run(command, &[], 10 * WALL, &wanted);
        assert!(matches!(ended, Ok(Ended::Unwanted)));
        assert!(begun.elapsed() < 5 * WALL);
    }

    #[test]
    fn it_takes_half_of_what_its_container_has_left() {
        let container = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            std::fs::write(container.path().join(name), text).expect("written");
        };
        assert_eq!(bytes_for(container.path()), COMPILE_BYTES_MAX);
        write("memory.max", "536870912\n");
        write("memory.stat", "anon 134217728\nfile 400000000\n");
        assert_eq!(bytes_for(container.path()), 192 << 20);
        for unbounded in ["max\n", "9223372036854771712"] {
            write("memory.max", unbounded);
            assert_eq!(bytes_for(container.path()), COMPILE_BYTES_MAX);
        }
    }
}
