//! A file that one cannot read at a sitting holds two concepts. Clippy says the same of functions,
//! wherever it is told the limit.

use std::path::Path;

use super::{Source, Sources, Violation, before_tests};

const LINES_MAX: usize = 400;

/// What each clippy.toml says, since a crate with one of its own does not see that of the workspace.
const FUNCTION_LIMIT: &str = "too-many-lines-threshold = 70";

/// Files that may be longer, up to the number given, and why.
const LONGER: &[(&str, usize, &str)] = &[(
    "host/sim/src/toy.rs",
    520,
    "an operator with planted flaws, compiled for the crate's own tests alone",
)];

pub(super) fn check(sources: &Sources) -> Vec<Violation> {
    let sources_with_limit = sources
        .with_extension("rs")
        .filter(|source| !source.is_test());
    let mut violations: Vec<_> = sources_with_limit
        .filter_map(|source| too_long(source, LONGER))
        .collect();
    for (path, _, _) in LONGER {
        let needed = sources.0.iter().any(|source| {
            source.path == Path::new(path) && lines_before_tests(&source.text) > LINES_MAX
        });
        if !needed {
            violations.push(Violation::new(
                Path::new(path),
                1,
                "is allowed to be longer, and is not",
                "remove it from LONGER in xtask/src/tidy/sizes.rs",
            ));
        }
    }
    violations.extend(unlimited(sources));
    violations
}

/// Configurations of clippy by which a function may have a hundred lines, clippy's own limit.
fn unlimited(sources: &Sources) -> impl Iterator<Item = Violation> {
    let configurations = sources
        .with_extension("toml")
        .filter(|source| source.path.ends_with("clippy.toml"))
        .filter(|source| !source.text.lines().any(|line| line == FUNCTION_LIMIT));
    configurations.map(|source| {
        Violation::new(
            &source.path,
            1,
            "hides how long a function may be",
            format!("add `{FUNCTION_LIMIT}`"),
        )
    })
}

fn too_long(source: &Source, longer: &[(&str, usize, &str)]) -> Option<Violation> {
    let exception = longer
        .iter()
        .find(|(path, _, _)| source.path == Path::new(path));
    let max = exception.map_or(LINES_MAX, |(_, max, _)| *max);
    let lines = lines_before_tests(&source.text);
    (lines > max).then(|| {
        Violation::new(
            &source.path,
            max + 1,
            format!("{lines} lines, of at most {max} (tests aside)"),
            "find the second concept in it and give it a file of its own",
        )
    })
}

/// Lines before a test module at the end of the file.
fn lines_before_tests(text: &str) -> usize {
    before_tests(text).lines().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TESTS: &str = "#[cfg(test)]\nmod tests {\n    fn a() {\n    }\n}\n";

    #[test]
    fn tests_at_the_end_do_not_count() {
        assert_eq!(lines_before_tests(&format!("one\ntwo\n{TESTS}")), 2);
    }

    #[test]
    fn code_after_the_tests_does_count() {
        assert_eq!(
            lines_before_tests(&format!("one\n{TESTS}fn b() {{\n}}\n")),
            8
        );
        let shared = TESTS.replace("mod tests", "pub(crate) mod tests");
        assert_eq!(lines_before_tests(&format!("fn a() {{\n}}\n{shared}")), 2);
        assert_eq!(lines_before_tests("#[cfg(test)]\nuse x;\nfn b() {\n}\n"), 4);
    }

    #[test]
    fn a_file_past_the_limit_is_named_with_the_line_where_it_is_reached() {
        let long = "x\n".repeat(LINES_MAX + 7);
        let sources = Sources::of(&[("a/src/long.rs", &long), ("a/tests/long.rs", &long)]);
        let named: Vec<String> = sources
            .with_extension("rs")
            .filter(|source| !source.is_test())
            .filter_map(|source| too_long(source, &[]))
            .map(|violation| violation.to_string())
            .collect();
        assert_eq!(named.len(), 1);
        assert!(named[0].starts_with("a/src/long.rs:401: 407 lines"));
        let allowed = [("a/src/long.rs", 407, "because")];
        assert_eq!(too_long(&sources.0[0], &allowed), None);
    }

    #[test]
    fn a_configuration_of_clippy_without_the_limit_of_functions_is_named() {
        let said = format!("# A reason.\n{FUNCTION_LIMIT}\n");
        let sources = Sources::of(&[
            ("clippy.toml", &said),
            ("a/clippy.toml", "disallowed-methods = []\n"),
            ("a/Cargo.toml", ""),
        ]);
        let named: Vec<_> = unlimited(&sources).collect();
        assert_eq!(named.len(), 1);
        assert_eq!(named[0].file, Path::new("a/clippy.toml"));
    }
}
