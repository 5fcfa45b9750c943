//! All pieces of the proof.

use super::piece::{Piece, Program, Target};

const LOGIC: &[&str] = &[
    "host/core/src",
    "host/reconcile/src",
    "guest/src",
    "guest/sdk/src",
    "host/sim/src",
    "host/sim/prove/src",
];

/// The built operator, and what drives it.
const OPERATOR: &[&str] = &[
    "host/api",
    "host/core",
    "host/engine",
    "host/files",
    "host/kubernetes",
    "host/modules",
    "host/reconcile",
    "host/src",
    "host/vcenter",
    "host/vim",
    "guest/src",
    "guest/sdk/src",
    "wit",
    "e2e/Cargo.toml",
    "e2e/src",
    "e2e/rig",
    "e2e/faults",
    "e2e/components",
    "deploy",
    "guest/examples",
    "Cargo.toml",
    "Cargo.lock",
];

const PROVE: Target = Target::Bin("vmgroup-prove");

const HONEST: Program = Program::plain("vmgroup-honest", Target::Bin("vmgroup-honest"));

pub(super) const PIECES: &[Piece] = &[
    Piece {
        name: "schedules",
        about: "drawn schedules in the simulated world, the built-in module natively",
        sources: LOGIC,
        needs_guests: false,
        needs_rig: false,
        program: Program::native("vmgroup-prove", PROVE),
        bounds: from_for,
        adds: &["schedules", "decisions", "virtual hours", "known breaches"],
        keeps: &[],
        zeroes: &["breaches"],
        next: Some("next seed"),
        goal: 3_000_000,
        share: 8,
        seconds_min: 10,
    },
    Piece {
        name: "sandbox",
        about: "the same with every decision made by the module in its sandbox",
        sources: &[
            "host/core/src",
            "host/reconcile/src",
            "guest/src",
            "guest/sdk/src",
            "host/sim/src",
            "host/sim/prove/src",
            "host/engine/src",
        ],
        needs_guests: true,
        needs_rig: false,
        program: Program::optimised("vmgroup-prove", PROVE).with(&["--wasm"]),
        bounds: from_for,
        adds: &["schedules", "decisions", "virtual hours", "known breaches"],
        keeps: &[],
        zeroes: &["breaches"],
        next: Some("next seed"),
        goal: 300_000,
        share: 4,
        seconds_min: 10,
    },
    Piece {
        name: "clones",
        about: "clones while one in five answers is lost, none of which may be made twice",
        sources: LOGIC,
        needs_guests: false,
        needs_rig: false,
        program: Program::native("vmgroup-prove", Target::Bin("clones")),
        bounds: from_within,
        adds: &["clones", "requests", "answers lost"],
        keeps: &[],
        zeroes: &["duplicates", "worlds that broke"],
        next: Some("next seed"),
        goal: 100_000,
        share: 1,
        seconds_min: 10,
    },
    Piece {
        name: "scopes",
        about: "every interleaving of small worlds",
        sources: &["host/core/src", "host/reconcile/src", "host/sim/scopes/src"],
        needs_guests: false,
        needs_rig: false,
        program: Program::native("vmgroup-scopes", Target::Bin("vmgroup-scopes")),
        bounds: from_begun_within,
        adds: &["states", "scopes that hold and close"],
        keeps: &[],
        zeroes: &["scopes that do not"],
        next: Some("next scope"),
        goal: 10_000_000,
        share: 4,
        seconds_min: 10,
    },
    Piece {
        name: "kill-points",
        about: "the operator killed, cut off or frozen at a call, on real components",
        sources: OPERATOR,
        needs_guests: true,
        needs_rig: true,
        program: Program::plain("vmgroup-e2e", Target::Bin("kill_points")).beside("vmgroup"),
        bounds: minutes_of_plans,
        adds: &[
            "kill-point runs",
            "kill-point runs that missed a fault",
            "kills",
        ],
        keeps: &["slowest to heal, ms"],
        zeroes: &["kill-point runs that failed"],
        next: Some("next plan"),
        goal: 1_000,
        share: 8,
        seconds_min: 120,
    },
    Piece {
        name: "soak",
        about: "random edits and faults on real components, and what the operator costs",
        sources: OPERATOR,
        needs_guests: true,
        needs_rig: true,
        program: Program::plain("vmgroup-e2e", Target::Bin("soak")).beside("vmgroup"),
        bounds: minutes_of_rounds,
        adds: &["rounds", "settled", "kills", "approvals"],
        keeps: &["slowest to settle, ms"],
        zeroes: &["soaks that failed"],
        next: Some("next seed"),
        goal: 3_000,
        share: 4,
        seconds_min: 240,
    },
    Piece {
        name: "generated",
        about: "modules that wasm-smith writes, against the engine",
        sources: &["host/core/src", "host/engine", "wit", "Cargo.lock"],
        needs_guests: true,
        needs_rig: false,
        program: Program::optimised("vmgroup-engine", Target::Test("generated")),
        bounds: modules,
        adds: &["modules", "entered"],
        keeps: &[],
        zeroes: &[],
        next: Some("next seed"),
        goal: 100_000,
        share: 3,
        seconds_min: 30,
    },
    Piece {
        name: "fuzz",
        about: "inputs that libFuzzer makes, for every place where bytes come in",
        sources: &[
            "host/core/src",
            "host/api/src",
            "host/engine/src",
            "host/files/src",
            "host/vim/src",
            "fuzz",
            "wit",
            "Cargo.lock",
        ],
        needs_guests: true,
        needs_rig: false,
        program: Program::plain("xtask", Target::Bin("xtask")).with(&["fuzz"]),
        bounds: in_all,
        adds: &["executions"],
        keeps: &["targets"],
        zeroes: &["crashes"],
        next: None,
        goal: 100_000_000,
        share: 4,
        seconds_min: 100,
    },
    Piece {
        name: "honest-vcenter",
        about: "the same operations to the simulated vCenter and to vcsim",
        sources: &[
            "host/sim/src/lib.rs",
            "host/sim/src/vcenter.rs",
            "host/sim/src/vcenter",
            "host/sim/src/history.rs",
            "host/sim/src/kind.rs",
            "host/sim/src/options.rs",
            "host/sim/src/random.rs",
            "host/vcenter/src",
            "host/vim/src",
            "e2e/honest",
            "e2e/components/vcsim",
        ],
        needs_guests: false,
        needs_rig: true,
        program: HONEST.with(&["vcenter"]),
        bounds: minutes_of_sequences,
        // The rarest kinds of two runs may differ: of all runs it was at least the sum.
        adds: &["operations", "faulting", "of the rarest kind"],
        keeps: &[],
        zeroes: &["disagreements"],
        next: Some("next seed"),
        goal: 100_000,
        share: 3,
        seconds_min: 60,
    },
    Piece {
        name: "honest-cluster",
        about: "the same operations to the simulated API server and to a real one",
        sources: &[
            "host/sim/src/lib.rs",
            "host/sim/src/cluster.rs",
            "host/sim/src/cluster",
            "host/sim/src/samples.rs",
            "host/sim/src/options.rs",
            "host/sim/src/random.rs",
            "host/kubernetes/src",
            "host/api/src",
            "e2e/honest",
        ],
        needs_guests: false,
        needs_rig: true,
        program: HONEST.with(&["cluster"]),
        bounds: minutes_of_sequences,
        // The rarest kinds of two runs may differ: of all runs it was at least the sum.
        adds: &["operations", "faulting", "of the rarest kind"],
        keeps: &[],
        zeroes: &["disagreements"],
        next: Some("next seed"),
        goal: 100_000,
        share: 3,
        seconds_min: 60,
    },
    Piece {
        name: "flaws",
        about: "operators that are wrong in one way each, and are to be caught",
        sources: LOGIC,
        needs_guests: false,
        needs_rig: false,
        program: Program::native("vmgroup-prove", Target::Bin("flaws")),
        bounds: from,
        adds: &[],
        keeps: &["flaws caught", "most schedules for one"],
        zeroes: &["flaws that got away"],
        next: None,
        goal: 40,
        share: 1,
        seconds_min: 0,
    },
];

