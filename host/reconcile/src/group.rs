//! What the machine remembers of one group. After a restart all of it comes
//! back from the object's status, the feed, or not at all.

use std::collections::{BTreeMap, BTreeSet};

use vmgroup_core::check::CheckedPlan;
use vmgroup_core::group::GroupKey;
use vmgroup_core::limits::VIEW_AGE_MS_MAX;
use vmgroup_core::observation::{FailureClass, Observation, Slot, WakeReason};
use vmgroup_core::plan::Violation;
use vmgroup_core::status::{
    DecisionRecord, HeldPlan, Intent, IntentStep, Memo, PowerWishRecord, SlotRecord, Standing,
};
use vmgroup_core::time::{Monotonic, Timestamp};

use crate::backoff::Backoff;
use crate::budget::{ScaleDown, Window};
use crate::drift::Refused;
use crate::event::GroupObject;
use crate::inventory::{FolderId, VmId};
use crate::limits::{
    BAD_DECISIONS_WHILE_DELETING, GROUP_RETRY_FIRST_MS, GROUP_RETRY_MOST_MS, OBJECT_RETRY_FIRST_MS,
    OBJECT_RETRY_MOST_MS,
};
use crate::member::Since;
use crate::operation::{self, Operation, Work};
use crate::request::RequestId;
use crate::rival::{First, Rival};
use crate::unsure::Unproven;

/// The one thing that a group's pass waits for.
#[derive(Debug, Clone)]
pub(crate) enum Stage {
    /// Nothing: a wake-up begins a pass.
    Idle,
    /// Reading the object, which is in doubt; this version was the newest one then.
    Rereading(u64),
    /// Looking for left-overs before the group is claimed.
    LookingForLeftOvers(crate::adopt::Search),
    /// Writing finalizer and identity.
    Claiming,
    /// Proving that slots are empty.
    Proving(BTreeMap<RequestId, Slot>),
    /// The module decides on what was observed.
    Deciding {
        observation: Box<Observation>,
        /// Something else is asked for by now.
        is_outdated: bool,
    },
    /// Writing the intent.
    Committing(Box<Commit>),
    /// Writing the status.
    Reporting,
    /// Reading the folder once more before it is removed.
    ClosingFolder { begun_at: Monotonic },
    /// Removing the folder.
    RemovingFolder,
    /// Removing the finalizer.
    Releasing,
}

/// What becomes true when a commit is answered.
#[derive(Debug, Clone)]
pub(crate) struct Commit {
    /// Operations to queue.
    pub(crate) operations: BTreeMap<Slot, Operation>,
    /// The plan that they come from; none if the host decided.
    pub(crate) plan: Option<CheckedPlan>,
    /// Digest of the module that made the plan.
    pub(crate) module: Option<String>,
    /// UIDs of approvals that are used once it stands, its own included.
    pub(crate) used_approvals: Vec<String>,
    /// Decided on something that is not asked for any more.
    pub(crate) is_outdated: bool,
}

/// The group's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Folder {
    /// Nobody has looked.
    Unknown,
    /// A look is under way for a clone.
    Looking { id: RequestId, begun_at: Monotonic },
    /// It is being created.
    Creating(RequestId),
    /// The root had no such folder, as a look says that was begun then.
    Absent { begun_at: Monotonic },
    /// This one.
    Known(FolderId),
}

/// Operations on a slot that failed since one last succeeded.
#[derive(Debug, Clone)]
pub(crate) struct SlotFailure {
    /// What kind the last one was.
    pub(crate) class: FailureClass,
    /// The VM was to be destroyed, and may be gone all the same.
    pub(crate) of_delete: bool,
    /// What failed and why, in one sentence.
    pub(crate) message: String,
    /// How many.
    pub(crate) count: u32,
    /// When the last one was.
    pub(crate) last: Timestamp,
    /// The slot is not touched earlier.
    pub(crate) retry_at: Monotonic,
}

