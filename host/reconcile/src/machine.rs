//! The state machine: what happens goes in, what is to be done comes out.
//!
//! `step` files the event with whom it concerns, then lets everything that is
//! due go on: lease, session, passes of groups (`pipeline`), operations
//! (`execute`). Nothing here waits, and nothing here reads a clock.

use std::collections::{BTreeMap, BTreeSet};

use vmgroup_core::group::GroupKey;
use vmgroup_core::marker::Owner;
use vmgroup_core::observation::{Slot, WakeReason};
use vmgroup_core::time::{Monotonic, Now};

use crate::backoff::jitter_ms;
use crate::budget::Spenders;
use crate::event::{ActiveModule, Approval, CallResult, Event, GroupObject, ReadResult};
use crate::group::Group;
use crate::inventory::{Inventory, TaskId, VmId};
use crate::lease::Lease;
use crate::limits::{
    CLONES_PER_TEMPLATE, CLONES_PER_VCENTER, MODULE_SWAP_SPREAD_MS, OPERATIONS_PER_VCENTER,
};
use crate::mass_loss::MassLoss;
use crate::modules::{BUILT_IN, Modules};
use crate::queue::Queue;
use crate::request::{Note, ObjectTarget, Request, RequestId};
use crate::session::{Session, Wish};
use crate::wakeup::{Agenda, Wakeup};

/// What an operator is told at its start and never again.
#[derive(Debug, Clone)]
pub struct Config {
    /// Name of this installation: part of every marker. Set explicitly, so that
    /// a rebuilt cluster finds its VMs again.
    pub install: String,
    /// Name of this run of the operator, which no other one has: tells its commits from
    /// those of another.
    pub run: String,
    /// Name of this replica in the lease; none to act without a lease.
    pub replica: Option<String>,
    /// Operations in flight.
    pub caps: Caps,
}

/// Operations in flight in one vCenter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// Clones of one template.
    pub clones_per_template: usize,
    /// Clones.
    pub clones: usize,
    /// Operations of all kinds.
    pub operations: usize,
}

impl Default for Caps {
    fn default() -> Self {
        Caps {
            clones_per_template: CLONES_PER_TEMPLATE,
            clones: CLONES_PER_VCENTER,
            operations: OPERATIONS_PER_VCENTER,
        }
    }
}

/// Whom the answer to a request concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asker {
    /// The pass of a group.
    Pass(GroupKey),
    /// The group's folder, for a clone.
    Folder(GroupKey),
    /// An operation.
    Operation(GroupKey, Slot),
}

/// The operator.
#[derive(Debug, Clone)]
pub struct Machine {
    pub(crate) config: Config,
    pub(crate) now: Now,
    pub(crate) out: Vec<Request>,
    next_id: u64,
    pub(crate) asked: BTreeMap<RequestId, Asker>,
    pub(crate) lease: Option<Lease>,
    pub(crate) acting: bool,
    pub(crate) session: Session,
    pub(crate) inventory: Inventory,
    pub(crate) groups: BTreeMap<GroupKey, Group>,
    /// Which groups have recorded a VM in one of their slots. Several have while nobody can
    /// read whose it is.
    pub(crate) recorded: BTreeMap<VmId, BTreeSet<GroupKey>>,
    pub(crate) approvals: BTreeMap<GroupKey, Approval>,
    pub(crate) modules: Modules,
    pub(crate) agenda: Agenda,
    pub(crate) queue: Queue,
    /// The newest commit under all identities that groups had which are forgotten, or have
    /// another one by now: a backup, or a copied object, may bring them back.
    pub(crate) newest_forgotten: u64,
    /// Groups with operations that wait for a place.
    pub(crate) queued: BTreeSet<GroupKey>,
    /// Operations that have been begun.
    pub(crate) started: BTreeSet<(GroupKey, Slot)>,
    /// Tasks that remove folders, and whose.
    pub(crate) closing: BTreeMap<TaskId, GroupKey>,
    pub(crate) spenders: Spenders,
    pub(crate) mass_loss: MassLoss,
    pub(crate) stopped: bool,
}

