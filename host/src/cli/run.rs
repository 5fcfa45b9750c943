//! `vmgroup run`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use vmgroup_reconcile::machine::{Caps, Config};

use crate::telemetry::Logging;
use crate::voice::{EXIT_CODES, Problem, Verdict, say};
use crate::wiring::driver::Vitals;
use crate::wiring::operator::{self, Ends, Folders, Start};

/// Run the operator.
///
/// With --groups, groups are VmGroup objects in YAML files in a folder, and what an API server
/// would hold is kept in a state folder. A file that is removed deletes nothing; `vmgroup delete`
/// does. Ends on SIGTERM or Ctrl-C, logs out of vCenter and gives up its lease before that.
#[derive(Args)]
#[command(after_long_help = format!("\
Examples:
  vmgroup run --groups groups/ --vcenter simulated
  vmgroup run --groups groups/ --vcenter simulated --module my-module.wasm

The simulated vCenter lives as long as the process: VMs that an earlier one made are gone, and
are made anew.

{EXIT_CODES}"))]
pub(crate) struct Run {
    /// A folder with groups, in YAML.
    #[arg(long, value_name = "DIR")]
    groups: Option<PathBuf>,
    /// The folder that holds identity, status and a lock.
    #[arg(long, value_name = "DIR", default_value = super::STATE, requires = "groups")]
    state: PathBuf,
    /// Which vCenter to act on.
    #[arg(long, value_enum)]
    vcenter: Option<WhichVcenter>,
    /// Templates in the simulated vCenter.
    #[arg(long, value_name = "NAME", default_value = "vm-operator-template")]
    template: Vec<String>,
    /// The module that decides; the built-in one if left out. The file is watched: a new module is
    /// taken in live, a bad one is refused and the last good one goes on.
    #[arg(long, value_name = "FILE")]
    module: Option<PathBuf>,
    /// Name of this installation. It is part of every VM's marker: keep it.
    #[arg(long, value_name = "NAME", default_value = "vmgroup")]
    install: String,
    #[command(flatten)]
    caps: CapsFlags,
    #[command(flatten)]
    logging: Logging,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum WhichVcenter {
    /// One in this process, for trying things.
    Simulated,
}

#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Caps")]
struct CapsFlags {
    /// Clones of one template at a time.
    #[arg(long, value_name = "N", default_value_t = Caps::default().clones_per_template)]
    clones_per_template: usize,
    /// Clones at a time.
    #[arg(long, value_name = "N", default_value_t = Caps::default().clones)]
    clones: usize,
    /// Operations of all kinds at a time.
    #[arg(long, value_name = "N", default_value_t = Caps::default().operations)]
    operations: usize,
}

impl Run {
    pub(crate) fn run(self) -> anyhow::Result<Verdict> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| Problem::new("failed to start").because(error))?;
        runtime.block_on(self.run_in_runtime())
    }

    async fn run_in_runtime(self) -> anyhow::Result<Verdict> {
        let Some(groups) = self.groups.clone() else {
            return Err(Problem::new("there is nothing to run on")
                .hint("name a folder with --groups")
                .into());
        };
        if self.vcenter.is_none() {
            return Err(Problem::new("there is no vCenter to act on")
                .hint("try it with --vcenter simulated")
                .into());
        }
        self.logging.start()?;
        let ends = Ends::new();
        let folders = Folders { groups, state: self.state.clone() };
        let watched = folders.open(&ends)?;
        say(format_args!(
            "vmgroup: acting on a simulated vCenter, which ends with this process; state in {}",
            self.state.display()
        ));
        let vcenter = operator::simulate(&ends, &self.template);
        let (seen, _) = tokio::sync::watch::channel(Vitals::default());
        let objects = Arc::clone(&watched.adapter);
        operator::run(self.start(None), ends, objects, vcenter, seen).await?;
        Ok(Verdict::Fine)
    }

    fn start(&self, replica: Option<String>) -> Start {
        Start {
            config: Config {
                install: self.install.clone(),
                replica,
                caps: Caps {
                    clones_per_template: self.caps.clones_per_template.max(1),
                    clones: self.caps.clones.max(1),
                    operations: self.caps.operations.max(1),
                },
            },
            module: self.module.clone(),
        }
    }
}
