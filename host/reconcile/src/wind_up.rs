//! Deletion: what is left to do once no module is needed for it.

use std::collections::{BTreeMap, BTreeSet};

use vmgroup_core::check::{CheckedAction, CheckedPlan};
use vmgroup_core::group::{DeletionPolicy, GroupKey};
use vmgroup_core::names::OperationId;
use vmgroup_core::observation::{
    Connection, Failure, Member, Observation, Phase, PowerState, Slot, WakeReason,
};
use vmgroup_core::plan::Effect;
use vmgroup_core::status::Standing;

use crate::group::{Stage, is_fit};
use crate::inventory::Task;
use crate::limits::PROOF_RETRY_MS;
use crate::machine::Machine;
use crate::operation::Work;
use crate::pipeline::Next;
use crate::request::MetaChange;
use crate::standing::deleting;

impl Machine {
    /// Deletion: what is left to do once no module is needed for it.
    pub(crate) fn wind_up(&mut self, key: &GroupKey, policy: DeletionPolicy) -> Option<Next> {
        let group = self.groups.get(key)?;
        if policy == DeletionPolicy::Orphan {
            return Some(self.let_go(key));
        }
        if group.has_nothing() {
            let task = self.clone_into_folder(key).cloned();
            let wait = task.map(|task| self.await_clone(key, &task));
            let wait = wait.or_else(|| self.search_untold(key));
            return Some(wait.unwrap_or_else(|| self.close_folder(key)));
        }
        None
    }

    /// Nothing is decided, nor begun, before it shows what comes of a call that nobody
    /// here has made.
    pub(crate) fn await_unknown_call(&mut self, key: &GroupKey) -> Option<Next> {
        let (task, vm) = self.unknown_call(key)?;
        let why = format!(
            "task {task} runs in vCenter on VM {vm}, and nothing that is known here has begun it; \
             the group waits for its end, and it may be cancelled"
        );
        let group = self.groups.get_mut(key)?;
        group.drop_queued();
        let mut wait = PROOF_RETRY_MS;
        if group.woken == WakeReason::TimeCame {
            // Its end was not seen in all that time: a complete view tells if it has vanished.
            self.session
                .want_relist("a task on a member is unaccounted for");
            wait = group.backoff.fail(key);
        }
        let standing = if group.object.deleting {
            deletion_waits(&why)
        } else {
            Standing::Progressing(why)
        };
        self.wake(key, wait, WakeReason::TimeCame);
        Some(Next::Stand(standing))
    }

    /// Waits for a task that may still make a VM of the group, or in its folder.
    fn await_clone(&mut self, key: &GroupKey, task: &Task) -> Next {
        let entity = task.entity.as_deref().unwrap_or("something unnamed");
        let why = format!(
            "task {} runs in vCenter on {entity} and may still make a VM of this group; it may be \
             cancelled",
            task.id
        );
        let named = task.operation_id.as_deref().and_then(OperationId::parse);
        if let Some(group) = self.groups.get_mut(key)
            && let Some((slot, _)) = named.and_then(|named| named.committed)
        {
            group.searched.remove(&slot);
        }
        let woken = self.groups.get(key).map(|group| group.woken);
        if woken == Some(WakeReason::TimeCame) {
            // A complete view tells if it has vanished.
            self.session
                .want_relist("a task of a deleted group is unaccounted for");
        }
        self.deletion_waits(key, &why);
        Next::Wait
    }

    /// The deletion cannot go on yet, for that reason.
    pub(crate) fn deletion_waits(&mut self, key: &GroupKey, why: &str) {
        self.try_later(key);
        self.report(key, deletion_waits(why));
    }

    /// A running task that may make a VM of the group, though it has nothing in operation:
    /// another host's, or one of an earlier life.
    fn clone_of(&self, key: &GroupKey) -> Option<&Task> {
        let identity = self.groups.get(key)?.identity();
        self.may_clone_unseen(|_, named| named.identity == identity && named.committed.is_some())
    }

    /// One of those, or of no group that is known: a restore may have taken away a group of
    /// the same name.
    fn clone_into_folder(&self, key: &GroupKey) -> Option<&Task> {
        let is_known = |named: OperationId| {
            let mut groups = self.groups.values();
            groups.any(|group| group.identity() == named.identity)
        };
        let on_member = |task: &Task| {
            let vm = task.entity.as_deref().and_then(|id| self.inventory.vm(id));
            vm.is_some_and(|known| known.marker.is_some())
        };
        let into_folder = |task: &Task, named: OperationId| {
            named.committed.is_some() && !is_known(named) && !on_member(task)
        };
        self.clone_of(key)
            .or_else(|| self.may_clone_unseen(into_folder))
    }

