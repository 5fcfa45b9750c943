//! The replica of the groups' objects: what the API server shows.

use std::collections::BTreeMap;

use vmgroup_core::group::{Adoption, GroupKey};
use vmgroup_core::observation::WakeReason;
use vmgroup_core::time::Monotonic;

use crate::event::{Approval, GroupObject};
use crate::group::{Group, Stage};
use crate::machine::{Asker, Machine};
use crate::operation;

impl Machine {
    pub(crate) fn groups_listed(&mut self, objects: Vec<GroupObject>) {
        let listed: BTreeMap<GroupKey, String> = objects
            .iter()
            .map(|object| (object.key.clone(), object.uid.clone()))
            .collect();
        for object in objects {
            if self.is_behind(&object) {
                self.doubt(&object.key, WakeReason::ObjectChanged);
            } else {
                self.group_changed(object);
            }
        }
        let missing: Vec<GroupKey> = self
            .groups
            .keys()
            .filter(|key| !listed.contains_key(key))
            .cloned()
            .collect();
        // A list may be older than what is known: absence is confirmed first.
        for key in missing {
            self.doubt(&key, WakeReason::ObjectChanged);
        }
    }

    /// Either the list is older than what is known, or the cluster was restored.
    fn is_behind(&self, object: &GroupObject) -> bool {
        let known = self.groups.get(&object.key).map(|group| &group.object);
        known.is_some_and(|known| {
            object.uid == known.uid && object.resource_version < known.resource_version
        })
    }

    pub(crate) fn group_changed(&mut self, object: GroupObject) {
        let key = object.key.clone();
        match self.groups.get(&key) {
            Some(group) if group.object.uid == object.uid => {
                if object.resource_version > group.object.resource_version {
                    self.replace_object(object);
                } else if meaning(&object) != meaning(&group.object)
                    || object.spec != group.object.spec
                {
                    // Either an old event, or the cluster was restored.
                    self.doubt(&key, WakeReason::ObjectChanged);
                }
            }
            Some(_) => {
                self.forget(&key);
                self.begin_as_shown(object);
            }
            None => self.begin_as_shown(object),
        }
    }

    pub(crate) fn group_gone(&mut self, key: &GroupKey, uid: &str) {
        let same = |group: &Group| group.object.uid == uid;
        if self.groups.get(key).is_some_and(same) {
            self.forget(key);
        }
    }

    pub(crate) fn approval_changed(&mut self, approval: Approval) {
        let group = GroupKey::new(&approval.key.namespace, &approval.group);
        self.approvals.insert(approval.key.clone(), approval);
        self.wake(&group, 0, WakeReason::Approved);
    }

    /// What is known of the object may be out of date: the next pass reads it.
    pub(crate) fn doubt(&mut self, key: &GroupKey, reason: WakeReason) {
        if let Some(group) = self.groups.get_mut(key) {
            group.reread = true;
        }
        self.wake(key, 0, reason);
    }

    /// A group that is new here: with a lease, the replica that had it before may have written
    /// since the object was as a list or watch shows it.
    fn begin_as_shown(&mut self, object: GroupObject) {
        let key = object.key.clone();
        self.begin(object);
        if self.acting && self.lease.is_some() {
            self.doubt_all(&key);
        }
    }

    /// What another replica wrote may be newer than all that is known of the group: it begins
    /// anew with what is read.
    pub(crate) fn doubt_all(&mut self, key: &GroupKey) {
        if let Some(group) = self.groups.get_mut(key) {
            group.is_hearsay = true;
        }
        self.doubt(key, WakeReason::Started);
    }

    pub(crate) fn begin(&mut self, object: GroupObject) {
        let key = object.key.clone();
        let heard_at = self.session.is_live().then_some(self.now.monotonic);
        let group = Group::restore(object, heard_at, self.now.utc);
        self.groups.insert(key.clone(), group);
        self.register(&key);
        self.wake(&key, 0, WakeReason::Started);
    }

    /// Begins anew from the object, as after a restart; the object itself is
    /// read again first.
    pub(crate) fn restore(&mut self, key: &GroupKey) {
        if let Some(group) = self.groups.get(key) {
            let object = group.object.clone();
            self.begin_anew(object);
            self.closing.retain(|_, owner| owner != key);
            self.doubt(key, WakeReason::Started);
        }
    }

