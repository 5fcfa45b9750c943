//! How the program speaks: data on stdout, talk on stderr, `hint:` lines for the
//! next step, exit codes that scripts can rely on.

use std::fmt::Display;
use std::io::{ErrorKind, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::OnceLock;

/// How a command ended, if it could run at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Everything asked about is fine.
    Fine,
    /// What was asked about failed.
    Failed,
    /// There was nothing to run.
    NothingRan,
}

/// What every `--help` says about exit codes.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  fine
  1  what was asked about failed
  2  could not run
  3  nothing ran";

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> ExitCode {
        ExitCode::from(match verdict {
            Verdict::Fine => 0,
            Verdict::Failed => 1,
            Verdict::NothingRan => 3,
        })
    }
}

/// Why a command could not run, and what a person does next.
#[derive(Debug)]
pub(crate) struct Problem {
    text: String,
    hint: Option<String>,
    source: Option<anyhow::Error>,
}

impl Problem {
    /// Such as "failed to read `groups`".
    pub(crate) fn new(text: impl Into<String>) -> Problem {
        Problem {
            text: text.into(),
            hint: None,
            source: None,
        }
    }

    /// What to do about it.
    pub(crate) fn hint(self, hint: impl Into<String>) -> Problem {
        Problem {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// What was underneath.
    pub(crate) fn because(self, source: impl Into<anyhow::Error>) -> Problem {
        Problem {
            source: Some(source.into()),
            ..self
        }
    }
}

impl Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Problem {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(AsRef::as_ref)
    }
}

/// Says why a command could not run: the chain of causes, then the hints.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    let mut causes: Vec<String> = Vec::new();
    for cause in error.chain().map(ToString::to_string) {
        // Errors of others hold the texts of theirs already.
        if !causes.last().is_some_and(|before| before.ends_with(&cause)) {
            causes.push(cause);
        }
    }
    say(format_args!("error: {}", causes.join(": ")));
    for problem in error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<Problem>())
    {
        if let Some(text) = &problem.hint {
            hint(text);
        }
    }
    ExitCode::from(2)
}

/// One line of talk.
pub(crate) fn say(line: impl Display) {
    // Whoever has closed stderr does not want to hear it.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// The next step, for a person.
pub(crate) fn hint(line: impl Display) {
    say(format_args!("hint: {line}"));
}

/// Why data could not be written, the first time.
static UNWRITTEN: OnceLock<std::io::Error> = OnceLock::new();

/// One line of data. False if nobody reads any more, as after `| head`.
pub(crate) fn print(line: impl Display) -> bool {
    written(writeln!(std::io::stdout().lock(), "{line}"))
}

/// Data that ends its own lines.
pub(crate) fn print_text(text: &str) -> bool {
    let mut out = std::io::stdout().lock();
    written(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

fn written(result: std::io::Result<()>) -> bool {
    match result {
        Ok(()) => true,
        Err(error) => {
            let _ = UNWRITTEN.set(error);
            false
        }
    }
}

/// How the process ends. Data that got lost is no success; that nobody wanted more of it is.
pub(crate) fn end(verdict: Verdict) -> ExitCode {
    match UNWRITTEN.get() {
        Some(error) if error.kind() != ErrorKind::BrokenPipe => {
            let text = format!("failed to write the output: {error}");
            report(&Problem::new(text).into())
        }
        _ => verdict.into(),
    }
}

/// A person looks at stdout.
pub(crate) fn at_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// Colour is welcome on stdout: `NO_COLOR` is not set, and a person looks.
pub(crate) fn in_colour() -> bool {
    at_terminal() && colour_is_welcome()
}

/// The same for stderr.
#[cfg(feature = "files")]
pub(crate) fn in_colour_on_stderr() -> bool {
    std::io::stderr().is_terminal() && colour_is_welcome()
}

fn colour_is_welcome() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}
