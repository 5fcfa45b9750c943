//! How far a task is, and what its end means.

use vmgroup_reconcile::inventory::{Fault, TaskId, TaskState};
use vmgroup_vim::{PowerOnResult, TaskInfo, Value};

use crate::fault::translate;
use crate::names::unescape;
use crate::template::missing;

/// What a clone's task says that it does; a simulator appends to it.
const CLONE: &str = "VirtualMachine.clone";

/// How far a task is, and the task that does its work.
pub(crate) fn outcome(info: &TaskInfo) -> (TaskState, Option<TaskId>) {
    use vmgroup_vim::TaskState as Theirs;
    match (info.state, &info.error, &info.result) {
        (Theirs::Queued | Theirs::Running | Theirs::Unknown, _, _) => (TaskState::Running, None),
        (Theirs::Error, Some(fault), _) => (TaskState::Failed(failure(info, fault)), None),
        (Theirs::Error, None, _) => {
            let message = "the task failed without a fault".into();
            let name = "UnnamedFault".into();
            (TaskState::Failed(Fault::Other { name, message }), None)
        }
        (Theirs::Success, _, Some(result)) if result.type_name() == "ClusterPowerOnVmResult" => {
            power_on(result)
        }
        (Theirs::Success, _, result) => {
            let result = result.as_ref().and_then(Value::as_reference);
            let result = result.map(|result| result.id.clone());
            (TaskState::Succeeded { result }, None)
        }
    }
}

/// A clone's task works on the template, but a clone is a call on its folder:
/// that the template is gone says nothing of the folder.
fn failure(info: &TaskInfo, fault: &vmgroup_vim::Fault) -> Fault {
    let entity = info.entity.as_ref().map_or("", |entity| entity.id.as_str());
    match of_task(fault, entity) {
        Fault::Gone if info.description_id.starts_with(CLONE) => {
            let name = info.entity_name.as_deref().map(unescape);
            missing(&name.unwrap_or_else(|| entity.to_owned()))
        }
        fault => fault,
    }
}

/// A task that may not do something inside of vCenter says nothing of our session, which began
/// it.
fn of_task(fault: &vmgroup_vim::Fault, target: &str) -> Fault {
    match translate(fault, target) {
        Fault::NotAuthenticated => Fault::Unavailable {
            message: fault.to_string(),
        },
        fault => fault,
    }
}

