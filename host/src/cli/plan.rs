//! `vmgroup plan`.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{ArgGroup, Args, ValueEnum};
use serde::Serialize;
use vmgroup_core::case::{Case, CaseError};
use vmgroup_core::check::{Circumstances, Verdict as Checked, check};
use vmgroup_core::group::{Mode, Spec};
use vmgroup_core::observation::{Context, Observation};
use vmgroup_core::plan::{Answer, Violation};
use vmgroup_core::render;
use vmgroup_core::time::Timestamp;
use vmgroup_engine::{CallError, Module};
use vmgroup_files::{Document, read_documents};
use vmgroup_reconcile::modules::BUILT_IN;

use crate::files::{self, modules};
use crate::foresight::first_observation;
use crate::voice::{EXIT_CODES, Problem, Verdict, hint, print, say};
use crate::wiring::loader::{attempt, settings_errors};
use crate::wiring::objects::schema;

/// Say what would be done about groups, and why. Nothing is done.
///
/// The module is asked, and its plan is held against the rules, as in the operator. Without an
/// observation the groups have just been created and have no VM yet.
#[derive(Args)]
#[command(group(ArgGroup::new("what").args(["file", "observation"]).required(true).multiple(true)))]
#[command(after_long_help = format!("\
Examples:
  vmgroup plan -f group.yaml
  vmgroup plan -f web.yaml -f db.yaml --module my-module.wasm -o json
  vmgroup plan --observation case.json            what a module sees, as in guest/cases

{EXIT_CODES}
A plan that a rule refuses, or a module that gives none, ends in 1; a file without groups in 3."))]
pub(crate) struct Plan {
    /// VmGroup objects, in YAML; can be repeated.
    #[arg(short, long, value_name = "FILE")]
    file: Vec<PathBuf>,
    /// A case: its `input` is what is seen, at its time. With -f, what is wanted, and the
    /// module's settings, come from the group.
    #[arg(long, value_name = "FILE")]
    observation: Option<PathBuf>,
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
    /// One list of objects.
    Json,
}

/// What would be done about one group.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Foreseen {
    group: String,
    module: String,
    digest: String,
    verdict: Word,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<Answer>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    violations: Vec<Violation>,
    /// For people.
    lines: Vec<String>,
    /// What the module said, each line with its level.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    log: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Word {
    /// All of it may be carried out.
    Clear,
    /// Part of it waits for an approval.
    Held,
    /// A rule refuses it.
    Refused,
    /// The module gives no plan.
    NoPlan,
    /// The module is not asked.
    NotAsked,
}

impl Plan {
    pub(crate) fn run(self) -> anyhow::Result<Verdict> {
        let module = modules::load(self.module.as_deref())?;
        let seen = self.observation.as_deref().map(observation).transpose()?;
        let foreseen = match seen {
            Some(seen) if self.file.is_empty() => {
                vec![foresee(&module, "the case".into(), Some(&seen))]
            }
            seen => {
                let mut foreseen = Vec::new();
                for file in &self.file {
                    foreseen.extend(self.groups(&module, file, seen.as_ref())?);
                }
                foreseen
            }
        };
        match self.output {
            Form::Text => foreseen.iter().for_each(Foreseen::tell),
            Form::Json => {
                print(serde_json::to_string_pretty(&foreseen)?);
            }
        }
        if foreseen.is_empty() {
            let files: Vec<_> = self
                .file
                .iter()
                .map(|it| it.display().to_string())
                .collect();
            say(format_args!(
                "error: there is no VmGroup in {}",
                files.join(", ")
            ));
            hint("`vmgroup crd` prints what one may say");
            return Ok(Verdict::NothingRan);
        }
        let bad = |it: &Foreseen| matches!(it.verdict, Word::Refused | Word::NoPlan);
        Ok(if foreseen.iter().any(bad) {
            Verdict::Failed
        } else {
            Verdict::Fine
        })
    }

    fn groups(
        &self,
        module: &Module,
        file: &Path,
        seen: Option<&Observation>,
    ) -> anyhow::Result<Vec<Foreseen>> {
        let mut foreseen = Vec::new();
        for document in read_documents(file, &schema()) {
            let Document::Group(group) = document.map_err(written)? else {
                continue;
            };
            let spec = group.spec.map_err(written)?;
            self.is_asked(&group.place, &spec)?;
            refuse_settings(module, &group.place, &spec)?;
            // What a case says of the past is told from its own time.
            let now = seen.map_or_else(now, |seen| seen.context.now);
            let first = first_observation(&group.key, &spec, now);
            let observation = match (first, seen) {
                (Some(first), Some(seen)) => Some(Observation {
                    desired: first.desired,
                    context: Context {
                        settings: first.context.settings,
                        zone: first.context.zone,
                        ..seen.context.clone()
                    },
                    ..seen.clone()
                }),
                (first, _) => first,
            };
            let mut it = foresee(module, group.key.to_string(), observation.as_ref());
            if spec.mode == Mode::Observe {
                let line = "the group is only observed: nothing of this would be done";
                it.lines.push(line.into());
            }
            foreseen.push(it);
        }
        Ok(foreseen)
    }

