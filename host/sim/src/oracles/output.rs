//! S6, S10 and S12: who acts, on what grounds, and where.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use vmgroup_core::group::{Adoption, DeletionPolicy, GroupKey};
use vmgroup_core::names::OperationId;
use vmgroup_core::observation::{OperationKind, Slot};
use vmgroup_core::plan::Effect;
use vmgroup_core::status::IntentStep;
use vmgroup_reconcile::event::{CallResult, GroupObject};
use vmgroup_reconcile::request::Call;

use super::{Breach, executes};
use crate::history::Fact;
use crate::kind::Kind;

/// A commit follows one of the group's last so many decisions: several hosts may
/// decide at the same time.
const DECISIONS: usize = 4;

/// S6: with a lease, whoever makes a call was the last to write the lease, and
/// has not given it up; calls of a host that stood still are apart. Without a
/// lease there is nothing to check.
pub fn s6_one_actor(facts: &[Fact]) -> Vec<Breach> {
    let mut holder = None;
    let mut breaches = Vec::new();
    for fact in facts {
        match fact {
            Fact::Leased { host, given_up, .. } => holder = Some((!given_up).then_some(*host)),
            Fact::Called(called)
                if executes(called)
                    && !called.held_up
                    && holder.is_some_and(|holder| holder != Some(called.host)) =>
            {
                breaches.push(Breach {
                    oracle: "S6",
                    at: called.at,
                    text: format!(
                        "host {} calls {} for {}; the lease is held by {holder:?}",
                        called.host,
                        Kind::of_call(&called.call),
                        called.group
                    ),
                });
            }
            _ => {}
        }
    }
    breaches
}

/// S10: every call stands in an intent that was committed before it; every
/// committed step comes from a module's plan, or from the owner's wish to adopt
/// or to orphan.
///
/// Not covered: that the plan passed the rules, which S1 to S4 see by its effects.
pub fn s10_output(facts: &[Fact]) -> Vec<Breach> {
    let mut committed: BTreeSet<(String, OperationKind)> = BTreeSet::new();
    let mut stood: BTreeMap<&str, BTreeSet<(Slot, u64, OperationKind)>> = BTreeMap::new();
    let mut decided: BTreeMap<&GroupKey, VecDeque<&[Effect]>> = BTreeMap::new();
    let mut breaches = Vec::new();
    for fact in facts {
        match fact {
            Fact::Decided(it) => {
                let plans = decided.entry(&it.group).or_default();
                plans.push_back(it.plan.as_deref().unwrap_or_default());
                if plans.len() > DECISIONS {
                    plans.pop_front();
                }
            }
            Fact::Revised { at, object } => {
                let identity = object.known_as();
                let stood = stood.entry(&object.uid).or_default();
                for step in fresh_steps(object) {
                    // It stays under the identity that it was committed under.
                    if !stood.insert((step.slot, step.intent, step.kind)) {
                        continue;
                    }
                    let id = OperationId::in_slot(identity, step.slot, step.intent).to_string();
                    let is_new = committed.insert((id.clone(), step.kind));
                    let plans = decided.get(&object.key);
                    let planned = plans.into_iter().flatten().any(|it| plans_step(it, step));
                    if is_new && !planned && !is_own_wish(object, step) {
                        breaches.push(Breach {
                            oracle: "S10",
                            at: *at,
                            text: format!("{id} ({}) was committed and never planned", step.kind),
                        });
                    }
                }
            }
            Fact::Called(called) if executes(called) && of_slot(&called.call) => {
                let stands = kinds(&called.call)
                    .iter()
                    .any(|kind| committed.contains(&(called.operation_id.clone(), *kind)));
                if !stands {
                    breaches.push(Breach {
                        oracle: "S10",
                        at: called.at,
                        text: format!(
                            "{} under `{}` was never committed",
                            Kind::of_call(&called.call),
                            called.operation_id
                        ),
                    });
                }
            }
            _ => {}
        }
    }
    breaches
}

/// Steps of the commit that the status shows; older ones came with theirs.
fn fresh_steps(object: &GroupObject) -> impl Iterator<Item = &IntentStep> {
    let intent = object.status.intent.iter();
    intent.flat_map(|intent| {
        let fresh = move |step: &&IntentStep| step.intent == intent.id;
        intent.steps.iter().filter(fresh)
    })
}

fn plans_step(plan: &[Effect], step: &IntentStep) -> bool {
    plan.iter().any(|effect| {
        let kind = match effect {
            Effect::Clone(slot) => return step.kind == OperationKind::Clone && *slot == step.slot,
            Effect::PowerOn(_) => OperationKind::PowerOn,
            Effect::PowerOff(_) => OperationKind::PowerOff,
            Effect::Suspend(_) => OperationKind::Suspend,
            Effect::Reconfigure(_) => OperationKind::Reconfigure,
            Effect::Delete(_) => OperationKind::Delete,
        };
        kind == step.kind && effect.member() == step.vm.as_deref()
    })
}

fn is_own_wish(object: &GroupObject, step: &IntentStep) -> bool {
    let orphans = object
        .spec
        .as_ref()
        .is_ok_and(|spec| object.deleting && spec.deletion == DeletionPolicy::Orphan);
    step.kind == OperationKind::Reconfigure && (orphans || object.adoption == Some(Adoption::Adopt))
}

fn of_slot(call: &Call) -> bool {
    !matches!(call, Call::CreateFolder { .. } | Call::DestroyFolder(_))
}

/// The committed kinds of which the call may be a step.
fn kinds(call: &Call) -> &'static [OperationKind] {
    match call {
        Call::Clone(_) => &[OperationKind::Clone],
        Call::PowerOn(_) => &[OperationKind::PowerOn],
        Call::PowerOff(_) | Call::ShutdownGuest(_) => {
            &[OperationKind::PowerOff, OperationKind::Delete]
        }
        Call::Suspend(_) => &[OperationKind::Suspend],
        Call::Reconfigure { .. } | Call::Mark { .. } => &[OperationKind::Reconfigure],
        Call::Destroy(_) => &[OperationKind::Delete],
        Call::CreateFolder { .. } | Call::DestroyFolder(_) => &[],
    }
}

/// S12: a group's calls stay with it: clones carry its name and go into the
/// folder that was made for it, and only that folder is destroyed.
///
/// Not covered: namespaces that may not use a template; this version has no such
/// policy.
pub fn s12_tenancy(facts: &[Fact]) -> Vec<Breach> {
    let mut folders: BTreeMap<&str, &GroupKey> = BTreeMap::new();
    let mut breaches = Vec::new();
    for fact in facts {
        let Fact::Called(called) = fact else { continue };
        let wrong = match (&called.call, &called.result) {
            (Call::CreateFolder { .. }, CallResult::Done { result: Some(id) }) => {
                folders.insert(id, &called.group);
                false
            }
            (Call::Clone(clone), _) => {
                clone.marker.group() != called.group
                    || folders.get(clone.folder.as_str()) != Some(&&called.group)
            }
            (Call::DestroyFolder(id), _) => folders.get(id.as_str()) != Some(&&called.group),
            _ => false,
        };
        if wrong {
            breaches.push(Breach {
                oracle: "S12",
                at: called.at,
                text: format!(
                    "{} for {} reaches into another group",
                    Kind::of_call(&called.call),
                    called.group
                ),
            });
        }
    }
    breaches
}
