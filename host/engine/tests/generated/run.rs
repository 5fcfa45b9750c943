//! Generated modules through the real engine: what each call came to, and that nothing but the call
//! was harmed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use vmgroup_core::plan::{Answer, Plan};
use vmgroup_engine::{Attempt, CallError, Engine, LoadError, Module};

use crate::bodies::{ENTERED, Steering};
use crate::forge::{Forge, observation};
use crate::module::{Contract, Generated, generate};

/// A call ends at its deadline and one look at the clock later; the rest is what a busy machine
/// takes from a thread.
const DEADLINE_SLACK: Duration = Duration::from_secs(20);

/// How much the process may grow once it has run for a while: a fraction of what one leaked memory
/// of each module would come to.
const GROWTH_KIB_MAX: u64 = 96 << 10;
const WARM_UP_MODULES: u64 = 200;

/// What a run found.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) modules: u64,
    pub(crate) entered: u64,
    pub(crate) outcomes: BTreeMap<String, [u64; Steering::ALL.len()]>,
    pub(crate) ungenerated: BTreeMap<&'static str, u64>,
    pub(crate) bytes: u64,
    pub(crate) time: Duration,
    pub(crate) next_seed: u64,
    pub(crate) resident_kib_warm: u64,
    pub(crate) resident_kib_most: u64,
}

/// Runs `modules` generated modules, the first of `seed`. Panics, with the seed, when the engine
/// does what it must not; whatever the modules do is counted.
pub(crate) fn run(engine: &Engine, seed: u64, modules: u64, mut tell: impl FnMut(&Found)) -> Found {
    let contract = Contract::read();
    let good = engine
        .load(&Forge::default().component())
        .expect("a good module");
    let started = Instant::now();
    let mut found = Found::default();
    let mut seed = seed;
    while found.modules < modules {
        match generate(seed, &contract) {
            Ok(generated) => {
                found.modules += 1;
                found.bytes += generated.bytes.len() as u64;
                found.attempt(engine, seed, &generated);
                decides_as_ever(&good, seed);
                found.look_at_memory(seed);
            }
            Err(why) => *found.ungenerated.entry(why).or_default() += 1,
        }
        found.time = started.elapsed();
        tell(&found);
        seed = seed.wrapping_add(1);
        found.next_seed = seed;
    }
    found
}

impl Found {
    fn attempt(&mut self, engine: &Engine, seed: u64, generated: &Generated) {
        let outcome = match engine.load(&generated.bytes) {
            Err(error) => refused(&error, seed),
            Ok(module) => {
                let seen = observation([0, 1, 3, 50][(seed % 4) as usize]);
                let attempt = module.attempt(&seen);
                within_limits(engine, &attempt, seed);
                repeats(&module.attempt(&seen), &attempt, seed);
                if attempt.log.iter().any(|line| line.message == ENTERED) {
                    self.entered += 1;
                }
                came_to(&attempt, seed)
            }
        };
        self.outcomes.entry(outcome).or_default()[generated.steering as usize] += 1;
    }

    fn look_at_memory(&mut self, seed: u64) {
        let resident = resident_kib();
        if self.modules <= WARM_UP_MODULES {
            self.resident_kib_warm = self.resident_kib_warm.max(resident);
        }
        self.resident_kib_most = self.resident_kib_most.max(resident);
        let growth = self.resident_kib_most - self.resident_kib_warm;
        assert!(
            self.modules <= WARM_UP_MODULES || growth <= GROWTH_KIB_MAX,
            "seed {seed}: the process has grown by {growth} KiB to {resident} KiB"
        );
    }
}

fn refused(error: &LoadError, seed: u64) -> String {
    let source = match error {
        LoadError::Internal { .. } => panic!("seed {seed}: {error}"),
        LoadError::Describe { source } | LoadError::ValidateSettings { source } => Some(source),
        _ => None,
    };
    if let Some(source @ CallError::Internal { .. }) = source {
        panic!("seed {seed}: {error}: {source}");
    }
    let said = source.map_or_else(|| error.to_string(), ToString::to_string);
    assert!(
        !said.contains("the validator failed"),
        "seed {seed}: {said}"
    );
    let why = source.map_or("", CallError::class);
    let refused = format!(
        "refused at {}: {} {why}",
        error.stage().as_str(),
        error.class()
    );
    refused.trim_end().to_owned()
}

fn came_to(attempt: &Attempt, seed: u64) -> String {
    match &attempt.result {
        Ok(Answer::Plan(plan)) if plan.actions.is_empty() => "plan without actions".into(),
        Ok(Answer::Plan(_)) => "plan with actions".into(),
        Ok(Answer::Refusal(_)) => "refusal".into(),
        Err(error @ (CallError::Internal { .. } | CallError::Observation { .. })) => {
            panic!("seed {seed}: {error}")
        }
        Err(CallError::Trap { kind, .. }) => format!("trap: {}", kind.as_str()),
        Err(error) => error.class().into(),
    }
}

fn within_limits(engine: &Engine, attempt: &Attempt, seed: u64) {
    let (limits, usage) = (engine.limits(), attempt.usage);
    assert!(usage.fuel <= limits.fuel, "seed {seed}: {usage:?}");
    let memory = usage.memory_peak_bytes;
    assert!(memory <= limits.memory_bytes, "seed {seed}: {usage:?}");
    let longest = Duration::from_millis(limits.deadline_ms) + DEADLINE_SLACK;
    assert!(usage.wall <= longest, "seed {seed}: {usage:?}");
    assert!(attempt.log.len() <= limits.log_lines, "seed {seed}");
    let longest_line = attempt.log.iter().map(|line| line.message.len()).max();
    assert!(longest_line <= Some(limits.log_line_bytes), "seed {seed}");
    if let Ok(Answer::Plan(plan)) = &attempt.result {
        assert!(plan.actions.len() <= limits.actions, "seed {seed}");
        assert!(plan.notes.len() <= limits.notes, "seed {seed}");
        let memo = plan.memo.as_ref().map_or(0, String::len);
        assert!(memo <= limits.memo_bytes, "seed {seed}: {memo} bytes");
    }
}

/// The same bytes in, the same bytes out, unless the wall clock ended it.
fn repeats(second: &Attempt, first: &Attempt, seed: u64) {
    let by_the_clock =
        |attempt: &Attempt| matches!(attempt.result, Err(CallError::Deadline { .. }));
    if by_the_clock(first) || by_the_clock(second) {
        return;
    }
    assert_eq!(first.result, second.result, "seed {seed}");
    assert_eq!(first.log, second.log, "seed {seed}");
    let (first, second) = (first.usage, second.usage);
    assert_eq!(first.fuel, second.fuel, "seed {seed}");
    assert_eq!(
        first.memory_peak_bytes, second.memory_peak_bytes,
        "seed {seed}"
    );
}

fn decides_as_ever(good: &Module, seed: u64) {
    let decision = good.reconcile(&observation(3));
    let decision = decision.unwrap_or_else(|error| panic!("after seed {seed}: {error}"));
    assert_eq!(
        decision.answer,
        Answer::Plan(Plan::default()),
        "after seed {seed}"
    );
}

/// Nothing is known on a system without `/proc`, and nothing is held against it.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let figure = line.and_then(|line| line.split_whitespace().next());
    figure.and_then(|figure| figure.parse().ok()).unwrap_or(0)
}
