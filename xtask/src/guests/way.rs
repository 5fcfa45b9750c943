//! Which compiler builds for WebAssembly here, and with which settings.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::ValueEnum;

use super::{BUILD_FOLDER, TARGET};
use crate::child;
use crate::voice::say;
use crate::workspace::Workspace;

/// Where Debian's packages put their compiler, whatever stands first on PATH.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_PACKAGES: [&str; 3] = ["rustc-web", "rust-web-src", "lld"];
/// The sources of this repository need it; Debian's package `rustc` is older.
const OLDEST_MINOR: u32 = 95;

/// A download that takes longer does not get through.
const RUSTUP_LIMIT: Duration = Duration::from_secs(180);
const APT_LIMIT: Duration = Duration::from_secs(600);

/// How to get the standard library for WebAssembly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Way {
    /// The first of the others that works
    #[default]
    Auto,
    /// As the active toolchain has it
    Installed,
    /// By `rustup target add`
    Rustup,
    /// By Debian's rustc-web, rust-web-src and lld, installed by apt-get when root
    Debian,
}

/// A compiler that can build for WebAssembly.
pub(super) struct Compiler {
    rustc: PathBuf,
    sysroot: PathBuf,
    builds_std: bool,
    /// What a person reads.
    pub(super) shown: String,
    /// Changes when the bytes of a build may change.
    pub(super) identity: String,
}

/// The compiler that is ready without any set-up, if there is one.
pub(super) fn installed(way: Way) -> Result<Option<Compiler>> {
    let active = active_toolchain;
    match way {
        Way::Installed | Way::Rustup => active(),
        Way::Debian => debian(),
        Way::Auto => Ok(match active()? {
            Some(compiler) => Some(compiler),
            None => debian()?,
        }),
    }
}

/// Finds a compiler, and sets it up where that is possible.
pub(super) fn prepare(workspace: &Workspace, way: Way) -> Result<Compiler> {
    // A ready compiler is taken before anything is downloaded, except that the active toolchain
    // is worth one download: it is the one that everything else is built with.
    if matches!(way, Way::Auto | Way::Installed | Way::Rustup)
        && let Some(compiler) = active_toolchain()?
    {
        return Ok(compiler);
    }
    if matches!(way, Way::Auto | Way::Rustup)
        && add_target(workspace)
        && let Some(compiler) = active_toolchain()?
    {
        return Ok(compiler);
    }
    if matches!(way, Way::Auto | Way::Debian) {
        if let Some(compiler) = debian()? {
            return Ok(compiler);
        }
        if install_debian_packages(workspace)
            && let Some(compiler) = debian()?
        {
            return Ok(compiler);
        }
    }
    bail!(
        "no compiler for {TARGET} here\n\
         hint: `rustup target add {TARGET}`, or on Debian, as root, `apt-get install {}`",
        DEBIAN_PACKAGES.join(" ")
    )
}

/// The toolchain that builds everything else, if it has the standard library.
fn active_toolchain() -> Result<Option<Compiler>> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc"));
    let ask = |arguments: &[&str]| child::output(Command::new(&rustc).args(arguments));
    let folder = PathBuf::from(ask(&["--print", "target-libdir", "--target", TARGET])?.trim());
    if !has_core_library(&folder) {
        return Ok(None);
    }
    let version = ask(&["-vV"])?;
    Ok(Some(Compiler {
        sysroot: PathBuf::from(ask(&["--print", "sysroot"])?.trim()),
        rustc: PathBuf::from(&rustc),
        builds_std: false,
        shown: first_line(&version),
        identity: format!("installed\n{version}"),
    }))
}

/// rustup may leave empty folders behind; a library is what counts.
fn has_core_library(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| {
        entries.any(|entry| {
            entry.is_ok_and(|entry| {
                let name = entry.file_name();
                let name = name.to_string_lossy();
                name.starts_with("libcore-") && name.ends_with(".rlib")
            })
        })
    })
}

/// Debian's compiler, if it is new enough and the sources of its standard library are there.
fn debian() -> Result<Option<Compiler>> {
    let rustc = Path::new(DEBIAN_RUSTC);
    if !rustc.is_file() || !child::exists("wasm-ld") {
        return Ok(None);
    }
    let ask = |arguments: &[&str]| child::output(Command::new(rustc).args(arguments));
    let version = ask(&["-vV"])?;
    let sysroot = PathBuf::from(ask(&["--print", "sysroot"])?.trim());
    let sources = sysroot.join("lib/rustlib/src/rust/library/Cargo.lock");
    if minor(&version).is_none_or(|minor| minor < OLDEST_MINOR) || !sources.is_file() {
        return Ok(None);
    }
    Ok(Some(Compiler {
        rustc: rustc.to_path_buf(),
        sysroot,
        builds_std: true,
        shown: format!(
            "Debian's {}, and its standard library from source",
            first_line(&version)
        ),
        identity: format!("debian\n{version}"),
    }))
}

