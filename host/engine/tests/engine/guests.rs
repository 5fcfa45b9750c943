//! The modules that this repository builds, in the engine that runs them.

use std::sync::LazyLock;

use crate::forge;
use vmgroup_core::plan::Answer;
use vmgroup_engine::{Engine, Limits, Module};

static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::new(Limits::default()));

fn guest(name: &str) -> Module {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/guests");
    let path = format!("{folder}/{name}.wasm");
    let bytes = std::fs::read(&path)
        .unwrap_or_else(|error| panic!("{path}: {error}; run `cargo xtask guests` first"));
    ENGINE
        .load(&bytes)
        .unwrap_or_else(|error| panic!("{name}: {error:?}"))
}

fn plan_json(module: &Module, members: u32) -> String {
    let mut observation = forge::observation(members);
    observation.desired.replicas = members + 2;
    serde_json::to_string(&module.reconcile(&observation).unwrap().answer).unwrap()
}

#[test]
fn the_same_observation_gives_the_same_bytes() {
    let module = guest("default");
    let first = plan_json(&module, 5);
    assert!(first.contains("clone"), "{first}");
    for _ in 0..5 {
        assert_eq!(plan_json(&module, 5), first);
    }
    assert_eq!(plan_json(&guest("default"), 5), first, "compiled anew");
}

#[test]
fn two_modules_interleaved_on_threads_decide_as_they_do_alone() {
    let (default, one_by_one) = (guest("default"), guest("one-by-one"));
    let alone = (plan_json(&default, 5), plan_json(&one_by_one, 5));
    assert_ne!(alone.0, alone.1);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    assert_eq!(plan_json(&default, 5), alone.0);
                    assert_eq!(plan_json(&one_by_one, 5), alone.1);
                }
            });
        }
    });
}

#[test]
fn a_thousand_members_take_less_than_a_twentieth_of_the_fuel() {
    let module = guest("default");
    let limits = Limits::default();
    for members in [10, 100, 998] {
        let mut observation = forge::observation(members);
        observation.desired.replicas = members + 2;
        let usage = module.reconcile(&observation).unwrap().usage;
        assert!(
            usage.fuel > 0 && usage.fuel * 20 <= limits.fuel,
            "{members}: {usage:?}"
        );
        assert!(
            usage.memory_peak_bytes * 8 <= limits.memory_bytes,
            "{members}: {usage:?}"
        );
    }
}

/// What the hostile module does, and what becomes of it.
const HOSTILE: [(&str, &str); 17] = [
    ("well-behaved", "plan"),
    ("endless-loop", "fuel"),
    ("deep-recursion", "trap"),
    ("memory-bomb", "memory"),
    ("many-actions", "memory"),
    ("giant-text", "memory"),
    ("trap", "trap"),
    ("log-flood", "fuel"),
    ("giant-log-line", "host-call"),
    // The rules of the host see to these.
    ("foreign-member", "plan"),
    ("delete-all", "plan"),
    ("clone-beyond-bounds", "plan"),
    ("contradictory", "plan"),
    ("flip-flop", "plan"),
    ("nonsense-reasons", "malformed"),
    ("refuse", "refusal"),
    ("giant-memo", "output"),
];

#[test]
fn the_process_and_the_next_decision_survive_every_hostile_behaviour() {
    let (hostile, default) = (guest("hostile"), guest("default"));
    let next = plan_json(&default, 5);
    for (behaviour, expected) in HOSTILE {
        let mut observation = forge::observation(3);
        observation.context.settings = format!(r#"{{"behaviour":"{behaviour}"}}"#);
        let attempt = hostile.attempt(&observation);
        let became = match &attempt.result {
            Ok(Answer::Plan(_)) => "plan",
            Ok(Answer::Refusal(_)) => "refusal",
            Err(error) => error.class(),
        };
        assert_eq!(became, expected, "{behaviour}: {:?}", attempt.result);
        assert!(
            attempt.log.len() <= Limits::default().log_lines,
            "{behaviour}"
        );
        assert_eq!(plan_json(&default, 5), next, "after {behaviour}");
    }
}

#[test]
fn the_table_names_every_behaviour_of_the_hostile_module() {
    let source = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../guest/hostile/src/lib.rs"
    );
    let source = std::fs::read_to_string(source).unwrap();
    let arms = source.matches("            Behaviour::").count();
    assert_eq!(
        arms,
        HOSTILE.len(),
        "a behaviour without an expectation, or the reverse"
    );
}
