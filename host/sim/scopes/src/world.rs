//! The world of a scope at one moment: plain data that can be cloned, and the
//! start of it.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use vmgroup_core::group::{GroupKey, Spec};
use vmgroup_core::time::Monotonic;
use vmgroup_reconcile::event::{Event, GroupObject};
use vmgroup_sim::samples::small_spec;

use crate::cluster::{Cluster, News};
use crate::host::{Heard, Host, Letter, Seat, Stepper};
use crate::logic;
use crate::print::Printed;
use crate::scope::Scope;
use crate::vcenter::VCenter;

/// Late enough that nothing seems to have happened at the clock's zero.
const BEGIN: Monotonic = Monotonic(1_000_000_000);

#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) scope: &'static Scope,
    pub(crate) now: Monotonic,
    pub(crate) hosts: Vec<Host>,
    pub(crate) cluster: Cluster,
    pub(crate) vcenter: VCenter,
    /// Faults that may still strike.
    pub(crate) faults: u8,
    pub(crate) deeds_done: usize,
    /// Number of the module that decides.
    pub(crate) module: u8,
    /// Replicas wanted by each group, one for each generation of it.
    pub(crate) wanted: Vec<Vec<u32>>,
    /// vCenter took a call that a frozen host had ready. The design lets its
    /// consequences be until the world comes to rest.
    pub(crate) excused: bool,
    /// Operation id and kind of the effects there were.
    pub(crate) effects: BTreeSet<(String, &'static str)>,
}

/// A property that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// Its name in the design.
    pub oracle: &'static str,
    /// What was seen.
    pub text: String,
}

impl World {
    /// Objects exist, hosts start.
    pub(crate) fn start(scope: &'static Scope, stepper: &mut Stepper) -> World {
        let mut world = World {
            scope,
            now: BEGIN,
            hosts: Vec::new(),
            cluster: Cluster::default(),
            vcenter: VCenter::default(),
            faults: scope.faults,
            deeds_done: 0,
            module: 0,
            wanted: scope
                .groups
                .iter()
                .map(|replicas| vec![*replicas])
                .collect(),
            excused: false,
            effects: BTreeSet::new(),
        };
        for (number, replicas) in scope.groups.iter().enumerate() {
            let spec: Spec = small_spec(*replicas, "base");
            world.cluster.create(&key(number), spec);
        }
        world.cluster.news.clear();
        for number in 0..scope.hosts {
            let host = world.starting(number, stepper);
            world.hosts.push(host);
        }
        world.tidy(stepper);
        world
    }

    /// A host that begins a life: it knows its secret and its module, and lists
    /// the objects.
    pub(crate) fn starting(&self, number: usize, stepper: &mut Stepper) -> Host {
        let run = format!("host-{number}");
        let replica = self.scope.lease.then(|| run.clone());
        let seat = Seat::new(run, replica, self.scope.relists, self.now);
        let lease = self.cluster.lease.as_ref().map(|lease| lease.value.clone());
        let lease_shown = lease
            .as_ref()
            .map_or(String::new(), |lease| lease.resource_version.clone());
        let mut events = vec![
            Event::ModuleActive(logic::module(self.module)),
            Event::CredentialsChanged {
                version: "v1".into(),
            },
        ];
        if self.scope.lease {
            events.push(Event::LeaseSeen { lease, id: None });
        }
        let stepped = stepper.step(&seat, Heard::Events(&events), self.now);
        let list = Arc::new(Printed::new(Letter::List));
        let letters = std::iter::once(list).chain(stepped.letters.iter().cloned());
        Host {
            seat: Arc::clone(&stepped.seat),
            frozen: false,
            session: None,
            letters: letters.collect(),
            watch: VecDeque::new(),
            lease_shown,
        }
    }

    /// A host hears something, and what it asks for is on its way.
    pub(crate) fn hear(&mut self, number: usize, heard: Heard<'_>, stepper: &mut Stepper) {
        let host = &mut self.hosts[number];
        let stepped = stepper.step(&host.seat, heard, self.now);
        host.seat = Arc::clone(&stepped.seat);
        host.letters.extend(stepped.letters.iter().cloned());
        if stepped.logs_out {
            host.session = None;
        }
    }

    /// After everything that happens: what changed is on its way to whoever
    /// watches, and what makes no difference any more is forgotten.
    pub(crate) fn tidy(&mut self, stepper: &mut Stepper) {
        let news = std::mem::take(&mut self.cluster.news);
        let touched = std::mem::take(&mut self.vcenter.touched);
        for host in &mut self.hosts {
            host.watch.extend(news.iter().cloned());
            if let Some(session) = host.session.as_mut().filter(|it| it.reset.is_none()) {
                let seen = touched
                    .iter()
                    .filter(|id| id.starts_with("task-") || is_vm(id));
                session.changed.extend(seen.cloned());
            }
        }
        for number in 0..self.hosts.len() {
            self.hear_at_once(number, stepper);
        }
        self.forget_tasks();
        self.forget_effects();
    }