/// One group.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    /// The object as it was last seen.
    pub(crate) object: GroupObject,
    /// What the current pass waits for.
    pub(crate) stage: Stage,
    /// The reason of the pass that is under way or was last.
    pub(crate) woken: WakeReason,
    /// Something happened during the pass: another one follows.
    pub(crate) again: Option<WakeReason>,
    /// What is known of the object may be out of date: read it before writing.
    pub(crate) reread: bool,
    /// It began with what a watch had shown when this replica took over: what the former one
    /// wrote may be newer.
    pub(crate) is_hearsay: bool,
    /// Another host has committed: the group is left to it for now.
    pub(crate) rival: Option<Rival>,
    /// Without a lease: whether this host may begin what it committed.
    pub(crate) first: First,
    /// Effects in flight.
    pub(crate) operations: BTreeMap<Slot, Operation>,
    /// Failures by slot.
    pub(crate) failures: BTreeMap<Slot, SlotFailure>,
    /// The hardware of the spec, as far as vCenter refuses it.
    pub(crate) refused: Option<Refused>,
    /// Every slot that has, or may have, a VM.
    pub(crate) slots: BTreeMap<Slot, SlotRecord>,
    /// Slots whose VM could be neither found nor proven gone, and when to try again.
    pub(crate) unproven: BTreeMap<Slot, Unproven>,
    /// Nothing told of its members when it was first seen, or nothing does by now, and they were
    /// not searched since.
    pub(crate) untold: bool,
    /// Slots that searches in the whole vCenter have found empty; of a group that is being
    /// deleted, since then.
    pub(crate) searched: BTreeSet<Slot>,
    /// When a member last vanished, not by our doing.
    pub(crate) lost_at: Option<Monotonic>,
    /// Slots whose VM we destroyed ourselves.
    pub(crate) destroyed: BTreeSet<Slot>,
    /// The group's folder.
    pub(crate) folder: Folder,
    /// The vCenter that folder, slots and operations are of.
    pub(crate) vcenter: Option<String>,
    /// The answer to its creation was lost.
    pub(crate) creation_lost: bool,
    /// VMs that look like the demo's, each with the folder in which it was found; none before
    /// anybody looked.
    pub(crate) left_overs: Option<BTreeMap<VmId, Option<FolderId>>>,
    /// Since when members are as they are.
    pub(crate) since: BTreeMap<VmId, Since>,
    /// When the owner last changed the power state.
    pub(crate) power_wish: Option<PowerWishRecord>,
    /// The module's memory.
    pub(crate) memo: Option<Memo>,
    /// When a memo was last written for its own sake.
    pub(crate) memo_written_at: Monotonic,
    /// Violations of the last plan.
    pub(crate) violations: Vec<Violation>,
    /// Decisions in a row that were of no use.
    pub(crate) bad_decisions: u32,
    /// Its module idles, and is given time until then.
    pub(crate) idles_until: Option<Monotonic>,
    /// The last decision that changed something.
    pub(crate) last_decision: Option<DecisionRecord>,
    /// What waits for approval.
    pub(crate) held: Option<HeldPlan>,
    /// UIDs of approvals that were used, the last one last.
    pub(crate) used_approvals: Vec<String>,
    /// Number of the last commit.
    pub(crate) intent: u64,
    /// Generation that the last commit was decided on.
    pub(crate) intent_generation: i64,
    /// Waits between passes that led to nothing.
    pub(crate) backoff: Backoff,
    /// Waits between reads and writes of the object that failed.
    pub(crate) object_backoff: Backoff,
    /// Why finalizer and annotations could not be written; told before the next try.
    pub(crate) meta_refused: Option<String>,
    /// Waits between these tries.
    pub(crate) meta_backoff: Backoff,
    /// Where the group stands, and the generation of which that is said.
    pub(crate) standing: Option<(i64, Standing)>,
    /// The reason that an event told of last.
    pub(crate) told: Option<String>,
    /// The last observation, for the status.
    pub(crate) seen: Option<Observation>,
    /// VMs with a marker of this group that does not speak of them.
    pub(crate) copies: Vec<VmId>,
    /// The status was last written then.
    pub(crate) reported_at: Monotonic,
    /// What it has cost in the last hour.
    pub(crate) spent: Window,
    /// What its owner has left too many.
    pub(crate) scale_down: ScaleDown,
}

