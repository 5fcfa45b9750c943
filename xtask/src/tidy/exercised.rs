//! What no test uses does not exist: every module and every sample is named in one.

use std::path::Path;

use super::{Source, Sources, Violation};
use crate::guests::GUESTS;

const SAMPLES: &str = "crds/samples";
const GUEST_TABLE: &str = "xtask/src/guests.rs";

pub(super) fn check(sources: &Sources) -> Vec<Violation> {
    let mut violations = Vec::new();
    for guest in GUESTS {
        let stem = guest.output.trim_end_matches(".wasm");
        let by_stem = |code: &str| code.contains(&format!("\"{stem}\"")) && code.contains(".wasm");
        if !some_test(sources, |code| code.contains(guest.output) || by_stem(code)) {
            violations.push(Violation::new(
                Path::new(GUEST_TABLE),
                1,
                format!("no test loads `{}`", guest.output),
                "load it in a test of host/engine, or remove it",
            ));
        }
    }
    for sample in sources
        .0
        .iter()
        .filter(|source| source.path.starts_with(SAMPLES))
    {
        let name = sample
            .path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        // A test that walks the folder uses every sample in it.
        let folder = sample
            .path
            .parent()
            .and_then(Path::file_name)
            .unwrap_or_default();
        let folder = format!("samples/{}", folder.display());
        if !some_test(sources, |code| {
            code.contains(&*name) || code.contains(&folder)
        }) {
            violations.push(Violation::new(
                &sample.path,
                1,
                "no test applies this sample",
                format!("apply it, or all of {folder}, in a test of e2e"),
            ));
        }
    }
    violations
}

fn some_test(sources: &Sources, uses: impl Fn(&str) -> bool) -> bool {
    sources.with_extension("rs").filter_map(test_code).any(uses)
}

/// The part of a source that only tests run. These checks themselves are no use of what they check.
fn test_code(source: &Source) -> Option<&str> {
    if source.path.starts_with("xtask") {
        None
    } else if source.is_test() || source.path.starts_with("e2e") {
        Some(&source.text)
    } else {
        source
            .text
            .find("#[cfg(test)]")
            .map(|start| &source.text[start..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_guests_in(path: &str) -> (String, String) {
        let names = GUESTS
            .iter()
            .map(|guest| guest.output)
            .collect::<Vec<_>>()
            .join("\n");
        (path.to_owned(), names)
    }

    #[test]
    fn a_module_that_no_test_names_is_found() {
        let (path, text) = all_guests_in("host/engine/tests/guests.rs");
        assert_eq!(check(&Sources::of(&[(&path, &text)])), []);
        let (path, text) = all_guests_in("host/engine/src/load.rs");
        assert_eq!(check(&Sources::of(&[(&path, &text)])).len(), GUESTS.len());
    }

    #[test]
    fn a_sample_that_no_test_names_is_found() {
        let (guests, names) = all_guests_in("e2e/tests/guests.rs");
        let sample = ("crds/samples/valid/small.yaml", "kind: VmGroup");
        for (test, expected) in [
            ("", 1),
            ("read(\"small.yaml\")", 0),
            ("walk(\"samples/valid\")", 0),
        ] {
            let sources = [(&*guests, &*names), sample, ("e2e/tests/samples.rs", test)];
            assert_eq!(check(&Sources::of(&sources)).len(), expected, "{test}");
        }
    }
}
