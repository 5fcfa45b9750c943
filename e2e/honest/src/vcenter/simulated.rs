//! The simulated vCenter, driven call by call until nothing more happens.

use std::collections::BTreeMap;

use vmgroup_core::marker::{HOLD_KEY, MARKER_KEY, SPEC_HASH_KEY};
use vmgroup_core::time::{Monotonic, Now, Timestamp};
use vmgroup_reconcile::event::{CallResult, Event, ReadResult};
use vmgroup_reconcile::inventory::{Fault, VmId};
use vmgroup_reconcile::request::{Call, Read, RequestId};
use vmgroup_sim::options::VCenterOptions;
use vmgroup_sim::random::Random;
use vmgroup_sim::vcenter::{Asked, SessionId, VCenter, VmTruth};

use super::feed::Feed;
use super::hands::is_sensible;
use super::names::Names;
use super::operation::{Folder, Operation, Vm, What};
use super::requests::{self, TEMPLATE, group};
use super::words;
use crate::answer::{Answer, Outcome};

/// The operator's credentials, and others.
const RIGHT: &str = "right";
const WRONG: &str = "wrong";

/// Longer than anything in the simulation takes but what never ends.
const SETTLED_AFTER_MS: u64 = 60_000;
const NEVER_MS: u64 = u64::MAX / 4;

/// The simulated side.
#[derive(Debug)]
pub(super) struct Simulated {
    vcenter: VCenter,
    now: Now,
    session: Option<SessionId>,
    tracked: Vec<VmId>,
    feed: Feed,
    names: Names,
    template: VmId,
    hot_add: bool,
    requests: u64,
}

impl Simulated {
    pub(super) fn new(sequence: u64) -> Self {
        let options = VCenterOptions {
            // vcsim keeps its tasks; a feed that idles says nothing here.
            tasks_kept_ms: NEVER_MS,
            feed_idle_ms: NEVER_MS,
            // As in vcsim; the simulated worlds try both.
            search_finds_inaccessible: false,
            ..VCenterOptions::default()
        };
        let now = Now {
            monotonic: Monotonic(0),
            utc: Timestamp(1_767_225_600_000),
        };
        let mut vcenter = VCenter::new(options, Random::new(sequence), RIGHT.into());
        let template = vcenter.create_template(now, TEMPLATE);
        let mut names = Names::new(sequence);
        names.know_vm(Vm::Template, &template);
        names.know_folder(Folder::Root, vcenter.root());
        names.know_folder(Folder::Elsewhere, vcenter.elsewhere());
        let mut simulated = Simulated {
            vcenter,
            now,
            session: None,
            tracked: Vec::new(),
            feed: Feed::default(),
            names,
            template,
            hot_add: false,
            requests: 0,
        };
        simulated.set_hot_add(true);
        simulated
    }

    pub(super) fn execute(&mut self, operation: &Operation) -> Answer {
        let what = &operation.what;
        if !is_sensible(&self.vcenter, &self.names, what) {
            return Answer {
                outcome: Outcome::Senseless,
                shown: BTreeMap::new(),
            };
        }
        let outcome = match requests::call(&self.names, operation, &self.paths()) {
            Some(call) => self.call(operation, &call),
            None => match requests::read(&self.names, what) {
                Some(read) => self.read(&read),
                None => self.other(operation),
            },
        };
        self.settle();
        Answer {
            outcome,
            shown: self.feed.shown(&self.names),
        }
    }

    /// Everything as it truly is.
    pub(super) fn truth(&self) -> Answer {
        let vms = self.vcenter.vms().filter(|vm| vm.id != self.template);
        let vms: Vec<_> = vms.map(plain).collect();
        let mut shown = words::vms(&self.names, &vms);
        shown.extend(
            self.vcenter
                .folders()
                .filter(|folder| folder.parent.as_ref() == Some(self.vcenter.root()))
                .map(|folder| (self.names.of_folder(&folder.id), folder.name.clone())),
        );
        Answer {
            outcome: Outcome::Fine("the truth".into()),
            shown,
        }
    }

    fn paths(&self) -> requests::Paths {
        requests::Paths {
            template: self.vcenter.path(self.vcenter.elsewhere(), TEMPLATE),
            nothing: "/other/nothing".into(),
        }
    }

    fn request_id(&mut self) -> RequestId {
        self.requests += 1;
        RequestId(self.requests)
    }

    fn call(&mut self, operation: &Operation, call: &Call) -> Outcome {
        let Some(session) = self.session else {
            return requests::not_sent();
        };
        let asked = Asked {
            group: group(),
            operation_id: requests::operation_id(operation),
            host: 0,
            held_up: false,
        };
        let result = self.vcenter.call(self.now, session, &asked, call, None);
        self.settle();
        if let CallResult::Started(task) = &result {
            let task = self.feed.task(task).cloned();
            return requests::ended(&mut self.names, operation, task.as_ref());
        }
        if let CallResult::Done { result: Some(id) } = &result {
            self.names.know_folder(Folder::Of(operation.number), id);
        }
        requests::answered(&self.names, &result)
    }

    fn read(&mut self, read: &Read) -> Outcome {
        let result = match self.session {
            Some(session) => self.vcenter.read(session, read),
            None => ReadResult::Failed {
                fault: Fault::NotAuthenticated,
            },
        };
        words::read(&self.names, &result)
    }

