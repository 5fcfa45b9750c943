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

/// Effects that take a member down.
const ENDING: [&str; 3] = ["PowerOffVM_Task", "SuspendVM_Task", "ShutdownGuest"];

/// Checks a run that has ended, against one without faults; gives its effects.
pub(crate) fn check(stage: &Stage<'_>, measure: Option<&Effects>, heals: bool) -> Effects {
    let (calls, tasks) = told(stage);
    let tasks = by_moid(&tasks);
    bystanders_are_untouched(stage, &calls);
    no_slot_had_two_vms(&calls, &tasks, &BTreeMap::new());
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
    }
    effects
}

/// S4: before the groups go nothing is taken down but what a smaller group takes, also where
/// it would have been healed since.
pub(crate) fn only_that_was_taken_down(stage: &Stage<'_>, slot: &str) {
    let (calls, tasks) = told(stage);
    let effects = effects(stage, &calls, &by_moid(&tasks));
    let takes_down = |what: &&String| ENDING.iter().any(|it| what.starts_with(it));
    let mut others = effects.keys().filter(takes_down);
    let other = others.find(|what| !what.ends_with(&format!(" {slot}")));
    assert_eq!(other, None, "S4: nobody wanted that down");
}

/// What may never be, in a part of a long run (S2, S3), which began with these VMs by identity;
/// gives how many VMs were made in it.
pub(crate) fn bout_is_sound(
    stage: &Stage<'_>,
    calls: &[Call],
    tasks: &[Task],
    living: &BTreeMap<String, String>,
) -> u64 {
    let tasks = by_moid(tasks);
    bystanders_are_untouched(stage, calls);
    no_slot_had_two_vms(calls, &tasks, living);
    let made = calls.iter().filter(|call| {
        let task = tasks.get(call.task.as_str());
        call.method == "CloneVM_Task" && task.is_some_and(|task| task.state == "success")
    });
    made.count() as u64
}

/// All calls and tasks, by vCenter's own record.
fn told(stage: &Stage<'_>) -> (Vec<Call>, Vec<Task>) {
    let control = stage.control();
    let calls = control.trace(0).expect("the simulator answers").calls;
    (calls, control.tasks().expect("the simulator answers"))
}

fn by_moid(tasks: &[Task]) -> BTreeMap<&str, &Task> {
    tasks.iter().map(|it| (it.moid.as_str(), it)).collect()
}

/// Calls that change vCenter.
pub(crate) fn changes(calls: &[Call]) -> impl Iterator<Item = &Call> {
    let others = ["CreateFolder", "ShutdownGuest"];
    let changes =
        move |call: &&Call| call.method.ends_with("_Task") || others.contains(&&*call.method);
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
fn no_slot_had_two_vms(
    calls: &[Call],
    tasks: &BTreeMap<&str, &Task>,
    before: &BTreeMap<String, String>,
) {
    let second = second_vm(calls, tasks, before);
    assert_eq!(second, None, "S2: a second VM of an identity");
}

/// The first clone that made a VM of an identity of which one still lived; `before` are those
/// that lived before the calls.
fn second_vm<'a>(
    calls: &'a [Call],
    tasks: &BTreeMap<&str, &Task>,
    before: &BTreeMap<String, String>,
) -> Option<&'a Call> {
    let before = before.iter();
    // The VM of an identity, and when it had gone.
    let mut vms: BTreeMap<&str, (&str, Option<i64>)> = before
        .map(|(identity, vm)| (&**identity, (&**vm, None)))
        .collect();
    for call in calls {
        let task = tasks.get(call.task.as_str());
        let Some(task) = task.filter(|task| task.state == "success") else {
            continue;
        };
        match call.method.as_str() {
            "CloneVM_Task" => {
                let identity = call.arguments.get("instance_uuid");
                let identity = identity.map(String::as_str).unwrap_or_default();
                let other = vms.insert(identity, (&task.result, None));
                if other.is_some_and(|(_, gone)| gone.is_none_or(|at| at > call.started_ms)) {
                    return Some(call);
                }
            }
            "Destroy_Task" => {
                for (vm, gone) in vms.values_mut() {
                    if *vm == call.object {
                        gone.get_or_insert(task.ended_ms);
                    }
                }
            }
            _ => {}
        }
    }
    None
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A call of that time, and its task, which ended so much later.
    fn done(at_ms: i64, lasts_ms: i64, method: &str, vm: &str) -> (Call, Task) {
        let task = format!("task-{at_ms}");
        let call = json!({
            "seq": at_ms, "method": method, "object": vm, "operation_id": "", "session": "",
            "user": "", "outcome": "ok", "task": task, "started_ms": at_ms, "ended_ms": at_ms,
            "arguments": { "instance_uuid": "uuid-1" },
        });
        let task = json!({
            "moid": task, "name": "", "entity": vm, "state": "success", "result": vm,
            "operation_id": "", "user": "", "ended_ms": at_ms + lasts_ms,
        });
        let read = "as the rig writes them";
        (
            serde_json::from_value(call).expect(read),
            serde_json::from_value(task).expect(read),
        )
    }

    fn second(done: Vec<(Call, Task)>, before: &[(&str, &str)]) -> Option<u64> {
        let (calls, tasks): (Vec<Call>, Vec<Task>) = done.into_iter().unzip();
        let before = before.iter();
        let before = before.map(|(uuid, vm)| ((*uuid).to_owned(), (*vm).to_owned()));
        second_vm(&calls, &by_moid(&tasks), &before.collect()).map(|call| call.seq)
    }

    #[test]
    fn a_second_vm_shows_whatever_becomes_of_the_first_one_later() {
        let clone = |at, vm| done(at, 0, "CloneVM_Task", vm);
        let destroy = |at, lasts, vm| done(at, lasts, "Destroy_Task", vm);
        assert_eq!(second(vec![clone(1, "a"), clone(2, "b")], &[]), Some(2));
        let after = vec![clone(1, "a"), destroy(2, 5, "a"), clone(8, "b")];
        assert_eq!(second(after, &[]), None);
        let during = vec![clone(1, "a"), destroy(2, 5, "a"), clone(6, "b")];
        assert_eq!(second(during, &[]), Some(6));
        let begun_with = [("uuid-1", "a")];
        assert_eq!(second(vec![clone(3, "b")], &begun_with), Some(3));
        let gone = vec![destroy(1, 1, "a"), clone(3, "b"), destroy(4, 1, "b")];
        assert_eq!(second(gone, &begun_with), None);
    }

    #[test]
    fn a_moid_is_found_as_a_word_only() {
        assert!(is_named("vm-5", r#"["vm-50","vm-5"]"#));
        assert!(!is_named("vm-5", r#"["vm-50"]"#));
    }
}