    /// A group that names a module is not decided on by another one.
    fn is_asked(&self, place: &str, spec: &Spec) -> Result<(), Problem> {
        match &spec.module {
            Some(name) if self.module.is_none() && name != BUILT_IN => {
                let text = format!("{place}: spec.reconciler.module is {name}");
                Err(Problem::new(text).hint("give the file of that module with --module"))
            }
            _ => Ok(()),
        }
    }
}

/// Settings are for the module that decides.
fn refuse_settings(module: &Module, place: &str, spec: &Spec) -> anyhow::Result<()> {
    let Err(errors) = module.validate_settings(&spec.settings).result? else {
        return Ok(());
    };
    let problem = Problem::new(format!("{place}: {}", settings_errors(&errors)));
    Err(problem
        .hint("`vmgroup module inspect` prints settings that it accepts")
        .into())
}

fn foresee(module: &Module, group: String, observation: Option<&Observation>) -> Foreseen {
    let attempt = observation.map(|seen| (seen, attempt(module, seen)));
    let log = attempt.iter().flat_map(|(_, attempt)| &attempt.log);
    let log = log.map(|line| format!("{}: {}", line.level.as_str(), line.message));
    let log = log.collect();
    let asked = attempt.map(|(seen, attempt)| (seen, attempt.result));
    Foreseen {
        log,
        ..judge(module, group, asked)
    }
}

/// What the rules say of the answer, if the module was asked.
fn judge(
    module: &Module,
    group: String,
    asked: Option<(&Observation, Result<Answer, CallError>)>,
) -> Foreseen {
    let description = module.description();
    let foreseen = |verdict, answer, violations, lines| Foreseen {
        group,
        module: format!("{} {}", description.name, description.version),
        digest: module.digest().to_owned(),
        verdict,
        answer,
        violations,
        lines,
        log: Vec::new(),
    };
    let Some((observation, answer)) = asked else {
        let line = "nothing: the group is suspended, and its module is not asked".to_owned();
        return foreseen(Word::NotAsked, None, Vec::new(), vec![line]);
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            return foreseen(Word::NoPlan, None, Vec::new(), vec![files::chain(&error)]);
        }
    };
    let plan = match &answer {
        Answer::Plan(plan) => plan,
        Answer::Refusal(refusal) => {
            let line = render::refusal(refusal);
            return foreseen(Word::NoPlan, Some(answer), Vec::new(), vec![line]);
        }
    };
    let circumstances = Circumstances {
        reason_codes: Some(description.reason_codes.iter().cloned().collect()),
        ..Circumstances::default()
    };
    let checked = check(observation, plan, &circumstances);
    let lines = render::verdict(&checked);
    let (word, violations) = match checked {
        Checked::Clear(_) => (Word::Clear, Vec::new()),
        Checked::Held { .. } => (Word::Held, Vec::new()),
        Checked::Refused(violations) => (Word::Refused, violations),
    };
    foreseen(word, Some(answer), violations, lines)
}

impl Foreseen {
    fn tell(&self) {
        print(format_args!("{} (decided by {})", self.group, self.module));
        for line in &self.lines {
            match line.strip_prefix("hint: ") {
                Some(text) => hint(text),
                None => {
                    print(format_args!("  {line}"));
                }
            }
        }
        for line in &self.log {
            say(format_args!("  {line}"));
        }
    }
}

fn observation(path: &Path) -> Result<Observation, Problem> {
    let problem = |error: CaseError| {
        let path = path.display();
        let text = match error {
            CaseError::Malformed {
                line,
                column,
                problem,
            } => {
                format!("{path}:{line}:{column}: {problem}")
            }
            other @ CaseError::TooLarge { .. } => format!("{path}: {other}"),
        };
        Problem::new(text).hint("write a case as in guest/cases; its `input` is used")
    };
    let case = Case::parse(&files::text(path)?).map_err(problem)?;
    Ok(case.input)
}

fn written(problem: vmgroup_files::Problem) -> Problem {
    let shown = Problem::new(problem.to_string());
    match problem.hint {
        Some(hint) => shown.hint(hint),
        None => shown,
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
