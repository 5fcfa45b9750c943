//! The group's folder: found or created before the first clone, removed after
//! the last VM if nothing else is in it.

use vmgroup_core::group::{Adoption, GroupKey};
use vmgroup_core::marker::Claim;
use vmgroup_core::names::{self, OperationId};
use vmgroup_core::observation::{FailureClass, Slot, WakeReason};
use vmgroup_core::time::Monotonic;

use crate::adopt::is_folder_of;
use crate::event::{CallResult, ReadResult};
use crate::group::{Folder, Stage};
use crate::inventory::{Fault, Known, TaskId, TaskState, Vm};
use crate::limits::LOOK_MS_MAX;
use crate::look::too_slow;
use crate::machine::{Asker, Machine};
use crate::operation::{Verdict, Work, judge};
use crate::pipeline::Next;
use crate::request::{Call, Read, Request, RequestId};

impl Machine {
    /// Looks for the folder, or creates it.
    pub(crate) fn find_folder(&mut self, key: &GroupKey) {
        let name = names::folder_name(key);
        let Some(group) = self.groups.get(key) else {
            return;
        };
        let operation_id = OperationId::of_folder(group.identity()).to_string();
        let before = group.folder.clone();
        let now = self.now.monotonic;
        let id = self.id();
        let (folder, request) = match before {
            Folder::Absent { begun_at } if now.since(begun_at) <= LOOK_MS_MAX => {
                let request = Request::Call {
                    id,
                    group: key.clone(),
                    operation_id,
                    call: Call::CreateFolder { name },
                };
                (Folder::Creating(id), request)
            }
            Folder::Unknown | Folder::Absent { .. } => {
                let read = Read::FolderNamed(name);
                let looking = Folder::Looking { id, begun_at: now };
                (looking, Request::Read { id, read })
            }
            Folder::Looking { .. } | Folder::Creating(_) | Folder::Known(_) => return,
        };
        if let Some(group) = self.groups.get_mut(key) {
            group.folder = folder;
            self.asked.insert(id, Asker::Folder(key.clone()));
            self.out.push(request);
        }
    }

    pub(crate) fn folder_found(&mut self, key: &GroupKey, id: RequestId, result: ReadResult) {
        let now = self.now.monotonic;
        let Some(group) = self.groups.get_mut(key) else {
            return;
        };
        let begun_at = match group.folder {
            Folder::Looking { id: own, begun_at } if own == id => begun_at,
            _ => return,
        };
        let was_lost = std::mem::take(&mut group.creation_lost);
        group.folder = match result {
            ReadResult::NoFolder if was_lost => {
                group.folder = Folder::Unknown;
                let what = "vCenter did not answer when the group's folder was made, and there \
                            is none";
                self.clones_fail(key, FailureClass::Transient, what);
                return;
            }
            ReadResult::Folder { vms, .. } if !is_folder_of(key, &vms) => {
                group.folder = Folder::Unknown;
                let what = "the folder of the group's name holds VMs of others and none of the \
                            group's: move them elsewhere";
                self.clones_fail(key, FailureClass::NameTaken, what);
                return;
            }
            ReadResult::Folder { id, .. } => Folder::Known(id),
            ReadResult::NoFolder | ReadResult::Gone if now.since(begun_at) > LOOK_MS_MAX => {
                group.folder = Folder::Unknown;
                self.clones_fail(key, FailureClass::Transient, &too_slow());
                return;
            }
            ReadResult::NoFolder | ReadResult::Gone => Folder::Absent { begun_at },
            _ => Folder::Unknown,
        };
        if group.folder == Folder::Unknown {
            self.clones_fail(
                key,
                FailureClass::Transient,
                "the group's folder cannot be read",
            );
        }
    }

