//! `cargo xtask tidy`: what a compiler does not check about a repository.

mod directions;
mod exercised;
mod generated;
mod image;
mod links;
mod names;
mod reasons;
mod sizes;

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;

use crate::Verdict;
use crate::voice::{print, say};
use crate::workspace::Workspace;

/// Check what no compiler does: directions, sizes, links, names, generated files.
///
/// - no crate depends on one that it must not know, and the pure crates stay pure;
/// - no source file has grown past its size;
/// - every relative link in a Markdown file leads somewhere;
/// - no module has a name that says nothing, no test is switched off;
/// - generated files are what their generator says;
/// - every module and every sample is used by a test;
/// - the image's build is given all that it reads;
/// - every reason in a group's conditions is explained to who operates it.
///
/// Each violation is one line `file:line: what: hint`.
#[derive(Args)]
pub(crate) struct Tidy {}

impl Tidy {
    pub(crate) fn run(self, workspace: &Workspace) -> Result<Verdict> {
        let sources = Sources::read(workspace)?;
        let checks: [(&str, Vec<Violation>); 8] = [
            ("directions", directions::check(workspace)?),
            ("sizes", sizes::check(&sources)),
            ("links", links::check(workspace, &sources)),
            ("names", names::check(&sources)),
            ("generated", generated::check(workspace)?),
            ("exercised", exercised::check(&sources)),
            ("image", image::check(workspace, &sources)?),
            ("reasons", reasons::check(&sources)),
        ];
        let mut verdict = Verdict::Fine;
        for (name, violations) in checks {
            match violations.len() {
                0 => say(format_args!("tidy: {name}: ok")),
                count => {
                    say(format_args!("tidy: {name}: {count}"));
                    verdict = Verdict::Failed;
                }
            }
            for violation in violations {
                print(violation);
            }
        }
        Ok(verdict)
    }
}

/// One thing that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Violation {
    file: PathBuf,
    line: usize,
    what: String,
    hint: String,
}

impl Violation {
    fn new(file: &Path, line: usize, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            file: file.to_path_buf(),
            line,
            what: what.into(),
            hint: hint.into(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            what,
            hint,
        } = self;
        write!(
            formatter,
            "{}:{line}: {what}\n  hint: {hint}",
            file.display()
        )
    }
}

/// One text file of the repository.
struct Source {
    /// Relative to the root.
    path: PathBuf,
    text: String,
}

impl Source {
    fn has_extension(&self, extension: &str) -> bool {
        self.path
            .extension()
            .is_some_and(|found| found == extension)
    }

    /// Is it, as a whole, a test or part of one?
    fn is_test(&self) -> bool {
        is_test(&self.path)
    }

    /// What is compiled into the program.
    fn before_tests(&self) -> &str {
        before_tests(&self.text)
    }
}

/// Is a source of that path, as a whole, a test or part of one?
pub(crate) fn is_test(path: &Path) -> bool {
    let in_folder = path.iter().any(|part| part == "tests" || part == "benches");
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    in_folder || stem == "tests" || stem.ends_with("_tests")
}

/// What of a source is compiled into the program: all of it but a test module at its end. It is
/// the same before the module was written and after.
pub(crate) fn before_tests(text: &str) -> &str {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let tests = lines
        .iter()
        .rposition(|line| line.trim_end() == "#[cfg(test)]")
        .filter(|position| {
            let after = &lines[position + 1..];
            let last = after.iter().rev().find(|line| !line.trim_end().is_empty());
            let begins =
                |line: &&str| line.starts_with("mod ") || line.starts_with("pub(crate) mod ");
            after.iter().any(begins)
                && last.is_some_and(|line| line.trim_end() == "}")
                // Nothing but the module's own end stands in the first column after its start.
                && after.iter().skip(1).filter(|line| line.starts_with('}')).count() == 1
        });
    let length = |tests: usize| lines[..tests].iter().map(|line| line.len()).sum();
    let code = &text[..tests.map_or(text.len(), length)];
    // As it would end without the module.
    let blank = code.len() - code.trim_end().len();
    &code[..code.len() - blank.saturating_sub(1)]
}

/// All text files of the repository, read once.
struct Sources(Vec<Source>);

impl Sources {
    fn read(workspace: &Workspace) -> Result<Self> {
        let mut sources = Vec::new();
        for path in workspace.files()? {
            if let Some(text) = workspace.text(&path)? {
                sources.push(Source { path, text });
            }
        }
        Ok(Self(sources))
    }

    fn with_extension(&self, extension: &str) -> impl Iterator<Item = &Source> {
        self.0
            .iter()
            .filter(move |source| source.has_extension(extension))
    }

    #[cfg(test)]
    fn of(files: &[(&str, &str)]) -> Self {
        let source = |(path, text): &(&str, &str)| Source {
            path: path.into(),
            text: (*text).into(),
        };
        Self(files.iter().map(source).collect())
    }
}