impl Machine {
    /// An operator that has seen nothing yet.
    pub fn new(config: Config, now: Now) -> Self {
        Machine {
            lease: config.replica.clone().map(Lease::new),
            acting: config.replica.is_none(),
            queue: Queue::new(config.caps),
            config,
            now,
            out: Vec::new(),
            next_id: 0,
            asked: BTreeMap::new(),
            session: Session::new(),
            inventory: Inventory::default(),
            groups: BTreeMap::new(),
            recorded: BTreeMap::new(),
            approvals: BTreeMap::new(),
            modules: Modules::default(),
            agenda: Agenda::default(),
            newest_forgotten: 0,
            queued: BTreeSet::new(),
            started: BTreeSet::new(),
            closing: BTreeMap::new(),
            spenders: Spenders::default(),
            mass_loss: MassLoss::default(),
            stopped: false,
        }
    }

    /// The same operator, asking for complete views of vCenter only where
    /// something needs one. For searches of all that can happen in a world whose
    /// feed loses nothing: how long ago the last view was counts for little there.
    #[must_use]
    pub fn without_regular_relists(mut self) -> Self {
        self.session.relist_only_if_wanted();
        self
    }

    /// Takes in what happened; returns what is to be done, in this order.
    pub fn step(&mut self, event: Event, now: Now) -> Vec<Request> {
        self.follow_clock(now);
        match event {
            event if self.stopped => self.hear_after_stop(event),
            // Nothing is begun any more, not even a renewal that is due.
            Event::Stop => self.stop(),
            event => {
                // A host that stood still may not act any more, whatever it hears.
                self.drive_lease();
                self.file(event);
                self.drive();
            }
        }
        std::mem::take(&mut self.out)
    }

    /// When `step` has something to do even if nothing happens.
    pub fn deadline(&self) -> Option<Monotonic> {
        let lease = self.lease.as_ref().and_then(Lease::deadline);
        if self.stopped {
            return None;
        }
        if !self.acting {
            return lease;
        }
        let times = [
            lease,
            self.session.deadline(),
            self.agenda.next(),
            self.operations_deadline(),
        ];
        times.into_iter().flatten().min()
    }

    /// This replica acts: it holds the lease, or there is none.
    pub fn is_acting(&self) -> bool {
        self.acting
    }

    /// The groups, for tables and metrics.
    pub fn objects(&self) -> impl Iterator<Item = &GroupObject> {
        self.groups.values().map(|group| &group.object)
    }

    fn file(&mut self, event: Event) {
        match event {
            Event::Time | Event::Stop => {}
            Event::GroupsListed(objects) => self.groups_listed(objects),
            Event::GroupChanged(object) => self.group_changed(*object),
            Event::GroupGone { key, uid } => self.group_gone(&key, &uid),
            Event::ApprovalsListed(approvals) => {
                self.approvals.clear();
                for approval in approvals {
                    self.approval_changed(approval);
                }
            }
            Event::ApprovalChanged(approval) => self.approval_changed(approval),
            Event::ApprovalGone { key } => {
                self.approvals.remove(&key);
            }
            Event::GroupAnswered { id, result } => self.group_answered(id, result),
            Event::LeaseSeen { lease, id } => {
                if let Some(mine) = &mut self.lease {
                    mine.saw(lease, id.is_some(), self.now.monotonic);
                }
            }
            Event::LeaseFailed { .. } => {
                if let Some(mine) = &mut self.lease {
                    mine.failed(self.now.monotonic);
                }
            }
            Event::CredentialsChanged { version } => {
                let refused = self.lease.as_ref().and_then(Lease::refused).cloned();
                let now = self.now;
                self.session
                    .credentials_changed(version, refused.as_ref(), now);
                self.view_changed();
            }
            Event::CredentialsMissing { message } => {
                if self.session.credentials_missing(message) {
                    self.view_changed();
                }
            }
            Event::LoginAnswered { id, result } => {
                if let Some(version) = self.session.login_answered(id, result, self.now) {
                    self.remember_refused(version);
                }
                self.view_changed();
            }
            Event::FeedReset { id, vms, tasks } => self.feed_reset(id, vms, tasks),
            Event::FeedChanged { vms, left, tasks } => self.feed_changed(vms, &left, tasks),
            Event::FeedIdle => self.session.feed_alive(self.now),
            Event::FeedProgress => self.session.feed_progresses(self.now),
            Event::FeedLost {
                reason,
                session_ended: _,
            } => {
                self.session.feed_lost(reason, self.now);
                self.view_changed();
            }
            Event::Called { id, result } => self.call_answered(id, result),
            Event::Read { id, result } => self.read_answered(id, result),
            Event::Decided { id, module, result } => self.decided(id, &module, result),
            Event::ModuleActive(module) => self.module_active(module),
            Event::ModuleMissing { name, message } => {
                self.modules.missing(name.clone(), message);
                self.module_changed(name.as_ref());
            }
            Event::ModuleRefused {
                name,
                stage,
                message,
            } => self.module_refused(name.as_deref(), &stage, &message),
        }
    }

