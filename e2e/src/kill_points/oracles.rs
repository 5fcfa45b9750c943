//! What must hold of every run, told from vCenter's own record and inventory and from
//! the proxies' trace. The letters are those of the properties in the design.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use vmgroup_faults::{Pattern, Server};
use vmgroup_rig::{Call, Task};

use crate::truth;

use super::stage::Stage;

/// How often something was done to a slot, by what and which.
pub(crate) type Effects = BTreeMap<String, usize>;

/// Effects that must be those of a run without faults, whatever happens. Power and
/// hardware may be set once more where a late or repeated call is healed.
const CREATING_AND_DESTROYING: [&str; 4] = [
    "CloneVM_Task",
    "Destroy_Task",
    "CreateFolder",
    "UnregisterAndDestroy_Task",
];

/// Effects that no healing takes of a slot of which nobody wanted them.
const ENDING: [&str; 3] = ["PowerOffVM_Task", "SuspendVM_Task", "ShutdownGuest"];

/// Checks a run that has ended, against one without faults; gives its effects.
pub(crate) fn check(stage: &Stage<'_>, measure: Option<&Effects>, heals: bool) -> Effects {
    let control = stage.control();
    let calls = control.trace(0).expect("the simulator answers").calls;
    let tasks = control.tasks().expect("the simulator answers");
    let tasks = by_moid(&tasks);
    bystanders_are_untouched(stage, &calls);
    no_slot_had_two_vms(&calls, &tasks);
    finalizers_went_last(stage);
    nothing_is_left(stage);
    let effects = effects(stage, &calls, &tasks);
    if let Some(measure) = measure {
        let told = |all: &Effects| -> Effects {
            let counts = |what: &String| {
                !heals
                    || CREATING_AND_DESTROYING
                        .iter()
                        .any(|it| what.starts_with(it))
            };
            let told = all.iter().filter(|(what, _)| counts(what));
            told.map(|(what, count)| (what.clone(), *count)).collect()
        };
        assert_eq!(
            told(&effects),
            told(measure),
            "S7: other effects than without faults"
        );
        let ends = |what: &&String| ENDING.iter().any(|it| what.starts_with(it));
        let mut ended = effects.keys().filter(ends);
        let without_reason = ended.find(|what| !measure.contains_key(*what));
        assert_eq!(without_reason, None, "S4: nobody wanted that");
    }
    effects
}

/// What may never be, in a part of a long run (S2, S3); gives how many VMs were made in it.
pub(crate) fn bout_is_sound(stage: &Stage<'_>, calls: &[Call], tasks: &[Task]) -> u64 {
    let tasks = by_moid(tasks);
    bystanders_are_untouched(stage, calls);
    no_slot_had_two_vms(calls, &tasks);
    let made = calls.iter().filter(|call| {
        let task = tasks.get(call.task.as_str());
        call.method == "CloneVM_Task" && task.is_some_and(|task| task.state == "success")
    });
    made.count() as u64
}

fn by_moid(tasks: &[Task]) -> BTreeMap<&str, &Task> {
    tasks.iter().map(|it| (it.moid.as_str(), it)).collect()
}

/// Calls that change vCenter.
pub(crate) fn changes(calls: &[Call]) -> impl Iterator<Item = &Call> {
    let changes = |call: &&Call| call.method.ends_with("_Task") || call.method == "CreateFolder";
    calls.iter().filter(changes)
}

/// S3: strangers end as they began, and no call but a clone was made on one.
fn bystanders_are_untouched(stage: &Stage<'_>, calls: &[Call]) {
    let found = truth::vms(stage.control());
    for (moid, before) in &stage.strangers {
        assert_eq!(found.get(moid), Some(before), "S3: a stranger was changed");
    }
    let is_strange = |call: &&Call| {
        let arguments = call.arguments.values();
        let named = |text: &String| stage.strangers.keys().any(|moid| is_named(moid, text));
        let is_source = call.method == "CloneVM_Task";
        !is_source
            && (stage.strangers.contains_key(&call.object) || arguments.into_iter().any(named))
    };
    let strange = changes(calls).find(is_strange);
    assert_eq!(strange, None, "S3: a call was made on a stranger");
}

/// Whether a MoID stands in a text, as a word.
fn is_named(moid: &str, text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
        .any(|word| word == moid)
}