impl Group {
    /// A look has shown that, unless a look or a creation of its own is under way.
    pub(crate) fn folder_is(&mut self, seen: Folder) {
        if !matches!(self.folder, Folder::Looking { .. } | Folder::Creating(_)) {
            self.folder = seen;
        }
    }

    /// VMs that have that identity may come into being.
    pub(crate) fn is_cloning(&self, identity: &str) -> bool {
        let clones =
            |it: &Operation| it.work == Work::Clone && it.is_started() && it.identity == identity;
        self.operations.values().any(clones)
    }

    /// A group as its object tells. Of what was in flight, vCenter was last
    /// heard at `heard_at`.
    pub(crate) fn restore(
        object: GroupObject,
        heard_at: Option<Monotonic>,
        utc: Timestamp,
    ) -> Self {
        let status = &object.status;
        let mut operations = BTreeMap::new();
        for step in status.intent.iter().flat_map(|intent| &intent.steps) {
            let work = Work::recorded(step.kind);
            let commit = (object.known_as(), step.intent, None);
            let mut restored = Operation::queued(work, step.vm.clone(), commit, utc);
            restored.stage = match &step.task {
                Some(task) => operation::Stage::Running(task.clone()),
                None => operation::Stage::Unsure,
            };
            restored.heard_at = heard_at;
            operations.insert(step.slot, restored);
        }
        Group {
            stage: Stage::Idle,
            woken: WakeReason::Started,
            again: None,
            reread: false,
            is_hearsay: false,
            rival: None,
            first: First::default(),
            operations,
            failures: BTreeMap::new(),
            refused: None,
            slots: status.slots.clone(),
            unproven: BTreeMap::new(),
            untold: object.identity.is_some() && status.vcenter.is_none(),
            searched: BTreeSet::new(),
            lost_at: None,
            destroyed: BTreeSet::new(),
            folder: status.folder.clone().map_or(Folder::Unknown, Folder::Known),
            creation_lost: false,
            vcenter: status.vcenter.clone(),
            left_overs: None,
            since: BTreeMap::new(),
            power_wish: status.power_wish.clone(),
            memo: status.memo.clone(),
            memo_written_at: Monotonic(0),
            violations: Vec::new(),
            bad_decisions: 0,
            idles_until: None,
            last_decision: status.last_decision.clone(),
            held: status.held.clone(),
            used_approvals: status.used_approvals.clone(),
            intent: status.intent.as_ref().map_or(0, |intent| intent.id),
            intent_generation: status.intent.as_ref().map_or(0, |intent| intent.generation),
            backoff: Backoff::new(GROUP_RETRY_FIRST_MS, GROUP_RETRY_MOST_MS),
            object_backoff: Backoff::new(OBJECT_RETRY_FIRST_MS, OBJECT_RETRY_MOST_MS),
            meta_refused: None,
            meta_backoff: Backoff::new(OBJECT_RETRY_FIRST_MS, OBJECT_RETRY_MOST_MS),
            standing: None,
            told: None,
            seen: None,
            copies: status.copies.clone(),
            reported_at: Monotonic(0),
            spent: Window::default(),
            scale_down: ScaleDown::default(),
            object,
        }
    }

    /// Namespace and name.
    pub(crate) fn key(&self) -> &GroupKey {
        &self.object.key
    }

    /// The identity: the annotation, or what it will be.
    pub(crate) fn identity(&self) -> &str {
        self.object.known_as()
    }

    /// The module that it names; none for the operator's default one.
    pub(crate) fn module(&self) -> Option<&String> {
        self.object.spec.as_ref().ok()?.module.as_ref()
    }

    /// Identity and finalizer stand on the object.
    pub(crate) fn is_claimed(&self) -> bool {
        self.object.finalizer && self.object.identity.is_some()
    }

