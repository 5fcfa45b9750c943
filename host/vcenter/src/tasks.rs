//! The tasks that a feed follows: those that calls of this session started,
//! those of ours that ran when the feed began, those of others that run on
//! VMs in view. All stand in one list view.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use vmgroup_core::names::OperationId;
use vmgroup_reconcile::inventory::TaskId;
use vmgroup_vim::{
    Client, Error, FilterSpec, ManagedObjectRef, ServiceContent, TaskFilter, TaskInfo, TaskReason,
    TaskState,
};

use crate::convert::RECENT_TASKS;
use crate::limits::{ENDED_TASKS_MAX, RUNNING_TASKS_MAX};
use crate::read::retrieve_patiently;

/// The list view of tasks, and what is known of them across feeds.
#[derive(Debug)]
pub(crate) struct Tasks {
    view: ManagedObjectRef,
    known: Mutex<Known>,
    /// Held while the view is changed, so that calls that end together share one
    /// change.
    changing: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Known {
    followed: BTreeSet<TaskId>,
    add: BTreeSet<TaskId>,
    remove: BTreeSet<TaskId>,
    /// Those that the view could not take.
    missing: BTreeSet<TaskId>,
    /// Operation ids of the tasks that this session's calls started.
    started: BTreeMap<TaskId, String>,
    /// A power-on is a task of a task: the inner one and the one that was answered.
    outer: BTreeMap<TaskId, TaskId>,
}

impl Tasks {
    pub(crate) fn new(view: ManagedObjectRef) -> Self {
        Tasks {
            view,
            known: Mutex::default(),
            changing: tokio::sync::Mutex::default(),
        }
    }

    pub(crate) fn view(&self) -> &ManagedObjectRef {
        &self.view
    }

    /// A call of this session started the task.
    pub(crate) fn started(&self, task: &str, operation: &str) {
        let mut known = self.known();
        known.started.insert(task.to_owned(), operation.to_owned());
        known.follow(task);
    }

    /// The operation id of a task that this session started.
    pub(crate) fn operation(&self, task: &str) -> Option<String> {
        self.known().started.get(task).cloned()
    }

    /// The inner task does the work of the outer one.
    pub(crate) fn nest(&self, inner: &str, outer: &str) {
        let mut known = self.known();
        known.outer.insert(inner.to_owned(), outer.to_owned());
    }

    /// The task that the machine knows for this one.
    pub(crate) fn outermost(&self, task: &str) -> Option<TaskId> {
        self.known().outer.get(task).cloned()
    }

    /// The feed is to show the task from the next change of the view on.
    pub(crate) fn follow(&self, task: &str) {
        self.known().follow(task);
    }

    /// The task has ended: it leaves the view with its next change, which costs
    /// no call of its own.
    pub(crate) fn ended(&self, task: &str) {
        let mut known = self.known();
        known.add.remove(task);
        if known.followed.remove(task) {
            known.remove.insert(task.to_owned());
        }
    }

    /// The task matters no more.
    pub(crate) fn forget(&self, task: &str) {
        let mut known = self.known();
        known.started.remove(task);
        known.outer.remove(task);
    }

    /// Changes the view, if a task is to be added.
    pub(crate) async fn flush(&self, client: &Client) -> Result<(), Error> {
        let _changing = self.changing.lock().await;
        let Some(change) = self.change() else {
            return Ok(());
        };
        let (add, remove) = (refs(&change.add), refs(&change.remove));
        let unresolved = client
            .modify_list_view(&self.view, &add, &remove, None)
            .await?;
        change.made(&unresolved);
        Ok(())
    }

    /// Those that were to be followed and that vCenter does not have: told once.
    pub(crate) fn take_missing(&self) -> BTreeSet<TaskId> {
        std::mem::take(&mut self.known().missing)
    }

    /// What the view lacks, if a task is to be added.
    fn change(&self) -> Option<Change<'_>> {
        let mut known = self.known();
        (!known.add.is_empty()).then(|| Change {
            tasks: self,
            add: std::mem::take(&mut known.add),
            remove: std::mem::take(&mut known.remove),
        })
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A change of the view. One that fails, or is given up before its answer, is
/// still to be made.
#[derive(Debug)]
struct Change<'a> {
    tasks: &'a Tasks,
    add: BTreeSet<TaskId>,
    remove: BTreeSet<TaskId>,
}

impl Change<'_> {
    /// The view has changed. What it could not take is followed when it is named
    /// again.
    fn made(mut self, unresolved: &[ManagedObjectRef]) {
        let add = std::mem::take(&mut self.add);
        self.remove.clear();
        let mut known = self.tasks.known();
        for task in unresolved.iter().filter(|task| add.contains(&task.id)) {
            known.followed.remove(&task.id);
            known.missing.insert(task.id.clone());
        }
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        let mut known = self.tasks.known();
        // A task that has ended meanwhile waits to be removed.
        self.add.retain(|task| known.followed.contains(task));
        self.remove.retain(|task| !known.followed.contains(task));
        known.add.append(&mut self.add);
        known.remove.append(&mut self.remove);
    }
}

impl Known {
    fn follow(&mut self, task: &str) {
        if self.followed.insert(task.to_owned()) {
            self.remove.remove(task);
            self.add.insert(task.to_owned());
        }
    }
}

fn refs(tasks: &BTreeSet<TaskId>) -> Vec<ManagedObjectRef> {
    tasks.iter().map(ManagedObjectRef::task).collect()
}

