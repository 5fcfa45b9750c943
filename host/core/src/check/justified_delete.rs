//! Nothing is deleted without a reason that the owner committed: the group is
//! being deleted, there are too many members, or a policy allows to replace
//! this one.

use super::Rule;
use super::situation::{Situation, named};
use crate::plan::Violation;

pub(super) fn check(situation: &Situation<'_>, found: &mut Vec<Violation>) {
    if situation.is_deleting() {
        return;
    }
    let deletes = situation.deletes();
    let live = situation.live();
    let live_deletes = deletes
        .iter()
        .filter(|member| situation.is_live(member))
        .count();
    let replicas = situation.observation.desired.replicas;
    if live - live_deletes >= replicas as usize {
        return;
    }
    let unjustified: Vec<_> = deletes
        .into_iter()
        .filter(|member| !situation.may_be_replaced(member))
        .collect();
    if unjustified.is_empty() {
        return;
    }
    let desired = &situation.observation.desired;
    let (update, heal, left) = (desired.update, desired.heal, live - live_deletes);
    found.push(Rule::JustifiedDelete.violation(format!(
        "delete {}: no surplus ({live} live members, {left} after this plan, {replicas} wanted), \
         and neither drift under update policy {update} nor failure under heal policy {heal} \
         allows to replace them",
        named(unjustified)
    )));
}
