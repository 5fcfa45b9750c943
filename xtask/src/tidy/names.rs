//! A name that says nothing about the domain attracts everything; a test that is off proves nothing.

use super::{Source, Sources, Violation};

const EMPTY_NAMES: &[&str] = &[
    "util", "utils", "helper", "helpers", "common", "manager", "managers", "misc",
];

/// Attributes that make a test not fail when it should.
const MUTED_TESTS: &[(&str, &str)] = &[
    (
        "#[ignore",
        "a test that is not run does not exist: make it run, or remove it",
    ),
    (
        "#[should_panic",
        "a panic says nothing about its cause: compare the error",
    ),
];

pub(super) fn check(sources: &Sources) -> Vec<Violation> {
    let mut violations = Vec::new();
    for source in &sources.0 {
        if source.has_extension("sh") {
            let hint = "make it a task of xtask, which people and CI call the same way";
            violations.push(Violation::new(&source.path, 1, "a shell script", hint));
        }
    }
    for source in sources.with_extension("rs") {
        violations.extend(empty_path(source));
        for (index, line) in source.text.lines().enumerate() {
            let line = line.trim_start();
            if let Some((what, hint)) = fault(line) {
                violations.push(Violation::new(&source.path, index + 1, what, hint));
            }
        }
    }
    violations
}

const NAME_HINT: &str = "name it after what it is in the domain";

fn empty_path(source: &Source) -> Option<Violation> {
    let path = source.path.with_extension("");
    let name = path
        .iter()
        .find(|part| EMPTY_NAMES.iter().any(|name| part == name))?;
    let what = format!("`{}` says nothing", name.display());
    Some(Violation::new(&source.path, 1, what, NAME_HINT))
}

fn fault(line: &str) -> Option<(String, &'static str)> {
    if let Some((attribute, hint)) = MUTED_TESTS
        .iter()
        .find(|(start, _)| line.starts_with(start))
    {
        return Some((format!("`{attribute}]` on a test"), hint));
    }
    let declaration = line.split_once("mod ").filter(|(before, _)| {
        before.is_empty() || (before.starts_with("pub") && !before.contains('"'))
    })?;
    let name = declaration.1.split([' ', ';', '{']).next()?;
    EMPTY_NAMES
        .contains(&name)
        .then(|| (format!("module `{name}` says nothing"), NAME_HINT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_say_nothing_are_found_in_paths_and_modules() {
        let sources = Sources::of(&[
            ("host/src/utils.rs", ""),
            ("host/src/common/folder.rs", ""),
            (
                "host/src/plan.rs",
                "mod check;\n\npub(crate) mod helpers {\n}\n",
            ),
            ("docs/common.md", ""),
        ]);
        let found: Vec<_> = check(&sources).iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(
            found[2].starts_with("host/src/plan.rs:3: module `helpers`"),
            "{found:?}"
        );
    }

    #[test]
    fn a_muted_test_is_found() {
        let text = format!(
            "#[test]\n#[{}]\nfn a() {{}}\n    #[{}(expected = \"x\")]\n",
            "ignore", "should_panic"
        );
        let found = check(&Sources::of(&[("host/src/plan.rs", &text)]));
        assert_eq!(
            found
                .iter()
                .map(|violation| violation.line)
                .collect::<Vec<_>>(),
            [2, 4]
        );
    }

    #[test]
    fn a_shell_script_is_found() {
        assert_eq!(check(&Sources::of(&[("deploy/run.sh", "")])).len(), 1);
    }
}
