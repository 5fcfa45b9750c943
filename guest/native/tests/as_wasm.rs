//! The same logic, natively and as WebAssembly: every answer is the same, byte
//! for byte.
#![allow(clippy::unwrap_used)]

use vmgroup_core::case::Case;
use vmgroup_core::observation::{
    Drift, Health, Hold, Member, Observation, Operation, OperationKind, OperationStage, Phase,
    PowerState, RemovalPolicy, UpdatePolicy,
};
use vmgroup_core::plan::Answer;
use vmgroup_core::time::Timestamp;
use vmgroup_default_reconciler::DefaultReconciler;
use vmgroup_engine::{Engine, Limits, Module};
use vmgroup_one_by_one::OneByOne;

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// A module and the same logic in this process.
struct Pair {
    module: Module,
    native: fn(&Observation) -> Answer,
}

fn pairs() -> [Pair; 2] {
    let engine = Engine::new(Limits::default());
    [
        Pair {
            module: load(&engine, "default"),
            native: vmgroup_native::decide,
        },
        Pair {
            module: load(&engine, "one-by-one"),
            native: vmgroup_native::decide_one_by_one,
        },
    ]
}

fn load(engine: &Engine, name: &str) -> Module {
    let path = format!("{REPOSITORY}/target/guests/{name}.wasm");
    let bytes = std::fs::read(&path)
        .unwrap_or_else(|error| panic!("{path}: {error}; run `cargo xtask guests` first"));
    engine.load(&bytes).unwrap()
}

fn assert_same(pair: &Pair, observation: &Observation, situation: &str) {
    let name = &pair.module.description().name;
    let wasm = pair
        .module
        .reconcile(observation)
        .unwrap_or_else(|error| panic!("{name}, {situation}: {error}"));
    let wasm = serde_json::to_string(&wasm.answer).unwrap();
    let native = serde_json::to_string(&(pair.native)(observation)).unwrap();
    assert_eq!(
        wasm, native,
        "{name}, {situation}: WebAssembly, native; `cargo xtask guests` builds what has changed"
    );
}

#[test]
fn the_descriptions_are_the_same() {
    let [default, one_by_one] = pairs();
    let native = vmgroup_native::describe::<DefaultReconciler>();
    assert_eq!(default.module.description(), &native);
    let native = vmgroup_native::describe::<OneByOne>();
    assert_eq!(one_by_one.module.description(), &native);
}

#[test]
fn settings_are_judged_the_same() {
    let [default, _] = pairs();
    for settings in ["{}", "[]", "", "{\"nonsense\":1}", "{\"a\":{\"b\":[null]}}"] {
        let wasm = default.module.validate_settings(settings).result.unwrap();
        let native = vmgroup_native::validate_settings::<DefaultReconciler>(settings);
        assert_eq!(wasm, native, "{settings}");
    }
}

#[test]
fn a_thousand_situations_are_decided_the_same() {
    for pair in pairs() {
        for seed in 0..1_000 {
            let observation = situation(&mut Numbers(seed));
            assert_same(&pair, &observation, &format!("seed {seed}"));
        }
    }
}

#[test]
fn every_case_is_decided_the_same() {
    let pairs = pairs();
    let mut cases = 0;
    for folder in ["default", "laws"] {
        let folder = format!("{REPOSITORY}/guest/cases/{folder}");
        let mut paths: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        paths.sort();
        for path in paths
            .iter()
            .filter(|path| path.extension().is_some_and(|e| e == "json"))
        {
            let text = std::fs::read_to_string(path).unwrap();
            let case =
                Case::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            for pair in &pairs {
                assert_same(pair, &case.input, &path.display().to_string());
            }
            cases += 1;
        }
    }
    assert!(cases > 0, "no case below guest/cases");
}

/// Numbers that look random and are the same in every run (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }

    fn number(&mut self, bound: u32) -> u32 {
        u32::try_from(self.below(bound as usize)).unwrap()
    }

    fn time(&mut self) -> Timestamp {
        Timestamp(self.below(2_000_000) as u64)
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

fn situation(numbers: &mut Numbers) -> Observation {
    let slots = numbers.number(12);
    let members: Vec<Member> = (0..slots)
        .filter(|slot| slot % 5 != 4)
        .map(|slot| member(numbers, slot))
        .collect();
    let operations = (0..slots)
        .filter(|slot| slot % 5 == 4)
        .map(|slot| clone_of(numbers, slot));
    let operations: Vec<Operation> = operations.collect();
    let mut observation: Observation = serde_json::from_value(serde_json::json!({
        "context": { "phase": "normal", "now": 1_000_000, "woken": "time-came", "settings": "{}" },
        "desired": {
            "replicas": numbers.below(12), "maxUnavailable": numbers.below(3),
            "maxSurge": numbers.below(3), "minAlive": numbers.below(3), "spares": 0,
            "power": { "state": "on", "drift": "enforce", "graceMs": 1_000, "since": 0 },
            "removal": "newest", "update": "in-place", "heal": "replace", "healAfterMs": 1_000,
            "parking": "forbidden",
            "budget": { "deletes": 10, "disruptions": 10, "windowEnds": 3_600_000 },
            "maxActions": 50,
        },
        "members": [], "complete": numbers.below(8) != 0, "asOf": 1_000_000,
    }))
    .unwrap();
    observation.members = members;
    observation.operations = operations;
    observation.context.phase = numbers.one_of(Phase::ALL);
    observation.desired.power.state = numbers.one_of(PowerState::ALL);
    observation.desired.removal = numbers.one_of(RemovalPolicy::ALL);
    observation.desired.update = numbers.one_of(UpdatePolicy::ALL);
    observation
}

fn member(numbers: &mut Numbers, slot: u32) -> Member {
    let id = format!("vm-{slot}");
    let held = numbers.below(6) == 0;
    let mut member: Member = serde_json::from_value(serde_json::json!({
        "id": id, "slot": slot, "power": "on", "powerSince": 1, "connection": "connected",
        "health": "ready", "healthSince": 1, "drift": "none", "cpus": 1, "memoryMib": 1024,
    }))
    .unwrap();
    member.power = numbers.one_of(PowerState::ALL);
    member.power_since = numbers.time();
    member.health = numbers.one_of(Health::ALL);
    member.health_since = numbers.time();
    member.drift = numbers.one_of(Drift::ALL);
    member.created_at = Some(numbers.time());
    if held {
        member.holds = vec![numbers.one_of(Hold::ALL)];
    }
    member
}

fn clone_of(numbers: &mut Numbers, slot: u32) -> Operation {
    Operation {
        kind: OperationKind::Clone,
        slot,
        member: None,
        stage: numbers.one_of(OperationStage::ALL),
        since: numbers.time(),
    }
}