    fn call_answered(&mut self, id: RequestId, result: CallResult) {
        match self.asked.remove(&id) {
            Some(Asker::Operation(key, slot)) => self.called(&key, slot, id, result),
            Some(Asker::Folder(key)) => self.folder_created(&key, id, result),
            Some(Asker::Pass(key)) => self.folder_removed(&key, result),
            None => {}
        }
    }

    fn read_answered(&mut self, id: RequestId, result: ReadResult) {
        match self.asked.remove(&id) {
            Some(Asker::Operation(key, slot)) => self.looked(&key, slot, id, result),
            Some(Asker::Folder(key)) => self.folder_found(&key, id, result),
            Some(Asker::Pass(key)) => self.read_for_pass(&key, id, result),
            None => {}
        }
    }

    fn module_refused(&mut self, name: Option<&str>, stage: &str, message: &str) {
        let place = name.map_or("the default".to_owned(), |name| format!("`{name}`"));
        let detail = format!("{place}: refused at {stage}: {message}");
        let what = "module refused, the last good one goes on";
        self.note(None, true, what, detail);
    }

    fn module_active(&mut self, module: ActiveModule) {
        let name = module.name.clone();
        let (version, digest) = (&module.description.version, &module.digest);
        let place = module.name.as_ref().map(|name| format!(" as `{name}`"));
        let place = place.unwrap_or_default();
        let detail = format!("{} {version} ({digest}){place}", module.description.name);
        let swapped = self.modules.get(name.as_ref()).is_ok();
        if self.modules.activate(module.clone()) {
            if swapped {
                self.spenders.swapped_in(module.digest, self.now.utc);
            }
            self.note(None, false, "module active", detail);
            self.module_changed(name.as_ref());
        }
    }

    fn drive(&mut self) {
        self.drive_lease();
        if !self.acting {
            return;
        }
        self.follow_closing();
        self.drive_operations();
        if let Some(wish) = self.session.drive(self.now) {
            let id = self.id();
            self.session.started(&wish, id, self.now);
            self.out.push(match wish {
                Wish::Login(reason) => Request::Login { id, reason },
                Wish::Relist(reason) => Request::Relist { id, reason },
            });
        }
        while let Some((key, reason)) = self.agenda.due(self.now.monotonic) {
            self.pass(&key, reason);
        }
        self.start_queued();
    }

    fn module_changed(&mut self, name: Option<&String>) {
        let keys: Vec<GroupKey> = self
            .groups
            .iter()
            .filter(|(_, group)| {
                let may_stand_in = name.is_some_and(|name| name == BUILT_IN);
                group.module() == name || (may_stand_in && group.object.deleting)
            })
            .map(|(key, _)| key.clone())
            .collect();
        for key in keys {
            let spread = jitter_ms(MODULE_SWAP_SPREAD_MS, &key);
            self.wake(&key, spread, WakeReason::ModuleChanged);
        }
    }

