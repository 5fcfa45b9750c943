//! `vmgroup delete`.

use std::path::PathBuf;

use clap::Args;
use vmgroup_core::group::GroupKey;
use vmgroup_files::{Asked, FilesError, request_deletion};

use crate::files;
use crate::voice::{EXIT_CODES, Problem, Verdict, hint, print, report};

/// Ask for the deletion of groups that are kept in a state folder.
///
/// The operator that runs on that state deletes their VMs, then their folders, then what it knows
/// of them.
#[derive(Args)]
#[command(after_long_help = format!("\
Examples:
  vmgroup delete web
  vmgroup delete web db -n production --state /var/lib/vmgroup

{EXIT_CODES}
A name that is not there ends in 1."))]
pub(crate) struct Delete {
    /// The groups.
    #[arg(required = true)]
    names: Vec<String>,
    /// Namespace of the names.
    #[arg(short, long, default_value = "default")]
    namespace: String,
    /// The state folder of `vmgroup run`.
    #[arg(long, value_name = "DIR", default_value = super::STATE)]
    state: PathBuf,
}

impl Delete {
    pub(crate) fn run(self) -> anyhow::Result<Verdict> {
        if !self.state.is_dir() {
            return Err(
                Problem::new(format!("there is no state in `{}`", self.state.display()))
                    .hint("name the state folder of `vmgroup run` with --state")
                    .into(),
            );
        }
        let mut verdict = Verdict::Fine;
        let mut waits = false;
        for name in &self.names {
            let key = GroupKey::new(&self.namespace, name);
            match request_deletion(&self.state, &key) {
                Ok(asked) => {
                    waits |= asked == Asked::WhenOneRuns;
                    print(format_args!("{key}: deletion is asked for"));
                }
                Err(error @ FilesError::NoSuchGroup { .. }) => {
                    report(&files::state_problem(&error).into());
                    verdict = Verdict::Failed;
                }
                Err(error) => return Err(files::state_problem(&error).into()),
            }
        }
        if waits {
            hint("no operator runs on that state: it begins when `vmgroup run` does");
        }
        Ok(verdict)
    }
}