    /// The group as its object tells. What it has spent in the last hour is spent, and what was
    /// refused it is refused.
    pub(crate) fn begin_anew(&mut self, object: GroupObject) {
        let key = object.key.clone();
        let before = self.drop_group(&key);
        self.begin(object);
        if let (Some(before), Some(group)) = (before, self.groups.get_mut(&key)) {
            group.spent = before.spent;
            group.refused = before.refused;
        }
    }

    /// What was in flight holds its places, and recorded VMs know their group.
    fn register(&mut self, key: &GroupKey) {
        let Some(group) = self.groups.get(key) else {
            return;
        };
        for record in group.slots.values() {
            let groups = self.recorded.entry(record.vm.clone()).or_default();
            groups.insert(key.clone());
        }
        for (slot, operation) in &group.operations {
            let clones = matches!(operation.work, operation::Work::Clone);
            let spec = group.object.spec.as_ref().ok();
            let template = spec.filter(|_| clones).map(|spec| spec.template.clone());
            self.queue.take((key.clone(), *slot), template);
            self.started.insert((key.clone(), *slot));
        }
    }

    pub(crate) fn forget(&mut self, key: &GroupKey) {
        if self.drop_group(key).is_some() {
            self.note(Some(key), false, "group gone", String::new());
        }
    }

    pub(crate) fn drop_group(&mut self, key: &GroupKey) -> Option<Group> {
        let group = self.groups.remove(key)?;
        self.wake_identity(group.identity(), WakeReason::ObjectChanged);
        for operation in group.operations.values() {
            self.wake_identity(&operation.identity, WakeReason::OperationEnded);
        }
        self.newest_forgotten = self.newest_forgotten.max(group.intent);
        self.agenda.forget(key);
        self.queue.free_group(key);
        self.queued.remove(key);
        self.started.retain(|(group, _)| group != key);
        self.strike_all(key);
        self.asked.retain(|_, asker| match asker {
            Asker::Pass(group) | Asker::Folder(group) | Asker::Operation(group, _) => group != key,
        });
        Some(group)
    }

    /// Looks anew at all groups of that identity: one may have waited for another.
    pub(crate) fn wake_identity(&mut self, identity: &str, reason: WakeReason) {
        let groups = self.groups.iter();
        let same = groups.filter(|(_, group)| group.identity() == identity);
        let keys: Vec<GroupKey> = same.map(|(key, _)| key.clone()).collect();
        for key in keys {
            self.wake(&key, 0, reason);
        }
    }

    /// The group has that identity from now on: if it had another one, nothing that was searched
    /// under that counts.
    fn leave_identity(&mut self, key: &GroupKey, identity: &str) {
        let known = self.groups.get_mut(key);
        let Some(group) = known.filter(|group| group.identity() != identity) else {
            return;
        };
        self.newest_forgotten = self.newest_forgotten.max(group.intent);
        group.searched.clear();
        group.untold = true;
        if let Stage::Proving(waiting) = &group.stage {
            self.asked.retain(|id, _| !waiting.contains_key(id));
            group.stage = Stage::Idle;
            self.wake(key, 0, WakeReason::ObjectChanged);
        }
    }

