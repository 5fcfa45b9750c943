//! `vmgroup`: keeps groups of vSphere VMs the way their VmGroup objects say.

mod cli;

mod voice;

mod demo;

mod table;

mod builtin;

mod files;

mod wiring;

fn main() -> std::process::ExitCode {
    cli::main()
}
