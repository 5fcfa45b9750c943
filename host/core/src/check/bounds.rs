//! No more VMs than the owner allows, counting those that cannot be read and
//! those that are on the way.

use std::collections::BTreeSet;

use super::Rule;
use super::situation::{Situation, listed};
use crate::limits::SLOTS_MAX;
use crate::observation::OperationKind;
use crate::plan::Violation;

pub(super) fn check(situation: &Situation<'_>, found: &mut Vec<Violation>) {
    let clones = situation.clones();
    if clones.is_empty() {
        return;
    }
    let slots = |slots: &mut dyn Iterator<Item = u32>| listed(slots.map(|slot| slot.to_string()));
    if situation.is_deleting() {
        found.push(Rule::Bounds.violation(format!(
            "clone slot {}: the group is being deleted, its members only go",
            slots(&mut clones.iter().copied())
        )));
        return;
    }
    let desired = &situation.observation.desired;

    let members = situation.observation.members.len();
    let coming = coming(situation);
    let allowed = u64::from(desired.replicas) + situation.allowed_above();
    if (members + coming + clones.len()) as u64 > allowed {
        let (planned, replicas) = (clones.len(), desired.replicas);
        let above = situation.allowed_above();
        found.push(Rule::Bounds.violation(format!(
            "{planned} clones beside {members} members and {coming} clones in flight: at most \
             {allowed} VMs are allowed ({replicas} replicas and {above} above them; the surge \
             counts only while a member may be replaced)"
        )));
    }

    let end =
        u64::from(desired.replicas) + u64::from(desired.max_surge) + u64::from(desired.spares);
    let end = end.min(u64::from(SLOTS_MAX));
    if clones.iter().any(|slot| u64::from(*slot) >= end) {
        let beyond = slots(
            &mut clones
                .iter()
                .copied()
                .filter(|slot| u64::from(*slot) >= end),
        );
        found.push(Rule::Bounds.violation(format!(
            "clone slot {beyond}: slots are numbered below {end} (replicas, surge and spares, at \
             most {SLOTS_MAX})"
        )));
    }
}

/// Clones in flight whose VM is not yet among the members.
fn coming(situation: &Situation<'_>) -> usize {
    let observation = situation.observation;
    let filled: BTreeSet<_> = observation
        .members
        .iter()
        .map(|member| member.slot)
        .collect();
    let clones = observation.operations.iter().filter(|operation| {
        matches!(
            operation.kind,
            OperationKind::Clone | OperationKind::Unknown
        )
    });
    clones
        .filter(|operation| !filled.contains(&operation.slot))
        .count()
}
