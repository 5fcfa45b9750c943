//! What a feed has shown so far, and what of it the machine has been told.

use std::collections::{BTreeMap, BTreeSet};

use vmgroup_core::names::OperationId;
use vmgroup_reconcile::event::Event;
use vmgroup_reconcile::inventory::{Task, TaskId, TaskState, Vm, VmId};
use vmgroup_reconcile::request::RequestId;
use vmgroup_vim::{
    Error, FilterSpec, ManagedObjectRef, ObjectContent, ObjectUpdate, TaskInfo, UpdateKind,
};

use crate::convert::{Record, VM, config_paths};
use crate::limits::{OBJECTS_PER_READ, TASKS_REMEMBERED};
use crate::outcome::outcome;
use crate::session::Session;
use crate::tasks::is_ours;

/// VMs and tasks as the feed's updates add up to.
#[derive(Debug, Default)]
pub(crate) struct Replica {
    vms: BTreeMap<VmId, Record>,
    tasks: BTreeMap<TaskId, Seen>,
    told_vms: BTreeMap<VmId, Vm>,
    told_tasks: BTreeMap<TaskId, Task>,
    changed_vms: BTreeSet<VmId>,
    changed_tasks: BTreeSet<TaskId>,
    left: BTreeSet<VmId>,
}

/// A task as it was last seen.
#[derive(Debug, Clone)]
struct Seen {
    state: TaskState,
    entity: Option<String>,
    operation: Option<String>,
    /// An operator began it.
    ours: bool,
    /// The task that does this one's work.
    inner: Option<TaskId>,
}

impl Seen {
    fn is_running(&self) -> bool {
        self.state == TaskState::Running
    }
}

impl Replica {
    /// An update of a VM.
    pub(crate) fn update_vm(&mut self, update: &ObjectUpdate) {
        let id = &update.object.id;
        match update.kind {
            UpdateKind::Leave => {
                self.vms.remove(id);
                self.changed_vms.remove(id);
                self.left.insert(id.clone());
                return;
            }
            UpdateKind::Enter => {
                let before = self.vms.remove(id).unwrap_or_default();
                self.vms.insert(id.clone(), before.entered_again());
            }
            UpdateKind::Modify | UpdateKind::Unknown => {}
        }
        let record = self.vms.entry(id.clone()).or_default();
        for change in &update.changes {
            record.change(change);
        }
        for missing in &update.missing {
            record.miss(missing);
        }
        self.left.remove(id);
        self.changed_vms.insert(id.clone());
    }

    /// A task as it is.
    pub(crate) fn put_task(&mut self, session: &Session, info: TaskInfo) {
        let id = info.task.id.clone();
        let seen = see(session, info);
        if let Some(inner) = &seen.inner {
            session.tasks.nest(inner, &id);
            self.changed_tasks.insert(inner.clone());
        }
        if !seen.is_running() {
            session.tasks.ended(&id);
        }
        self.note_task(session, &id, seen);
    }

    fn note_task(&mut self, session: &Session, id: &str, seen: Seen) {
        self.changed_tasks.insert(id.to_owned());
        self.changed_tasks.extend(session.tasks.outermost(id));
        if let Some(entity) = &seen.entity
            && self.vms.contains_key(entity)
        {
            self.changed_vms.insert(entity.clone());
        }
        self.tasks.insert(id.to_owned(), seen);
    }

    /// Reads what updates leave open: configurations that changed, and tasks
    /// that VMs and other tasks name and that have not been seen. Those that run
    /// are followed.
    pub(crate) async fn complete(&mut self, session: &Session) -> Result<(), Error> {
        self.reread(session).await?;
        let on_vms = self
            .changed_vms
            .iter()
            .filter_map(|vm| self.vms.get(vm))
            .flat_map(|record| record.recent_tasks().iter());
        let inside = self.tasks.values().filter_map(|seen| seen.inner.as_ref());
        let unseen: BTreeSet<TaskId> = on_vms
            .chain(inside)
            .filter(|task| !self.tasks.contains_key(*task))
            .cloned()
            .collect();
        if !unseen.is_empty() {
            self.look_up(session, unseen).await?;
        }
        session.tasks.flush(&session.client).await?;
        self.forget_missing_tasks(session);
        self.prune(session);
        Ok(())
    }

    /// Reads the configurations that are not known as they are.
    async fn reread(&mut self, session: &Session) -> Result<(), Error> {
        let is_behind = |vm: &&VmId| self.vms.get(*vm).is_some_and(Record::is_behind);
        let refs: Vec<_> = self
            .changed_vms
            .iter()
            .filter(is_behind)
            .map(ManagedObjectRef::virtual_machine)
            .collect();
        // Of each page only the records stay: at the first look all VMs are behind.
        for (page, refs) in refs.chunks(OBJECTS_PER_READ).enumerate() {
            if page > 0 {
                session.tell(Event::FeedProgress).await;
            }
            for content in &retrieve(session, VM, refs, &config_paths()).await? {
                if let Some(record) = self.vms.get_mut(&content.object.id) {
                    record.reread_config(content);
                }
            }
        }
        Ok(())
    }

