//! L1 and L2.

use std::collections::{BTreeMap, BTreeSet};

use vmgroup_core::group::{Adoption, DeletionPolicy, GroupKey, Mode, Spec};
use vmgroup_core::marker::HOLD_KEY;
use vmgroup_core::names;
use vmgroup_core::observation::{Connection, Parking, PowerDriftPolicy};
use vmgroup_core::time::Monotonic;
use vmgroup_reconcile::event::{CallResult, GroupObject};
use vmgroup_reconcile::request::Call;

use super::Breach;
use crate::cluster::Cluster;
use crate::history::Fact;
use crate::kind::Kind;
use crate::vcenter::{VCenter, VmTruth};

/// A time in which nothing should have been left to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quiet {
    /// When it began.
    pub since: Monotonic,
    /// When it is looked at.
    pub now: Monotonic,
}

/// L1: the world has settled. Every group that can be had has as many members
/// as it wants, in slots of their own, powered as wanted; nothing runs, and no
/// mutating call was made in the quiet time.
pub fn l1_settle(
    cluster: &Cluster,
    vcenter: &VCenter,
    facts: &[Fact],
    quiet: Quiet,
) -> Vec<Breach> {
    let mut texts = Vec::new();
    for fact in facts.iter().rev().take_while(|it| it.at() >= quiet.since) {
        if let Fact::Called(called) = fact {
            texts.push(format!(
                "{} for {} at {} ms, in the quiet time",
                Kind::of_call(&called.call),
                called.group,
                called.at.0
            ));
        }
    }
    for task in vcenter.tasks() {
        if task.runs() && task.asked.is_some() {
            texts.push(format!("{} still runs", task.id));
        }
    }
    texts.extend(unsettled_groups(cluster, vcenter).into_values().flatten());
    texts
        .into_iter()
        .map(|text| Breach {
            oracle: "L1",
            at: quiet.now,
            text,
        })
        .collect()
}

/// L3: a group whose module fails or misleads harms no other: all others settle
/// like in L1, and have no calls in the quiet time.
pub fn l3_poison(
    cluster: &Cluster,
    vcenter: &VCenter,
    facts: &[Fact],
    quiet: Quiet,
    poisoned: &GroupKey,
) -> Vec<Breach> {
    let mut texts: Vec<String> = unsettled_groups(cluster, vcenter)
        .into_iter()
        .filter(|(key, _)| key != poisoned)
        .flat_map(|(_, texts)| texts)
        .collect();
    for fact in facts.iter().rev().take_while(|it| it.at() >= quiet.since) {
        if let Fact::Called(called) = fact
            && called.group != *poisoned
        {
            texts.push(format!("a call for {} in the quiet time", called.group));
        }
    }
    let breach = |text| Breach {
        oracle: "L3",
        at: quiet.now,
        text,
    };
    texts.into_iter().map(breach).collect()
}

/// What is left to do, by group.
pub(super) fn unsettled_groups(
    cluster: &Cluster,
    vcenter: &VCenter,
) -> BTreeMap<GroupKey, Vec<String>> {
    let mut left = BTreeMap::new();
    for object in cluster.groups() {
        let Ok(spec) = &object.spec else {
            if !object.deleting {
                let text = format!("{} has a spec that nobody understands", object.key);
                left.insert(object.key.clone(), vec![text]);
            }
            continue;
        };
        // Deletions are L2's.
        if object.deleting || spec.suspend || spec.mode != Mode::Apply {
            continue;
        }
        let texts = unsettled(vcenter, object, spec);
        if !texts.is_empty() {
            left.insert(object.key.clone(), texts);
        }
    }
    left
}

fn unsettled(vcenter: &VCenter, object: &GroupObject, spec: &Spec) -> Vec<String> {
    let key = &object.key;
    let identity = object.known_as();
    // A former group's VMs are its own unless they are to be left alone; of those out of
    // view nothing tells.
    let adopts = object.adoption != Some(Adoption::Ignore);
    let in_view = |vm: &VmTruth| vm.folder != *vcenter.elsewhere();
    let members: Vec<(u32, &VmTruth)> = vcenter
        .vms()
        .filter_map(|vm| Some((vm.agreed()?, vm)))
        .filter(|(marker, _)| marker.group() == *key)
        .filter(|(marker, vm)| marker.identity == identity || (adopts && in_view(vm)))
        .map(|(marker, vm)| (marker.slot, vm))
        .collect();
    let mut texts = Vec::new();
    let slots: BTreeSet<u32> = members.iter().map(|(slot, _)| *slot).collect();
    if slots.len() != members.len() {
        texts.push(format!("{key} has two VMs in one slot"));
    }
    let count = u32::try_from(members.len()).unwrap_or(u32::MAX);
    let most = spec.replicas.saturating_add(spec.spares);
    // Without its template a group cannot grow, and its owner must act.
    let can_grow = vcenter
        .vms()
        .any(|vm| vm.name == spec.template || vcenter.path(&vm.folder, &vm.name) == spec.template);
    if count > most || (can_grow && count < spec.replicas) {
        texts.push(format!(
            "{key} has {count} members, {} are wanted",
            spec.replicas
        ));
    }
    let power_is_free =
        spec.parking != Parking::Forbidden || spec.power_drift == PowerDriftPolicy::Report;
    for (slot, vm) in members {
        let reachable = vm.connection == Connection::Connected
            && !vm.template
            && !vm.question
            && !vm.failover
            && !vm.extra_config.contains_key(HOLD_KEY);
        if reachable && !power_is_free && vm.power != spec.power_state {
            texts.push(format!(
                "{} (slot {slot} of {key}) is {}, wanted is {}",
                vm.id, vm.power, spec.power_state
            ));
        }
    }
    texts
}