/// S2: no two VMs of one identity lived at a time.
fn no_slot_had_two_vms(calls: &[Call], tasks: &BTreeMap<&str, &Task>) {
    let mut living: BTreeMap<&str, &str> = BTreeMap::new();
    for call in calls {
        let task = tasks.get(call.task.as_str());
        let Some(task) = task.filter(|task| task.state == "success") else {
            continue;
        };
        match call.method.as_str() {
            "CloneVM_Task" => {
                let identity = call.arguments.get("instance_uuid");
                let identity = identity.map(String::as_str).unwrap_or_default();
                let other = living.insert(identity, &task.result);
                assert_eq!(other, None, "S2: a second VM of {identity}: {call:?}");
            }
            "Destroy_Task" => living.retain(|_, vm| *vm != call.object),
            _ => {}
        }
    }
}

/// S5: after the write that lets a group go nothing is done for it in vCenter. The
/// one call that a frozen host had ready may still come, and finds nothing.
fn finalizers_went_last(stage: &Stage<'_>) {
    let mut gone = BTreeSet::new();
    for record in stage.trace.records() {
        let call = &record.call;
        let Some(group) = &call.group else { continue };
        if call.server == Server::Vcenter && call.changes && record.status != Some(500) {
            assert!(
                !gone.contains(group),
                "S5: after its finalizer went: {record}"
            );
        }
        let writes = call.written.as_ref().and_then(Value::as_array);
        let lets_go = writes.into_iter().flatten().any(|one| {
            one["op"] == "add"
                && one["path"] == "/metadata/finalizers"
                && one["value"].as_array().is_some_and(Vec::is_empty)
        });
        // A patch that was repeated on the way finds the object gone.
        if lets_go && (record.is_executed() || record.status == Some(404)) {
            gone.insert(group.clone());
        }
    }
    assert_eq!(
        gone.len(),
        stage.groups.len(),
        "S5: groups that were let go"
    );
}

/// The end: no VM, no folder, no lease, no session but those of the killed.
pub(crate) fn nothing_is_left(stage: &Stage<'_>) {
    let control = stage.control();
    let left = truth::vms(control).len() - stage.strangers.len();
    assert_eq!(left, 0, "VMs are left");
    let folders = control.folders().expect("the simulator answers");
    let below = folders
        .iter()
        .filter(|it| it.path.starts_with("/vcqaDC/vm/vm-operator/"));
    assert_eq!(below.count(), 0, "folders are left: {folders:?}");
    let orphans: u64 = stage.seats.iter().map(|seat| seat.left_sessions).sum();
    let sessions = control.sessions().expect("the simulator answers");
    assert!(
        sessions <= orphans,
        "S14: {sessions} sessions after {orphans} were killed that had one"
    );
    // A fault that strikes the farewell, or the renewal whose version it builds on,
    // leaves the lease to lapse; and so does whoever was killed, and began anew too late.
    let leases = Pattern {
        resource: Some("leases".to_owned()),
        ..Pattern::verb("update")
    };
    let renewals = stage.trace.of(&leases);
    let mut last = renewals.iter().rev().take(2);
    let struck = last.any(|renewal| !renewal.rules.is_empty());
    let holder = stage.holder();
    let lapses = stage
        .seats
        .iter()
        .any(|seat| seat.may_leave_lease && holder.as_deref() == Some(seat.name));
    assert!(
        struck || lapses || holder.is_none(),
        "S6: {holder:?} has gone and holds the lease"
    );
}

/// What was done, by method, group and slot. A call that was repeated on its way destroys
/// once, though a busy simulator may let both of its tasks end well.
fn effects(stage: &Stage<'_>, calls: &[Call], tasks: &BTreeMap<&str, &Task>) -> Effects {
    let mut effects = Effects::new();
    let mut gone = BTreeSet::new();
    for call in changes(calls) {
        let task = tasks.get(call.task.as_str());
        let happened = match task {
            Some(task) => task.state == "success",
            None => call.outcome == "ok",
        };
        let destroys = call.method.ends_with("Destroy_Task");
        if !happened || (destroys && !gone.insert((&call.object, &call.operation_id))) {
            continue;
        }
        let (identity, slot) = call.operation_id.split_once('/').unwrap_or_default();
        let slot = slot.split('/').next().unwrap_or_default();
        let group = stage.groups.get(identity).map_or("?", String::as_str);
        let what = format!("{} {group}/{slot}", call.method);
        *effects.entry(what).or_default() += 1;
    }
    effects
}