/// The task of a power-on succeeds whatever becomes of the VM; its result tells
/// why it was not tried, or which task tries it.
fn power_on(result: &Value) -> (TaskState, Option<TaskId>) {
    let done = TaskState::Succeeded { result: None };
    let Ok(result) = PowerOnResult::from_value(result) else {
        // The VM's power state tells.
        return (done, None);
    };
    if let Some((vm, fault)) = result.not_attempted.first() {
        return (TaskState::Failed(of_task(fault, &vm.id)), None);
    }
    // One that DRS powers on has no task either, but nothing is recommended for it.
    let mut attempted = result.attempted.iter();
    if attempted.all(|(vm, task)| task.is_none() && result.recommended.contains(vm)) {
        let message = "DRS waits for somebody to apply its recommendation; set the VM's \
                       automation level, or the cluster's, to fully automated";
        let fault = Fault::Invalid {
            message: message.into(),
        };
        return (TaskState::Failed(fault), None);
    }
    let inner = result.attempted.into_iter().find_map(|(_, task)| task);
    (done, inner.map(|task| task.id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::tests::{object, text};
    use vmgroup_vim::ManagedObjectRef;

    fn vm(id: &str) -> Value {
        Value::Ref(ManagedObjectRef::virtual_machine(id))
    }

    /// A task on the template `base` that ended because an object is not there.
    fn failed(description: &str, gone: ManagedObjectRef) -> TaskState {
        let fault = object("ManagedObjectNotFound", &[("obj", Value::Ref(gone))]);
        failed_with(description, fault)
    }

    fn failed_with(description: &str, fault: Value) -> TaskState {
        let info = object(
            "TaskInfo",
            &[
                ("key", text("task-1")),
                ("task", Value::Ref(ManagedObjectRef::task("task-1"))),
                ("descriptionId", text(description)),
                ("entity", vm("vm-9")),
                ("entityName", text("base%2f1")),
                ("state", text("error")),
                ("error", object("LocalizedMethodFault", &[("fault", fault)])),
            ],
        );
        outcome(&TaskInfo::from_value(&info).expect("a task")).0
    }

    #[test]
    fn a_clone_whose_template_goes_meanwhile_says_nothing_of_its_folder() {
        let template = || ManagedObjectRef::virtual_machine("vm-9");
        let not_found = |what: &str| TaskState::Failed(Fault::NotFound { what: what.into() });
        let wanted = not_found("template \"base/1\"");
        assert_eq!(failed("VirtualMachine.clone", template()), wanted);
        assert_eq!(failed("VirtualMachine.cloneVm", template()), wanted);
        let folder = ManagedObjectRef::folder("group-v7");
        let wanted = not_found("Folder:group-v7");
        assert_eq!(failed("VirtualMachine.clone", folder), wanted);
        let wanted = TaskState::Failed(Fault::Gone);
        assert_eq!(failed("VirtualMachine.destroy", template()), wanted);
    }

    #[test]
    fn a_task_that_is_not_authenticated_says_nothing_of_the_session() {
        let object_of = (
            "object",
            Value::Ref(ManagedObjectRef::new("HostSystem", "host-1")),
        );
        let fault = || {
            object(
                "NotAuthenticated",
                &[object_of.clone(), ("privilegeId", text("x"))],
            )
        };
        let state = failed_with("VirtualMachine.clone", fault());
        assert!(
            matches!(state, TaskState::Failed(Fault::Unavailable { .. })),
            "{state:?}"
        );
        let refused = object(
            "",
            &[
                ("vm", vm("vm-1")),
                (
                    "fault",
                    object("LocalizedMethodFault", &[("fault", fault())]),
                ),
            ],
        );
        let (state, _) = powered_on(&[("notAttempted", refused)]);
        assert!(
            matches!(state, TaskState::Failed(Fault::Unavailable { .. })),
            "{state:?}"
        );
    }

    fn powered_on(fields: &[(&str, Value)]) -> (TaskState, Option<TaskId>) {
        power_on(&object("ClusterPowerOnVmResult", fields))
    }

    #[test]
    fn a_power_on_that_drs_only_recommends_has_failed_and_says_what_to_do() {
        let action = object("ClusterInitialPlacementAction", &[("target", vm("vm-1"))]);
        let recommended = object("", &[("action", action)]);
        let tried = object("", &[("vm", vm("vm-1"))]);
        let tables: [&[(&str, Value)]; 3] = [
            &[("recommendations", recommended.clone())],
            &[("attempted", tried), ("recommendations", recommended)],
            &[],
        ];
        for fields in tables {
            let (state, inner) = powered_on(fields);
            let TaskState::Failed(Fault::Invalid { message }) = state else {
                panic!("{fields:?}: {state:?}");
            };
            assert!(message.contains("to fully automated"), "{message}");
            assert_eq!(inner, None);
        }
    }

    #[test]
    fn a_power_on_that_was_tried_ends_with_its_task_or_by_the_vms_power_state() {
        let done = TaskState::Succeeded { result: None };
        let by_drs = object("", &[("vm", vm("vm-1"))]);
        // A move of another VM, which makes room.
        let action = object("ClusterMigrationAction", &[("target", vm("vm-2"))]);
        let recommended = object("", &[("action", action)]);
        let shown = powered_on(&[("attempted", by_drs), ("recommendations", recommended)]);
        assert_eq!(shown, (done.clone(), None));
        let task = Value::Ref(ManagedObjectRef::task("task-2"));
        let by_task = object("", &[("vm", vm("vm-1")), ("task", task)]);
        let shown = powered_on(&[("attempted", by_task)]);
        assert_eq!(shown, (done, Some("task-2".into())));
    }
}
