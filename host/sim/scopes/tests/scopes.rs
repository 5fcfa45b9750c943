//! The smallest scopes in every run of the tests; `cargo xtask test` has all
//! small ones searched in release, and the planted flaws found.

use std::collections::BTreeSet;
use std::time::Duration;

use vmgroup_scopes::{End, FLAWS, Flaw, Found, Limits, Scope, scopes, search};

const LIMITS: Limits = Limits {
    states: 100_000,
    time: Duration::from_secs(600),
    twins: 0,
};

fn scope(name: &str) -> &'static Scope {
    let named = scopes().find(|scope| scope.name == name);
    named.unwrap_or_else(|| panic!("there is no scope {name}"))
}

fn closed(name: &str) -> Found {
    let found = search(scope(name), Flaw::None, LIMITS);
    assert!(matches!(found.end, End::Closed), "{name}: {found:#?}");
    found
}

#[test]
fn one_slot_closes_and_has_the_same_states_every_time() {
    let (one, two) = (closed("one-slot"), closed("one-slot"));
    assert!(one.states > 200, "{}", one.states);
    assert_eq!((one.states, one.transitions), (two.states, two.transitions));
}

#[test]
fn worlds_that_are_taken_for_one_go_on_alike() {
    let limits = Limits { twins: 1, ..LIMITS };
    for name in ["one-slot", "hands-off", "takeover-idle"] {
        let found = search(scope(name), Flaw::None, limits);
        assert!(matches!(found.end, End::Closed), "{name}: {found:#?}");
    }
}

#[test]
fn a_finalizer_that_goes_too_early_is_found_with_the_way_there() {
    let found = search(scope("delete-crash"), Flaw::EarlyFinalizer, LIMITS);
    let End::Broken { breach, trace } = found.end else {
        panic!("{found:#?}");
    };
    assert_eq!(breach.oracle, "S5");
    let last = trace.last().expect("a way of some steps");
    assert!(last.contains("Release"), "{trace:#?}");
}

#[test]
fn names_are_unique_and_every_flaw_has_a_scope() {
    let names: BTreeSet<_> = scopes().map(|scope| scope.name).collect();
    assert_eq!(names.len(), scopes().count());
    for (flaw, name) in FLAWS {
        assert!(names.contains(name), "{flaw:?}: {name}");
    }
    assert!(FLAWS.len() >= 3);
}
