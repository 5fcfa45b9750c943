//! Counting what Rust's test harness reports.

use std::fmt;

/// Checks that passed and that failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) passed: u64,
    pub(super) failed: u64,
}

impl Count {
    pub(super) const FAILED: Self = Self {
        passed: 0,
        failed: 1,
    };

    /// One check.
    pub(super) fn of_one(passed: bool) -> Self {
        if passed {
            Self {
                passed: 1,
                failed: 0,
            }
        } else {
            Self::FAILED
        }
    }

    /// The sum over all `test result:` lines of a log. Ignored tests count as failed, and so does
    /// a run that ended badly without a failed test (it did not compile, or it crashed) or that
    /// ran nothing: an empty run proves nothing.
    pub(super) fn of_tests(log: &str, success: bool) -> Self {
        let results = log
            .lines()
            .filter_map(|line| line.strip_prefix("test result: "));
        let mut sum = results.map(of_result).fold(Self::default(), Self::plus);
        if sum.failed == 0 && (!success || sum.passed == 0) {
            sum.failed = 1;
        }
        sum
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// Of `ok. 4 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s`.
fn of_result(result: &str) -> Count {
    let number = |word: &str| -> u64 {
        result
            .split(['.', ';'])
            .filter_map(|part| part.trim().split_once(' '))
            .find_map(|(number, name)| (name == word).then(|| number.parse().ok()).flatten())
            .unwrap_or(0)
    };
    Count {
        passed: number("passed"),
        failed: number("failed") + number("ignored"),
    }
}

/// The names of failed tests.
pub(super) fn failed_tests(log: &str) -> impl Iterator<Item = &str> {
    log.lines().filter_map(|line| {
        let name = line.strip_prefix("test ")?;
        name.strip_suffix(" ... FAILED")
            .or_else(|| name.strip_suffix(" ... ignored"))
    })
}

/// Lines of what one failed test said that are shown.
const LINES_OF_A_TEST: usize = 80;

/// What failed tests said, each cut to a page: of each test binary what stands between
/// `failures:` and the list of their names, which begins with the same word.
pub(super) fn failures(log: &str) -> String {
    let mut said = String::new();
    let mut inside = false;
    let mut lines = 0;
    for line in log.lines() {
        if line == "failures:" {
            inside = !inside;
        } else if line.starts_with("test result: ") {
            inside = false;
        } else if inside {
            lines = if line.starts_with("---- ") {
                0
            } else {
                lines + 1
            };
            if lines < LINES_OF_A_TEST {
                said.push_str(line);
                said.push('\n');
            } else if lines == LINES_OF_A_TEST {
                said.push_str("(the rest stands in the log)\n");
            }
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    const OK: &str = "test result: ok. 4 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s";
    const BAD: &str = "test result: FAILED. 2 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out; finished in 1.20s";
    const EMPTY: &str = "test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s";

    #[test]
    fn the_results_of_all_test_binaries_are_added() {
        let log = format!("running 4 tests\n{OK}\n\n{EMPTY}\n  {BAD}\n{BAD}\n");
        assert_eq!(
            Count::of_tests(&log, false),
            Count {
                passed: 6,
                failed: 4
            }
        );
    }

    #[test]
    fn a_run_that_ended_badly_without_a_failed_test_has_failed() {
        assert_eq!(
            Count::of_tests(OK, false),
            Count {
                passed: 4,
                failed: 1
            }
        );
        assert_eq!(
            Count::of_tests("error: could not compile", false),
            Count::FAILED
        );
    }

    #[test]
    fn a_run_without_any_test_has_failed() {
        assert_eq!(Count::of_tests(EMPTY, true), Count::FAILED);
        assert_eq!(Count::of_tests("", true), Count::FAILED);
    }

    #[test]
    fn failed_and_ignored_tests_are_named() {
        let log =
            "test a::b ... ok\ntest a::c ... FAILED\ntest d ... ignored\ntest result: FAILED.";
        assert_eq!(failed_tests(log).collect::<Vec<_>>(), ["a::c", "d"]);
    }

    #[test]
    fn what_a_failed_test_said_is_found_among_hundreds_that_passed() {
        let log = format!(
            "test a ... FAILED\n\nfailures:\n\n---- a ----\nnot so\n\n\nfailures:\n    a\n\n{BAD}\n{OK}\n"
        );
        assert_eq!(failures(&log).trim(), "---- a ----\nnot so");
        assert_eq!(failures(&format!("{OK}\n{BAD}\n")), "");
        let long = "a long story\n".repeat(2_000);
        let log = format!("failures:\n---- a ----\n{long}\n---- b ----\nshort\n\nfailures:\n");
        let said = failures(&log);
        assert!(
            said.lines().count() < 100 && said.contains("short"),
            "{said}"
        );
    }
}
