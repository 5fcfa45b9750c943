//! One run, from an empty stage to the verdict.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::ground::Ground;
use super::oracles::{self, Effects, changes};
use super::points::{Plan, Point, points};
use super::script::{self, LAST_BEFORE_DELETION, SCRIPT, Step};
use super::stage::Stage;

/// What is promised: the world is as it should be so long after a fault.
const CONVERGENCE_MAX: Duration = Duration::from_secs(60);
/// Within it a frozen operator that goes on has made the call that it was about to.
const AFTER_THAW: Duration = Duration::from_millis(1_500);
/// Within it an operator has been killed that is killed with its answer.
const AFTER_ANSWER: Duration = Duration::from_millis(300);
/// So long the world is watched to stand still.
const STANDSTILL: Duration = Duration::from_millis(1_200);
/// Lines of log and trace that a failure shows.
const SHOWN_LINES: usize = 60;

/// What the run without faults teaches.
#[derive(Debug, Clone)]
pub struct Learned {
    /// The calls that change something.
    pub points: Vec<Point>,
    /// How long the run took.
    pub took: Duration,
    effects: Effects,
}

/// What became of a run.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// How many faults, or rules of a storm, it had.
    pub faults: usize,
    /// How many of these happened: a point may not be reached another time.
    pub hit: usize,
    /// How often operators were killed.
    pub killed: u64,
    /// How long it took.
    pub took: Duration,
    /// From a fault to the world as it should be, the longest.
    pub convergence: Duration,
    /// Why it failed.
    pub failure: Option<String>,
}

impl Outcome {
    /// Everything that was to happen did.
    pub fn is_reached(&self) -> bool {
        self.hit == self.faults
    }
}

/// Tells the script without faults.
///
/// # Panics
/// When something does not hold.
pub fn learn(ground: &Ground) -> Learned {
    let began = Instant::now();
    let mut stage = Stage::set(ground, vmgroup_faults::Plan::default(), 1);
    tell(&mut stage);
    let effects = oracles::check(&stage, None, false);
    assert_eq!(effects, script::effects(), "S1, S4: what the script takes");
    Learned {
        points: points(&stage.trace.records(), &stage.namespace),
        took: began.elapsed(),
        effects,
    }
}

/// Tells the script with what the plan says.
pub fn run(ground: &Ground, plan: &Plan, learned: &Learned) -> Outcome {
    let replicas = plan.replicas();
    let conditions = Conditions {
        replicas,
        heals: replicas > 1,
        has_slow_tasks: plan.has_slow_tasks(),
    };
    under(ground, plan.for_proxy(), &conditions, learned)
}

/// Tells the script in a storm: rules that hit many calls.
pub fn weather(ground: &Ground, storm: vmgroup_faults::Plan, learned: &Learned) -> Outcome {
    let conditions = Conditions {
        replicas: 1,
        heals: true,
        has_slow_tasks: false,
    };
    under(ground, storm, &conditions, learned)
}

/// What a run is like, besides its faults.
struct Conditions {
    /// How many operators there are.
    replicas: usize,
    /// Power and hardware may be set more often than without faults.
    heals: bool,
    /// Tasks of vCenter take their time.
    has_slow_tasks: bool,
}

fn under(
    ground: &Ground,
    plan: vmgroup_faults::Plan,
    conditions: &Conditions,
    learned: &Learned,
) -> Outcome {
    let began = Instant::now();
    let mut outcome = Outcome {
        faults: plan.rules.len(),
        ..Outcome::default()
    };
    let mut kept = None;
    let told = catch_unwind(AssertUnwindSafe(|| {
        let stage = kept.insert(Stage::set(ground, plan, conditions.replicas));
        if conditions.has_slow_tasks {
            stage.slow_down_tasks();
        }
        let convergence = tell(stage);
        oracles::check(stage, Some(&learned.effects), conditions.heals);
        convergence
    }));
    outcome.took = began.elapsed();
    if let Some(stage) = &kept {
        let records = stage.trace.records();
        let mut hit: Vec<usize> = records
            .into_iter()
            .flat_map(|record| record.rules)
            .collect();
        hit.sort_unstable();
        hit.dedup();
        outcome.hit = hit.len();
        outcome.killed = stage.seats.iter().map(|seat| seat.killed).sum();
    }
    match told {
        Ok(convergence) if convergence <= CONVERGENCE_MAX => outcome.convergence = convergence,
        Ok(convergence) => {
            outcome.convergence = convergence;
            outcome.failure = Some(format!("converged only after {convergence:?}"));
        }
        Err(panic) => {
            outcome.failure = Some(with_circumstances(said(&*panic), kept.as_ref()));
        }
    }
    // An operator that still runs is checked when it goes, and it has failed already.
    let _ = catch_unwind(AssertUnwindSafe(move || drop(kept)));
    outcome
}

