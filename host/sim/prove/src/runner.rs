//! Many schedules, one world a thread, counted together.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use vmgroup_sim::host::Decide;
use vmgroup_sim::oracles::Breach;
use vmgroup_sim::schedule::{Cast, Profile, Schedule};
use vmgroup_sim::trace::Detail;

/// Which schedules are run, and how.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    /// The first seed.
    pub first: u64,
    /// How many seeds; they follow one another.
    pub count: u64,
    /// Stops before the next seed after so long, if it is set.
    pub for_at_most: Option<Duration>,
    /// Worlds at a time.
    pub threads: usize,
    /// Of this profile; none to let all take turns.
    pub profile: Option<&'static Profile>,
    /// Stops after so many seeds that broke something.
    pub failures_max: usize,
}

/// What came of them.
#[derive(Debug, Default)]
pub struct Tally {
    /// Schedules that were run.
    pub schedules: u64,
    /// The seed after the last one that was begun: where to go on.
    pub next: u64,
    /// By profile.
    pub profiles: BTreeMap<&'static str, u64>,
    /// Deeds and faults that were carried out, by kind.
    pub counts: BTreeMap<String, u64>,
    /// Decisions that were asked for.
    pub decisions: u64,
    /// Virtual seconds.
    pub virtual_s: u64,
    /// What broke, in the order of seeds.
    pub failures: BTreeMap<u64, Vec<Breach>>,
    /// Real time.
    pub took: Duration,
}

impl Tally {
    /// Schedules in a second.
    pub fn rate(&self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "a figure for people")]
        let schedules = self.schedules as f64;
        schedules / self.took.as_secs_f64().max(0.001)
    }
}

/// The schedule of a seed.
pub fn schedule(seed: u64, profile: Option<&'static Profile>) -> Schedule {
    Schedule::draw(seed, profile.unwrap_or_else(|| Profile::of(seed)))
}

/// Runs them; `progress` is told now and then, and of every breach.
pub fn run<D: Decide>(
    order: Order,
    cast: impl Fn(&Schedule) -> Cast<D> + Sync,
    progress: impl Fn(&Tally) + Sync,
) -> Tally {
    let begun = Instant::now();
    let next = AtomicU64::new(order.first);
    let tally = Mutex::new(Tally::default());
    let work = || {
        loop {
            let late = order
                .for_at_most
                .is_some_and(|most| begun.elapsed() >= most);
            if late || locked(&tally).failures.len() >= order.failures_max {
                break;
            }
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= order.first.saturating_add(order.count) {
                break;
            }
            let schedule = schedule(seed, order.profile);
            let ran = schedule.run(&cast, Detail::Nothing);
            let mut tally = locked(&tally);
            tally.schedules += 1;
            *tally.profiles.entry(schedule.profile.name).or_default() += 1;
            tally.decisions += ran.decisions;
            tally.virtual_s += ran.virtual_s;
            tally.took = begun.elapsed();
            for (what, count) in ran.counts {
                *tally.counts.entry(what).or_default() += count;
            }
            let broke = !ran.breaches.is_empty();
            if broke {
                tally.failures.insert(seed, ran.breaches);
            }
            if broke || tally.schedules.is_multiple_of(PROGRESS_EVERY) {
                progress(&tally);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..order.threads.max(1) {
            scope.spawn(work);
        }
    });
    let end = order.first.saturating_add(order.count);
    let mut tally = tally
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    tally.next = next.into_inner().min(end);
    tally.took = begun.elapsed();
    tally
}

/// Between two lines of progress.
const PROGRESS_EVERY: u64 = 10_000;

fn locked(tally: &Mutex<Tally>) -> std::sync::MutexGuard<'_, Tally> {
    tally
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
