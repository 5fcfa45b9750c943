//! `vmgroup module`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use vmgroup_core::plan::Description;
use vmgroup_core::text::one_line;
use vmgroup_engine::{Engine, Inspection, Item, Kind, Limits, LoadError, inspect};

use crate::files;
use crate::voice::{EXIT_CODES, Verdict, hint, print};

/// Look into modules.
#[derive(Args)]
pub(crate) struct Module {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Inspect(Inspect),
}

impl Module {
    pub(crate) fn run(self) -> anyhow::Result<Verdict> {
        match self.command {
            Command::Inspect(inspect) => inspect.run(),
        }
    }
}

/// Say what a file is, what it needs, and whether the engine would load it.
///
/// The operator also asks it the law cases before it takes it in: try them with `vmgroup test`.
///
/// Nothing in the file is trusted: it is read first, and asked who it is only in the sandbox, with
/// the limits of every call.
#[derive(Args)]
#[command(after_long_help = format!("\
Examples:
  vmgroup module inspect target/guests/one-by-one.wasm
  vmgroup module inspect my-module.wasm -o json

{EXIT_CODES}
A module that would be refused ends in 1."))]
struct Inspect {
    /// A WebAssembly component, or what claims to be one.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Form of the result.
    #[arg(short, long, value_enum, default_value_t)]
    output: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Form {
    /// Lines for people.
    #[default]
    Text,
    /// One object.
    Json,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    file: String,
    #[serde(flatten)]
    inspection: &'a Inspection,
    accepted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a Description>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<Refusal<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Refusal<'a> {
    stage: &'a str,
    class: &'a str,
    problem: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

impl Inspect {
    fn run(self) -> anyhow::Result<Verdict> {
        let bytes = files::bytes(&self.file)?;
        let inspection = inspect(&bytes);
        let loaded = Engine::new(Limits::default()).load(&bytes);
        let report = Report {
            file: self.file.display().to_string(),
            inspection: &inspection,
            accepted: loaded.is_ok(),
            description: loaded
                .as_ref()
                .ok()
                .map(vmgroup_engine::Module::description),
            refusal: loaded.as_ref().err().map(refusal),
        };
        match self.output {
            Form::Text => tell(&report),
            Form::Json => {
                print(serde_json::to_string_pretty(&report)?);
            }
        }
        Ok(if report.accepted {
            Verdict::Fine
        } else {
            Verdict::Failed
        })
    }
}

fn refusal(error: &LoadError) -> Refusal<'_> {
    Refusal {
        stage: error.stage().as_str(),
        class: error.class(),
        problem: files::chain(error),
        hint: error.hint(),
    }
}

fn tell(report: &Report<'_>) {
    let inspection = report.inspection;
    let kind = match inspection.kind {
        Kind::Component => "component",
        Kind::CoreModule => "core module",
        Kind::NotWasm => "not WebAssembly",
    };
    print(format_args!("file      {}", report.file));
    print(format_args!("digest    {}", inspection.digest));
    print(format_args!("size      {} bytes", inspection.size));
    print(format_args!("kind      {kind}"));
    if inspection.kind == Kind::Component {
        items("imports", &inspection.imports);
        items("exports", &inspection.exports);
        print(format_args!(
            "inside    {} core modules, {} functions, {} globals, {} memories",
            inspection.core_modules, inspection.functions, inspection.globals, inspection.memories
        ));
    }
    if let Some(description) = report.description {
        print(format_args!(
            "name      {} {}",
            description.name, description.version
        ));
        print(format_args!(
            "reasons   {}",
            description.reason_codes.join(", ")
        ));
        let settings = one_line(&description.default_settings, usize::MAX);
        print(format_args!("settings  {settings}"));
        print("accepted  yes");
    }
    if let Some(refusal) = &report.refusal {
        print(format_args!(
            "accepted  no, at stage {}: {}",
            refusal.stage, refusal.problem
        ));
        if let Some(text) = refusal.hint {
            hint(text);
        }
    }
}

fn items(title: &str, items: &[Item]) {
    if items.is_empty() {
        print(format_args!("{title:<9} nothing"));
    }
    for (index, item) in items.iter().enumerate() {
        let title = if index == 0 { title } else { "" };
        let functions = if item.functions.is_empty() {
            "types only".to_owned()
        } else {
            item.functions.join(", ")
        };
        print(format_args!("{title:<9} {} ({functions})", item.name));
    }
}
