//! Running other programs: with a log, with a sign of life, and never for longer than agreed.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::voice::{say, took};

/// How often a running program is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// How often a person, or a CI that ends silent jobs, hears that a program still runs.
const SIGN_OF_LIFE: Duration = Duration::from_secs(30);

/// How much of a log's end is read for its last lines.
const TAIL_BYTES: u64 = 64 * 1024;

/// The cargo that runs this task, so that nested calls use the same toolchain.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
}

/// Is there a program of this name?
pub(crate) fn exists(program: &str) -> bool {
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&on_path).any(|folder| folder.join(program).is_file())
}

/// Runs a program with its output shown, and fails if it does.
pub(crate) fn run_shown(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("failed to start `{}`", line(command)))?;
    if !status.success() {
        bail!("`{}` failed ({status})", line(command));
    }
    Ok(())
}

/// Runs a program and gives its stdout.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("failed to start `{}`", line(command)))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!(
            "`{}` failed ({}): {}",
            line(command),
            output.status,
            said.trim()
        );
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Runs a program with all that it says in `log`; `name` stands before each sign of life.
/// A program that takes longer than `limit` is ended, and that is an error.
pub(crate) fn run_logged(
    name: &str,
    command: &mut Command,
    log: &Path,
    limit: Option<Duration>,
) -> Result<ExitStatus> {
    if let Some(folder) = log.parent() {
        fs::create_dir_all(folder)?;
    }
    let file = File::create(log).with_context(|| format!("failed to write {}", log.display()))?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .spawn()
        .with_context(|| format!("failed to start `{}`", line(command)))?;
    wait(name, &mut child, log, limit)
}

fn wait(name: &str, child: &mut Child, log: &Path, limit: Option<Duration>) -> Result<ExitStatus> {
    let started = Instant::now();
    let mut next_sign = SIGN_OF_LIFE;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        let elapsed = started.elapsed();
        if limit.is_some_and(|limit| elapsed > limit) {
            child.kill()?;
            child.wait()?;
            bail!(
                "{name} was ended after {}: it should have been done",
                took(elapsed)
            );
        }
        if elapsed >= next_sign {
            next_sign = elapsed + SIGN_OF_LIFE;
            let last = last_lines(log, 1).unwrap_or_default();
            say(format_args!(
                "  {name}: {} so far: {}",
                took(elapsed),
                last.trim()
            ));
        }
        thread::sleep(LOOK);
    }
}

/// The last lines of a log, empty lines at its end left out.
pub(crate) fn last_lines(log: &Path, count: usize) -> Result<String> {
    let mut file = File::open(log)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.trim_end().lines().collect();
    Ok(lines[lines.len().saturating_sub(count)..].join("\n"))
}

/// The command as a person would type it.
pub(crate) fn line(command: &Command) -> String {
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or(command.get_program());
    let words: Vec<_> = std::iter::once(program)
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn both_outputs_of_a_program_are_in_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("new/log");
        let mut command = shell("echo one; echo two >&2; echo three; echo; exit 3");
        let status = run_logged("test", &mut command, &log, None).unwrap();
        assert_eq!(status.code(), Some(3));
        assert_eq!(last_lines(&log, 2).unwrap(), "two\nthree");
        assert_eq!(last_lines(&log, 100).unwrap(), "one\ntwo\nthree");
    }

    #[test]
    fn a_program_that_takes_too_long_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let mut command = Command::new("sleep");
        command.arg("600");
        let limit = Some(Duration::from_millis(50));
        let error = run_logged("sleep", &mut command, &log, limit).unwrap_err();
        assert!(
            error.to_string().starts_with("sleep was ended after"),
            "{error}"
        );
    }

    #[test]
    fn a_failed_program_is_named_as_it_would_be_typed() {
        let error = output(&mut shell("echo sorry >&2; exit 4"))
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("`sh -c echo sorry"), "{error}");
        assert!(error.ends_with("sorry"), "{error}");
    }
}
