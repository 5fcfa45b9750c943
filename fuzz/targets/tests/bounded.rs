//! Every target with its seeds and some thousand mutations of them: what libFuzzer does for days,
//! for seconds, and with the stable compiler.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::panic::catch_unwind;

use vmgroup_fuzz_targets::{Mutator, NAMES, TARGETS, Target, Verdict};

/// Inputs that once found something, in a folder of the target's name.
const REGRESSIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../regressions");

fn search(name: &str) {
    let mut targets = TARGETS.iter();
    let target = targets.find(|target| target.name == name).unwrap();
    let (mut accepted, mut refused) = (0, 0);
    let mut count = |verdict| match verdict {
        Verdict::Accepted => accepted += 1,
        Verdict::Refused => refused += 1,
    };
    for input in (target.seeds)().iter().chain(&regressions(name)) {
        count(tried(target, input));
    }
    let mut mutator = Mutator::new(target, 1);
    for _ in 0..target.bounded {
        count(tried(target, &mutator.next_input()));
    }
    // In a component a length stands in front of each part: few mutations survive.
    let least = target.bounded / 500;
    assert!(
        accepted >= least,
        "{name}: only {accepted} inputs were accepted"
    );
    assert!(
        refused >= least,
        "{name}: only {refused} inputs were refused"
    );
}

fn tried(target: &Target, input: &[u8]) -> Verdict {
    assert!(
        input.len() <= 64 << 10,
        "{}: a seed of {} bytes",
        target.name,
        input.len()
    );
    catch_unwind(|| (target.run)(input)).unwrap_or_else(|_| {
        let escaped = input.escape_ascii();
        panic!("{} failed on b\"{escaped}\"", target.name)
    })
}

fn regressions(name: &str) -> Vec<Vec<u8>> {
    let Ok(entries) = std::fs::read_dir(format!("{REGRESSIONS}/{name}")) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.map(|path| std::fs::read(path).unwrap()).collect()
}

macro_rules! searched {
    ($($test:ident: $name:literal;)+) => {
        $(#[test] fn $test() { search($name); })+

        #[test]
        fn every_target_is_searched() {
            let searched = [$($name),+];
            let all: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(all, searched);
        }
    };
}

searched! {
    case_files_are_read_or_refused_with_a_place: "case";
    modules_decide_on_any_observation: "observation";
    specs_are_within_their_limits_or_refused_with_a_field: "object";
    yaml_documents_are_read_or_refused_with_a_line: "document";
    settings_are_canonical_or_refused: "settings";
    markers_belong_to_their_owner_or_to_nobody: "marker";
    names_fit_and_differ: "names";
    answers_of_vcenter_are_read_or_refused: "soap";
    uploads_are_taken_or_refused_with_a_reason: "component";
    what_a_module_returns_is_read_as_the_abi_says: "wit-result";
}

#[test]
fn the_same_number_gives_the_same_inputs() {
    let inputs = |number| -> Vec<Vec<u8>> {
        let mut mutator = Mutator::new(&NAMES, number);
        (0..50).map(|_| mutator.next_input()).collect()
    };
    assert_eq!(inputs(7), inputs(7));
    assert_ne!(inputs(7), inputs(8));
}
