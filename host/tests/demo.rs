//! The whole demo.

mod program;

use program::{run, run_with};

#[test]
fn the_demo_converges() {
    let ran = run(&["demo"]);
    assert_eq!(ran.code, Some(0), "{}", ran.out);
    for words in [
        "vg-2  ERROR",
        "doesNotExist",
        "power-drift",
        "one-by-one 0.1.0",
        "No VmGroups are left.",
        "Checked in the simulated inventory itself",
    ] {
        assert!(ran.out.contains(words), "no {words:?} in:\n{}", ran.out);
    }
    assert!(!ran.out.contains('\u{1b}'), "colour without a terminal");
}

#[test]
fn the_demo_converges_with_other_latencies() {
    for seed in ["2", "3", "4", "5"] {
        let ran = run(&["demo", "--seed", seed]);
        assert_eq!(ran.code, Some(0), "seed {seed}:\n{}", ran.out);
    }
}

#[test]
fn one_seed_tells_one_story() {
    assert_eq!(run(&["demo"]).out, run(&["demo"]).out);
}

#[test]
fn the_other_module_fills_the_highest_slot_first_and_waits() {
    let out = run(&["demo"]).out;
    let act = out.split("Another module").nth(1).expect("an act");
    let act = act.split("And back").next().expect("its end");
    let steps: Vec<&str> = act
        .lines()
        .filter_map(|line| line.split("clone slot ").nth(1))
        .map(|rest| &rest[..1])
        .collect();
    assert_eq!(steps, ["4", "3", "2"], "{act}");
}

#[test]
fn a_demo_that_stays_does_what_is_typed() {
    let ran = run_with(&["demo", "--keep"], "scale vg-1 1\nnonsense\nget\nquit\n");
    assert_eq!(ran.code, Some(0), "{}", ran.out);
    assert!(
        ran.out.contains("kubectl scale vg/vg-1 --replicas=1"),
        "{}",
        ran.out
    );
}