    /// Whom the markers of a group's members have to name.
    pub(crate) fn owner(&self, group: &Group) -> Owner {
        Owner {
            install: self.config.install.clone(),
            vcenter: self.session.vcenter().to_owned(),
            group: group.key().clone(),
            identity: group.identity().to_owned(),
        }
    }

    pub(crate) fn id(&mut self) -> RequestId {
        self.next_id += 1;
        RequestId(self.next_id)
    }

    /// Looks at the group in so many milliseconds at the latest.
    pub(crate) fn wake(&mut self, key: &GroupKey, after_ms: u64, reason: WakeReason) {
        let at = self.now.monotonic.plus(after_ms);
        self.agenda.wake(key, Wakeup { at, reason });
    }

    pub(crate) fn wake_all(&mut self, reason: WakeReason) {
        let keys: Vec<GroupKey> = self.groups.keys().cloned().collect();
        for key in keys {
            self.wake(&key, 0, reason);
        }
    }

    pub(crate) fn note(
        &mut self,
        group: Option<&GroupKey>,
        warning: bool,
        what: &'static str,
        detail: String,
    ) {
        self.out.push(Request::Note(Note {
            group: group.cloned(),
            warning,
            what,
            detail,
        }));
    }
}

/// The object at the version that was last seen.
pub(crate) fn target(object: &GroupObject) -> ObjectTarget {
    ObjectTarget {
        key: object.key.clone(),
        uid: object.uid.clone(),
        resource_version: object.resource_version,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use vmgroup_core::group::Spec;
    use vmgroup_core::status::Status;
    use vmgroup_core::time::Timestamp;

    use super::*;

    pub(crate) fn machine(replica: Option<&str>) -> Machine {
        let config = Config {
            install: "test".into(),
            run: "run".into(),
            replica: replica.map(str::to_owned),
            caps: Caps::default(),
        };
        Machine::new(config, Now::default())
    }

    #[test]
    fn whoever_takes_part_in_an_election_waits_for_its_end() {
        assert!(machine(None).is_acting());
        assert!(!machine(Some("one")).is_acting());
    }

    /// An object that nobody has claimed.
    pub(crate) fn object(name: &str) -> GroupObject {
        GroupObject {
            key: GroupKey::new("shop", name),
            uid: format!("uid-of-{name}"),
            generation: 1,
            resource_version: 1,
            created_at: Timestamp(0),
            deleting: false,
            finalizer: false,
            demo_finalizer: false,
            identity: None,
            adoption: None,
            vcenter: None,
            spec: Ok(Spec::nothing()),
            status: Status::default(),
        }
    }

    #[test]
    fn a_group_is_known_until_its_object_is_gone() {
        let mut machine = machine(None);
        let (db, web) = (object("db"), object("web"));
        let gone = Event::GroupGone {
            key: db.key.clone(),
            uid: db.uid.clone(),
        };
        let listed = |objects: &[&GroupObject]| {
            Event::GroupsListed(objects.iter().copied().cloned().collect())
        };
        // A list may be older than what is known.
        for (event, expected) in [
            (listed(&[&db, &web]), vec![&db, &web]),
            (listed(&[&web]), vec![&db, &web]),
            (gone, vec![&web]),
        ] {
            machine.step(event, Now::default());
            assert_eq!(machine.objects().collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn a_module_that_was_refused_is_told() {
        let refused = Event::ModuleRefused {
            name: None,
            stage: "load".into(),
            message: "no component".into(),
        };
        let asked = machine(None).step(refused, Now::default());
        let [Request::Note(note)] = asked.as_slice() else {
            panic!("{asked:?}");
        };
        assert!(note.warning);
        assert_eq!(note.detail, "the default: refused at load: no component");
    }

    #[test]
    fn a_request_is_shown_by_its_number() {
        assert_eq!(RequestId(7).to_string(), "#7");
    }
}