    /// What is committed and has not ended, as this run of the operator writes it to the
    /// status.
    pub(crate) fn intent(&self, run: &str) -> Option<Intent> {
        if self.operations.is_empty() && self.intent == 0 {
            return None;
        }
        let steps = self.operations.iter().map(|(slot, operation)| IntentStep {
            slot: *slot,
            kind: operation.work.kind(),
            vm: operation.vm.clone(),
            intent: operation.intent,
            task: match &operation.stage {
                operation::Stage::Running(task) => Some(task.clone()),
                _ => None,
            },
        });
        let written = self.object.status.intent.as_ref();
        let mut intent = Intent {
            id: self.intent,
            by: written.map_or_else(String::new, |written| written.by.clone()),
            generation: self.intent_generation,
            steps: steps.collect(),
        };
        // Whoever wrote it stays its author, as long as nothing changes.
        if written != Some(&intent) {
            run.clone_into(&mut intent.by);
        }
        Some(intent)
    }

    /// What the module is deciding on, or what is being committed, is not what is asked for
    /// any more.
    pub(crate) fn outdate_decision(&mut self) {
        match &mut self.stage {
            Stage::Deciding { is_outdated, .. } => *is_outdated = true,
            Stage::Committing(commit) => commit.is_outdated = true,
            _ => {}
        }
    }

    /// Its module has proven to be of no use for its deletion: the built-in one sees that
    /// through.
    pub(crate) fn is_stood_in_for(&self) -> bool {
        self.object.deleting && self.bad_decisions >= BAD_DECISIONS_WHILE_DELETING
    }

    /// The module has decided; `idles` if it does nothing although the group is being deleted:
    /// how long to wait for it then. It has time to think better of it, longer each time.
    pub(crate) fn wait_if_idle(&mut self, idles: bool, now: Monotonic) -> Option<u64> {
        if !idles {
            self.backoff.succeed();
            self.idles_until = None;
            if !self.is_stood_in_for() {
                self.bad_decisions = 0;
            }
            return None;
        }
        if let Some(until) = self.idles_until.filter(|until| now < *until) {
            return Some(until.since(now));
        }
        self.bad_decisions += u32::from(self.idles_until.is_some());
        let wait = self.backoff.fail(&self.object.key);
        self.idles_until = Some(now.plus(wait));
        Some(wait)
    }

    /// No VM is known or expected.
    pub(crate) fn has_nothing(&self) -> bool {
        self.slots.is_empty() && self.operations.is_empty()
    }

    /// Operations that have not been begun die: the next decision is made
    /// without them.
    pub(crate) fn drop_queued(&mut self) {
        self.operations
            .retain(|_, operation| operation.is_started());
    }
}

/// Whether anything follows from what is seen: the view is complete, and not old.
pub(crate) fn is_fit(seen: &Observation) -> bool {
    seen.complete && seen.context.now.since(seen.as_of) <= VIEW_AGE_MS_MAX
}

/// A length as a 32-bit number.
pub(crate) fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::tests::object;

    fn group() -> Group {
        Group::restore(object("web"), None, Timestamp(0))
    }

    #[test]
    fn a_module_that_idles_is_given_time_and_counted_when_that_is_over() {
        let mut group = group();
        let first = group.wait_if_idle(true, Monotonic(0)).expect("it waits");
        // However often it is asked meanwhile.
        for ms in 1..first {
            let left = group.wait_if_idle(true, Monotonic(ms));
            assert_eq!(left, Some(first - ms));
        }
        assert_eq!(group.bad_decisions, 0);
        let second = group.wait_if_idle(true, Monotonic(first));
        assert_eq!(group.bad_decisions, 1);
        assert!(second > Some(first), "{second:?} is no more than {first}");
        assert_eq!(group.wait_if_idle(false, Monotonic(first)), None);
        assert_eq!(group.bad_decisions, 0);
        assert_eq!(group.wait_if_idle(true, Monotonic(first)), Some(first));
    }
}
