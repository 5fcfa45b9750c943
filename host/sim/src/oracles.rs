//! What must hold, under the names of the design: each oracle is one function
//! over ground truth and returns what breaks it.

use vmgroup_core::time::Monotonic;

use crate::host::Decide;
use crate::world::World;

mod liveness;

mod safety;

#[cfg(test)]
mod tests;

pub use liveness::{Quiet, l1_settle, l2_deletion};
pub use safety::{s1_bound, s2_unique, s3_foreign, s5_finalizer, s7_effect_once};

/// One way in which a run broke an oracle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// The oracle: `S1`, `L2` and so on.
    pub oracle: &'static str,
    /// When.
    pub at: Monotonic,
    /// What, with the ids concerned.
    pub text: String,
}

impl std::fmt::Display for Breach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at {} ms: {}", self.oracle, self.at.0, self.text)
    }
}

/// All that a world has broken up to now. These hold at every moment.
pub fn safety<D: Decide>(world: &World<D>) -> Vec<Breach> {
    let facts = world.facts();
    let now = world.now().monotonic;
    [
        s1_bound(facts),
        s2_unique(facts),
        s3_foreign(facts, world.vcenter(), now),
        s5_finalizer(facts),
        s7_effect_once(facts),
    ]
    .concat()
}

/// All that a world owes that has had time to settle: nothing was edited and
/// nothing went wrong for a while, and for `quiet_ms` there should have been
/// nothing left to do. Deletions may take `deletion_ms`.
pub fn liveness<D: Decide>(world: &World<D>, quiet_ms: u64, deletion_ms: u64) -> Vec<Breach> {
    let now = world.now().monotonic;
    let quiet = Quiet {
        since: Monotonic(now.0.saturating_sub(quiet_ms)),
        now,
    };
    let (cluster, vcenter, facts) = (world.cluster(), world.vcenter(), world.facts());
    [
        l1_settle(cluster, vcenter, facts, quiet),
        l2_deletion(cluster, vcenter, facts, now, deletion_ms),
    ]
    .concat()
}
