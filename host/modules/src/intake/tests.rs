use super::*;
use crate::fake::{intake, told};

const DEFAULT: &[Name] = &[None];

fn heard(events: &std::sync::mpsc::Receiver<Event>) -> Vec<String> {
    events.try_iter().map(told).collect()
}

#[test]
fn a_good_module_is_swapped_in_and_a_running_decision_keeps_the_old_one() {
    let (intake, events) = intake();
    let store = intake.store();
    assert_eq!(intake.take(DEFAULT, "a.wasm", b"good one"), Taken::Active);
    let running = store.get(None).expect("active");
    assert_eq!(intake.take(DEFAULT, "a.wasm", b"good two"), Taken::Active);
    assert_eq!(running.module, "good one");
    assert_eq!(store.get(None).expect("active").module, "good two");
    assert_eq!(store.get(None).expect("active").digest, digest(b"good two"));
    assert_eq!(
        heard(&events),
        ["default is good one", "default is good two"]
    );
}

#[test]
fn one_module_can_have_several_names() {
    let (intake, events) = intake();
    let names = [None, Some("built-in".to_owned())];
    intake.take(&names, "a.wasm", b"good one");
    intake.take(DEFAULT, "b.wasm", b"good two");
    let store = intake.store();
    assert_eq!(
        store.get(Some("built-in")).expect("active").module,
        "good one"
    );
    assert_eq!(store.get(None).expect("active").module, "good two");
    assert!(store.get(Some("other")).is_none());
    assert_eq!(
        heard(&events),
        [
            "default is good one",
            "built-in is good one",
            "default is good two"
        ]
    );
}

/// Most groups have none.
#[test]
fn a_module_keeps_the_laws_without_settings_too() {
    let (intake, _events) = intake();
    let taken = intake.take(DEFAULT, "a.wasm", b"careless");
    assert!(matches!(taken, Taken::Refused(_)), "{taken:?}");
}

#[test]
fn a_refused_module_leaves_the_last_good_one_deciding() {
    let (intake, events) = intake();
    intake.take(DEFAULT, "a.wasm", b"good one");
    let Taken::Refused(refusal) = intake.take(DEFAULT, "a.wasm", b"bad") else {
        panic!("not refused");
    };
    assert_eq!(
        refusal.to_string(),
        "refused at stage inspect: no such word"
    );
    assert_eq!(intake.store().get(None).expect("active").module, "good one");
    assert_eq!(
        heard(&events),
        [
            "default is good one",
            "default refused at inspect: a.wasm: no such word"
        ]
    );
}

#[test]
fn a_module_that_breaks_a_law_is_refused_by_the_name_of_the_case() {
    let (intake, _events) = intake();
    let Taken::Refused(refusal) = intake.take(DEFAULT, "a.wasm", b"reckless") else {
        panic!("not refused");
    };
    assert_eq!(refusal.stage, "law-cases");
    assert!(
        refusal
            .message
            .starts_with("breaks the law case nothing-there: "),
        "{}",
        refusal.message
    );
}

#[test]
fn too_many_bytes_are_refused_with_both_figures() {
    let (intake, _events) = intake();
    let Taken::Refused(refusal) = intake.take(DEFAULT, "a.wasm", &[b'x'; 65]) else {
        panic!("not refused");
    };
    assert_eq!(refusal.stage, "size");
    assert_eq!(refusal.message, "module has 65 bytes, the limit is 64");
}

#[test]
fn without_a_good_module_the_name_is_missing_and_nothing_takes_its_place() {
    let (intake, events) = intake();
    intake.take(&[Some("built-in".into())], "built-in", b"good one");
    intake.take(DEFAULT, "a.wasm", b"bad");
    assert!(intake.store().get(None).is_none());
    assert_eq!(
        heard(&events)[1],
        "default missing: a.wasm was refused at stage inspect: no such word; \
         replace it by a module that passes, it is taken in at once"
    );
}

#[test]
fn the_same_digest_twice_is_no_swap_and_no_second_refusal() {
    let (intake, events) = intake();
    intake.take(DEFAULT, "a.wasm", b"good one");
    assert_eq!(
        intake.take(DEFAULT, "a.wasm", b"good one"),
        Taken::Unchanged
    );
    assert_eq!(heard(&events).len(), 1);
    intake.take(DEFAULT, "a.wasm", b"bad");
    assert_eq!(intake.take(DEFAULT, "a.wasm", b"bad"), Taken::Unchanged);
    assert_eq!(heard(&events).len(), 1);
}

#[test]
fn going_back_to_the_active_module_ends_the_refusal() {
    let (intake, events) = intake();
    intake.take(DEFAULT, "a.wasm", b"good one");
    intake.take(DEFAULT, "a.wasm", b"bad");
    heard(&events);
    assert_eq!(
        intake.take(DEFAULT, "a.wasm", b"good one"),
        Taken::Unchanged
    );
    assert_eq!(heard(&events), ["default is good one"]);
}

#[test]
fn bytes_that_cannot_be_had_are_told_once() {
    let (intake, events) = intake();
    let gone = Refusal::new(stage::FETCH, "no such file");
    intake.unavailable(DEFAULT, "a.wasm", &gone);
    intake.unavailable(DEFAULT, "a.wasm", &gone);
    assert_eq!(heard(&events).len(), 1);
    intake.take(DEFAULT, "a.wasm", b"good one");
    intake.unavailable(DEFAULT, "a.wasm", &gone);
    assert_eq!(
        heard(&events),
        [
            "default is good one",
            "default refused at fetch: a.wasm: no such file"
        ]
    );
}

#[test]
fn a_module_that_is_late_for_a_moment_is_taken_in_all_the_same() {
    let (intake, events) = intake();
    assert_eq!(intake.take(DEFAULT, "a.wasm", b"slow 2"), Taken::Active);
    assert_eq!(heard(&events), ["default is slow 2"]);
}

#[test]
fn a_module_that_stays_late_is_told_once_and_tried_again_each_time() {
    let (intake, events) = intake();
    intake.take(DEFAULT, "a.wasm", b"good one");
    heard(&events);
    for _ in 0..2 {
        let Taken::Refused(refusal) = intake.take(DEFAULT, "b.wasm", b"slow 12") else {
            panic!("not refused");
        };
        assert!(refusal.late, "{refusal:?}");
    }
    assert_eq!(intake.store().get(None).expect("active").module, "good one");
    assert_eq!(intake.take(DEFAULT, "b.wasm", b"slow 12"), Taken::Active);
    assert_eq!(
        heard(&events),
        [
            "default refused at law-cases: b.wasm: does not finish the law case \
             nothing-there: module ran 4 ms too long (and 1 more)",
            "default is slow 12"
        ]
    );
}

#[test]
fn a_name_whose_only_module_is_late_is_missing_until_it_is_tried_again() {
    let (intake, events) = intake();
    intake.take(DEFAULT, "a.wasm", b"slow 9");
    let missing = heard(&events).remove(0);
    assert!(missing.starts_with("default missing: "), "{missing}");
    assert!(missing.ends_with("; it is tried again"), "{missing}");
}
