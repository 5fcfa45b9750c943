//! One call into a module: a fresh store and instance, limits set before the
//! first instruction, and every way to end turned into a [`CallError`].

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use vmgroup_core::observation::Observation;
use vmgroup_core::plan::{Answer, Description, SettingsError};
use vmgroup_core::text::one_line;
use wasmtime::{Store, Trap};

use crate::bindings::vmgroup::operator::log;
use crate::bindings::{Reconciler, types};
use crate::error::{CallError, TrapKind};
use crate::limits::PANIC_CHARS_MAX;
use crate::load::chain;
use crate::meter::{Breach, Meter};
use crate::module::{Attempt, Loaded};
use crate::{Limits, answer, convert};

/// An answer and what it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What the module wants.
    pub answer: Answer,
    /// What it took.
    pub usage: Usage,
    /// What the module said.
    pub log: Vec<LogLine>,
}

/// What a call took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Units of fuel. The same on every machine with this engine, except after a
    /// deadline, when it is what had been counted at some point before.
    pub fuel: u64,
    /// Most bytes of all memories together.
    pub memory_peak_bytes: usize,
    /// Wall-clock time, instantiation and conversion included.
    pub wall: Duration,
}

/// How important a module finds a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// For its author.
    Debug,
    /// For whoever looks.
    Info,
    /// Odd.
    Warn,
    /// Wrong.
    Error,
}

impl LogLevel {
    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            LogLevel::Debug => "debug",
            LogLevel::Info => "info",
            LogLevel::Warn => "warn",
            LogLevel::Error => "error",
        }
    }
}

/// One line that a module logged: bounded, without control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// How important.
    pub level: LogLevel,
    /// What.
    pub message: String,
}

/// What a store holds on behalf of one call.
pub(crate) struct State {
    meter: Meter,
    log: Vec<LogLine>,
    log_lines_max: usize,
    log_line_bytes_max: usize,
}

impl types::Host for State {}

impl log::Host for State {
    fn log(&mut self, level: log::Level, message: String) {
        if self.log.len() >= self.log_lines_max {
            return;
        }
        let level = match level {
            log::Level::Debug => LogLevel::Debug,
            log::Level::Info => LogLevel::Info,
            log::Level::Warn => LogLevel::Warn,
            log::Level::Error => LogLevel::Error,
        };
        let mut message = one_line(&message, self.log_line_bytes_max);
        message.truncate(message.floor_char_boundary(self.log_line_bytes_max));
        self.log.push(LogLine { level, message });
    }
}

pub(crate) fn reconcile(
    loaded: &Loaded,
    description: &Description,
    observation: &Observation,
) -> Attempt {
    if let Err(error) = answer::check_observation(observation) {
        return Attempt {
            result: Err(error),
            usage: Usage::default(),
            log: Vec::new(),
        };
    }
    let limits = loaded.engine.limits();
    run(loaded, |instance, store| {
        let observation = convert::observation(observation);
        let answer = instance
            .vmgroup_operator_logic()
            .call_reconcile(store, &observation)?;
        Ok(answer::checked(
            convert::answer(answer),
            description,
            limits,
        ))
    })
}

pub(crate) fn describe(loaded: &Loaded) -> Result<Description, CallError> {
    run(loaded, |instance, store| {
        let description = instance.vmgroup_operator_logic().call_describe(store)?;
        Ok(Ok(convert::description(description)))
    })
    .result
}

pub(crate) fn validate_settings(
    loaded: &Loaded,
    settings: &str,
) -> Attempt<Result<(), Vec<SettingsError>>> {
    let limits = loaded.engine.limits();
    run(loaded, |instance, store| {
        let verdict = instance
            .vmgroup_operator_logic()
            .call_validate_settings(store, settings)?;
        Ok(Ok(verdict.map_err(|errors| {
            let errors = errors.into_iter().take(limits.notes);
            errors.map(|error| settings_error(error, limits)).collect()
        })))
    })
}

fn settings_error(error: types::SettingsError, limits: &Limits) -> SettingsError {
    let error = convert::settings_error(error);
    SettingsError {
        pointer: one_line(&error.pointer, limits.message_chars),
        message: one_line(&error.message, limits.message_chars),
    }
}