    pub(crate) fn folder_created(&mut self, key: &GroupKey, id: RequestId, result: CallResult) {
        let Some(group) = self.groups.get_mut(key) else {
            return;
        };
        if group.folder != Folder::Creating(id) {
            return;
        }
        group.folder = Folder::Unknown;
        if group.object.deleting {
            // The deletion waits for this answer.
            self.wake(key, 0, WakeReason::OperationEnded);
        }
        match result {
            CallResult::Done {
                result: Some(folder),
            } => {
                if let Some(group) = self.groups.get_mut(key) {
                    group.folder = Folder::Known(folder);
                }
                self.write_status(key);
            }
            // Whoever made it: it is looked for again.
            CallResult::Lost { .. } => {
                if let Some(group) = self.groups.get_mut(key) {
                    group.creation_lost = true;
                }
            }
            CallResult::Refused(Fault::DuplicateName { .. }) => {
                let what = "the name of the group's folder is taken by something that the \
                            operator does not see: rename that, or grant Read on it";
                self.clones_fail(key, FailureClass::NameTaken, what);
            }
            CallResult::Refused(fault) => {
                if let Verdict::Failed(class, message) = judge(&Work::Clone, &fault) {
                    let message = format!("the group's folder could not be created: {message}");
                    self.clones_fail(key, class, &message);
                }
            }
            CallResult::Done { result: None }
            | CallResult::Started(_)
            | CallResult::NotSent { .. } => {
                let what = "the group's folder could not be created";
                self.clones_fail(key, FailureClass::Transient, what);
            }
        }
    }

    /// All queued clones of the group fail alike.
    fn clones_fail(&mut self, key: &GroupKey, class: FailureClass, message: &str) {
        let Some(group) = self.groups.get(key) else {
            return;
        };
        let clones = group
            .operations
            .iter()
            .filter(|(_, operation)| operation.work == Work::Clone && !operation.is_started());
        let slots: Vec<Slot> = clones.map(|(slot, _)| *slot).collect();
        for slot in slots {
            self.failed(key, slot, class, message);
        }
    }

    /// Removes the folder if it is freshly read empty, then lets the object go.
    pub(crate) fn close_folder(&mut self, key: &GroupKey) -> Next {
        let Some(group) = self.groups.get(key) else {
            return Next::Wait;
        };
        let read = match &group.folder {
            Folder::Known(folder) => Read::Folder(folder.clone()),
            // It would be made when nobody is left to remove it.
            Folder::Creating(_) => return Next::Wait,
            // It may have been created right before a crash.
            Folder::Unknown | Folder::Looking { .. } | Folder::Absent { .. } => {
                Read::FolderNamed(names::folder_name(key))
            }
        };
        let begun_at = self.now.monotonic;
        self.ask(key, |id| {
            let stage = Stage::ClosingFolder { begun_at };
            (stage, Request::Read { id, read })
        });
        Next::Wait
    }

    pub(crate) fn folder_closed(
        &mut self,
        key: &GroupKey,
        begun_at: Monotonic,
        result: ReadResult,
    ) {
        let is_old = self.now.monotonic.since(begun_at) > LOOK_MS_MAX;
        // A template that was left alone may be a VM again.
        if is_old || self.has_member_in_view(key) {
            return self.try_later(key);
        }
        let (folder, vms, others) = match result {
            ReadResult::Folder { id, vms, others } => (id, vms, others),
            ReadResult::NoFolder => {
                self.release(key);
                return;
            }
            ReadResult::Gone => {
                // One of its name may have been made since, right before a crash.
                self.folder_lost(key);
                self.wake(key, 0, WakeReason::OperationEnded);
                return;
            }
            ReadResult::Failed { fault } => {
                let verdict = judge(&Work::Clone, &fault);
                return self.folder_waits(key, verdict, "its folder cannot be read");
            }
            _ => return self.try_later(key),
        };
        if vms.is_empty() && others == 0 {
            return self.remove_folder(key, folder);
        }
        // Whatever the records say: a VM of ours, or one that may be, keeps the
        // object.
        let Some(group) = self.groups.get(key) else {
            return;
        };
        let owner = self.owner(group);
        let ignored = group.object.adoption == Some(Adoption::Ignore);
        let of_ours = |vm: &Vm| {
            let known = Known::new(vm.clone());
            let named = known.agreed().map(|marker| &marker.identity) == Some(&owner.identity);
            let brought = matches!(known.claim(&owner), Some((_, Claim::OtherVcenter)));
            !known.is_readable() || (named && !(brought && ignored))
        };
        let ours: Vec<Vm> = vms.into_iter().filter(of_ours).collect();
        let Some(first) = ours.iter().map(|vm| &vm.id).min() else {
            self.release(key);
            return;
        };
        let why = format!(
            "VM {first} in its folder may be of this group; if it cannot be read, bring its host \
             or its files back, or move it elsewhere"
        );
        for vm in ours {
            self.put_stray(vm);
        }
        self.deletion_waits(key, &why);
    }

