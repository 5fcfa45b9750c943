//! What a feed has shown so far, as the operator's machine would have it.

use std::collections::BTreeMap;

use vmgroup_reconcile::event::Event;
use vmgroup_reconcile::inventory::{Task, TaskId, TaskState, Vm, VmId};
use vmgroup_reconcile::request::RequestId;

use super::names::Names;
use super::words;

/// How a feed's own state is called among what is shown.
pub(super) const FEED: &str = "the feed";

/// The replica.
#[derive(Debug, Default)]
pub(super) struct Feed {
    state: State,
    vms: BTreeMap<VmId, Vm>,
    tasks: BTreeMap<TaskId, Task>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    None,
    Live(RequestId),
    Lost {
        session_ended: bool,
    },
}

impl Feed {
    /// Takes what is of the feed; gives back what is not.
    pub(super) fn take(&mut self, event: Event) -> Option<Event> {
        match event {
            Event::FeedReset { id, vms, tasks } => {
                self.state = State::Live(id);
                self.vms.clear();
                self.tasks.clear();
                self.put(vms, tasks);
            }
            Event::FeedChanged { vms, left, tasks } => {
                self.put(vms, tasks);
                for id in left {
                    self.vms.remove(&id);
                }
            }
            Event::FeedIdle | Event::FeedProgress => {}
            Event::FeedLost { session_ended, .. } => self.state = State::Lost { session_ended },
            other => return Some(other),
        }
        None
    }

    fn put(&mut self, vms: Vec<Vm>, tasks: Vec<Task>) {
        let vms = vms.into_iter().map(|vm| (vm.id.clone(), vm));
        self.vms.extend(vms);
        let tasks = tasks.into_iter().map(|task| (task.id.clone(), task));
        self.tasks.extend(tasks);
    }

    pub(super) fn task(&self, id: &str) -> Option<&Task> {
        self.tasks.get(id)
    }

    /// The task has ended, or will never be seen to.
    pub(super) fn is_over(&self, task: &str) -> bool {
        let ended = |task: &Task| task.state != TaskState::Running;
        self.task(task).is_some_and(ended) || matches!(self.state, State::Lost { .. })
    }

    /// It has shown everything anew since that request.
    pub(super) fn is_of(&self, id: RequestId) -> bool {
        self.state == State::Live(id)
    }

    pub(super) fn is_lost(&self) -> bool {
        matches!(self.state, State::Lost { .. })
    }

    fn vms_in_words(&self, names: &Names) -> BTreeMap<String, String> {
        let vms = self.vms.values();
        vms.map(|vm| (names.in_feed(&vm.id), words::vm(names, vm)))
            .collect()
    }

    /// What an operator would see. Without a feed it does not look.
    pub(super) fn shown(&self, names: &Names) -> BTreeMap<String, String> {
        let (state, vms) = match self.state {
            State::None => ("none", None),
            State::Live(_) => ("live", Some(self.vms_in_words(names))),
            State::Lost {
                session_ended: true,
            } => ("lost with its session", None),
            State::Lost {
                session_ended: false,
            } => ("lost", None),
        };
        let mut shown = vms.unwrap_or_default();
        shown.insert(FEED.to_owned(), state.to_owned());
        shown
    }
}