/// All running tasks of ours, and those that ended lately; those that another user began for an
/// operator only as far as the task manager has them. The history is a database, which may
/// not have a task yet that runs: what the task manager has comes last, and counts.
pub(crate) async fn list(
    client: &Client,
    content: &ServiceContent,
    user: &str,
) -> Result<Vec<TaskInfo>, Error> {
    // The newest tasks of a busy user may all have ended, so that the running
    // ones are asked for by themselves; first, so that one that ends in between
    // is in one of the lists.
    let ended = vec![TaskState::Success, TaskState::Error];
    let running = vec![TaskState::Queued, TaskState::Running];
    let mut tasks = BTreeMap::new();
    for (states, most) in [(running, RUNNING_TASKS_MAX), (ended, ENDED_TASKS_MAX)] {
        let filter = TaskFilter {
            entity: None,
            users: vec![user.to_owned()],
            states,
        };
        for task in page(client, content, &filter, most).await? {
            // Not every server heeds the filter.
            if is_ours(&task, user) {
                tasks.insert(task.task.id.clone(), task);
            }
        }
    }
    for task in recent(client, content).await? {
        if is_ours(&task, user) {
            tasks.insert(task.task.id.clone(), task);
        }
    }
    Ok(tasks.into_values().collect())
}

/// What the task manager has: two hundred tasks at most.
async fn recent(client: &Client, content: &ServiceContent) -> Result<Vec<TaskInfo>, Error> {
    let spec = FilterSpec::through(&content.task_manager, RECENT_TASKS, "Task", &["info"]);
    let contents = retrieve_patiently(client, content, &[spec], None).await?;
    let infos = contents.iter().filter_map(|content| content.get("info"));
    Ok(infos
        .filter_map(|it| TaskInfo::from_value(it).ok())
        .collect())
}

async fn page(
    client: &Client,
    content: &ServiceContent,
    filter: &TaskFilter,
    most: u32,
) -> Result<Vec<TaskInfo>, Error> {
    let manager = &content.task_manager;
    let collector = client
        .create_collector_for_tasks(manager, filter, None)
        .await?;
    let read = async {
        client
            .set_collector_page_size(&collector, most, None)
            .await?;
        client
            .latest_tasks(&content.property_collector, &collector, None)
            .await
    };
    let read = read.await;
    // A collector that stays ends with the session.
    let _ = client.destroy_collector(&collector, None).await;
    read
}

/// The user began the task, or an operator under another user, as before `VC_USER` was changed.
pub(crate) fn is_ours(task: &TaskInfo, user: &str) -> bool {
    let is_of_user = match &task.reason {
        TaskReason::User { name } => name.eq_ignore_ascii_case(user),
        TaskReason::Other { .. } => false,
    };
    let operation = task.activation_id.as_deref();
    is_of_user || operation.is_some_and(|it| OperationId::parse(it).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tasks() -> Tasks {
        Tasks::new(ManagedObjectRef::new("ListView", "view-1"))
    }

    fn set(tasks: &[&str]) -> BTreeSet<TaskId> {
        tasks.iter().map(|&task| task.to_owned()).collect()
    }

    #[test]
    fn a_change_of_the_view_that_is_given_up_is_still_to_be_made() {
        let tasks = tasks();
        for task in ["task-1", "task-2", "task-3"] {
            tasks.follow(task);
        }
        tasks.change().expect("a change").made(&[]);
        tasks.ended("task-1");
        tasks.follow("task-4");
        tasks.follow("task-5");
        let given_up = tasks.change().expect("a change");
        // Both happen while the answer is awaited.
        tasks.ended("task-4");
        tasks.ended("task-2");
        drop(given_up);
        let again = tasks.change().expect("a change");
        assert_eq!(again.add, set(&["task-5"]));
        assert_eq!(again.remove, set(&["task-1", "task-2", "task-4"]));
    }

    #[test]
    fn a_task_that_the_view_could_not_take_is_asked_for_when_it_is_named_again() {
        let tasks = tasks();
        tasks.follow("task-1");
        tasks.follow("task-2");
        let unresolved = [ManagedObjectRef::task("task-1")];
        tasks.change().expect("a change").made(&unresolved);
        tasks.follow("task-1");
        tasks.follow("task-2");
        let change = tasks.change().expect("a change");
        assert_eq!(change.add, set(&["task-1"]));
    }

    #[test]
    fn a_task_is_ours_by_its_user_or_by_the_operation_that_began_it() {
        let began = |name: &str, activation_id: Option<&str>| TaskInfo {
            reason: TaskReason::User { name: name.into() },
            activation_id: activation_id.map(str::to_owned),
            ..info()
        };
        let operation = OperationId::in_slot("uid", 0, 7).to_string();
        let mine = "VSPHERE.LOCAL\\operator";
        for (task, wanted) in [
            (began("vsphere.local\\Operator", None), true),
            (began("VSPHERE.LOCAL\\former", Some(&operation)), true),
            (began("VSPHERE.LOCAL\\former", Some("a person's")), false),
            (began("VSPHERE.LOCAL\\former", None), false),
        ] {
            assert_eq!(is_ours(&task, mine), wanted, "{task:?}");
        }
    }

    fn info() -> TaskInfo {
        TaskInfo {
            key: "task-1".into(),
            task: ManagedObjectRef::task("task-1"),
            name: None,
            description_id: "VirtualMachine.clone".into(),
            entity: None,
            entity_name: None,
            state: TaskState::Running,
            cancelled: false,
            cancelable: true,
            error: None,
            result: None,
            progress: None,
            reason: TaskReason::Other {
                type_name: String::new(),
            },
            queue_time: None,
            start_time: None,
            complete_time: None,
            activation_id: None,
        }
    }
}
