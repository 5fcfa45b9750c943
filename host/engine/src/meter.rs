//! Counts what a call holds: wasmtime's own `StoreLimits` counts each memory
//! by itself, so a component with ten of them would hold ten times the limit.
//! A growth that is allowed here and then fails stays counted: giving it back
//! would let a guest lower its sum with growths that cannot succeed.

use wasmtime::ResourceLimiter;

use crate::error::CallError;

/// Sums over all memories and tables of one store.
#[derive(Debug)]
pub(crate) struct Meter {
    memory_bytes_max: usize,
    table_elements_max: usize,
    instances_max: usize,
    memory_bytes: usize,
    memory_bytes_peak: usize,
    table_elements: usize,
}

/// Ends the call: a refused growth would otherwise be -1 to the guest, which
/// most languages turn into a trap that does not name the cause.
#[derive(Debug, thiserror::Error)]
#[error("limit reached")]
pub(crate) struct Breach(pub(crate) CallError);

impl Meter {
    pub(crate) fn new(limits: &crate::Limits) -> Self {
        Meter {
            memory_bytes_max: limits.memory_bytes,
            table_elements_max: limits.table_elements,
            instances_max: limits.core_instances,
            memory_bytes: 0,
            memory_bytes_peak: 0,
            table_elements: 0,
        }
    }

    pub(crate) fn memory_bytes_peak(&self) -> usize {
        self.memory_bytes_peak
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let growth = desired.saturating_sub(current);
        let asked = self.memory_bytes.saturating_add(growth);
        if asked > self.memory_bytes_max {
            let limit = self.memory_bytes_max;
            return Err(Breach(CallError::Memory { asked, limit }).into());
        }
        self.memory_bytes = asked;
        self.memory_bytes_peak = self.memory_bytes_peak.max(asked);
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let growth = desired.saturating_sub(current);
        let asked = self.table_elements.saturating_add(growth);
        if asked > self.table_elements_max {
            let limit = self.table_elements_max;
            return Err(Breach(CallError::Table { asked, limit }).into());
        }
        self.table_elements = asked;
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.instances_max
    }

    fn memories(&self) -> usize {
        self.instances_max
    }

    fn tables(&self) -> usize {
        self.instances_max
    }
}
