//! The tasks that a feed follows: those that calls of this session started,
//! those of our user that ran when the feed began, those of others that run on
//! VMs in view. All stand in one list view.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use vmgroup_reconcile::inventory::TaskId;
use vmgroup_vim::{
    Client, Error, ManagedObjectRef, ServiceContent, TaskFilter, TaskInfo, TaskReason, TaskState,
};

use crate::limits::{ENDED_TASKS_MAX, RUNNING_TASKS_MAX};

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
        let (add, remove) = {
            let mut known = self.known();
            if known.add.is_empty() {
                return Ok(());
            }
            (
                std::mem::take(&mut known.add),
                std::mem::take(&mut known.remove),
            )
        };
        let add = refs(add);
        client
            .modify_list_view(&self.view, &add, &refs(remove), None)
            .await?;
        Ok(())
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
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

fn refs(tasks: BTreeSet<TaskId>) -> Vec<ManagedObjectRef> {
    tasks.into_iter().map(ManagedObjectRef::task).collect()
}

/// All running tasks of a user, and those that ended lately.
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
            if is_of(&task, user) {
                tasks.insert(task.task.id.clone(), task);
            }
        }
    }
    Ok(tasks.into_values().collect())
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

/// The user began the task.
pub(crate) fn is_of(task: &TaskInfo, user: &str) -> bool {
    match &task.reason {
        TaskReason::User { name } => name.eq_ignore_ascii_case(user),
        TaskReason::Other { .. } => false,
    }
}