/// All steps, and the farewell; gives the longest time from a fault to its healing.
fn tell(stage: &mut Stage<'_>) -> Duration {
    let mut longest = Duration::ZERO;
    for step in SCRIPT {
        let faults_before = faults(stage).len();
        let seen = stage.trace.now_ms();
        (step.act)(stage);
        stage.until(step.name, step.is_done);
        thaw(stage, step);
        let now = stage.trace.now_ms();
        // What an earlier one did may show in this step only.
        let faults = faults(stage);
        let since = match faults.get(faults_before) {
            Some(first) if faults_before == 0 => Some((*first).max(seen)),
            None if faults_before == 0 => None,
            _ => Some(seen),
        };
        let healing = since.map(|since| Duration::from_millis(now - since));
        longest = longest.max(healing.unwrap_or_default());
        if step.name == LAST_BEFORE_DELETION {
            stands_still(stage, step);
        }
    }
    // The last answer may be one to be killed by.
    sleep(AFTER_ANSWER);
    stage.tend();
    for seat in &mut stage.seats {
        seat.leave();
    }
    longest
}

/// When faults happened, in order.
fn faults(stage: &Stage<'_>) -> Vec<u64> {
    let records = stage.trace.records().into_iter();
    let hit = records.filter(|record| !record.rules.is_empty());
    hit.map(|record| record.began_ms).collect()
}

/// Lets a frozen operator go on once the other one has taken over and done the work.
fn thaw(stage: &mut Stage<'_>, step: &Step) {
    if !stage.seats.iter().any(|seat| seat.proxy.host().is_frozen()) {
        return;
    }
    stage.until_lease_is("second");
    stage.until(step.name, step.is_done);
    for seat in &stage.seats {
        seat.proxy.host().thaw();
    }
    sleep(AFTER_THAW);
    // Whatever its last call did heals.
    stage.until(step.name, step.is_done);
}

/// L1: nothing more is done in vCenter, and the world stays as it is.
fn stands_still(stage: &mut Stage<'_>, step: &Step) {
    let count = |stage: &Stage<'_>| {
        let calls = stage
            .control()
            .trace(0)
            .expect("the simulator answers")
            .calls;
        changes(&calls).count()
    };
    let before = count(stage);
    sleep(STANDSTILL);
    stage.tend();
    assert_eq!(count(stage), before, "L1: it does not stand still");
    stage.falls_silent();
    oracles::only_that_was_taken_down(stage, script::TAKEN_DOWN);
    if let Err(seen) = (step.is_done)(stage) {
        // A report may come late, but what is there stays.
        stage.until(&format!("L1: {seen}"), step.is_done);
    }
}

/// What a panic said.
pub(crate) fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    text.unwrap_or_default()
}

/// Why a run failed, with the ends of its trace and of its operators' logs.
pub(crate) fn with_circumstances(why: String, stage: Option<&Stage<'_>>) -> String {
    let mut text = why;
    let Some(stage) = stage else { return text };
    let last = |lines: Vec<String>| {
        let from = lines.len().saturating_sub(SHOWN_LINES);
        lines[from..].join("\n")
    };
    let changes = |record: &&vmgroup_faults::Record| record.call.changes;
    let trace = stage.trace.records();
    let trace = trace.iter().filter(changes).map(ToString::to_string);
    text.push_str("\n---- trace\n");
    text.push_str(&last(trace.collect()));
    for seat in &stage.seats {
        text.push_str(&format!("\n---- {}\n", seat.name));
        text.push_str(&last(seat.log().lines().map(str::to_owned).collect()));
    }
    text
}