    /// What was done under an intent cannot be done again under it once nothing
    /// is committed and nothing under way.
    fn forget_effects(&mut self) {
        let committed = |stored: &crate::cluster::Stored| {
            let intent = stored.value.status.intent.as_ref();
            intent.is_some_and(|intent| !intent.steps.is_empty())
        };
        let still = self
            .hosts
            .iter()
            .all(|host| host.letters.is_empty() && !host.frozen)
            && self.vcenter.tasks.is_empty()
            && !self.cluster.groups.values().any(committed);
        if still && self.hosts.len() == 1 {
            self.effects.clear();
            self.vcenter
                .born
                .retain(|name, _| !name.starts_with("task-"));
        }
    }

    /// News that change nothing are not kept waiting. A host that stands by for
    /// the lease hears everything at once: it begins anew from a fresh read when
    /// it takes over.
    fn hear_at_once(&mut self, number: usize, stepper: &mut Stepper) {
        loop {
            let host = &mut self.hosts[number];
            while let Some(news) = host.watch.front() {
                if matters(host, news) {
                    break;
                }
                host.watch.pop_front();
            }
            if host.frozen {
                // After a long time a watch lists again.
                keep_latest(&mut host.watch);
                return;
            }
            if host.seat.machine.is_acting() {
                return;
            }
            let lists = host
                .letters
                .iter()
                .position(|letter| matches!(letter.value, Letter::List));
            let event = if let Some(index) = lists {
                host.letters.remove(index);
                self.listed()
            } else if let Some(news) = host.watch.pop_front() {
                news.event()
            } else if let Some(event) = self.lease_news(number) {
                event
            } else {
                return;
            };
            self.hear(number, Heard::Events(&[event]), stepper);
        }
    }

    pub(crate) fn listed(&self) -> Event {
        let objects = self.cluster.groups.values();
        Event::GroupsListed(objects.map(|stored| stored.value.clone()).collect())
    }

    /// The lease, if the host's watch has not shown it as it is; from here on it
    /// has.
    pub(crate) fn lease_news(&mut self, number: usize) -> Option<Event> {
        let lease = self.unseen_lease(number)?.clone();
        self.hosts[number]
            .lease_shown
            .clone_from(&lease.resource_version);
        Some(Event::LeaseSeen {
            lease: Some(lease),
            id: None,
        })
    }

    pub(crate) fn unseen_lease(
        &self,
        number: usize,
    ) -> Option<&vmgroup_reconcile::event::LeaseRecord> {
        let lease = &self.cluster.lease.as_ref()?.value;
        (lease.resource_version != self.hosts[number].lease_shown).then_some(lease)
    }

    /// An ended task that nobody follows is as good as gone.
    fn forget_tasks(&mut self) {
        if self.vcenter.tasks.values().all(|job| job.value.runs()) {
            return;
        }
        let hosts = &self.hosts;
        let groups = &self.cluster.groups;
        self.vcenter.tasks.retain(|id, job| {
            job.value.runs()
                || groups.values().any(|it| it.print.tasks.contains(id))
                || hosts.iter().any(|host| {
                    host.seat.print.tasks.contains(id)
                        || host.letters.iter().any(|it| it.print.tasks.contains(id))
                        || host
                            .watch
                            .iter()
                            .any(|it| it.object().print.tasks.contains(id))
                        || host
                            .session
                            .as_ref()
                            .is_some_and(|it| it.changed.contains(id))
                })
        });
    }

    /// Nothing is on its way to or from a host that lives, so that time passes.
    pub(crate) fn is_quiet(&self) -> bool {
        self.hosts.iter().enumerate().all(|(number, host)| {
            let feed = host.session.as_ref();
            host.frozen
                || (host.letters.is_empty()
                    && host.watch.is_empty()
                    && self.unseen_lease(number).is_none()
                    && feed.is_none_or(|it| !it.has_news()))
        })
    }
}

/// The n-th group.
pub(crate) fn key(number: usize) -> GroupKey {
    GroupKey::new("shop", ["web", "api"][number])
}

pub(crate) fn is_vm(id: &str) -> bool {
    id.starts_with("vm-") && id != crate::vcenter::TEMPLATE
}

/// Of each object the latest news.
fn keep_latest(watch: &mut VecDeque<News>) {
    let mut seen = BTreeSet::new();
    let latest: Vec<News> = watch
        .drain(..)
        .rev()
        .filter(|news| seen.insert(news.object().value.key.clone()))
        .collect();
    watch.extend(latest.into_iter().rev());
}

/// The machine would take notice. What is as old as what it knows, and of the
/// same generation, it drops.
fn matters(host: &Host, news: &News) -> bool {
    let object = &news.object().value;
    let same = |known: &&GroupObject| known.key == object.key && known.uid == object.uid;
    let known = host.seat.machine.objects().find(same);
    match (news, known) {
        (News::Gone(_), known) => known.is_some(),
        (News::Changed(_), None) => true,
        (News::Changed(_), Some(known)) => {
            object.resource_version > known.resource_version
                || (object.resource_version < known.resource_version
                    && object.generation != known.generation)
        }
    }
}