    /// `deletionPolicy: Orphan`: removes markers and touches nothing else.
    pub(crate) fn let_go(&mut self, key: &GroupKey) -> Next {
        let Some(group) = self.groups.get(key) else {
            return Next::Wait;
        };
        let sorted = self.membership(group);
        let mut works = BTreeMap::new();
        for (slot, vms) in sorted.members {
            if !group.operations.contains_key(&slot)
                && let Some(vm) = vms.into_iter().next()
            {
                works.insert(slot, (Work::LetGo, vm));
            }
        }
        if !works.is_empty() {
            return Next::Own(works);
        }
        if !group.has_nothing() {
            // One whose VM cannot be read, or nobody has proven that it is in no slot.
            let busy: BTreeSet<&Slot> = group.slots.keys().chain(group.operations.keys()).collect();
            return Next::Stand(deleting(group, busy.len()));
        }
        let wait = self.clone_of(key).cloned();
        let wait = wait.map(|task| self.await_clone(key, &task));
        let wait = wait.or_else(|| self.search_untold(key));
        wait.unwrap_or_else(|| self.release(key))
    }

    /// Removes the finalizer.
    pub(crate) fn release(&mut self, key: &GroupKey) -> Next {
        self.write_meta(key, MetaChange::Release, Stage::Releasing)
    }
}

/// The group is being deleted, members could go, and the module neither lets one go nor does
/// anything before that but what fails, nor wants to be asked again: with that the deletion would never end.
pub(crate) fn idles(observation: &Observation, plan: &CheckedPlan) -> bool {
    let may_go = |member: &Member| {
        member.holds.is_empty()
            && member.connection == Connection::Connected
            && member.power != PowerState::Unknown
    };
    let fails_again = |checked: &CheckedAction| {
        let has_failed = |failure: &Failure| failure.slot == checked.slot;
        !matches!(checked.action.effect, Effect::Delete(_))
            && observation.failures.iter().any(has_failed)
    };
    observation.context.phase == Phase::Deleting
        && is_fit(observation)
        && observation.operations.is_empty()
        && plan.actions().iter().all(fails_again)
        && plan.next_look().is_none()
        && observation.members.iter().any(may_go)
}

/// The deletion cannot go on yet, for that reason.
pub(crate) fn deletion_waits(why: &str) -> Standing {
    Standing::Failing {
        reason: "DeletionWaits",
        message: format!("being deleted, and waits: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use vmgroup_core::time::Now;

    use super::*;
    use crate::event::Event;
    use crate::inventory::TaskState;
    use crate::inventory::tests::marked;
    use crate::machine::tests::{machine, object};

    /// Whether a task that names this operation id is awaited by the end of shop/web, and
    /// by that of its folder.
    fn is_awaited(named: &str, entity: &str) -> (bool, bool) {
        let mut machine = machine(None);
        // A copy of the object has the same identity.
        let copy = crate::event::GroupObject {
            identity: Some("uid-of-web".into()),
            ..object("copy")
        };
        let objects = vec![object("db"), object("web"), copy];
        machine.step(Event::GroupsListed(objects), Now::default());
        machine.inventory.put(marked("vm-1", |_| {}));
        machine.inventory.put_task(Task {
            id: "task-9".into(),
            operation_id: Some(named.into()),
            entity: Some(entity.into()),
            state: TaskState::Running,
        });
        let key = object("web").key;
        let awaits = |task: Option<&Task>| task.is_some();
        (
            awaits(machine.clone_of(&key)),
            awaits(machine.clone_into_folder(&key)),
        )
    }

    #[test]
    fn a_group_goes_after_its_clones_and_its_folder_after_those_of_unknown_groups() {
        assert_eq!(is_awaited("uid-of-web/0/5", "vm-template"), (true, true));
        assert_eq!(is_awaited("uid-of-db/0/5", "vm-template"), (false, false));
        assert_eq!(is_awaited("uid-of-gone/0/5", "vm-template"), (false, true));
        // What works on a member is no clone, and neither is what makes a folder.
        assert_eq!(is_awaited("uid-of-gone/0/5", "vm-1"), (false, false));
        assert_eq!(is_awaited("uid-of-gone/folder", "group-v1"), (false, false));
    }
}
