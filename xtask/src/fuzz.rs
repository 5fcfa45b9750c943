//! `cargo xtask fuzz`: libFuzzer on every place where bytes come in that nobody vouches for.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::voice::{print, say};
use crate::workspace::Workspace;
use crate::{Verdict, child};

/// The version that the build is known to work with.
const CARGO_FUZZ: &str = "0.13.2";

/// Seconds that a target gets beyond its own to load its corpus and to say what it found.
const SLACK: Duration = Duration::from_secs(180);

/// Search for inputs that break what has to hold, with libFuzzer.
///
/// Needs a C++ compiler; cargo-fuzz is installed below target/fuzz if it is not there. The first
/// build takes some ten minutes. Each target begins with what stands in this repository and with
/// what earlier runs found (target/fuzz/corpus), runs for its seconds, and prints one line:
///
///   soap  executions=1830022 rate=30498/s coverage=2714 corpus=913 crashes=0
///
/// and at the end the figures of all together.
///
/// A crash is kept in target/fuzz/crashes/TARGET and shown with what was said. Moved to
/// fuzz/regressions/TARGET it becomes a test.
///
/// Exit codes: 0 nothing was found, 1 something was, 2 it could not be run.
#[derive(Args)]
pub(crate) struct Fuzz {
    /// What to search: all targets if none is named.
    targets: Vec<String>,
    /// How long each target is searched.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// How long all of them are searched together.
    #[arg(long, conflicts_with = "seconds", value_name = "SECONDS")]
    in_all: Option<u64>,
}

impl Fuzz {
    pub(crate) fn run(self, workspace: &Workspace) -> Result<Verdict> {
        ensure!(
            child::exists("c++"),
            "libFuzzer is C++, and there is no `c++`; install a C++ compiler"
        );
        let chosen = chosen(known_targets(workspace)?, &self.targets)?;
        build(workspace)?;
        let count = chosen.len() as u64;
        let each = |in_all: u64| (in_all / count.max(1)).max(1);
        let seconds = self.in_all.map_or(self.seconds, each);
        let (mut executions, mut crashes, mut failed) = (0, 0, false);
        for target in &chosen {
            let found = target.search(workspace, seconds)?;
            executions += found.said.executions;
            crashes += found.crashes;
            failed |= found.failed;
        }
        print(format_args!(
            "targets: {count}\nexecutions: {executions}\ncrashes: {crashes}"
        ));
        Ok(if failed {
            Verdict::Failed
        } else {
            Verdict::Fine
        })
    }
}

/// A place where bytes come in, as the crate of the targets says.
struct Target {
    name: String,
    bytes_max: String,
    about: String,
}

/// What the search of one target found.
struct Found {
    said: Said,
    crashes: usize,
    failed: bool,
}

/// Writes the seeds, too.
fn known_targets(workspace: &Workspace) -> Result<Vec<Target>> {
    let mut seeds = child::cargo();
    seeds
        .args(["run", "--quiet", "--package", "vmgroup-fuzz-targets", "--"])
        .arg(workspace.target("fuzz/corpus"))
        .current_dir(workspace.root());
    let lines = child::output(&mut seeds)?;
    let targets = lines.lines().map(|line| {
        let mut words = line.splitn(3, '\t').map(str::to_owned);
        let mut word = || words.next().context("a target with fewer than three words");
        Ok(Target {
            name: word()?,
            bytes_max: word()?,
            about: word()?,
        })
    });
    targets.collect()
}

fn chosen(known: Vec<Target>, names: &[String]) -> Result<Vec<Target>> {
    let unknown = names
        .iter()
        .find(|name| known.iter().all(|target| target.name != **name));
    if let Some(unknown) = unknown {
        let known: Vec<&str> = known.iter().map(|target| target.name.as_str()).collect();
        bail!(
            "no target is called {unknown}: there are {}",
            known.join(", ")
        );
    }
    let is_chosen = |target: &Target| names.is_empty() || names.contains(&target.name);
    Ok(known.into_iter().filter(is_chosen).collect())
}

fn build(workspace: &Workspace) -> Result<()> {
    // The versions that the operator has; cargo adds libFuzzer's own.
    fs::copy(
        workspace.path("Cargo.lock"),
        workspace.path("fuzz/Cargo.lock"),
    )
    .context("failed to copy Cargo.lock")?;
    let tools = workspace.target("fuzz/tools");
    let mut path = vec![tools.join("bin")];
    path.extend(std::env::split_paths(
        &std::env::var_os("PATH").unwrap_or_default(),
    ));
    let path = std::env::join_paths(path)?;
    if !child::exists("cargo-fuzz") && !tools.join("bin/cargo-fuzz").is_file() {
        say(format_args!("fuzz: installing cargo-fuzz {CARGO_FUZZ}"));
        let mut install = child::cargo();
        install
            .args(["install", "cargo-fuzz", "--locked", "--version", CARGO_FUZZ])
            .arg("--root")
            .arg(&tools);
        child::run_shown(&mut install)?;
    }
    say("fuzz: building the targets");
    let mut build = child::cargo();
    build
        .args(["fuzz", "build", "--fuzz-dir", "fuzz", "--target-dir"])
        .arg(workspace.target("fuzz/build"))
        // No code of ours is unsafe, and without it twice as much is searched.
        .args(["--sanitizer", "none"])
        .env("PATH", path)
        // Coverage is a flag of the compiler that the stable one has, too.
        .env("RUSTC_BOOTSTRAP", "1")
        .current_dir(workspace.root());
    child::run_shown(&mut build)
}

