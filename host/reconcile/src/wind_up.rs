//! Deletion: what is left to do once no module is needed for it.

use std::collections::BTreeMap;

use vmgroup_core::group::{DeletionPolicy, GroupKey};
use vmgroup_core::status::Standing;

use crate::group::{Stage, count};
use crate::inventory::Task;
use crate::machine::{Machine, target};
use crate::operation::Work;
use crate::pipeline::Next;
use crate::request::{MetaChange, Request};

impl Machine {
    /// Deletion: what is left to do once no module is needed for it.
    pub(crate) fn wind_up(&mut self, key: &GroupKey, policy: DeletionPolicy) -> Option<Next> {
        let group = self.groups.get(key)?;
        if policy == DeletionPolicy::Orphan {
            return Some(self.let_go(key));
        }
        if group.has_nothing() {
            let wait = self.await_unmatched(key);
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
        self.session
            .want_relist("a task on a member is unaccounted for");
        let group = self.groups.get_mut(key)?;
        group.drop_queued();
        if group.object.deleting {
            self.deletion_waits(key, &why);
            return Some(Next::Wait);
        }
        self.try_later(key);
        Some(Next::Stand(Standing::Progressing(why)))
    }

    /// Waits for a task that may still make a VM of the group.
    fn await_unmatched(&mut self, key: &GroupKey) -> Option<Next> {
        let task = self.unmatched(key)?;
        let entity = task.entity.as_deref().unwrap_or("something unnamed");
        let why = format!(
            "task {} runs in vCenter on {entity} and may still make a VM of this group",
            task.id
        );
        // A complete view tells if it has vanished.
        self.session
            .want_relist("a task of a deleted group is unaccounted for");
        self.deletion_waits(key, &why);
        Some(Next::Wait)
    }

    /// The deletion cannot go on yet, for that reason.
    pub(crate) fn deletion_waits(&mut self, key: &GroupKey, why: &str) {
        self.try_later(key);
        if let Some(group) = self.groups.get_mut(key)
            && group.has_nothing()
            && let Some(seen) = &mut group.seen
        {
            // The last ones have gone since the module was asked.
            seen.members.clear();
        }
        let standing = Standing::Failing {
            reason: "DeletionWaits",
            message: format!("being deleted, and waits: {why}"),
        };
        self.report(key, standing);
    }

    /// A running task that may clone into the group's folder and that no operation here
    /// follows: another host's, one of an earlier life, or one for a group of the same
    /// name that a restore has taken away. Only those of other groups are known to be none.
    fn unmatched(&self, key: &GroupKey) -> Option<&Task> {
        let of_another = |identity: &str| {
            let mut groups = self.groups.iter();
            groups.any(|(other, group)| other != key && group.identity() == identity)
        };
        self.may_clone_unseen(|id| id.committed.is_some() && !of_another(id.identity))
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
        let unreadable = group.slots.values().filter(|record| {
            let known = self.inventory.vm(&record.vm);
            known.is_none_or(|known| !known.is_readable())
        });
        let left = count(group.operations.len() + unreadable.count());
        if left > 0 {
            return Next::Stand(Standing::Deleting(left));
        }
        let wait = self.await_unmatched(key);
        wait.unwrap_or_else(|| self.release(key))
    }

    /// Removes the finalizer.
    pub(crate) fn release(&mut self, key: &GroupKey) -> Next {
        let Some(group) = self.groups.get(key) else {
            return Next::Wait;
        };
        let target = target(&group.object);
        let change = MetaChange::Release;
        self.ask(key, |id| {
            let request = Request::WriteMeta { id, target, change };
            (Stage::Releasing, request)
        });
        Next::Wait
    }
}