fn add_target(workspace: &Workspace) -> bool {
    if !child::exists("rustup") {
        return false;
    }
    say(format_args!("guests: rustup target add {TARGET}"));
    let mut rustup = Command::new("rustup");
    rustup
        .args(["target", "add", TARGET])
        .current_dir(workspace.root());
    succeeds(workspace, "rustup", &mut rustup, RUSTUP_LIMIT)
}

fn install_debian_packages(workspace: &Workspace) -> bool {
    if !child::exists("apt-get") || !is_root() {
        return false;
    }
    let packages = DEBIAN_PACKAGES.join(" ");
    say(format_args!(
        "guests: apt-get update && apt-get install -y {packages}"
    ));
    let mut update = Command::new("apt-get");
    update.arg("update");
    let mut install = Command::new("apt-get");
    install
        .args(["install", "-y", "--no-install-recommends"])
        .args(DEBIAN_PACKAGES);
    install.env("DEBIAN_FRONTEND", "noninteractive");
    // An index that is only partly refreshed often is enough, so the installation decides.
    succeeds(workspace, "apt-update", &mut update, APT_LIMIT);
    succeeds(workspace, "apt-install", &mut install, APT_LIMIT)
}

fn is_root() -> bool {
    child::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

/// One way that does not work is no error: there are others. But it is said.
fn succeeds(workspace: &Workspace, name: &str, command: &mut Command, limit: Duration) -> bool {
    let log = workspace.target(BUILD_FOLDER).join(format!("{name}.log"));
    let why = match child::run_logged(name, command, &log, Some(limit)) {
        Ok(status) if status.success() => return true,
        Ok(_) => child::last_lines(&log, 3).unwrap_or_default(),
        Err(error) => format!("{error:#}"),
    };
    say(format_args!("guests: that did not work: {why}"));
    false
}

impl Compiler {
    /// Makes a call of cargo build with this compiler and nothing of this machine in the result.
    pub(super) fn configure(&self, cargo: &mut Command, workspace: &Workspace) -> Result<()> {
        let flags = self.hidden_paths(workspace)?;
        cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
        for setting in [
            "RUSTFLAGS",
            "RUSTC_WRAPPER",
            "RUSTC_WORKSPACE_WRAPPER",
            "CARGO_TARGET_DIR",
        ] {
            cargo.env_remove(setting);
        }
        cargo.env("RUSTC", &self.rustc);
        if self.builds_std {
            cargo.env("RUSTC_BOOTSTRAP", "1");
            cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "wasm-ld");
            cargo.arg("-Zbuild-std=std,panic_abort");
        }
        Ok(())
    }

    /// Source paths end up in panic messages: those of this machine are replaced by fixed ones.
    fn hidden_paths(&self, workspace: &Workspace) -> Result<Vec<String>> {
        let mut pairs = vec![
            (workspace.root().to_path_buf(), "/vmgroup"),
            (self.sysroot.join("lib/rustlib/src/rust"), "/rust"),
        ];
        // The name of a registry's folder depends on where it is mirrored.
        let registries = cargo_home().join("registry/src");
        if let Ok(entries) = fs::read_dir(registries) {
            for entry in entries {
                pairs.push((entry?.path(), "/registry"));
            }
        }
        let flag = |(path, name): &(PathBuf, &str)| {
            format!("--remap-path-prefix={}={name}", path.display())
        };
        Ok(pairs.iter().map(flag).collect())
    }
}

fn cargo_home() -> PathBuf {
    let home = || env::home_dir().unwrap_or_default().join(".cargo");
    env::var_os("CARGO_HOME").map_or_else(home, PathBuf::from)
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// The 95 of `rustc 1.95.0 (…)`.
fn minor(version: &str) -> Option<u32> {
    version
        .split_whitespace()
        .nth(1)?
        .split('.')
        .nth(1)?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minor_version_of_a_compiler_is_read() {
        assert_eq!(
            minor("rustc 1.96.0 (ac68faa20 2026-05-25) (built from a tarball)"),
            Some(96)
        );
        assert_eq!(minor("rustc 1.63.0\nbinary: rustc"), Some(63));
        assert_eq!(minor(""), None);
    }

    #[test]
    fn a_folder_without_a_library_is_no_standard_library() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        assert!(!has_core_library(&folder.path().join("missing")));
        assert!(!has_core_library(folder.path()));
        fs::write(folder.path().join("libcore-0123.rlib"), "").expect("a writable folder");
        assert!(has_core_library(folder.path()));
    }
}
