//! The one engine of a process: the same settings for every module, chosen so
//! that the same bytes in give the same bytes out on every machine.

use std::num::NonZero;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use wasmtime::{Config, Enabled, PoolingAllocationConfig, WasmFeatures};

use crate::Limits;
use crate::limits::{KEPT_BYTES, TABLE_ELEMENTS_MAX, TABLES_OF_A_MODULE_MAX};

/// Compiles and runs modules. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    pub(crate) inner: Arc<Inner>,
}

/// Held by modules too: a call without a ticking clock would have no deadline.
pub(crate) struct Inner {
    pub(crate) wasmtime: wasmtime::Engine,
    pub(crate) limits: Limits,
    is_pooled: bool,
    _ticker: Ticker,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("limits", &self.inner.limits)
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine with its own clock thread, which ends with the last clone of
    /// the engine and the last of its modules.
    pub fn new(limits: Limits) -> Engine {
        let mut pooled = config(&limits);
        pooled.allocation_strategy(pool(&limits));
        let wasmtime = wasmtime::Engine::new(&pooled);
        let is_pooled = wasmtime.is_ok();
        // Where a process may not reserve that many addresses, each call maps its own memory:
        // slower, else the same.
        let wasmtime = wasmtime.or_else(|_| wasmtime::Engine::new(&config(&limits)));
        // Only settings of ours, or a machine that cannot run wasm, fail here.
        let wasmtime = wasmtime.expect("settings that this wasmtime and machine support");
        let ticker = Ticker::start(wasmtime.clone(), Duration::from_millis(limits.tick_ms));
        Engine {
            inner: Arc::new(Inner {
                wasmtime,
                limits,
                is_pooled,
                _ticker: ticker,
            }),
        }
    }

    /// What a module may take here.
    pub fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    /// Whether calls share memory that the process keeps. Without it they are slower.
    pub fn is_pooled(&self) -> bool {
        self.inner.is_pooled
    }
}

/// What a module cannot use: threads and relaxed SIMD give different answers on
/// different machines; the rest is young, and no toolchain of ours needs it.
const FEATURES_OFF: [WasmFeatures; 16] = [
    WasmFeatures::THREADS,
    WasmFeatures::SHARED_EVERYTHING_THREADS,
    WasmFeatures::RELAXED_SIMD,
    WasmFeatures::MEMORY64,
    WasmFeatures::MULTI_MEMORY,
    WasmFeatures::GC,
    WasmFeatures::FUNCTION_REFERENCES,
    WasmFeatures::EXCEPTIONS,
    WasmFeatures::LEGACY_EXCEPTIONS,
    WasmFeatures::STACK_SWITCHING,
    WasmFeatures::CUSTOM_PAGE_SIZES,
    WasmFeatures::WIDE_ARITHMETIC,
    WasmFeatures::CM_ASYNC,
    WasmFeatures::CM_ERROR_CONTEXT,
    WasmFeatures::CM_THREADING,
    WasmFeatures::CM_GC,
];

pub(crate) fn config(limits: &Limits) -> Config {
    let mut config = Config::new();
    for feature in FEATURES_OFF {
        config.wasm_features(feature, false);
    }
    config
        .wasm_component_model(true)
        .cranelift_nan_canonicalization(true)
        .consume_fuel(true)
        .epoch_interruption(true)
        .max_wasm_stack(limits.stack_bytes)
        // Addresses in an error would differ between two runs.
        .wasm_backtrace_max_frames(None);
    config
}

/// Memory that outlives the calls: to map it anew, page by page, would take
/// longer than most decisions. Every call still finds it as if new.
///
/// There is room for twice as many calls as processors, each with all that its
/// limits allow, so that no module can starve another of its place.
fn pool(limits: &Limits) -> PoolingAllocationConfig {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    let places = 2 * processors * limits.core_instances;
    let places = u32::try_from(places).unwrap_or(u32::MAX);
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(places)
        .total_core_instances(places)
        .total_memories(places)
        .total_tables(places)
        .max_tables_per_module(TABLES_OF_A_MODULE_MAX)
        .table_elements(TABLE_ELEMENTS_MAX)
        .max_core_instance_size(limits.module_bytes)
        .max_component_instance_size(limits.module_bytes)
        .linear_memory_keep_resident(KEPT_BYTES)
        .table_keep_resident(KEPT_BYTES)
        .pagemap_scan(Enabled::Auto);
    pool
}

/// Moves the engine's clock, from which the deadlines of calls are counted.
struct Ticker {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    fn start(engine: wasmtime::Engine, tick: Duration) -> Ticker {
        let (stop, stopped) = channel::<()>();
        let thread = std::thread::Builder::new()
            .name("module-clock".into())
            .spawn(move || {
                while stopped.recv_timeout(tick) == Err(RecvTimeoutError::Timeout) {
                    engine.increment_epoch();
                }
            })
            .expect("a thread for the clock of the engine");
        Ticker {
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It cannot have panicked, and nothing could be done here if it had.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_ends_with_the_engine() {
        let engine = Engine::new(Limits::default());
        let held_by_the_clock = engine.inner.wasmtime.weak();
        assert!(held_by_the_clock.upgrade().is_some());
        drop(engine);
        assert!(held_by_the_clock.upgrade().is_none());
    }
}