fn run<T>(
    loaded: &Loaded,
    call: impl FnOnce(&Reconciler, &mut Store<State>) -> wasmtime::Result<Result<T, CallError>>,
) -> Attempt<T> {
    let limits = loaded.engine.limits();
    let started = Instant::now();
    let mut store = match catch_unwind(AssertUnwindSafe(|| prepare(loaded))) {
        Ok(store) => store,
        Err(panic) => return internal(panic.as_ref(), started),
    };
    let result = catch_unwind(AssertUnwindSafe(|| {
        let instance = match loaded.pre.instantiate(&mut store) {
            Ok(instance) => instance,
            Err(error) => return Err(verdict(&error, limits, started, Step::Instantiate)),
        };
        call(&instance, &mut store)
            .unwrap_or_else(|error| Err(verdict(&error, limits, started, Step::Call)))
    }));
    let result = match result {
        Ok(result) => result,
        Err(panic) => return internal(panic.as_ref(), started),
    };
    let fuel = limits.fuel.saturating_sub(store.get_fuel().unwrap_or(0));
    let state = store.into_data();
    let usage = Usage {
        fuel,
        memory_peak_bytes: state.meter.memory_bytes_peak(),
        wall: started.elapsed(),
    };
    Attempt {
        result,
        usage,
        log: state.log,
    }
}

fn prepare(loaded: &Loaded) -> Store<State> {
    let limits = loaded.engine.limits();
    let state = State {
        meter: Meter::new(limits),
        log: Vec::new(),
        log_lines_max: limits.log_lines,
        log_line_bytes_max: limits.log_line_bytes,
    };
    let mut store = Store::new(&loaded.engine.inner.wasmtime, state);
    store.limiter(|state| &mut state.meter);
    store
        .set_fuel(limits.fuel)
        .expect("fuel is switched on for the engine");
    // One more: the clock may tick right after the call has begun.
    store.set_epoch_deadline(limits.deadline_ms / limits.tick_ms + 1);
    store.set_hostcall_fuel(limits.hostcall_bytes);
    store
}

fn internal<T>(panic: &(dyn Any + Send), started: Instant) -> Attempt<T> {
    Attempt {
        result: Err(CallError::Internal {
            problem: panic_text(panic),
        }),
        usage: Usage {
            wall: started.elapsed(),
            ..Usage::default()
        },
        log: Vec::new(),
    }
}

pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let message = panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned());
    one_line(
        &message.unwrap_or_else(|| "panic without a message".into()),
        PANIC_CHARS_MAX,
    )
}

/// wasmtime keeps the type of this error to itself; a test with a real breach
/// notices when the words change.
const HOSTCALL_BYTES_EXHAUSTED: &str = "fuel allocated for hostcalls has been exhausted";

#[derive(Clone, Copy)]
enum Step {
    Instantiate,
    Call,
}

fn verdict(error: &wasmtime::Error, limits: &Limits, started: Instant, step: Step) -> CallError {
    if let Some(Breach(breach)) = error.downcast_ref::<Breach>() {
        return breach.clone();
    }
    if let Some(trap) = error.downcast_ref::<Trap>() {
        return trapped(*trap, limits, started);
    }
    let problem = chain(error);
    if problem.contains(HOSTCALL_BYTES_EXHAUSTED) {
        return CallError::HostCall {
            limit: limits.hostcall_bytes,
        };
    }
    if is_shortage(error) {
        return CallError::Internal { problem };
    }
    match step {
        Step::Instantiate => CallError::Instantiate { problem },
        // Neither a trap nor a limit: what the module returned could not be read.
        Step::Call => CallError::Malformed { problem },
    }
}

/// The operator has run short of something: no module is to blame.
fn is_shortage(error: &wasmtime::Error) -> bool {
    error.is::<wasmtime::OutOfMemory>()
        || error.is::<wasmtime::PoolConcurrencyLimitError>()
        || error.downcast_ref::<Errno>() == Some(&Errno::NOMEM)
}

fn trapped(trap: Trap, limits: &Limits, started: Instant) -> CallError {
    let kind = match trap {
        Trap::OutOfFuel => return CallError::Fuel { limit: limits.fuel },
        Trap::Interrupt => {
            let figure_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            return CallError::Deadline {
                figure_ms,
                limit_ms: limits.deadline_ms,
            };
        }
        Trap::StringOutOfBounds
        | Trap::ListOutOfBounds
        | Trap::InvalidDiscriminant
        | Trap::UnalignedPointer
        | Trap::InvalidChar => {
            return CallError::Malformed {
                problem: trap.to_string(),
            };
        }
        Trap::StackOverflow => TrapKind::StackOverflow,
        Trap::UnreachableCodeReached => TrapKind::Unreachable,
        Trap::MemoryOutOfBounds => TrapKind::MemoryOutOfBounds,
        Trap::IntegerOverflow | Trap::IntegerDivisionByZero | Trap::BadConversionToInteger => {
            TrapKind::Arithmetic
        }
        Trap::TableOutOfBounds | Trap::IndirectCallToNull | Trap::BadSignature => TrapKind::BadCall,
        _ => TrapKind::Other,
    };
    CallError::Trap {
        kind,
        message: trap.to_string(),
    }
}
