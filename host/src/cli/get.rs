//! `vmgroup get`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use vmgroup_core::group::GroupKey;
use vmgroup_core::limits::STATUS_MESSAGE_CHARS_MAX;
use vmgroup_reconcile::event::GroupObject;

use crate::files;
use crate::table;
use crate::voice::{EXIT_CODES, Problem, Verdict, hint, print, print_text, say};
use crate::wiring::driver::Clocks;
use crate::wiring::objects::schema;

/// Show groups that are kept in a state folder.
#[derive(Args)]
#[command(after_long_help = format!("\
Examples:
  vmgroup get
  vmgroup get web -o yaml
  vmgroup get -n shop

{EXIT_CODES}
A name that is not there ends in 1."))]
pub(crate) struct Get {
    /// Only these groups.
    names: Vec<String>,
    /// Only groups of this namespace; for names, `default` if left out.
    #[arg(short, long)]
    namespace: Option<String>,
    /// The state folder of `vmgroup run`.
    #[arg(long, value_name = "DIR", default_value = super::STATE)]
    state: PathBuf,
    /// Form of the result.
    #[arg(short, long, value_enum, default_value_t)]
    output: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Form {
    /// Much as `kubectl get vg` shows groups.
    #[default]
    Table,
    /// A list of objects.
    Json,
    /// The same as YAML.
    Yaml,
}

impl Get {
    pub(crate) fn run(self) -> anyhow::Result<Verdict> {
        if !self.state.is_dir() {
            return Err(
                Problem::new(format!("there is no state in `{}`", self.state.display()))
                    .hint("name the state folder of `vmgroup run` with --state")
                    .into(),
            );
        }
        let mut objects = vmgroup_files::list(&self.state, &schema())
            .map_err(|error| files::state_problem(&error))?;
        let mut verdict = Verdict::Fine;
        let namespace = self.namespace.as_deref();
        if self.names.is_empty() {
            objects.retain(|object| namespace.is_none_or(|it| object.key.namespace == it));
        } else {
            let namespace = namespace.unwrap_or("default");
            for name in &self.names {
                let key = GroupKey::new(namespace, name);
                if objects.iter().all(|object| object.key != key) {
                    say(format_args!("error: there is no group {key}"));
                    verdict = Verdict::Failed;
                }
            }
            objects.retain(|object| {
                object.key.namespace == namespace && self.names.contains(&object.key.name)
            });
        }
        match self.output {
            Form::Table if objects.is_empty() && self.names.is_empty() => say("no groups"),
            Form::Table if objects.is_empty() => hint("`vmgroup get` lists all"),
            Form::Table => {
                let now = Clocks::start().now().utc;
                print(table::groups(objects.iter(), now, STATUS_MESSAGE_CHARS_MAX));
            }
            Form::Json => {
                print(serde_json::to_string_pretty(&list(&objects)?)?);
            }
            Form::Yaml => {
                print_text(&serde_saphyr::to_string(&list(&objects)?)?);
            }
        }
        Ok(verdict)
    }
}

fn list(objects: &[GroupObject]) -> anyhow::Result<Vec<Value>> {
    objects.iter().map(value).collect()
}

fn value(object: &GroupObject) -> anyhow::Result<Value> {
    Ok(json!({
        "apiVersion": "vm.codeconnect.vmworld.com/v1alpha1",
        "kind": "VmGroup",
        "metadata": {
            "namespace": object.key.namespace,
            "name": object.key.name,
            "uid": object.uid,
            "generation": object.generation,
            "creationTimestamp": object.created_at.to_rfc3339(),
            "deleting": object.deleting,
            "identity": object.identity,
        },
        "problem": object.spec.as_ref().err(),
        "status": object.status,
    }))
}