    fn other(&mut self, operation: &Operation) -> Outcome {
        match &operation.what {
            What::Login => self.login(RIGHT),
            What::LoginRefused => self.login(WRONG),
            What::Logout => {
                self.log_out();
                Outcome::Fine("out".into())
            }
            What::Expire => {
                if let Some(session) = self.session {
                    self.vcenter.end_session(self.now, session, "it expired");
                }
                Outcome::Fine("expired".into())
            }
            What::Relist => self.relist(),
            What::Track(vms) => {
                self.tracked = vms.iter().map(|vm| self.names.vm(*vm)).collect();
                self.names.note_tracked(&self.tracked);
                if let Some(session) = self.session {
                    self.vcenter.track(self.now, session, &self.tracked);
                }
                Outcome::Fine("tracked".into())
            }
            What::HotAdd(on) => {
                self.set_hot_add(*on);
                Outcome::Fine("set".into())
            }
            _ => self.by_hand(operation),
        }
    }

    /// Like the adapter: an earlier session ends first, and what is tracked
    /// outlives it.
    fn login(&mut self, credentials: &str) -> Outcome {
        self.log_out();
        let (result, session) = self.vcenter.login(self.now, credentials);
        if let Some(session) = session {
            self.session = Some(session);
            let id = self.request_id();
            self.vcenter.track(self.now, session, &self.tracked);
            let earliest = self.now.monotonic;
            self.vcenter.begin_feed(self.now, session, id, earliest);
        }
        words::login(&result)
    }

    fn log_out(&mut self) {
        if let Some(session) = self.session.take() {
            self.vcenter.logout(session);
        }
        self.feed = Feed::default();
    }

    fn relist(&mut self) -> Outcome {
        let id = self.request_id();
        let earliest = self.now.monotonic;
        let begun = self
            .session
            .is_some_and(|it| self.vcenter.begin_feed(self.now, it, id, earliest));
        if begun {
            Outcome::Fine("listed".into())
        } else {
            // Told by the adapter, which has asked in vain.
            self.feed.take(Event::FeedLost {
                reason: "there is no session".into(),
                session_ended: true,
            });
            requests::not_listed()
        }
    }

    fn by_hand(&mut self, operation: &Operation) -> Outcome {
        let now = self.now;
        let id = |names: &Names, vm: &Vm| names.vm(*vm);
        let place = |names: &Names, folder: &Folder| names.folder(*folder);
        let (vcenter, names) = (&mut self.vcenter, &self.names);
        let done = match &operation.what {
            What::HandMakes(name, folder) => {
                let hot = self.hot_add;
                let made =
                    vcenter.create_vm(now, &names.named(name), &place(names, folder), |vm| {
                        (vm.cpu_hot_add, vm.memory_hot_add) = (hot, hot);
                    });
                self.names.know_vm(Vm::Of(operation.number), &made);
                Ok(())
            }
            What::HandPower(vm, power) => vcenter.power_by_hand(now, &id(names, vm), *power),
            What::HandDestroys(vm) => vcenter.delete_by_hand(now, &id(names, vm)),
            What::HandRenames(vm, name) => {
                let name = names.named(name);
                vcenter.by_hand(now, &id(names, vm), |vm| vm.name = name)
            }
            What::HandMoves(vm, folder) => {
                let to = place(names, folder);
                vcenter.by_hand(now, &id(names, vm), |vm| vm.folder = to)
            }
            What::HandCopies(vm, name, folder, twin) => {
                let to = place(names, folder);
                let name = names.named(name);
                let copy = vcenter.copy_by_hand(now, &id(names, vm), &name, &to, *twin);
                copy.map(|copy| self.names.know_vm(Vm::Of(operation.number), &copy))
            }
            What::Connects(vm, connection) => {
                vcenter.by_hand(now, &id(names, vm), |vm| vm.connection = *connection)
            }
            What::HandHolds(vm, on) => vcenter.hold(now, &id(names, vm), on.then_some("held")),
            What::HandUnmarks(vm) => vcenter.by_hand(now, &id(names, vm), |vm| {
                vm.extra_config.remove(MARKER_KEY);
            }),
            _ => Ok(()),
        };
        requests::done_by_hand(&done)
    }

    fn set_hot_add(&mut self, on: bool) {
        self.hot_add = on;
        // The template is there, so this cannot be refused.
        let _ = self.vcenter.by_hand(self.now, &self.template, |vm| {
            (vm.cpu_hot_add, vm.memory_hot_add) = (on, on);
        });
    }

    /// Lets everything happen that happens by itself.
    fn settle(&mut self) {
        while let Some(at) = self.vcenter.next_due() {
            if at.since(self.now.monotonic) > SETTLED_AFTER_MS {
                return;
            }
            let passed = at.since(self.now.monotonic);
            self.now = Now {
                monotonic: self.now.monotonic.plus(passed),
                utc: self.now.utc.plus(passed),
            };
            if let Some((session, event)) = self.vcenter.happen(self.now)
                && Some(session) == self.session
            {
                self.feed.take(event);
            }
        }
    }
}

/// What the rig's own port tells of a VM too.
fn plain(vm: &VmTruth) -> vmgroup_reconcile::inventory::Vm {
    let key = |name: &str| vm.extra_config.get(name).cloned();
    vmgroup_reconcile::inventory::Vm {
        marker: key(MARKER_KEY),
        spec_hash: key(SPEC_HASH_KEY),
        hold: key(HOLD_KEY),
        instance_uuid: Some(vm.instance_uuid.clone()),
        template: vm.template,
        power: vm.power,
        connection: vm.connection,
        cpus: vm.cpus,
        memory_mib: vm.memory_mib,
        disks: vm.disks.clone(),
        ..requests::bare(&vm.id, &vm.name, &vm.folder)
    }
}
