//! `vmgroup test`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde::Serialize;
use vmgroup_core::case::{Case, CaseError};
use vmgroup_core::check::Circumstances;
use vmgroup_engine::Module;

use crate::files::{self, modules};
use crate::voice::{EXIT_CODES, Problem, Verdict, hint, print, say};
use crate::wiring::loader::attempt;

/// Try a module on cases: what it sees, and what it must answer.
///
/// A case is a JSON file; the format is the one of guest/cases. Cases are read strictly: a field
/// that is not known and a missing expectation are errors. Needs neither a cluster nor a vCenter.
#[derive(Args)]
#[command(after_long_help = format!("\
Examples:
  vmgroup test guest/cases/default                     the built-in module
  vmgroup test guest/cases/laws -m my-module.wasm      what every module has to do
  vmgroup test one-case.json -o json

{EXIT_CODES}
A case that cannot be read ends in 2, no case at all in 3."))]
pub(crate) struct Test {
    /// Folders with cases, at any depth, or single cases.
    #[arg(required = true, value_name = "DIR")]
    paths: Vec<PathBuf>,
    /// The module; the built-in one if left out.
    #[arg(short, long, value_name = "FILE")]
    module: Option<PathBuf>,
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
struct Run {
    module: String,
    digest: String,
    passed: usize,
    failed: usize,
    malformed: usize,
    cases: Vec<Tried>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Tried {
    file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    result: Outcome,
    /// `-` is missing, `+` should not be there, `!` is otherwise than expected.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differences: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fuel: Option<u64>,
    /// What the module said, each line with its level.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    log: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Outcome {
    Passed,
    Failed,
    Malformed,
}

impl Test {
    pub(crate) fn run(self) -> anyhow::Result<Verdict> {
        let module = modules::load(self.module.as_deref())?;
        let mut cases = Vec::new();
        for path in &self.paths {
            for file in files::below(path, "json")? {
                cases.push(try_case(&module, &file)?);
            }
        }
        let count = |outcome| cases.iter().filter(|case| case.result == outcome).count();
        let run = Run {
            module: format!(
                "{} {}",
                module.description().name,
                module.description().version
            ),
            digest: module.digest().to_owned(),
            passed: count(Outcome::Passed),
            failed: count(Outcome::Failed),
            malformed: count(Outcome::Malformed),
            cases,
        };
        match self.output {
            Form::Text if run.cases.is_empty() => {}
            Form::Text => run.tell(),
            Form::Json => {
                print(serde_json::to_string_pretty(&run)?);
            }
        }
        self.judge(&run)
    }

    fn judge(&self, run: &Run) -> anyhow::Result<Verdict> {
        if run.cases.is_empty() {
            let paths: Vec<String> = self
                .paths
                .iter()
                .map(|path| format!("`{}`", path.display()))
                .collect();
            say(format_args!(
                "error: there is no case in {}",
                paths.join(", ")
            ));
            hint("a case is a file that ends in .json; see guest/cases");
            return Ok(Verdict::NothingRan);
        }
        if run.malformed > 0 {
            return Err(Problem::new(format!(
                "{} of {} cases cannot be read",
                run.malformed,
                run.cases.len()
            ))
            .hint("the lines above say where and why")
            .into());
        }
        Ok(if run.failed > 0 {
            Verdict::Failed
        } else {
            Verdict::Fine
        })
    }
}

fn try_case(module: &Module, file: &Path) -> anyhow::Result<Tried> {
    let name = file.display().to_string();
    let malformed = |text: String| Tried {
        file: name.clone(),
        description: None,
        result: Outcome::Malformed,
        differences: vec![text],
        fuel: None,
        log: Vec::new(),
    };
    let case = match Case::parse(&files::text(file)?) {
        Ok(case) => case,
        Err(CaseError::Malformed {
            line,
            column,
            problem,
        }) => {
            return Ok(malformed(format!("{name}:{line}:{column}: {problem}")));
        }
        Err(error) => return Ok(malformed(format!("{name}: {error}"))),
    };
    let circumstances = Circumstances {
        reason_codes: Some(module.description().reason_codes.iter().cloned().collect()),
        ..Circumstances::default()
    };
    let attempt = attempt(module, &case.input);
    let log = attempt.log.iter();
    let log = log.map(|line| format!("{}: {}", line.level.as_str(), line.message));
    let differences: Vec<String> = match &attempt.result {
        Ok(answer) => match case.judge(answer, &circumstances) {
            Ok(()) => Vec::new(),
            Err(found) => found.iter().map(ToString::to_string).collect(),
        },
        Err(error) => vec![format!("! no answer: {error}")],
    };
    let result = if differences.is_empty() {
        Outcome::Passed
    } else {
        Outcome::Failed
    };
    Ok(Tried {
        file: name,
        description: Some(case.description),
        result,
        differences,
        fuel: Some(attempt.usage.fuel),
        log: log.collect(),
    })
}

impl Run {
    fn tell(&self) {
        for case in &self.cases {
            let description = case.description.as_deref().unwrap_or("");
            match case.result {
                Outcome::Passed => print(format_args!("ok      {}", case.file)),
                Outcome::Failed => print(format_args!("FAILED  {}: {description}", case.file)),
                Outcome::Malformed => print(format_args!("ERROR   {}", case.file)),
            };
            for difference in &case.differences {
                print(format_args!("          {difference}"));
            }
            for line in &case.log {
                print(format_args!("          {line}"));
            }
        }
        let malformed = match self.malformed {
            0 => String::new(),
            some => format!(", {some} that cannot be read"),
        };
        print(format_args!(
            "{}: {} passed, {} failed{malformed}",
            self.module, self.passed, self.failed
        ));
    }
}