    async fn look_up(&mut self, session: &Session, unseen: BTreeSet<TaskId>) -> Result<(), Error> {
        let refs: Vec<_> = unseen.iter().map(ManagedObjectRef::task).collect();
        let mut there = BTreeSet::new();
        for (page, refs) in refs.chunks(OBJECTS_PER_READ).enumerate() {
            if page > 0 {
                session.tell(Event::FeedProgress).await;
            }
            let found = retrieve(session, "Task", refs, &["info"]).await?;
            there.extend(found.iter().map(|content| content.object.id.clone()));
            let infos = found
                .iter()
                .filter_map(|content| content.get("info"))
                .filter_map(|info| TaskInfo::from_value(info).ok());
            for info in infos {
                if !info.state.is_ended() {
                    session.tasks.follow(&info.task.id);
                }
                self.put_task(session, info);
            }
        }
        for task in unseen {
            // One that is there and cannot be read may run; of a task inside another one its
            // effect tells.
            let may_run = there.contains(&task) && !self.is_inside_another(&task);
            if !may_run && !self.tasks.contains_key(&task) {
                self.forget_task(session, &task);
            }
        }
        Ok(())
    }

    fn is_inside_another(&self, task: &str) -> bool {
        let mut tasks = self.tasks.values();
        tasks.any(|seen| seen.inner.as_deref() == Some(task))
    }

    /// The history is a database: what it takes for running may have ended with a vCenter that
    /// crashed.
    pub(crate) fn forget_missing_tasks(&mut self, session: &Session) {
        for task in session.tasks.take_missing() {
            if self.tasks.get(&task).is_some_and(Seen::is_running) {
                self.forget_task(session, &task);
            }
        }
    }

    /// It ended so long ago that vCenter does not have it any more.
    fn forget_task(&mut self, session: &Session, task: &TaskId) {
        let forgotten = Seen {
            state: TaskState::Succeeded { result: None },
            entity: None,
            operation: None,
            ours: false,
            inner: None,
        };
        self.note_task(session, task, forgotten);
    }

    /// Forgets ended tasks that no VM names, if there are many.
    fn prune(&mut self, session: &Session) {
        if self.tasks.len() <= TASKS_REMEMBERED {
            return;
        }
        let named: BTreeSet<&TaskId> = self
            .vms
            .values()
            .flat_map(|record| record.recent_tasks().iter())
            .chain(&self.changed_tasks)
            .collect();
        let running: BTreeSet<TaskId> = self
            .tasks
            .keys()
            .filter(|task| self.show(task).is_some_and(|task| is_running(&task)))
            .cloned()
            .collect();
        self.tasks.retain(|id, seen| {
            let keep = seen.is_running() || running.contains(id) || named.contains(id);
            if !keep {
                session.tasks.forget(id);
            }
            keep
        });
        self.told_tasks.retain(|id, _| self.tasks.contains_key(id));
    }

    /// Everything, for a machine that is to forget what it knew.
    pub(crate) fn reset(&mut self, session: &Session, id: RequestId) -> Event {
        self.told_vms.clear();
        self.told_tasks.clear();
        self.left.clear();
        session.unresolved().clear();
        self.changed_vms = self.vms.keys().cloned().collect();
        self.changed_tasks = self.tasks.keys().cloned().collect();
        let vms = self.tell_vms(session);
        let tasks = self.tell_tasks(session);
        Event::FeedReset { id, vms, tasks }
    }

    /// What changed in the machine's eyes since it was last told.
    pub(crate) fn changes(&mut self, session: &Session) -> Option<Event> {
        let vms = self.tell_vms(session);
        let tasks = self.tell_tasks(session);
        let left: Vec<VmId> = std::mem::take(&mut self.left)
            .into_iter()
            .filter(|id| self.told_vms.remove(id).is_some())
            .chain(std::mem::take(&mut *session.unresolved()))
            .collect();
        let nothing = vms.is_empty() && tasks.is_empty() && left.is_empty();
        (!nothing).then_some(Event::FeedChanged { vms, left, tasks })
    }

    fn tell_vms(&mut self, session: &Session) -> Vec<Vm> {
        let mut told = Vec::new();
        for id in std::mem::take(&mut self.changed_vms) {
            let Some(record) = self.vms.get(&id) else {
                continue;
            };
            let running = record
                .recent_tasks()
                .iter()
                // One that is not known at all may run.
                .filter(|task| self.tasks.get(*task).is_none_or(Seen::is_running))
                .map(|task| session.tasks.outermost(task).unwrap_or(task.clone()))
                .collect();
            let vm = session.vm(&id, record, running);
            if self.told_vms.get(&id) != Some(&vm) {
                self.told_vms.insert(id, vm.clone());
                told.push(vm);
            }
        }
        told
    }

