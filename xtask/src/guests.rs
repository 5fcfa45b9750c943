//! `cargo xtask guests`: Rust crates below `guest/` become WebAssembly components.

mod component;
mod stamp;
mod way;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::voice::{print, say, took};
use crate::workspace::Workspace;
use crate::{Verdict, child};
use stamp::Stamp;
pub(crate) use way::Way;

/// One module that this repository builds.
pub(crate) struct Guest {
    /// Its cargo package.
    pub(crate) package: &'static str,
    /// Its component below `target/guests`.
    pub(crate) output: &'static str,
}

/// Every module there is; whoever adds one adds it here.
pub(crate) const GUESTS: &[Guest] = &[
    Guest {
        package: "vmgroup-default-reconciler",
        output: "default.wasm",
    },
    Guest {
        package: "vmgroup-one-by-one",
        output: "one-by-one.wasm",
    },
    Guest {
        package: "vmgroup-hostile",
        output: "hostile.wasm",
    },
];

const TARGET: &str = "wasm32-unknown-unknown";

/// Its own folder, so that it never waits for the main build nor undoes what that has built.
const BUILD_FOLDER: &str = "guest-build";
const OUTPUT_FOLDER: &str = "guests";

/// Build the WebAssembly components below guest/ into target/guests/*.wasm.
///
/// Does its own set-up, by the first way that works here: the standard library for
/// wasm32-unknown-unknown is installed; `rustup target add` can install it; Debian's packages
/// rustc-web, rust-web-src and lld are there or, for root, can be installed by apt-get. Does
/// nothing when neither the sources nor the compiler have changed. The same sources and compiler
/// give the same bytes in every folder.
#[derive(Args)]
pub(crate) struct Guests {
    /// Build nothing: exit with 1 when target/guests is not what the sources say.
    #[arg(long)]
    check: bool,
    /// How to get the standard library for WebAssembly.
    #[arg(long, value_enum, default_value_t)]
    way: Way,
    /// Build even if nothing has changed.
    #[arg(long, conflicts_with = "check")]
    force: bool,
}

impl Guests {
    pub(crate) fn run(self, workspace: &Workspace) -> Result<Verdict> {
        if !self.check {
            build(workspace, self.way, self.force)?;
            for guest in GUESTS {
                let output = output_folder(workspace).join(guest.output);
                print(workspace.shown(&output));
            }
            return Ok(Verdict::Fine);
        }
        let compiler = way::installed(self.way)?;
        let wanted = compiler
            .map(|compiler| Stamp::of_inputs(workspace, &compiler.identity))
            .transpose()?;
        let found = Stamp::read(&output_folder(workspace));
        if wanted.is_some_and(|wanted| found.is_some_and(|found| found.fits(&wanted))) {
            say("guests: up to date");
            return Ok(Verdict::Fine);
        }
        say("guests: target/guests is not what the sources say\nhint: cargo xtask guests");
        Ok(Verdict::Failed)
    }
}

fn output_folder(workspace: &Workspace) -> PathBuf {
    workspace.target(OUTPUT_FOLDER)
}

/// Builds every guest that is not yet what the sources say.
pub(crate) fn build(workspace: &Workspace, way: Way, force: bool) -> Result<()> {
    let started = Instant::now();
    let compiler = way::prepare(workspace, way)?;
    let folder = output_folder(workspace);
    let mut stamp = Stamp::of_inputs(workspace, &compiler.identity)?;
    if !force && Stamp::read(&folder).is_some_and(|found| found.fits(&stamp)) {
        say(format_args!(
            "guests: up to date ({})",
            took(started.elapsed())
        ));
        return Ok(());
    }

    say(format_args!(
        "guests: building {} modules with {}",
        GUESTS.len(),
        compiler.shown
    ));
    let mut cargo = child::cargo();
    compiler.configure(&mut cargo, workspace)?;
    cargo.current_dir(workspace.root());
    cargo.args([
        "build",
        "--lib",
        "--profile",
        "guest",
        "--target",
        TARGET,
        "--target-dir",
    ]);
    cargo.arg(workspace.target(BUILD_FOLDER));
    for guest in GUESTS {
        cargo.args(["--package", guest.package]);
    }
    child::run_shown(&mut cargo)?;

    let built = workspace.target(BUILD_FOLDER).join(TARGET).join("guest");
    fs::create_dir_all(&folder)?;
    let mut failed = Vec::new();
    for guest in GUESTS {
        let bytes = match encode(guest, &built) {
            Ok(bytes) => bytes,
            Err(error) => {
                say(format_args!("guests: {error:#}"));
                failed.push(guest.output);
                continue;
            }
        };
        stamp.add_output(guest.output, &bytes);
        write_whole(&folder.join(guest.output), &bytes)?;
        let kib = bytes.len().div_ceil(1024);
        say(format_args!(
            "guests: {} {kib} KiB {}",
            guest.output,
            stamp::short_digest(&bytes)
        ));
    }
    ensure!(failed.is_empty(), "failed to build {}", failed.join(", "));
    // Last, so that an interrupted build is never taken for a finished one.
    write_whole(&folder.join(stamp::FILE), stamp.to_text().as_bytes())?;
    say(format_args!("guests: done in {}", took(started.elapsed())));
    Ok(())
}

fn encode(guest: &Guest, built: &Path) -> Result<Vec<u8>> {
    let core = built.join(format!("{}.wasm", guest.package.replace('-', "_")));
    ensure!(
        core.is_file(),
        "package {} built no WebAssembly: it needs `crate-type = [\"cdylib\", \"rlib\"]`",
        guest.package
    );
    let core = fs::read(&core).with_context(|| format!("failed to read {}", core.display()))?;
    component::from_core(&core).with_context(|| format!("{} is no component", guest.package))
}

/// Whoever watches the file sees the old bytes or the new ones, never half of them.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let half = path.with_extension(format!("half-{}", std::process::id()));
    fs::write(&half, bytes).with_context(|| format!("failed to write {}", half.display()))?;
    fs::rename(&half, path).with_context(|| format!("failed to write {}", path.display()))
}
