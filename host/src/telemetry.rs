//! Logs: a constant message, and the particulars as fields.

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;
use vmgroup_reconcile::request::Note;

use crate::voice::Problem;

/// How the program logs.
#[derive(Debug, Clone, Args)]
pub(crate) struct Logging {
    /// Form of the log, on stderr.
    #[arg(
        long,
        value_enum,
        default_value_t,
        env = "VMGROUP_LOG_FORMAT",
        help_heading = "Logging"
    )]
    log_format: Format,
    /// What is logged, such as `info` or `warn,vmgroup_vcenter=debug`.
    ///
    /// Lost answers are told by the operator itself, as warnings; the client's own lines about
    /// them would call each an error.
    #[arg(
        long,
        value_name = "FILTER",
        default_value = "info,kube_client::client::builder=off",
        env = "VMGROUP_LOG",
        help_heading = "Logging"
    )]
    log: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Format {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl Logging {
    /// Logs from here on.
    pub(crate) fn start(&self) -> Result<(), Problem> {
        let filter = EnvFilter::try_new(&self.log).map_err(|error| {
            Problem::new(format!(
                "failed to understand the log filter `{}`",
                self.log
            ))
            .because(error)
            .hint("write a level, or target=level pairs with commas between")
        })?;
        let builder = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .with_ansi(crate::voice::in_colour_on_stderr());
        let started = match self.log_format {
            Format::Text => builder.try_init(),
            Format::Json => builder.json().flatten_event(true).try_init(),
        };
        started.map_err(|error| Problem::new(format!("failed to begin to log: {error}")))
    }
}

/// Where the machine's own lines come from, for filters.
const TARGET: &str = "vmgroup_reconcile";

/// A line of the machine's own story.
pub(crate) fn note(note: &Note) {
    let group = note.group.as_ref().map(tracing::field::display);
    let detail = Some(note.detail.as_str()).filter(|detail| !detail.is_empty());
    if note.warning {
        tracing::warn!(target: TARGET, group, detail, "{}", note.what);
    } else {
        tracing::info!(target: TARGET, group, detail, "{}", note.what);
    }
}
