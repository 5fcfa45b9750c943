//! `vmgroup completions`.

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use super::Cli;
use crate::voice::{Verdict, print_text};

/// Print the completions of a shell.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  source <(vmgroup completions bash)
  vmgroup completions fish > ~/.config/fish/completions/vmgroup.fish")]
pub(crate) struct Completions {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self) -> anyhow::Result<Verdict> {
        let mut script = Vec::new();
        generate(self.shell, &mut Cli::command(), "vmgroup", &mut script);
        print_text(&String::from_utf8(script)?);
        Ok(Verdict::Fine)
    }
}