fn from_for(next: u64, seconds: u64) -> Vec<String> {
    let mut words = from_within(next, seconds);
    words.push("--failures=1000".to_owned());
    words
}

fn from_within(next: u64, seconds: u64) -> Vec<String> {
    vec![
        format!("--first={next}"),
        "--count=1000000000".to_owned(),
        format!("--seconds={seconds}"),
    ]
}

fn from(next: u64, _seconds: u64) -> Vec<String> {
    vec!["--first".to_owned(), next.to_string()]
}

fn in_all(_next: u64, seconds: u64) -> Vec<String> {
    vec!["--in-all".to_owned(), seconds.to_string()]
}

/// The scope that was begun last is searched to its end.
fn from_begun_within(next: u64, seconds: u64) -> Vec<String> {
    vec![
        "--all".to_owned(),
        format!("--from={next}"),
        format!("--begin-within={seconds}"),
    ]
}

/// Most plans wait most of the time: for a lease to lapse, or for a call to be made.
fn minutes_of_plans(next: u64, seconds: u64) -> Vec<String> {
    let minutes = (seconds / 60).max(1);
    vec![
        format!("--first={next}"),
        "--count=100000".to_owned(),
        "--again".to_owned(),
        "--side-by-side=8".to_owned(),
        format!("--minutes={minutes}"),
    ]
}

fn minutes_of_rounds(next: u64, seconds: u64) -> Vec<String> {
    let minutes = (seconds / 60).max(1);
    vec![format!("--seed={next}"), format!("--minutes={minutes}")]
}

fn minutes_of_sequences(next: u64, seconds: u64) -> Vec<String> {
    let minutes = (seconds / 60).max(1);
    vec![
        format!("--first-seed={next}"),
        "--sequences=1000000".to_owned(),
        format!("--minutes={minutes}"),
    ]
}

/// So many as an optimised build runs in the time, on a slow day.
fn modules(next: u64, seconds: u64) -> Vec<String> {
    const A_SECOND: u64 = 60;
    let words = [
        "--modules",
        &(A_SECOND * seconds).to_string(),
        "--seed",
        &next.to_string(),
    ];
    words.map(str::to_owned).to_vec()
}
