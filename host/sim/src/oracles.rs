//! What must hold, under the names of the design: each oracle is one function
//! over ground truth and returns what breaks it.

use vmgroup_core::group::GroupKey;
use vmgroup_core::time::Monotonic;
use vmgroup_reconcile::event::CallResult;

use crate::history::Called;
use crate::host::Decide;
use crate::world::World;

mod safety;

mod once;

mod justified;

mod output;

mod honest;

mod sessions;

mod quiet;

mod liveness;

mod ends;

#[cfg(test)]
mod tests;

pub use ends::{End, Ends, differential, path_independence, s8_swaps};
pub use honest::{s11_secrets, s13_status};
pub(crate) use justified::LOOKED_MS;
pub use justified::s4_justified;
pub use liveness::{Quiet, l1_settle, l2_deletion, l3_poison};
pub use once::s7_effect_once;
pub use output::{s6_one_actor, s10_output, s12_tenancy};
pub use quiet::{l5_swaps, s15_backoff, s15_quiet, s15_refused};
pub use safety::{s1_bound, s2_unique, s3_foreign, s5_finalizer};
pub use sessions::{l4_resume, s14_sessions};

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

/// What any operator owes at every moment, whatever it writes down: that of the
/// inventory and the objects themselves.
pub fn inventory<D: Decide>(world: &World<D>) -> Vec<Breach> {
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

/// All that a world has broken up to now. These hold at every moment.
pub fn safety<D: Decide>(world: &World<D>) -> Vec<Breach> {
    let facts = world.facts();
    [
        inventory(world),
        s4_justified(facts),
        s6_one_actor(facts),
        s10_output(facts),
        s11_secrets(facts, world.cluster().told()),
        s12_tenancy(facts),
        s13_status(facts),
        s15_backoff(facts),
        s15_refused(world.arrivals()),
    ]
    .concat()
}

/// All that a world owes as soon as the trouble is over.
pub fn work<D: Decide>(world: &World<D>) -> Vec<Breach> {
    [l4_resume(world), l5_swaps(world.cluster(), world.facts())].concat()
}

/// What is left to do in a world, in words.
pub fn unsettled<D: Decide>(world: &World<D>) -> Vec<String> {
    let left = liveness::unsettled_groups(world.cluster(), world.vcenter());
    let deleting = world.cluster().groups().filter(|it| it.deleting);
    left.into_values()
        .flatten()
        .chain(deleting.map(|it| format!("{} is being deleted", it.key)))
        .collect()
}

/// All that a world owes that had time to settle. The group of `poisoned` has a
/// module that fails or misleads: it owes nothing, and must not harm the others.
pub fn settled<D: Decide>(
    world: &World<D>,
    quiet: Quiet,
    deletion_ms: u64,
    poisoned: Option<&GroupKey>,
) -> Vec<Breach> {
    let (cluster, vcenter, facts) = (world.cluster(), world.vcenter(), world.facts());
    let owed = match poisoned {
        Some(poisoned) => l3_poison(cluster, vcenter, facts, quiet, poisoned),
        None => [
            l1_settle(cluster, vcenter, facts, quiet),
            s15_quiet(world.arrivals(), quiet, world.hosts()),
        ]
        .concat(),
    };
    let deletion = l2_deletion(cluster, vcenter, facts, quiet.now, deletion_ms);
    [owed, deletion].concat()
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

fn executes(called: &Called) -> bool {
    matches!(
        called.result,
        CallResult::Started(_) | CallResult::Done { .. }
    )
}
