//! Seeded plans of the kill points, side by side, a sample of what the binary
//! `kill_points` runs for hours; and the same script in each of the storms.
#![allow(clippy::print_stderr, reason = "the runner prints the rest")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use libtest_mimic::{Arguments, Failed, Trial};
use vmgroup_e2e::kill_points::{Ground, Learned, Outcome, learn, plans, run, weather};
use vmgroup_faults::Plan;

/// What fits into three minutes on two processors, with the storms.
const PLANS: usize = 24;
const SEED: u64 = 1;
const SIDE_BY_SIDE: usize = 6;
/// How the names of storms begin.
const STORM: &str = "storm::";

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(SIDE_BY_SIDE);
    // Names are known without a run: what a plan is about is learned from one.
    let told = (!arguments.list).then(|| {
        let ground = Ground::start();
        let learned = learn(&ground);
        Arc::new((ground, learned))
    });
    let mut trials = Vec::new();
    for (name, storm) in storms() {
        trials.push(trial(
            format!("{STORM}{name}"),
            &told,
            move |ground, learned| (name.clone(), weather(ground, storm, learned)),
        ));
    }
    let reached = Arc::new(AtomicUsize::new(0));
    for number in 0..PLANS {
        let reached = Arc::clone(&reached);
        let name = format!("plan_{number}_of_seed_{SEED}");
        trials.push(trial(name, &told, move |ground, learned| {
            let plan = plans(&learned.points, SEED).nth(number);
            let plan = plan.expect("the script has calls");
            let outcome = run(ground, &plan, learned);
            reached.fetch_add(usize::from(outcome.is_reached()), Ordering::Relaxed);
            (plan.to_string(), outcome)
        }));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    let reached = reached.load(Ordering::Relaxed);
    let are_all = !arguments.list && arguments.filter.is_none() && arguments.skip.is_empty();
    // Calls may come in another order than in the run that they were learned from.
    if are_all && reached * 3 < PLANS * 2 {
        eprintln!("only {reached} of {PLANS} plans reached their faults");
        return ExitCode::FAILURE;
    }
    conclusion.exit_code()
}

fn trial(
    name: String,
    told: &Option<Arc<(Ground, Learned)>>,
    run: impl FnOnce(&Ground, &Learned) -> (String, Outcome) + Send + 'static,
) -> Trial {
    let told = told.clone();
    let is_storm = name.starts_with(STORM);
    Trial::test(name, move || {
        let Some(told) = told else { return Ok(()) };
        let (what, outcome) = run(&told.0, &told.1);
        match outcome.failure {
            None if outcome.hit == 0 && is_storm => Err(Failed::from("no rule of it struck")),
            None => Ok(()),
            Some(why) => Err(Failed::from(format!("{what}: {why}"))),
        }
    })
}

/// Plans that hit many calls, by the names of their files.
fn storms() -> BTreeMap<String, Plan> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kill_points/storms");
    let files = fs::read_dir(&folder).expect("a folder of storms");
    let read = |file: std::io::Result<fs::DirEntry>| {
        let path = file.expect("a file").path();
        let name = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let text = fs::read_to_string(&path).expect("a plan");
        let plan = Plan::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        (name, plan)
    };
    files.map(read).collect()
}
