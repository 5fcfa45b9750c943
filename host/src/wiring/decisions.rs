//! Decisions by the modules that are active. Each module has turns of its own, so that a slow one
//! keeps only its own groups waiting; what it says is logged, as much of it as people can read.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use governor::{DefaultDirectRateLimiter, Quota};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::Level;
use vmgroup_core::group::GroupKey;
use vmgroup_core::observation::Observation;
use vmgroup_engine::{LogLevel, LogLine, Module};
use vmgroup_modules::{Name, Store};

use super::loader::{self, Decided};
use crate::limits::{DECISIONS_MAX, MODULE_LINES_A_MINUTE, MODULE_LINES_AT_ONCE};

/// All modules' decisions.
pub(crate) struct Decisions {
    modules: Arc<Store<Module>>,
    /// The machine asks only modules that it was told of: these are as many as there are.
    seats: Mutex<BTreeMap<Name, Arc<Seat>>>,
    /// So many decisions of a module run at a time: more than there are processors would only
    /// make each slower.
    at_a_time: usize,
}

/// What a module has for itself.
struct Seat {
    turns: Arc<Semaphore>,
    lines: DefaultDirectRateLimiter,
    left_out: AtomicU64,
}

/// One decision may run.
pub(crate) struct Turn {
    seat: Arc<Seat>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Decisions {
    /// Decisions by these modules.
    pub(crate) fn new(modules: Arc<Store<Module>>) -> Decisions {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Decisions {
            modules,
            seats: Mutex::default(),
            at_a_time: processors.min(DECISIONS_MAX),
        }
    }

    /// Waits until the module may decide once more.
    pub(crate) async fn turn(&self, module: &Name) -> Turn {
        let seat = {
            let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
            let seat = seats.entry(module.clone());
            Arc::clone(seat.or_insert_with(|| Arc::new(Seat::new(self.at_a_time))))
        };
        // The semaphore is never closed.
        let place = Arc::clone(&seat.turns).acquire_owned().await.ok();
        Turn {
            seat,
            _place: place,
        }
    }

    /// Decides about the group, and logs what the module says.
    pub(crate) async fn decide(
        &self,
        turn: Turn,
        group: &GroupKey,
        module: Name,
        observation: Box<Observation>,
    ) -> Decided {
        let modules = Arc::clone(&self.modules);
        let call = move || loader::decide(&modules, module.as_deref(), &observation);
        let decided = match tokio::task::spawn_blocking(call).await {
            Ok(decided) => decided,
            Err(error) => loader::failed(error.to_string()),
        };
        for line in &decided.log {
            turn.seat.tell(group, &decided.module, line);
        }
        decided
    }
}

impl Seat {
    fn new(at_a_time: usize) -> Seat {
        let quota = Quota::per_minute(MODULE_LINES_A_MINUTE).allow_burst(MODULE_LINES_AT_ONCE);
        Seat {
            turns: Arc::new(Semaphore::new(at_a_time)),
            lines: DefaultDirectRateLimiter::direct(quota),
            left_out: AtomicU64::new(0),
        }
    }

    /// One line of a module. What it calls an error is none of the operator's.
    fn tell(&self, group: &GroupKey, module: &str, line: &LogLine) {
        let (level, line) = (line.level, line.message.as_str());
        let is_heard = match level {
            LogLevel::Debug => tracing::enabled!(Level::DEBUG),
            LogLevel::Info => tracing::enabled!(Level::INFO),
            LogLevel::Warn | LogLevel::Error => tracing::enabled!(Level::WARN),
        };
        if !is_heard {
            return;
        }
        if self.lines.check().is_err() {
            self.left_out.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let left_out = Some(self.left_out.swap(0, Ordering::Relaxed)).filter(|lines| *lines > 0);
        match level {
            LogLevel::Debug => tracing::debug!(%group, module, left_out, line, "the module says"),
            LogLevel::Info => tracing::info!(%group, module, left_out, line, "the module says"),
            LogLevel::Warn | LogLevel::Error => {
                tracing::warn!(%group, module, left_out, line, "the module says");
            }
        }
    }
}