    fn tell_tasks(&mut self, session: &Session) -> Vec<Task> {
        let mut told = Vec::new();
        for id in std::mem::take(&mut self.changed_tasks) {
            let is_ours = self.tasks.get(&id).is_some_and(|seen| seen.ours);
            if session.tasks.outermost(&id).is_some() {
                // It was told before the one around it was known, which goes on in its place.
                let told_running = self.told_tasks.get_mut(&id).filter(|task| is_running(task));
                if let Some(task) = told_running {
                    task.state = TaskState::Succeeded { result: None };
                    told.push(task.clone());
                }
                continue;
            }
            if !is_ours {
                continue;
            }
            let Some(task) = self.show(&id) else { continue };
            if self.told_tasks.get(&id) != Some(&task) {
                self.told_tasks.insert(id, task.clone());
                told.push(task);
            }
        }
        told
    }

    /// A task as the machine sees it: one whose work another does ends with that.
    fn show(&self, id: &str) -> Option<Task> {
        let seen = self.tasks.get(id)?;
        let state = match &seen.inner {
            None => seen.state.clone(),
            Some(inner) => match self.tasks.get(inner) {
                Some(inner) => inner.state.clone(),
                None => TaskState::Running,
            },
        };
        Some(Task {
            id: id.to_owned(),
            operation_id: seen.operation.clone(),
            entity: seen.entity.clone(),
            state,
        })
    }
}

/// Properties of objects of one type; one that has gone is left out.
async fn retrieve(
    session: &Session,
    kind: &str,
    refs: &[ManagedObjectRef],
    paths: &[&str],
) -> Result<Vec<ObjectContent>, Error> {
    let mut spec = FilterSpec::objects(kind, refs, paths);
    spec.report_missing_objects = true;
    let collector = &session.content.property_collector;
    let contents = session
        .client
        .retrieve_all_properties(collector, &[spec], None)
        .await?;
    session.within_session(contents)
}

fn is_running(task: &Task) -> bool {
    task.state == TaskState::Running
}

fn see(session: &Session, info: TaskInfo) -> Seen {
    let started = session.tasks.operation(&info.task.id);
    let ours = is_ours(&info, &session.user) || started.is_some();
    let entity = info.entity.as_ref().map(|entity| entity.id.clone());
    let (state, inner) = outcome(&info);
    Seen {
        state,
        ours,
        operation: started.or(info
            .activation_id
            .filter(|token| OperationId::parse(token).is_some())),
        entity,
        inner,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vmgroup_vim::{ChangeKind, FaultKind, MissingProperty, PropertyChange, Value};

    const MARKER: &str = r#"config.extraConfig["vmgroup.marker"]"#;

    fn update(kind: UpdateKind, told: &[&str], missing: &[&str]) -> ObjectUpdate {
        let changes = told.iter().map(|path| PropertyChange {
            path: (*path).into(),
            kind: ChangeKind::Assign,
            value: Some(Value::Text("u".into())),
        });
        let missing = missing.iter().map(|path| MissingProperty {
            path: (*path).into(),
            fault: vmgroup_vim::Fault {
                name: "NoPermission".into(),
                message: String::new(),
                kind: FaultKind::Other,
            },
        });
        ObjectUpdate {
            kind,
            object: ManagedObjectRef::virtual_machine("vm-1"),
            changes: changes.collect(),
            missing: missing.collect(),
        }
    }

    #[test]
    fn a_vm_whose_marker_an_update_may_not_tell_is_unreadable_until_one_tells_it() {
        let mut replica = Replica::default();
        let is_readable = |replica: &Replica| {
            let vm = replica.vms["vm-1"].vm("vm-1", BTreeSet::new());
            vm.instance_uuid.is_some()
        };
        let uuid = "config.instanceUuid";
        replica.update_vm(&update(UpdateKind::Enter, &[uuid], &[MARKER]));
        assert!(!is_readable(&replica));
        replica.update_vm(&update(UpdateKind::Modify, &["name"], &[]));
        assert!(!is_readable(&replica));
        replica.update_vm(&update(UpdateKind::Modify, &[MARKER], &[]));
        assert!(is_readable(&replica));
        replica.update_vm(&update(UpdateKind::Modify, &[], &[MARKER]));
        assert!(!is_readable(&replica));
        replica.update_vm(&update(UpdateKind::Enter, &[uuid], &[]));
        assert!(is_readable(&replica), "it entered without that");
    }
}
