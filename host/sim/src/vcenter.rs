//! A simulated vCenter at the level of calls: an inventory, tasks that take
//! time, sessions with a feed each, and people who do things by hand. The
//! semantics are those of a real vCenter, not of its simulators.

use std::collections::{BTreeMap, BTreeSet};

use vmgroup_core::observation::Slot;
use vmgroup_core::time::{Monotonic, Now};
use vmgroup_reconcile::event::Event;
use vmgroup_reconcile::inventory::{FolderId, TaskId, VmId};

use crate::history::Fact;
use crate::options::VCenterOptions;
use crate::random::{Latency, Random};

mod vm;

mod folders;

mod membership;

mod sessions;

mod calls;

mod tasks;

mod reads;

mod feed;

mod hands;

#[cfg(test)]
mod tests;

pub use calls::{Asked, Spoil};
pub use folders::FolderTruth;
pub use sessions::SessionId;
pub use tasks::TaskTruth;
pub use vm::VmTruth;

/// The simulated vCenter.
#[derive(Debug, Clone)]
pub struct VCenter {
    options: VCenterOptions,
    random: Random,
    /// `about.instanceUuid`.
    instance: String,
    vms: BTreeMap<VmId, VmTruth>,
    folders: BTreeMap<FolderId, FolderTruth>,
    /// The folder below which all group folders are.
    root: FolderId,
    /// Where templates and bystanders are, beside the root.
    elsewhere: FolderId,
    tasks: BTreeMap<TaskId, TaskTruth>,
    sessions: BTreeMap<SessionId, sessions::Session>,
    accepted: BTreeSet<String>,
    down_until: Monotonic,
    due: BTreeMap<(Monotonic, u64), Due>,
    numbers: u64,
    /// Whose member each VM is, by its agreed marker.
    membership: BTreeMap<VmId, (String, Slot)>,
    /// The next feed that begins lacks every second VM.
    partial_next: bool,
    /// VMs that no call of the operator made, as people left them.
    foreign: BTreeMap<VmId, VmTruth>,
    log: Vec<Fact>,
}

/// Something that happens by itself when its time comes.
#[derive(Debug, Clone, PartialEq)]
enum Due {
    TaskEnds(TaskId),
    TaskForgotten(TaskId),
    TaskShown(TaskId),
    GuestUp {
        vm: VmId,
        boots: u64,
    },
    GuestDown {
        vm: VmId,
        boots: u64,
    },
    FeedBegins {
        session: SessionId,
        epoch: u64,
    },
    FeedFlushes {
        session: SessionId,
        epoch: u64,
    },
    FeedIdles {
        session: SessionId,
        mark: u64,
    },
    FeedArrives {
        session: SessionId,
        epoch: u64,
        event: Box<Event>,
    },
}

impl VCenter {
    /// `about.instanceUuid` of this vCenter.
    pub const INSTANCE: &'static str = "5ea7c0de-0000-4000-8000-000000000001";

    /// One with nothing in it but two folders; it accepts `credentials`.
    pub fn new(options: VCenterOptions, random: Random, credentials: String) -> VCenter {
        let mut vcenter = VCenter {
            options,
            random,
            instance: Self::INSTANCE.to_owned(),
            vms: BTreeMap::new(),
            folders: BTreeMap::new(),
            root: String::new(),
            elsewhere: String::new(),
            tasks: BTreeMap::new(),
            sessions: BTreeMap::new(),
            accepted: BTreeSet::from([credentials]),
            down_until: Monotonic(0),
            due: BTreeMap::new(),
            numbers: 0,
            membership: BTreeMap::new(),
            partial_next: false,
            foreign: BTreeMap::new(),
            log: Vec::new(),
        };
        vcenter.root = vcenter.add_folder("vmgroup", None);
        vcenter.elsewhere = vcenter.add_folder("other", None);
        vcenter
    }

    /// All VMs, by MoID.
    pub fn vms(&self) -> impl Iterator<Item = &VmTruth> {
        self.vms.values()
    }

    /// One VM.
    pub fn vm(&self, id: &str) -> Option<&VmTruth> {
        self.vms.get(id)
    }

    /// All folders, by MoID.
    pub fn folders(&self) -> impl Iterator<Item = &FolderTruth> {
        self.folders.values()
    }

    /// All tasks that are not forgotten, by MoID.
    pub fn tasks(&self) -> impl Iterator<Item = &TaskTruth> {
        self.tasks.values()
    }

    /// The folder below which all group folders are.
    pub fn root(&self) -> &FolderId {
        &self.root
    }

    /// A folder outside the root, for templates and bystanders.
    pub fn elsewhere(&self) -> &FolderId {
        &self.elsewhere
    }

    /// VMs that no call of the operator made, as people left them.
    pub fn foreign(&self) -> impl Iterator<Item = &VmTruth> {
        self.foreign.values()
    }

    /// When something happens next.
    pub fn next_due(&self) -> Option<Monotonic> {
        self.due.keys().next().map(|(at, _)| *at)
    }

    /// Lets the earliest thing happen whose time has come. Some of them are
    /// news that arrive at a session's owner.
    pub fn happen(&mut self, now: Now) -> Option<(SessionId, Event)> {
        let entry = self.due.first_entry()?;
        if entry.key().0 > now.monotonic {
            return None;
        }
        match entry.remove() {
            Due::TaskEnds(task) => self.end_task(now, &task),
            Due::TaskForgotten(task) => {
                self.tasks.remove(&task);
            }
            Due::TaskShown(task) => self.task_shown(now, &task),
            Due::GuestUp { vm, boots } => self.guest_up(now, &vm, boots),
            Due::GuestDown { vm, boots } => self.guest_down(now, &vm, boots),
            Due::FeedBegins { session, epoch } => self.feed_begins(now, session, epoch),
            Due::FeedFlushes { session, epoch } => self.feed_flushes(now, session, epoch),
            Due::FeedIdles { session, mark } => self.feed_idles(now, session, mark),
            Due::FeedArrives {
                session,
                epoch,
                event,
            } => {
                if self.feed_wants(session, epoch) {
                    return Some((session, *event));
                }
            }
        }
        None
    }

    /// The way of one request or answer, in milliseconds.
    pub(crate) fn way(&mut self) -> u64 {
        self.options.way.draw(&mut self.random)
    }

    /// What happened since the last call.
    pub(crate) fn take_log(&mut self) -> Vec<Fact> {
        std::mem::take(&mut self.log)
    }

    fn at(&mut self, at: Monotonic, due: Due) {
        self.numbers += 1;
        self.due.insert((at, self.numbers), due);
    }

    fn after(&mut self, now: Now, latency: Latency, due: Due) {
        let ms = latency.draw(&mut self.random);
        self.at(now.monotonic.plus(ms), due);
    }

    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }
}