impl Target {
    fn search(&self, workspace: &Workspace, seconds: u64) -> Result<Found> {
        let Target {
            name,
            bytes_max,
            about,
        } = self;
        say(format_args!("fuzz: {name}: {about}, for {seconds} s"));
        let folder = |kind: &str| workspace.target(format!("fuzz/{kind}/{name}"));
        let (corpus, crashes) = (folder("corpus"), folder("crashes"));
        fs::create_dir_all(&crashes)?;
        let before = files_in(&crashes)?;
        let log = workspace.target(format!("fuzz/log/{name}.txt"));
        let mut search = std::process::Command::new(self.binary(workspace)?);
        search
            .arg(&corpus)
            .arg(format!(
                "-dict={}",
                folder("corpus").with_extension("dict").display()
            ))
            .arg(format!("-artifact_prefix={}/", crashes.display()))
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-max_len={bytes_max}"))
            .args(["-print_final_stats=1", "-timeout=20", "-rss_limit_mb=4096"])
            .current_dir(workspace.root());
        let regressions = workspace.path(format!("fuzz/regressions/{name}"));
        if regressions.is_dir() {
            search.arg(regressions);
        }
        let limit = Duration::from_secs(seconds) + SLACK;
        let status = child::run_logged(name, &mut search, &log, Some(limit))?;
        let found: Vec<PathBuf> = files_in(&crashes)?
            .into_iter()
            .filter(|file| !before.contains(file))
            .collect();
        let said = Said::read(&fs::read_to_string(&log).unwrap_or_default());
        let corpus = files_in(&corpus)?.len();
        print(format_args!(
            "{name}  {said} corpus={corpus} crashes={}",
            found.len()
        ));
        let failed = !status.success() || !found.is_empty();
        if failed {
            print(child::last_lines(&log, 30)?);
        }
        for file in &found {
            say(format_args!("hint: {} is the input", workspace.shown(file)));
        }
        Ok(Found {
            said,
            crashes: found.len(),
            failed,
        })
    }

    fn binary(&self, workspace: &Workspace) -> Result<PathBuf> {
        let version = child::output(std::process::Command::new("rustc").arg("-vV"))?;
        let host = version.lines().find_map(|line| line.strip_prefix("host: "));
        let host = host.context("`rustc -vV` does not say what it runs on")?;
        let binary = workspace.target(format!("fuzz/build/{host}/release/{}", self.name));
        ensure!(binary.is_file(), "{} was not built", binary.display());
        Ok(binary)
    }
}

fn files_in(folder: &std::path::Path) -> Result<Vec<PathBuf>> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("failed to list {}", folder.display()))?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

/// What libFuzzer says at its end.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    executions: u64,
    rate: u64,
    coverage: u64,
}

impl Said {
    fn read(log: &str) -> Self {
        let figure = |name: &str| {
            let lines = log.lines().rev();
            let mut values = lines.filter_map(|line| line.strip_prefix(name)?.trim().parse().ok());
            values.next().unwrap_or(0)
        };
        let coverage = log.lines().rev().find_map(|line| {
            let (_, rest) = line.split_once(" cov: ")?;
            rest.split_whitespace().next()?.parse().ok()
        });
        Self {
            executions: figure("stat::number_of_executed_units:"),
            rate: figure("stat::average_exec_per_sec:"),
            coverage: coverage.unwrap_or(0),
        }
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            executions,
            rate,
            coverage,
        } = self;
        write!(
            formatter,
            "executions={executions} rate={rate}/s coverage={coverage}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_are_those_of_the_end() {
        let log = "#2\tINITED cov: 12 ft: 13 corp: 1/1b exec/s: 0 rss: 30Mb\n\
                   #8\tNEW    cov: 15 ft: 20 corp: 2/5b lim: 4 exec/s: 0 rss: 30Mb\n\
                   stat::number_of_executed_units: 8000\n\
                   stat::average_exec_per_sec:     4000\n";
        let said = Said {
            executions: 8_000,
            rate: 4_000,
            coverage: 15,
        };
        assert_eq!(Said::read(log), said);
        assert_eq!(said.to_string(), "executions=8000 rate=4000/s coverage=15");
        let nothing = Said {
            executions: 0,
            rate: 0,
            coverage: 0,
        };
        assert_eq!(Said::read("it did not start"), nothing);
    }

    #[test]
    fn a_target_that_is_not_there_is_named_with_those_that_are() {
        let known = || {
            let target = |name: &str| Target {
                name: name.to_owned(),
                bytes_max: "10".to_owned(),
                about: String::new(),
            };
            vec![target("case"), target("soap")]
        };
        let names = |names: &[&str]| -> Vec<String> {
            names.iter().map(|name| (*name).to_owned()).collect()
        };
        assert_eq!(chosen(known(), &[]).map(|all| all.len()).ok(), Some(2));
        let one = chosen(known(), &names(&["soap"])).expect("there is one");
        assert_eq!(one.len(), 1);
        let error = chosen(known(), &names(&["soup"]))
            .err()
            .expect("there is none");
        assert_eq!(
            error.to_string(),
            "no target is called soup: there are case, soap"
        );
    }
}