    pub(crate) fn has_member_in_view(&self, key: &GroupKey) -> bool {
        let Some(group) = self.groups.get(key) else {
            return false;
        };
        let sorted = self.membership(group);
        !sorted.members.is_empty()
    }

    fn remove_folder(&mut self, key: &GroupKey, folder: String) {
        let Some(group) = self.groups.get(key) else {
            return;
        };
        let operation_id = OperationId::of_folder(group.identity()).to_string();
        let call = crate::request::Call::DestroyFolder(folder);
        let group = key.clone();
        self.ask(key, |id| {
            let request = Request::Call {
                id,
                group,
                operation_id,
                call,
            };
            (Stage::RemovingFolder, request)
        });
    }

    /// Whatever comes of it, the folder is read again, and gone or not.
    pub(crate) fn folder_removed(&mut self, key: &GroupKey, result: CallResult) {
        match result {
            CallResult::Started(task) => {
                self.closing.insert(task, key.clone());
                self.follow_closing();
            }
            CallResult::Refused(fault) => self.folder_stays(key, &fault),
            _ => self.try_later(key),
        }
    }

    /// Its removal failed, and is tried again after a while.
    fn folder_stays(&mut self, key: &GroupKey, fault: &Fault) {
        let verdict = judge(&Work::Delete, fault);
        self.folder_waits(key, verdict, "its folder could not be removed");
    }

    /// The end of the folder waits, and says why if there is more to say than to wait.
    fn folder_waits(&mut self, key: &GroupKey, verdict: Verdict, what: &str) {
        match verdict {
            Verdict::Failed(_, message) => self.deletion_waits(key, &format!("{what}: {message}")),
            _ => self.try_later(key),
        }
    }

    /// Passes go on whose folder's task has ended, or vanished from the view.
    pub(crate) fn follow_closing(&mut self) {
        if !self.session.is_live() {
            return;
        }
        let ended = |task: &TaskId| match self.inventory.task(task)?.state.clone() {
            TaskState::Running => None,
            TaskState::Succeeded { .. } => Some((task.clone(), None)),
            TaskState::Failed(fault) => Some((task.clone(), Some(fault))),
        };
        let ended: Vec<(TaskId, Option<Fault>)> = self.closing.keys().filter_map(ended).collect();
        for (task, fault) in ended {
            self.inventory.remove_task(&task);
            self.close_again(&task, fault.as_ref());
        }
    }

    /// A complete view that lacks the task shows that it has ended.
    pub(crate) fn forget_vanished_closing(&mut self) {
        let known = |task: &TaskId| self.inventory.task(task).is_some();
        let vanished: Vec<TaskId> = self
            .closing
            .keys()
            .filter(|task| !known(task))
            .cloned()
            .collect();
        for task in vanished {
            self.close_again(&task, None);
        }
    }

    fn close_again(&mut self, task: &str, fault: Option<&Fault>) {
        let Some(key) = self.closing.remove(task) else {
            return;
        };
        if let Some(group) = self.groups.get_mut(&key)
            && matches!(group.stage, Stage::RemovingFolder)
        {
            group.stage = Stage::Idle;
            match fault {
                Some(fault) => self.folder_stays(&key, fault),
                None => self.wake(&key, 0, WakeReason::OperationEnded),
            }
        }
    }

    /// The folder is not what it was thought to be: it is looked for again.
    pub(crate) fn folder_lost(&mut self, key: &GroupKey) {
        if let Some(group) = self.groups.get_mut(key) {
            group.folder = Folder::Unknown;
        }
    }
}

#[cfg(test)]
mod tests {
    use vmgroup_core::time::Timestamp;

    use super::*;
    use crate::group::Group;
    use crate::machine::tests::object;

    #[test]
    fn what_a_clone_has_asked_for_is_not_hidden_by_what_a_pass_saw() {
        let begun_at = Monotonic(1);
        let seen = || Folder::Absent { begun_at };
        let mut group = Group::restore(object("web"), None, Timestamp(0));
        for asked in [
            Folder::Creating(RequestId(7)),
            Folder::Looking {
                id: RequestId(7),
                begun_at,
            },
        ] {
            group.folder = asked.clone();
            group.folder_is(seen());
            assert_eq!(group.folder, asked);
        }
        for known in [Folder::Unknown, Folder::Known("group-7".into())] {
            group.folder = known;
            group.folder_is(seen());
            assert_eq!(group.folder, seen());
        }
    }
}
