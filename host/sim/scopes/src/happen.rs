//! One step of a world: what happens, and what follows from it at once.

use std::collections::BTreeSet;
use std::sync::Arc;

use vmgroup_core::observation::PowerState;
use vmgroup_reconcile::event::{Event, ReadResult};
use vmgroup_reconcile::inventory::{Fault, TaskId};
use vmgroup_reconcile::request::Request;

use crate::host::{Heard, Letter, Stepper};
use crate::logic;
use crate::oracles;
use crate::perform::lost;
use crate::print::Printed;
use crate::scope::Deed;
use crate::steps::{Executed, Step};
use crate::world::{Breach, World, is_vm, key};

/// What came of a step.
pub(crate) struct Taken {
    pub(crate) world: World,
    pub(crate) breaches: Vec<Breach>,
    /// Something was written, leases apart.
    pub(crate) wrote: bool,
}

/// All that can come of a step.
pub(crate) struct After {
    /// Worlds: the plain one first.
    pub(crate) worlds: Vec<World>,
    pub(crate) breaches: Vec<Breach>,
    pub(crate) wrote: bool,
}

impl World {
    /// The worlds after that step.
    pub(crate) fn after(&self, step: Step, stepper: &mut Stepper) -> After {
        let taken = self.take(step, stepper);
        let pinned = if step.changes_truth() && taken.breaches.is_empty() {
            self.pinned(&taken.world)
        } else {
            Vec::new()
        };
        After {
            worlds: std::iter::once(taken.world).chain(pinned).collect(),
            breaches: taken.breaches,
            wrote: taken.wrote,
        }
    }

    /// The world after that step, reads being executed when they are answered.
    pub(crate) fn take(&self, step: Step, stepper: &mut Stepper) -> Taken {
        let mut taken = Taken {
            world: self.clone(),
            breaches: Vec::new(),
            wrote: false,
        };
        taken.happen(step, stepper);
        taken.world.tidy(stepper);
        let after = std::mem::take(&mut taken.breaches);
        taken.breaches = after
            .into_iter()
            .chain(oracles::always(&taken.world))
            .collect();
        taken
    }

    /// A read is executed when its answer arrives. Where the step from `self` to
    /// `after` made a difference to one that was under way, it may as well have
    /// been executed before it: those worlds too. With that, all moments at
    /// which a read can be executed are covered, and only where it matters.
    fn pinned(&self, after: &World) -> Vec<World> {
        let mut worlds: Vec<World> = Vec::new();
        for (number, host) in after.hosts.iter().enumerate() {
            for (index, letter) in host.letters.iter().enumerate() {
                let Letter::Asked { request, .. } = &letter.value else {
                    if matches!(letter.value, Letter::List) {
                        let (before, now) = (self.listed(), after.listed());
                        if before != now {
                            pin(&mut worlds, after, (number, index), before);
                        }
                    }
                    continue;
                };
                let known = self.hosts.get(number);
                let sent =
                    known.is_some_and(|it| it.letters.iter().any(|old| Arc::ptr_eq(old, letter)));
                if !sent || !letter.value.is_read() {
                    continue;
                }
                let (before, now) = (self.look(number, request), after.look(number, request));
                if before != now {
                    pin(&mut worlds, after, (number, index), before);
                }
            }
        }
        worlds
    }

    /// The answer to a request that changes nothing.
    fn look(&self, number: usize, request: &Request) -> Event {
        match request {
            Request::Decide {
                id, observation, ..
            } => Event::Decided {
                id: *id,
                module: logic::module(self.module).digest,
                result: logic::decide(observation),
            },
            Request::ReadGroup { id, key } => Event::GroupAnswered {
                id: *id,
                result: self.cluster.read(key),
            },
            Request::Read { id, read } => Event::Read {
                id: *id,
                result: match self.hosts[number].session {
                    Some(_) => self.vcenter.read(read),
                    None => ReadResult::Failed {
                        fault: Fault::NotAuthenticated,
                    },
                },
            },
            other => unreachable!("{other:?} is no read"),
        }
    }