    /// Takes a newer version of the object in.
    pub(crate) fn replace_object(&mut self, object: GroupObject) {
        let key = object.key.clone();
        self.leave_identity(&key, object.known_as());
        let Some(group) = self.groups.get_mut(&key) else {
            return;
        };
        let went_back = went_back(&group.object, &object);
        let changed = went_back
            || meaning(&group.object) != meaning(&object)
            || was_wiped(&group.object, &object);
        let respecified = (group.object.generation, group.object.deleting)
            != (object.generation, object.deleting)
            || group.object.spec != object.spec;
        let ownership = |object: &GroupObject| (object.identity.clone(), object.finalizer);
        let reowned = ownership(&group.object) != ownership(&object);
        if went_back || reowned {
            // Generations count anew: what was committed on one of that number may
            // be another owner's wish; or it was for VMs of another identity. It is
            // followed to its end, never carried on.
            for operation in group.operations.values_mut() {
                operation.generation = None;
            }
        }
        if reowned || group.object.deleting != object.deleting {
            group.meta_refused = None;
            group.meta_backoff.succeed();
            group.searched.clear();
        }
        let former = reowned.then(|| group.identity().to_owned());
        if reowned || answer(&group.object) != answer(&object) {
            group.left_overs = None;
            group.outdate_decision();
            group.drop_queued();
            self.queued.remove(&key);
        }
        let now = self.now.monotonic;
        let outrun = self.lease.is_none() && group.heed_rival(&object, &self.config.run, now);
        let theirs = object.status.intent.as_ref().map_or(0, |intent| intent.id);
        group.intent = group.intent.max(theirs);
        group.object = object;
        if respecified {
            if !group.is_claimed() {
                // What was in its folder may have been moved since.
                group.left_overs = None;
            }
            group.outdate_decision();
            group.drop_queued();
            group.failures.clear();
            let members = group.since.values_mut();
            members.for_each(|since| since.spared_until = Monotonic::default());
            group.violations.clear();
            group.bad_decisions = 0;
            group.backoff.succeed();
            self.queued.remove(&key);
        }
        if changed || respecified || outrun {
            self.wake(&key, 0, WakeReason::ObjectChanged);
        }
        if let Some(before) = former {
            let identity = self.groups.get(&key).map(|it| it.identity().to_owned());
            for identity in identity.into_iter().chain([before]) {
                self.wake_identity(&identity, WakeReason::ObjectChanged);
            }
        }
        if outrun {
            let what = "another operator acts on this group, without a lease: it goes first";
            self.note(Some(&key), true, what, String::new());
        }
    }
}

/// The cluster was restored between the two.
fn went_back(before: &GroupObject, after: &GroupObject) -> bool {
    after.resource_version < before.resource_version
        || after.generation < before.generation
        || (after.generation == before.generation && after.spec != before.spec)
}

/// Somebody took the status away: it is written again.
fn was_wiped(before: &GroupObject, after: &GroupObject) -> bool {
    after.status.conditions.is_empty() && !before.status.conditions.is_empty()
}

/// What its owner says to questions that only a person can answer.
fn answer(object: &GroupObject) -> (Option<Adoption>, Option<&String>) {
    (object.adoption, object.vcenter.as_ref())
}

type Meaning<'a> = (
    i64,
    [bool; 3],
    Option<&'a String>,
    (Option<Adoption>, Option<&'a String>),
);

/// All of an object but what the operator itself writes into its status.
fn meaning(object: &GroupObject) -> Meaning<'_> {
    (
        object.generation,
        [object.deleting, object.finalizer, object.demo_finalizer],
        object.identity.as_ref(),
        answer(object),
    )
}

#[cfg(test)]
mod tests {
    use vmgroup_core::group::Spec;
    use vmgroup_core::time::Now;

    use super::*;
    use crate::event::Event;
    use crate::machine::tests::{machine, object};

    /// The object at that version and generation, with so many replicas.
    fn at(resource_version: u64, generation: i64, replicas: u32) -> GroupObject {
        let spec = Spec {
            replicas,
            ..Spec::nothing()
        };
        GroupObject {
            resource_version,
            generation,
            spec: Ok(spec),
            ..object("web")
        }
    }

    #[test]
    fn an_object_went_back_if_its_numbers_did_or_say_something_else() {
        let before = at(5, 3, 2);
        for (after, back) in [
            (at(5, 3, 2), false),
            (at(6, 3, 2), false),
            (at(6, 4, 7), false),
            (at(6, 4, 2), false),
            (at(4, 3, 2), true),
            (at(4, 4, 7), true),
            (at(6, 2, 2), true),
            (at(6, 2, 7), true),
            (at(6, 3, 7), true),
        ] {
            assert_eq!(went_back(&before, &after), back, "{after:?}");
        }
    }

    #[test]
    fn a_group_that_begins_anew_follows_the_end_of_its_folder_no_more() {
        let mut machine = machine(None);
        let objects = vec![object("db"), object("web")];
        machine.step(Event::GroupsListed(objects.clone()), Now::default());
        for (task, object) in ["task-1", "task-2"].into_iter().zip(&objects) {
            machine.closing.insert(task.into(), object.key.clone());
        }
        machine.restore(&objects[0].key);
        assert_eq!(
            machine.closing,
            [("task-2".to_owned(), objects[1].key.clone())].into()
        );
    }
}