/// L2: deletion ends within `bound_ms`, and leaves no empty folder behind that
/// was made for the group.
///
/// Not covered: the folder that a host makes which stood still between its look
/// and its call. Nothing fences that call off, and nobody knows whose folder it is
/// once the group is gone.
pub fn l2_deletion(
    cluster: &Cluster,
    vcenter: &VCenter,
    facts: &[Fact],
    now: Monotonic,
    bound_ms: u64,
) -> Vec<Breach> {
    let mut texts = Vec::new();
    for object in cluster.groups().filter(|object| object.deleting) {
        let since = facts.iter().find_map(|fact| match fact {
            Fact::Revised { at, object: then } if then.uid == object.uid && then.deleting => {
                Some(*at)
            }
            _ => None,
        });
        if since.is_some_and(|since| now.since(since) > bound_ms) {
            texts.push(format!("{} is still being deleted", object.key));
        }
    }
    for fact in facts {
        let Fact::Called(called) = fact else { continue };
        if called.held_up {
            continue;
        }
        let (Call::CreateFolder { name }, CallResult::Done { result: Some(id) }) =
            (&called.call, &called.result)
        else {
            continue;
        };
        let stands = vcenter.folders().any(|folder| folder.id == *id);
        let empty = !vcenter.vms().any(|vm| vm.folder == *id);
        if stands && empty && cluster.group(&called.group).is_none() && closes(facts, &called.group)
        {
            texts.push(format!(
                "folder {id} (`{name}`) of {} is left",
                called.group
            ));
        }
    }
    texts
        .into_iter()
        .map(|text| Breach {
            oracle: "L2",
            at: now,
            text,
        })
        .collect()
}

/// The group was let go by the operator, not by a person's force, and with nothing of
/// anybody in its folder; one that was orphaned, or only observed, when it was let go keeps
/// its folder.
fn closes(facts: &[Fact], key: &GroupKey) -> bool {
    // What a restore has taken the finalizer from, the operator is not asked about.
    if facts
        .iter()
        .any(|fact| matches!(fact, Fact::Restored { .. }))
    {
        return false;
    }
    // Nor about what was not claimed when its deletion was asked for (S5, too).
    let before = facts.iter().rev().find_map(|fact| match fact {
        Fact::Revised { object, .. } if object.key == *key && !object.deleting => Some(object),
        _ => None,
    });
    if !before.is_some_and(|object| object.finalizer) {
        return false;
    }
    let kept = facts.iter().rev().find_map(|fact| match fact {
        Fact::Vanished {
            object,
            by_hand,
            occupied,
            ..
        } if object.key == *key => Some(*by_hand || *occupied),
        _ => None,
    });
    // Somebody else's finalizer may keep it for long, and its spec may change.
    let released = facts.iter().rev().find_map(|fact| match fact {
        Fact::Revised { object, .. } if object.key == *key && object.finalizer => Some(object),
        _ => None,
    });
    // A copied object goes as it is, and so does one whose identity no VM can have.
    let is_copy = released.is_some_and(|released| {
        let identity = released.identity.as_ref();
        let shares = |other: &GroupObject| {
            other.key != released.key && identity.is_some() && other.identity.as_ref() == identity
        };
        let shared = facts
            .iter()
            .any(|fact| matches!(fact, Fact::Revised { object, .. } if shares(object)));
        shared || identity.is_some_and(|it| names::identity_problem(it).is_some())
    });
    let deletes = !is_copy
        && released
            .and_then(|object| object.spec.as_ref().ok())
            .is_some_and(|spec| {
                spec.deletion == DeletionPolicy::Delete && spec.mode == Mode::Apply
            });
    kept == Some(false) && deletes
}
