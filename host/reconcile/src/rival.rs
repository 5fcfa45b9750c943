//! Another host that acts on the same groups, without a lease between the two.
//!
//! The API server says who may commit, and whoever has committed goes first: the
//! other host leaves the group to it until nothing of the commit is in flight any
//! more, or nothing has come of it for as long as a lease lasts. Then it begins
//! anew from the object and a new view of vCenter, as after a restart, but for what
//! it remembers of failures and of what the group has cost. The one that is first
//! carries on for no longer than that without having asked the API server.

use std::collections::BTreeMap;

use vmgroup_core::group::GroupKey;
use vmgroup_core::observation::{Slot, WakeReason};
use vmgroup_core::status::SlotRecord;
use vmgroup_core::time::Monotonic;

use crate::event::GroupObject;
use crate::group::{Folder, Group, Stage};
use crate::limits::{LOOK_MS_MAX, RELIST_GAP_MS, RIVAL_MS};
use crate::machine::Machine;

/// Another host has committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rival {
    /// When it was last seen to go on with its work.
    acted_at: Monotonic,
    /// Something that it committed is in flight.
    is_busy: bool,
}

/// What the API server has told of who begins: without a lease, whoever has
/// committed does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct First {
    /// No other host begins before then.
    first_until: Monotonic,
    /// The object is being read or written since then.
    asking_since: Option<Monotonic>,
    /// Nothing more is begun before that is answered.
    pub(crate) asks: bool,
}

impl First {
    /// Something may be under way that others have to say first.
    pub(crate) fn is_asking(&self) -> bool {
        self.asks || self.asking_since.is_some()
    }

    /// The API server is asked this.
    pub(crate) fn asking(&mut self, stage: &Stage, now: Monotonic) {
        self.asking_since = stage.asks_of_the_object().then_some(now);
    }

    /// It has answered. That the object is as it is known, or was written as such, says
    /// that nobody else had committed when it was asked; for a moment at least, or a slow
    /// server would be asked without end.
    pub(crate) fn answered(&mut self, is_told: bool, now: Monotonic) {
        let Some(asked_at) = self.asking_since.take().filter(|_| is_told) else {
            return;
        };
        self.asks = false;
        if now.since(asked_at) < RIVAL_MS - LOOK_MS_MAX {
            self.first_until = asked_at.plus(LOOK_MS_MAX).max(now.plus(1));
        }
    }
}

impl Stage {
    /// The API server is asked for the object, or to write it.
    fn asks_of_the_object(&self) -> bool {
        match self {
            Stage::Rereading(_)
            | Stage::Claiming
            | Stage::Committing(_)
            | Stage::Reporting
            | Stage::Releasing => true,
            Stage::Idle
            | Stage::LookingForLeftOvers(_)
            | Stage::Proving(_)
            | Stage::Deciding { .. }
            | Stage::ClosingFolder { .. }
            | Stage::RemovingFolder => false,
        }
    }
}

impl Group {
    /// Heeds what a newer version of the object tells of another host's work. True if
    /// the group is left to that host from now on.
    pub(crate) fn heed_rival(&mut self, newer: &GroupObject, run: &str, now: Monotonic) -> bool {
        let Some(intent) = &newer.status.intent else {
            return false;
        };
        let known = self.object.status.intent.as_ref();
        let is_news = known != Some(intent);
        // A status that went back was restored, or put there by a person.
        let went_back = known.is_some_and(|known| intent.id < known.id);
        // An operator or a CRD of an earlier version knows no names.
        let is_own = match intent.by.as_str() {
            "" => intent.id <= self.intent,
            by => by == run,
        };
        if !is_news || went_back || is_own {
            return false;
        }
        self.outdate_decision();
        self.drop_queued();
        // What is under way is followed to its end, never carried on.
        for operation in self.operations.values_mut() {
            operation.generation = None;
        }
        let rival = Rival {
            acted_at: now,
            is_busy: !intent.steps.is_empty(),
        };
        self.rival.replace(rival).is_none()
    }
}

