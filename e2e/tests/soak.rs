//! A short soak, so that the long one cannot rot.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use vmgroup_e2e::kill_points::Ground;
use vmgroup_e2e::soak::{Soak, Verdict, run};

/// What fits beside the other tests. A leak has to be large to show in it; that the edits
/// and faults end well shows as it does in a long one.
const LENGTH: Duration = Duration::from_secs(60);

#[test]
fn a_short_soak_settles_after_every_bout_and_leaves_nothing() {
    let soak = Soak {
        seed: 1,
        length: LENGTH,
        rounds_of_a_bout: 2,
        is_stopped: &AtomicBool::new(false),
    };
    let ground = Ground::start();
    let mut said = Vec::new();
    let report = run(&ground, &soak, &mut |line| said.push(line.to_owned()));
    let told = || {
        let rounds: Vec<&str> = report.last_rounds.iter().map(String::as_str).collect();
        format!(
            "seed {}\n{}\n{}\n{}",
            report.seed,
            said.join("\n"),
            rounds.join("\n"),
            report.table()
        )
    };
    if let Some(breach) = &report.breach {
        panic!("{}\n{}", breach.circumstances, told());
    }
    assert!(report.is_good(), "{}", told());
    assert!(report.rounds >= 4, "it comes to something: {}", told());
    let rows = report.rows();
    let sessions = rows.iter().find(|row| row.figure == "sessions");
    let judged = sessions.and_then(|row| row.judged);
    let verdict = judged.map(|judged| judged.verdict);
    assert_eq!(verdict, Some(Verdict::Flat), "{}", told());
}
