//! Whoever meets a reason in a group's conditions finds in the operator's guide what to do.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Source, Sources, Violation};

const PAGE: &str = "docs/operating.md";
/// Start of the table with a row for each reason.
const TABLE: &str = "| reason | phase |";
/// Where the reasons are given.
const SOURCES: &[&str] = &["host/core/src", "host/reconcile/src"];
/// Written like reasons: types and statuses of conditions.
const NO_REASONS: &[&str] = &[
    "False",
    "Ready",
    "Reconciling",
    "Stalled",
    "True",
    "Unknown",
];

pub(super) fn check(sources: &Sources) -> Vec<Violation> {
    let page = Path::new(PAGE);
    let explained = sources
        .0
        .iter()
        .find(|source| source.path == page)
        .map(|source| explained(&source.text))
        .unwrap_or_default();
    let given: BTreeMap<&str, (&Path, usize)> = sources
        .with_extension("rs")
        .filter(|source| SOURCES.iter().any(|folder| source.path.starts_with(folder)))
        .filter(|source| !source.is_test())
        .flat_map(given)
        .collect();
    let unexplained = given
        .iter()
        .filter(|(reason, _)| !explained.contains_key(*reason))
        .map(|(reason, (path, line))| {
            let hint = format!("add a row to the table of reasons in {PAGE}");
            Violation::new(
                path,
                *line,
                format!("{PAGE} does not explain `{reason}`"),
                hint,
            )
        });
    let gone = explained
        .iter()
        .filter(|(reason, _)| !given.contains_key(*reason))
        .map(|(reason, line)| {
            let what = format!("no code gives the reason `{reason}`");
            Violation::new(page, *line, what, "remove it from the table")
        });
    unexplained.chain(gone).collect()
}

/// The reasons in the first column of the table, with their lines.
fn explained(page: &str) -> BTreeMap<&str, usize> {
    let rows = page
        .lines()
        .enumerate()
        .skip_while(|(_, line)| !line.starts_with(TABLE))
        .take_while(|(_, line)| line.starts_with('|'));
    let reasons = rows.flat_map(|(index, line)| {
        let first = line.split('|').nth(1).unwrap_or_default();
        let words = first.split('`').skip(1).step_by(2);
        words.map(move |reason| (reason, index + 1))
    });
    reasons.collect()
}

/// Texts that are one CamelCase word. A vocabulary, where the word repeats the name of its case, is
/// none.
fn given(source: &Source) -> impl Iterator<Item = (&str, (&Path, usize))> {
    let lines = source.before_tests().lines().enumerate();
    let code = lines.filter(|(_, line)| {
        let line = line.trim_start();
        !line.starts_with("//") && !line.starts_with("#[")
    });
    code.flat_map(move |(index, line)| {
        let words = line.split('"').skip(1).step_by(2);
        words
            .filter(|word| is_camel_case(word) && !NO_REASONS.contains(word))
            .filter(move |word| !line.contains(&format!("{word} = \"{word}\"")))
            .map(move |word| (word, (source.path.as_path(), index + 1)))
    })
}

fn is_camel_case(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_uppercase())
        && word.contains(|c: char| c.is_ascii_lowercase())
        && word.chars().all(|c| c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUIDE: &str = "| reason | phase | means | do |\n|---|---|---|---|\n\
        | `Starting`, `VCenterConnecting` | PENDING | no view | wait |\n\
        | `InvalidSpec` | ERROR | odd | correct it |\n\nAn `Event` tells.\n";
    const CODE: &str = "// \"NoCode\"\n#[serde(from = \"NoReason\")]\nlet reason = \"Starting\";\nstalled(\"InvalidSpec\", text)\n\
        [\"VCenterConnecting\", \"Ready\", \"ERROR\", \"a sentence\"]\nOff = \"Off\",\n\
        #[cfg(test)]\nmod tests {\n    \"SomeReason\"\n}\n";

    fn found(guide: &str, code: &str) -> Vec<String> {
        let sources = Sources::of(&[
            (PAGE, guide),
            ("host/reconcile/src/report.rs", code),
            ("host/src/voice.rs", "\"NotFound\""),
        ]);
        check(&sources).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_guide_that_explains_what_the_code_gives_is_fine() {
        assert_eq!(found(GUIDE, CODE), Vec::<String>::new());
    }

    #[test]
    fn a_reason_that_the_guide_does_not_explain_is_named_where_it_is_given() {
        let found = found(&GUIDE.replace("`Starting`, ", ""), CODE);
        assert_eq!(found.len(), 1, "{found:?}");
        let start = "host/reconcile/src/report.rs:3: docs/operating.md does not explain `Starting`";
        assert!(found[0].starts_with(start), "{found:?}");
    }

    #[test]
    fn a_reason_that_no_code_gives_is_named_in_the_guide() {
        let found = found(GUIDE, &CODE.replace("\"InvalidSpec\"", "&reason"));
        assert_eq!(found.len(), 1, "{found:?}");
        let start = "docs/operating.md:4: no code gives the reason `InvalidSpec`";
        assert!(found[0].starts_with(start), "{found:?}");
    }
}