impl Machine {
    /// The group is another host's for now: its pass comes later.
    pub(crate) fn yields_to_rival(&mut self, key: &GroupKey) -> bool {
        let left = self.groups.get(key);
        let Some((group, rival)) = left.and_then(|group| Some((group, group.rival?))) else {
            return false;
        };
        // Without a view of vCenter nothing is decided anyway.
        if !self.session.is_live() {
            return false;
        }
        let wait = rival.acted_at.plus(RIVAL_MS).since(self.now.monotonic);
        let is_seen = (self.session.listed_at()).is_some_and(|listed| listed > rival.acted_at);
        let creates_folder = matches!(group.folder, Folder::Creating(_));
        if rival.is_busy && wait > 0 {
            self.wake(key, wait, WakeReason::TimeCame);
        } else if creates_folder || self.awaits_answers(key) {
            self.wake(key, RELIST_GAP_MS, WakeReason::TimeCame);
        } else if is_seen {
            self.take_turn(key);
        } else {
            self.session.want_relist("another host has made changes");
            self.wake(key, RELIST_GAP_MS, WakeReason::TimeCame);
        }
        true
    }

    /// Whether no other host may have begun, as far as the API server has told: one without
    /// news for so long that another takes over asks first, whatever it has committed.
    pub(crate) fn is_first(&mut self, key: &GroupKey) -> bool {
        let group = self.groups.get_mut(key);
        let Some(group) = group.filter(|_| self.lease.is_none()) else {
            return true;
        };
        if group.reread || group.first.is_asking() {
            return false;
        }
        let is_first = self.now.monotonic < group.first.first_until;
        if !is_first {
            group.first.asks = true;
            self.pass(key, WakeReason::TimeCame);
        }
        is_first
    }

    fn take_turn(&mut self, key: &GroupKey) {
        let Some(mut before) = self.groups.get(key).cloned() else {
            return;
        };
        self.restore(key);
        let Some(group) = self.groups.get_mut(key) else {
            return;
        };
        // Of a slot whose member is another one by now nothing is remembered.
        before.failures.retain(|slot, _| {
            let member =
                |slots: &BTreeMap<Slot, SlotRecord>| slots.get(slot).map(|it| it.vm.clone());
            member(&before.slots) == member(&group.slots)
        });
        group.failures = before.failures;
        group.backoff = before.backoff;
        group.object_backoff = before.object_backoff;
        group.meta_backoff = before.meta_backoff;
        group.bad_decisions = before.bad_decisions;
        group.spent = before.spent;
    }
}

#[cfg(test)]
mod tests {
    use vmgroup_core::observation::OperationKind;
    use vmgroup_core::status::{Intent, IntentStep, Status};
    use vmgroup_core::time::{Now, Timestamp};

    use super::*;
    use crate::event::{Event, LoginResult};
    use crate::machine::tests::{machine, object};
    use crate::operation::{self, Operation, Work};
    use crate::request::{Request, RequestId};

    fn showing(intent: Option<Intent>) -> GroupObject {
        GroupObject {
            status: Status {
                intent,
                ..Status::default()
            },
            ..object("web")
        }
    }

    /// A commit, with something of it in flight or not.
    fn intent(by: &str, id: u64, is_busy: bool) -> Intent {
        let step = IntentStep {
            slot: 0,
            kind: OperationKind::Clone,
            vm: None,
            intent: id,
            task: None,
        };
        Intent {
            id,
            by: by.into(),
            generation: 1,
            steps: is_busy.then_some(step).into_iter().collect(),
        }
    }

    /// Whether the rival is heeded, and busy, once the object shows these one by one.
    fn heeded(known: Option<Intent>, shown: &[Intent]) -> Option<bool> {
        let mut group = Group::restore(showing(known), None, Timestamp(0));
        for intent in shown {
            let newer = showing(Some(intent.clone()));
            group.heed_rival(&newer, "mine", Monotonic(0));
            group.object = newer;
        }
        group.rival.map(|rival| rival.is_busy)
    }

    #[test]
    fn a_commit_of_another_host_is_heeded_until_nothing_of_it_is_in_flight() {
        let theirs = || intent("theirs", 5, true);
        assert_eq!(heeded(None, &[theirs()]), Some(true));
        assert_eq!(heeded(Some(theirs()), &[theirs()]), None, "no news");
        let ended = [theirs(), intent("theirs", 5, false)];
        assert_eq!(heeded(None, &ended), Some(false));
        let again = [
            theirs(),
            intent("theirs", 5, false),
            intent("theirs", 6, true),
        ];
        assert_eq!(heeded(None, &again), Some(true));
    }

