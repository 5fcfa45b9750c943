//! The stages, in the order in which they are run: what fails soonest comes first.

use std::path::Path;
use std::process::Command;

use crate::child;

/// One stage of `cargo xtask test`.
pub(super) struct Stage {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    runner: Runner,
    arguments: &'static [&'static str],
    pub(super) counting: Counting,
    /// Programs without which it cannot be run.
    pub(super) tools: &'static [Tool],
    /// Stages whose failure makes its own result meaningless.
    pub(super) after: &'static [&'static str],
}

#[derive(Clone, Copy)]
enum Runner {
    Cargo,
    Xtask,
}

/// What a stage adds to the sum.
#[derive(Clone, Copy)]
pub(super) enum Counting {
    /// The stage itself is one check.
    Stage,
    /// Each test that it runs.
    Tests,
}

/// A program that is not part of every machine.
pub(super) struct Tool {
    pub(super) program: &'static str,
    pub(super) hint: &'static str,
}

const FMT: Tool = Tool {
    program: "rustfmt",
    hint: "rustup component add rustfmt",
};
const CLIPPY: Tool = Tool {
    program: "cargo-clippy",
    hint: "rustup component add clippy",
};
const GO: Tool = Tool {
    program: "go",
    hint: "install Go 1.25 or newer from https://go.dev/dl",
};

const LIGHT: &[&str] = &["check", "--package", "vmgroup", "--no-default-features"];
const CLIPPY_ARGUMENTS: &[&str] = &[
    "clippy",
    "--workspace",
    "--all-targets",
    "--",
    "--deny",
    "warnings",
];
const SCOPES: &[&str] = &["run", "--release", "--package", "vmgroup-scopes"];
const SCHEDULES: &[&str] = &[
    "run",
    "--release",
    "--package",
    "vmgroup-prove",
    "--no-default-features",
    "--bin",
    "vmgroup-prove",
    "--",
    "--count=100000",
    "--failures=100",
];
const FLAWS: &[&str] = &[
    "run",
    "--release",
    "--package",
    "vmgroup-prove",
    "--no-default-features",
    "--bin",
    "flaws",
];
/// All but the crates whose tests start the rig.
const UNIT: &[&str] = &[
    "test",
    "--workspace",
    "--no-fail-fast",
    "--exclude",
    "vmgroup-e2e",
    "--exclude",
    "vmgroup-faults",
    "--exclude",
    "vmgroup-honest",
    "--exclude",
    "vmgroup-rig",
];
const E2E: &[&str] = &[
    "test",
    "--no-fail-fast",
    "--package",
    "vmgroup-rig",
    "--package",
    "vmgroup-faults",
    "--package",
    "vmgroup-honest",
    "--package",
    "vmgroup-e2e",
];

pub(super) const STAGES: &[Stage] = &[
    Stage {
        name: "fmt",
        about: "every source is formatted",
        runner: Runner::Cargo,
        arguments: &["fmt", "--all", "--check", "--", "--color", "never"],
        counting: Counting::Stage,
        tools: &[FMT],
        after: &[],
    },
    Stage {
        name: "guests",
        about: "the WebAssembly modules are built",
        runner: Runner::Xtask,
        arguments: &["guests"],
        counting: Counting::Stage,
        tools: &[],
        after: &[],
    },
    Stage {
        name: "clippy",
        about: "no lint fires, warnings included",
        runner: Runner::Cargo,
        arguments: CLIPPY_ARGUMENTS,
        counting: Counting::Stage,
        tools: &[CLIPPY],
        after: &["guests"],
    },
    Stage {
        name: "tidy",
        about: "directions, sizes, links, names, generated files",
        runner: Runner::Xtask,
        arguments: &["tidy"],
        counting: Counting::Stage,
        tools: &[],
        after: &[],
    },
    Stage {
        name: "light",
        about: "the operator compiles without a Kubernetes client",
        runner: Runner::Cargo,
        arguments: LIGHT,
        counting: Counting::Stage,
        tools: &[],
        after: &["guests"],
    },
    Stage {
        name: "unit",
        about: "tests without a cluster: tables, cases, hostile modules, simulation",
        runner: Runner::Cargo,
        arguments: UNIT,
        counting: Counting::Tests,
        tools: &[],
        after: &["guests"],
    },
    Stage {
        name: "schedules",
        about: "a hundred thousand drawn schedules break no oracle",
        runner: Runner::Cargo,
        arguments: SCHEDULES,
        counting: Counting::Stage,
        tools: &[],
        after: &[],
    },
    Stage {
        name: "flaws",
        about: "operators that are wrong in one way each are caught",
        runner: Runner::Cargo,
        arguments: FLAWS,
        counting: Counting::Stage,
        tools: &[],
        after: &[],
    },
    Stage {
        name: "scopes",
        about: "small worlds are searched exhaustively, planted flaws are found",
        runner: Runner::Cargo,
        arguments: SCOPES,
        counting: Counting::Stage,
        tools: &[],
        after: &[],
    },
    Stage {
        name: "rig",
        about: "etcd, kube-apiserver, kubectl and the vCenter simulator are built",
        runner: Runner::Xtask,
        arguments: &["rig", "build"],
        counting: Counting::Stage,
        tools: &[GO],
        after: &[],
    },
    Stage {
        name: "e2e",
        about: "API-server and end-to-end tests on the rig, kill points",
        runner: Runner::Cargo,
        arguments: E2E,
        counting: Counting::Tests,
        tools: &[GO],
        after: &["guests", "rig"],
    },
];

impl Stage {
    pub(super) fn command(&self, xtask: &Path) -> Command {
        let mut command = match self.runner {
            Runner::Cargo => child::cargo(),
            Runner::Xtask => Command::new(xtask),
        };
        command.args(self.arguments);
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_waits_only_for_stages_before_it() {
        for (position, stage) in STAGES.iter().enumerate() {
            for name in stage.after {
                let earlier = STAGES[..position]
                    .iter()
                    .any(|earlier| earlier.name == *name);
                assert!(earlier, "{} waits for {name}", stage.name);
            }
        }
    }
}
