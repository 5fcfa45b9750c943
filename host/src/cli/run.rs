//! `vmgroup run`.

use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use tokio::sync::watch;
use vmgroup_reconcile::machine::{Caps, Config};

#[cfg(feature = "cluster")]
use super::run_cluster::{ClusterFlags, VcenterFlags};
use crate::telemetry::Logging;
use crate::voice::{EXIT_CODES, Problem, Verdict};
use crate::wiring::driver::Vitals;
use crate::wiring::hands::Adapter;
use crate::wiring::operator::{self, Ends, Folders, Start, Watched};

/// Run the operator.
///
/// Groups are VmGroup objects of an API server: the one of the Pod's ServiceAccount, or of a
/// kubeconfig. With --groups they are YAML files in a folder instead, and what an API server would
/// hold is kept in a state folder; a file that is removed deletes nothing, `vmgroup delete` does.
///
/// vCenter's address, user and password are VC_HOST, VC_USER and VC_PASS, from the environment or
/// from files of these names. Files may change while the operator runs.
///
/// Ends on SIGTERM or Ctrl-C; logs out of vCenter and gives up its lease before that.
#[derive(Args)]
#[command(after_long_help = format!("\
Examples:
  vmgroup run --kubeconfig ~/.kube/config
  vmgroup run --groups groups/
  vmgroup run --groups groups/ --vcenter simulated --module my-module.wasm

The simulated vCenter lives as long as the process: VMs that an earlier one made are gone. Give
each try a --state of its own, or the loss of more than five VMs waits for an approval.

{EXIT_CODES}"))]
pub(crate) struct Run {
    /// A folder with groups, in YAML.
    #[arg(long, value_name = "DIR")]
    groups: Option<PathBuf>,
    /// The folder that holds identity, status and a lock.
    #[arg(long, value_name = "DIR", default_value = super::STATE, requires = "groups")]
    state: PathBuf,
    /// Which vCenter to act on; the real one if left out, with --groups only if VC_HOST or a folder
    /// of credentials is there.
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
    #[cfg(feature = "cluster")]
    #[command(flatten)]
    cluster: ClusterFlags,
    #[cfg(feature = "cluster")]
    #[command(flatten)]
    real: VcenterFlags,
    #[command(flatten)]
    caps: CapsFlags,
    #[command(flatten)]
    logging: Logging,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum WhichVcenter {
    /// The one at VC_HOST.
    #[cfg(feature = "cluster")]
    Real,
    /// One in this process, for trying things.
    Simulated,
}

#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Caps")]
struct CapsFlags {
    /// Clones of one template at a time.
    #[arg(long, value_name = "N", default_value_t = Caps::default().clones_per_template, value_parser = at_least_one)]
    clones_per_template: usize,
    /// Clones at a time.
    #[arg(long, value_name = "N", default_value_t = Caps::default().clones, value_parser = at_least_one)]
    clones: usize,
    /// Operations of all kinds at a time.
    #[arg(long, value_name = "N", default_value_t = Caps::default().operations, value_parser = at_least_one)]
    operations: usize,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("with none nothing would ever be done; suspend the groups instead".into()),
        Ok(number) => Ok(number),
        Err(error) => Err(format!("not a number: {error}")),
    }
}

/// Where groups are: the adapter, the name of the replica if it takes part in
/// an election, and what has to live as long as the operator.
struct Objects {
    adapter: Arc<dyn Adapter>,
    replica: Option<String>,
    _watched: Option<Watched>,
}

/// All that an operator begins with.
struct Ready {
    start: Start,
    ends: Ends,
    objects: Objects,
    vcenter: Arc<dyn Adapter>,
    vitals: watch::Sender<Vitals>,
}

impl Run {
    pub(crate) fn run(self) -> anyhow::Result<Verdict> {
        let which = self.which()?;
        self.logging.start()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| Problem::new("failed to start").because(error))?;
        let result = runtime.block_on(self.run_in_runtime(which));
        // A thread that still compiles a module must not hold the process.
        runtime.shutdown_background();
        result.map(|()| Verdict::Fine)
    }

    async fn run_in_runtime(self, which: WhichVcenter) -> anyhow::Result<()> {
        // Whoever asks the process to end is heard from its beginning on.
        let mut stop = pin!(operator::signals()?);
        let ready = tokio::select! {
            ready = self.get_ready(which) => ready?,
            () = &mut stop => return Ok(()),
        };
        let Ready {
            start,
            ends,
            objects,
            vcenter,
            vitals,
        } = ready;
        operator::run(
            start,
            ends,
            Arc::clone(&objects.adapter),
            vcenter,
            vitals,
            stop,
        )
        .await?;
        Ok(())
    }

    async fn get_ready(&self, which: WhichVcenter) -> anyhow::Result<Ready> {
        let ends = Ends::new();
        let objects = self.objects(&ends).await?;
        let vcenter: Arc<dyn Adapter> = match which {
            WhichVcenter::Simulated => {
                tracing::info!("acting on a simulated vCenter, which ends with this process");
                operator::simulate(&ends, &self.template)
            }
            #[cfg(feature = "cluster")]
            WhichVcenter::Real => self.real.open(&ends, self.caps.operations)?,
        };
        let vitals = watch::Sender::new(Vitals::default());
        #[cfg(feature = "cluster")]
        self.cluster
            .serve_health(&ends, &vitals, self.groups.is_none())
            .await?;
        let start = Start {
            config: Config {
                install: self.install.clone(),
                run: operator::made_up_name(),
                replica: objects.replica.clone(),
                caps: Caps {
                    clones_per_template: self.caps.clones_per_template,
                    clones: self.caps.clones,
                    operations: self.caps.operations,
                },
            },
            module: self.module.clone(),
        };
        Ok(Ready {
            start,
            ends,
            objects,
            vcenter,
            vitals,
        })
    }

    async fn objects(&self, ends: &Ends) -> anyhow::Result<Objects> {
        if let Some(groups) = self.groups.clone() {
            let state = self.state.clone();
            let watched = Folders { groups, state }.open(ends)?;
            return Ok(Objects {
                adapter: watched.adapter.clone(),
                replica: None,
                _watched: Some(watched),
            });
        }
        #[cfg(feature = "cluster")]
        return Ok(Objects {
            adapter: self.cluster.open(ends).await?,
            replica: self.cluster.replica(),
            _watched: None,
        });
        #[cfg(not(feature = "cluster"))]
        Err(Problem::new("there are no groups to act on")
            .hint("name a folder with --groups; this program was built without a client for Kubernetes")
            .into())
    }

    fn which(&self) -> Result<WhichVcenter, Problem> {
        if let Some(which) = self.vcenter {
            return Ok(which);
        }
        #[cfg(feature = "cluster")]
        if self.groups.is_none() || self.real.is_there() {
            return Ok(WhichVcenter::Real);
        }
        Err(Problem::new("there is no vCenter to act on")
            .hint("set VC_HOST, VC_USER and VC_PASS, or try it with --vcenter simulated"))
    }
}