    #[test]
    fn ones_own_commit_and_one_that_went_back_are_no_rivals() {
        assert_eq!(heeded(None, &[intent("mine", 5, true)]), None);
        let restored = [intent("theirs", 4, true)];
        assert_eq!(heeded(Some(intent("mine", 5, true)), &restored), None);
    }

    #[test]
    fn without_a_name_a_commit_is_ones_own_by_its_number() {
        let known = || Some(intent("", 5, false));
        assert_eq!(heeded(known(), &[intent("", 5, true)]), None);
        assert_eq!(heeded(known(), &[intent("", 6, true)]), Some(true));
    }

    /// A group whose rival is idle, seen in a view that began later, with an operation of
    /// an earlier generation.
    fn after_a_rival(stage: operation::Stage) -> Machine {
        let mut machine = machine(None);
        let web = object("web");
        let key = web.key.clone();
        let at = |ms| Now {
            monotonic: Monotonic(ms),
            ..Now::default()
        };
        machine.step(Event::GroupsListed(vec![web]), at(0));
        let version = "v1".to_owned();
        let asked = machine.step(Event::CredentialsChanged { version }, at(1));
        let Some(Request::Login { id, .. }) = asked.last() else {
            panic!("{asked:?}");
        };
        let vcenter = "vc".to_owned();
        let result = LoginResult::In { vcenter };
        machine.step(Event::LoginAnswered { id: *id, result }, at(2));
        let (vms, tasks) = (Vec::new(), Vec::new());
        machine.step(
            Event::FeedReset {
                id: *id,
                vms,
                tasks,
            },
            at(3),
        );
        let group = machine.groups.get_mut(&key).expect("a group");
        group.rival = Some(Rival {
            acted_at: Monotonic(0),
            is_busy: false,
        });
        let work = Work::Delete;
        let mut operation =
            Operation::queued(work, Some("vm-1".into()), ("of-web", 1, None), Timestamp(0));
        operation.stage = stage;
        group.operations.insert(0, operation);
        machine
    }

    #[test]
    fn no_turn_is_taken_while_a_call_is_unanswered() {
        let key = object("web").key;
        let waits = |stage| {
            let mut machine = after_a_rival(stage);
            assert!(machine.yields_to_rival(&key));
            machine.groups[&key].rival.is_some()
        };
        assert!(waits(operation::Stage::Calling(RequestId(99))));
        assert!(!waits(operation::Stage::Queued));
    }

    #[test]
    fn an_answer_counts_for_less_time_than_another_host_waits() {
        let key = object("web").key;
        let at = |ms| Now {
            monotonic: Monotonic(ms),
            ..Now::default()
        };
        let is_first = |lease, took, ms| {
            let mut machine = machine(lease);
            machine.step(Event::GroupsListed(vec![object("web")]), at(0));
            let group = machine.groups.get_mut(&key).expect("a group");
            group.stage = Stage::Idle;
            group.first = First::default();
            group.first.asking(&Stage::Reporting, Monotonic(0));
            group.first.answered(true, Monotonic(took));
            machine.step(Event::Time, at(ms));
            let is_first = machine.is_first(&key);
            let asks = std::mem::take(&mut machine.out);
            let reads = |request: &Request| matches!(request, Request::ReadGroup { .. });
            assert_eq!(asks.iter().any(reads), !is_first, "{asks:?}");
            is_first
        };
        assert!(is_first(None, 10, LOOK_MS_MAX - 1));
        assert!(!is_first(None, 10, LOOK_MS_MAX));
        // A slow answer counts when it is heard, one that is slower does not.
        assert!(is_first(None, LOOK_MS_MAX + 10, LOOK_MS_MAX + 10));
        assert!(!is_first(None, LOOK_MS_MAX + 10, LOOK_MS_MAX + 11));
        assert!(!is_first(
            None,
            RIVAL_MS - LOOK_MS_MAX,
            RIVAL_MS - LOOK_MS_MAX
        ));
        assert!(is_first(Some("one"), 10, RIVAL_MS), "the lease says it");
    }
}