    pub(crate) fn task_at(&self, index: usize) -> TaskId {
        let mut ids = self.vcenter.tasks.keys();
        ids.nth(index).cloned().expect("the task was possible")
    }

    fn feed_shows(&mut self, number: usize) -> Event {
        let session = self.hosts[number].session.as_mut();
        let session = session.expect("a feed has a session");
        let changed = std::mem::take(&mut session.changed);
        let vcenter = &self.vcenter;
        if let Some(id) = session.reset.take() {
            return Event::FeedReset {
                id,
                vms: vcenter
                    .vms
                    .values()
                    .map(|vm| vcenter.shown(&vm.value))
                    .collect(),
                tasks: vcenter
                    .tasks
                    .keys()
                    .filter_map(|id| vcenter.task(id))
                    .collect(),
            };
        }
        let (vms, tasks): (BTreeSet<String>, BTreeSet<String>) =
            changed.into_iter().partition(|id| is_vm(id));
        let (there, left): (Vec<String>, Vec<String>) =
            vms.into_iter().partition(|id| vcenter.vms.contains_key(id));
        Event::FeedChanged {
            vms: there
                .iter()
                .map(|id| vcenter.shown(&vcenter.vms[id].value))
                .collect(),
            left,
            tasks: tasks.iter().filter_map(|id| vcenter.task(id)).collect(),
        }
    }
}

/// Doubles the worlds: in the copies the read has its earlier answer.
fn pin(worlds: &mut Vec<World>, after: &World, (number, index): (usize, usize), answer: Event) {
    let answer = Arc::new(Printed::new(Letter::Answer(answer)));
    let unpinned: Vec<World> = worlds.iter().chain([after]).cloned().collect();
    for mut world in unpinned {
        world.hosts[number].letters[index] = Arc::clone(&answer);
        worlds.push(world);
    }
}

impl Taken {
    fn happen(&mut self, step: Step, stepper: &mut Stepper) {
        if !step.is_fair() && step != Step::Deed {
            self.world.faults -= 1;
        }
        match step {
            Step::Thaw(number) => {
                self.world.hosts[number].frozen = false;
                self.world
                    .hear(number, Heard::Events(&[Event::Time]), stepper);
            }
            Step::Execute(number, index) => self.execute(number, index),
            Step::Deliver(number, index) => self.deliver(number, index, stepper),
            Step::Watch(number) => {
                let news = self.world.hosts[number].watch.pop_front();
                let news = news.expect("the watch has news");
                self.world.hear(number, Heard::News(&news), stepper);
            }
            Step::Lease(number) => {
                let event = self
                    .world
                    .lease_news(number)
                    .expect("the lease has changed");
                self.world.hear(number, Heard::Events(&[event]), stepper);
            }
            Step::Feed(number) => {
                let event = self.world.feed_shows(number);
                self.world.hear(number, Heard::Events(&[event]), stepper);
            }
            Step::End(index) => {
                let task = self.world.task_at(index);
                oracles::before_end(&self.world, &task, &mut self.breaches);
                let effect = self.world.vcenter.end(&task, None);
                oracles::after_end(&mut self.world, effect, &mut self.breaches);
            }
            Step::Fail(index) => {
                let task = self.world.task_at(index);
                let fault = Fault::Unavailable {
                    message: "a host is in trouble".into(),
                };
                self.world.vcenter.end(&task, Some(fault));
            }
            Step::Pass | Step::Delay => self.pass(stepper),
            Step::Deed => self.deed(),
            Step::Crash(number) => {
                self.world.hosts[number] = self.world.starting(number, stepper);
            }
            Step::Lose(number, index, executed) => self.lose(number, index, executed),
            Step::EndSession(number) => {
                self.world.hosts[number].session = None;
                self.tell_feed_lost(number, true);
            }
            Step::LoseFeed(number) => {
                if let Some(session) = &mut self.world.hosts[number].session {
                    session.feeds = false;
                    session.reset = None;
                    session.changed.clear();
                }
                self.tell_feed_lost(number, false);
            }
            Step::Freeze(number) => self.freeze(number),
        }
    }

