//! `vmgroup crd`.

use clap::Args;

use crate::voice::{Verdict, print_text};

/// Print the CustomResourceDefinitions as YAML.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  vmgroup crd | kubectl apply -f -")]
pub(crate) struct Crd {}

impl Crd {
    #[expect(clippy::unused_self, reason = "every command runs alike")]
    pub(crate) fn run(self) -> anyhow::Result<Verdict> {
        for crd in vmgroup_api::crds() {
            print_text("---\n");
            print_text(&vmgroup_api::crd_yaml(&crd)?);
        }
        Ok(Verdict::Fine)
    }
}
