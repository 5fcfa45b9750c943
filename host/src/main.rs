//! `vmgroup`: keeps groups of vSphere VMs the way their VmGroup objects say.

mod cli;

mod voice;

#[cfg(feature = "files")]
mod limits;

mod demo;

#[cfg(feature = "files")]
mod foresight;

mod wiring;

mod files;

mod table;

#[cfg(feature = "files")]
mod telemetry;

fn main() -> std::process::ExitCode {
    cli::main()
}