    /// Hosts that are due are woken. A feed that is up has given a sign of life
    /// by then.
    fn pass(&mut self, stepper: &mut Stepper) {
        let at = self.world.deadline().expect("a deadline");
        self.world.now = self.world.now.max(at);
        for number in 0..self.world.hosts.len() {
            let host = &self.world.hosts[number];
            if host.frozen {
                continue;
            }
            let feeds = host.session.as_ref();
            if feeds.is_some_and(|it| it.feeds && !it.has_news()) {
                self.world
                    .hear(number, Heard::Events(&[Event::FeedIdle]), stepper);
            } else if host.seat.deadline.is_some_and(|at| at <= self.world.now) {
                self.world
                    .hear(number, Heard::Events(&[Event::Time]), stepper);
            }
        }
    }

    fn deed(&mut self) {
        let world = &mut self.world;
        let deed = world.scope.deeds[world.deeds_done];
        world.deeds_done += 1;
        match deed {
            Deed::Scale(group, replicas) => {
                world.wanted[group].push(replicas);
                world
                    .cluster
                    .edit(&key(group), |spec| spec.replicas = replicas);
            }
            Deed::Delete(group) => {
                world.wanted[group].push(0);
                world.cluster.delete(&key(group));
            }
            Deed::PowerOff(group, slot) => {
                let vm = world.member(group, slot).map(|vm| vm.id.clone());
                world
                    .vcenter
                    .power(&vm.expect("the deed was possible"), PowerState::Off);
            }
            Deed::Destroy(group, slot) => {
                let vm = world.member(group, slot).map(|vm| vm.id.clone());
                world.vcenter.remove(&vm.expect("the deed was possible"));
            }
            Deed::Swap => {
                world.module += 1;
                let active = Event::ModuleActive(logic::module(world.module));
                let letter = Arc::new(Printed::new(Letter::Answer(active)));
                for host in &mut world.hosts {
                    host.letters.push(Arc::clone(&letter));
                }
            }
        }
    }

    fn freeze(&mut self, number: usize) {
        let host = &mut self.world.hosts[number];
        host.frozen = true;
        for letter in &mut host.letters {
            if let Letter::Asked { request, .. } = &letter.value
                && !letter.value.is_read()
            {
                *letter = Arc::new(Printed::new(Letter::Asked {
                    request: request.clone(),
                    late: true,
                }));
            }
        }
    }

    fn tell_feed_lost(&mut self, number: usize, session_ended: bool) {
        let event = Event::FeedLost {
            reason: "the feed broke".into(),
            session_ended,
        };
        self.answer(number, event);
    }

    fn answer(&mut self, number: usize, event: Event) {
        let letter = Arc::new(Printed::new(Letter::Answer(event)));
        self.world.hosts[number].letters.push(letter);
    }

    fn deliver(&mut self, number: usize, index: usize, stepper: &mut Stepper) {
        let letter = self.world.hosts[number].letters.remove(index);
        let event = match &letter.value {
            Letter::List => self.world.listed(),
            Letter::Asked { request, .. } => self.world.look(number, request),
            Letter::Answer(event) => {
                if let Event::LeaseSeen {
                    lease: Some(lease), ..
                } = event
                {
                    let shown = &mut self.world.hosts[number].lease_shown;
                    shown.clone_from(&lease.resource_version);
                }
                self.world.hear(number, Heard::Answer(&letter), stepper);
                return;
            }
        };
        self.world.hear(number, Heard::Events(&[event]), stepper);
    }

    fn execute(&mut self, number: usize, index: usize) {
        let letter = self.world.hosts[number].letters.remove(index);
        let Letter::Asked { request, late } = &letter.value else {
            unreachable!("only requests are executed");
        };
        if let Some(event) = self.perform(number, request, *late) {
            self.answer(number, event);
        }
    }

    fn lose(&mut self, number: usize, index: usize, executed: Executed) {
        let letter = self.world.hosts[number].letters.remove(index);
        let Letter::Asked { request, late } = &letter.value else {
            unreachable!("only answers to requests are lost");
        };
        if executed == Executed::Yes {
            self.perform(number, request, *late);
        }
        self.answer(number, lost(request));
    }
}
