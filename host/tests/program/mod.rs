//! The built program as people start it.
#![allow(dead_code, unreachable_pub, reason = "no test uses all of it")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a run left.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub talk: String,
}

/// A command with no credentials and no logging wishes in its environment.
pub fn vmgroup(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vmgroup"));
    command.args(arguments);
    for name in [
        "VC_HOST",
        "VC_USER",
        "VC_PASS",
        "VMGROUP_LOG",
        "VMGROUP_LOG_FORMAT",
    ] {
        command.env_remove(name);
    }
    command
}

/// Runs it to its end.
pub fn run(arguments: &[&str]) -> Ran {
    run_with(arguments, "")
}

/// Runs it to its end; `typed` is what stands on its stdin.
pub fn run_with(arguments: &[&str], typed: impl AsRef<[u8]>) -> Ran {
    let mut child = vmgroup(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("vmgroup starts");
    let mut stdin = child.stdin.take().expect("its stdin");
    // A command that reads nothing may have ended already.
    let _ = stdin.write_all(typed.as_ref());
    drop(stdin);
    let output = child.wait_with_output().expect("vmgroup ends");
    Ran {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("UTF-8 on stdout"),
        talk: String::from_utf8(output.stderr).expect("UTF-8 on stderr"),
    }
}

/// A file of this repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Its path as an argument.
pub fn argument(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// Writes a file into a folder of the test's own.
pub fn write(folder: &Path, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("a file can be written");
    path
}
