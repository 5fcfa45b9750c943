//! A piece of the proof: which program runs it, and which of its figures count.

use std::collections::BTreeMap;

use super::FAILED;

/// One kind of long run. Its program goes on from a given number, keeps to a time, and
/// ends its output with lines `name: number`.
pub(super) struct Piece {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    /// What it speaks of: files and folders.
    pub(super) sources: &'static [&'static str],
    pub(super) needs_guests: bool,
    pub(super) needs_rig: bool,
    /// What runs.
    pub(super) program: Program,
    /// Where it begins, and for how many seconds it runs.
    pub(super) bounds: fn(u64, u64) -> Vec<String>,
    /// Figures that add up from run to run, the one that counts first.
    pub(super) adds: &'static [&'static str],
    /// Figures of which the largest counts.
    pub(super) keeps: &'static [&'static str],
    /// Figures that have to be zero.
    pub(super) zeroes: &'static [&'static str],
    /// The figure that says where to go on.
    pub(super) next: Option<&'static str>,
    /// What the first figure is to reach.
    pub(super) goal: u64,
    /// Its part of the time.
    pub(super) share: u64,
    /// Less makes no sense.
    pub(super) seconds_min: u64,
}

/// A program of the workspace, by what cargo has to be told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Program {
    package: &'static str,
    target: Target,
    /// How it is compiled.
    compiled: &'static [&'static str],
    arguments: &'static [&'static str],
    /// Another package whose program it starts.
    beside: Option<&'static str>,
}

/// What of a package.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target {
    Bin(&'static str),
    Test(&'static str),
}

impl Program {
    pub(super) const fn plain(package: &'static str, target: Target) -> Self {
        Program {
            package,
            target,
            compiled: &[],
            arguments: &[],
            beside: None,
        }
    }

    pub(super) const fn optimised(package: &'static str, target: Target) -> Self {
        Program {
            compiled: &["--release"],
            ..Self::plain(package, target)
        }
    }

    /// Without the sandbox, and so without Cranelift, it is soon optimised as a whole.
    pub(super) const fn native(package: &'static str, target: Target) -> Self {
        Program {
            compiled: &["--no-default-features", "--profile", "whole"],
            ..Self::plain(package, target)
        }
    }

    /// With these arguments, before those of the run.
    pub(super) const fn with(self, arguments: &'static [&'static str]) -> Self {
        Program { arguments, ..self }
    }

    pub(super) const fn beside(self, package: &'static str) -> Self {
        Program {
            beside: Some(package),
            ..self
        }
    }

    /// Arguments of the builds that come first, so that they cost none of the time.
    pub(super) fn builds(&self) -> Vec<Vec<&'static str>> {
        let beside = self
            .beside
            .map(|package| vec!["build", "--package", package]);
        let mut own = match self.target {
            Target::Bin(_) => vec!["build"],
            Target::Test(_) => vec!["test", "--no-run"],
        };
        own.extend(self.which());
        beside.into_iter().chain([own]).collect()
    }

    /// Arguments of cargo that start it.
    pub(super) fn run(&self) -> Vec<&'static str> {
        let mut words = match self.target {
            Target::Bin(_) => vec!["run", "--quiet"],
            Target::Test(_) => vec!["test", "--quiet"],
        };
        words.extend(self.which());
        words.push("--");
        words.extend(self.arguments);
        words
    }

    fn which(&self) -> Vec<&'static str> {
        let target = match self.target {
            Target::Bin(name) => ["--bin", name],
            Target::Test(name) => ["--test", name],
        };
        let package = ["--package", self.package];
        [&package[..], &target, self.compiled].concat()
    }
}

impl Piece {
    /// The figures in its output that count, by name.
    pub(super) fn figures(&self, output: &str) -> BTreeMap<String, u64> {
        let wanted = |name: &str| {
            let all = [self.adds, self.keeps, self.zeroes].concat();
            all.contains(&name) || self.next == Some(name)
        };
        let lines = output.lines().filter_map(|line| line.rsplit_once(": "));
        lines
            .filter(|(name, _)| wanted(name))
            .filter_map(|(name, figure)| Some((name.to_owned(), figure.trim().parse().ok()?)))
            .collect()
    }

    /// What has to be zero.
    pub(super) fn zeroes(&self) -> impl Iterator<Item = &'static str> {
        self.zeroes.iter().copied().chain([FAILED])
    }

    /// Something is not zero that has to be.
    pub(super) fn broke(&self, figures: &BTreeMap<String, u64>) -> bool {
        self.zeroes()
            .any(|name| figures.get(name).is_none_or(|figure| *figure > 0))
    }

    /// The figure that counts.
    pub(super) fn counting(&self) -> &'static str {
        self.adds
            .first()
            .or(self.keeps.first())
            .copied()
            .unwrap_or("runs")
    }
}

#[cfg(test)]
mod tests {
    use super::super::pieces::PIECES;
    use super::*;

    #[test]
    fn only_figures_that_count_are_taken_from_what_a_program_says() {
        let piece = &PIECES[0];
        let output = "profile usual: 12\nschedules: 120\nseed 7: S2 at 3 ms: 2\nbreaches: 1\nnext seed: 121\n";
        let figures = piece.figures(output);
        let expected = [("breaches", 1), ("next seed", 121), ("schedules", 120)];
        let expected = expected.map(|(name, figure)| (name.to_owned(), figure));
        assert_eq!(figures, expected.into());
        assert!(piece.broke(&figures));
    }

    #[test]
    fn a_program_is_built_before_it_is_run() {
        let program = Program::plain("p", Target::Bin("b"))
            .beside("q")
            .with(&["x"]);
        let own = ["build", "--package", "p", "--bin", "b"];
        assert_eq!(program.builds(), [&["build", "--package", "q"][..], &own]);
        let run = ["run", "--quiet", "--package", "p", "--bin", "b", "--", "x"];
        assert_eq!(program.run(), run);
        let test = Program::optimised("p", Target::Test("t"));
        let which = ["--package", "p", "--test", "t", "--release"];
        assert_eq!(
            test.builds(),
            [[&["test", "--no-run"][..], &which].concat()]
        );
        assert_eq!(
            test.run(),
            [&["test", "--quiet"][..], &which, &["--"]].concat()
        );
        let whole = Program::native("p", Target::Bin("b")).builds().concat();
        assert_eq!(&whole[5..], ["--no-default-features", "--profile", "whole"]);
    }

    #[test]
    fn a_program_that_says_nothing_of_what_has_to_be_zero_broke_something() {
        assert!(PIECES[0].broke(&BTreeMap::new()));
    }
}
