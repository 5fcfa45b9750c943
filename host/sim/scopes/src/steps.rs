//! Everything that can happen next in a world.

use vmgroup_core::names::OperationId;
use vmgroup_reconcile::event::{Event, GroupObject};
use vmgroup_reconcile::request::{MetaChange, Request};

use crate::host::{Host, Letter, Session};
use crate::scope::{Deed, FaultKind};
use crate::vcenter::Job;
use crate::world::{World, key};

/// So often a group commits, at most, while one of its tasks runs.
const COMMITS_MAX: u64 = 5;

/// One thing that happens. The first number is a host's, or a task's; the
/// second a letter's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// A frozen host goes on.
    Thaw(usize),
    /// A request that changes something is executed.
    Execute(usize, usize),
    /// An answer arrives; a read is executed and its answer arrives.
    Deliver(usize, usize),
    /// The watch shows the next change of an object.
    Watch(usize),
    /// The watch shows the lease.
    Lease(usize),
    /// The feed shows what changed, or everything.
    Feed(usize),
    /// A task ends well.
    End(usize),
    /// Time passes up to the next deadline.
    Pass,
    /// A person does the next thing.
    Deed,
    /// Faults.
    Crash(usize),
    Lose(usize, usize, Executed),
    EndSession(usize),
    LoseFeed(usize),
    Fail(usize),
    Freeze(usize),
    Delay,
}

/// Whether a request whose answer is lost was executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Executed {
    Yes,
    No,
}

impl Step {
    /// It happens by itself and at last in every world that goes on.
    pub(crate) fn is_fair(self) -> bool {
        matches!(
            self,
            Step::Thaw(_)
                | Step::Execute(..)
                | Step::Deliver(..)
                | Step::Watch(_)
                | Step::Lease(_)
                | Step::Feed(_)
                | Step::End(_)
                | Step::Pass
        )
    }

    /// A read finds something else after it.
    pub(crate) fn changes_truth(self) -> bool {
        !matches!(
            self,
            Step::Thaw(_)
                | Step::Deliver(..)
                | Step::Watch(_)
                | Step::Lease(_)
                | Step::Feed(_)
                | Step::Pass
                | Step::Delay
                | Step::Freeze(_)
        )
    }
}

impl World {
    /// All that can happen next. The first one is what happens if nothing goes
    /// wrong and nobody interferes.
    pub(crate) fn possible(&self) -> Vec<Step> {
        if let Some((number, index, step)) = self.urgent() {
            let losses = self.losses(number, index);
            return std::iter::once(step).chain(losses).collect();
        }
        let mut steps = Vec::new();
        let frozen = |(_, host): &(usize, &Host)| host.frozen;
        let hosts = || self.hosts.iter().enumerate();
        steps.extend(hosts().filter(frozen).map(|(number, _)| Step::Thaw(number)));
        for (number, host) in hosts() {
            for (index, letter) in host.letters.iter().enumerate() {
                match &letter.value {
                    Letter::Asked { .. } if !letter.value.is_read() => {
                        steps.push(Step::Execute(number, index));
                    }
                    _ if host.frozen => {}
                    _ => steps.push(Step::Deliver(number, index)),
                }
            }
        }
        for (number, host) in hosts().filter(|it| !frozen(it)) {
            if !host.watch.is_empty() && !self.is_held_back(host) {
                steps.push(Step::Watch(number));
            }
            if self.unseen_lease(number).is_some() {
                steps.push(Step::Lease(number));
            }
            if host.session.as_ref().is_some_and(Session::has_news) {
                steps.push(Step::Feed(number));
            }
        }
        let running = self.vcenter.jobs().enumerate();
        let running = running.filter(|(_, (_, job))| job.runs());
        steps.extend(running.map(|(index, _)| Step::End(index)));
        if self.is_quiet() && self.can_pass() {
            steps.push(Step::Pass);
        }
        if self.can_do_deed() {
            steps.push(Step::Deed);
        }
        if self.faults > 0 {
            self.faults_possible(&mut steps);
        }
        steps
    }

    /// A host waits for a time, and no task has outlasted too many commits.
    fn can_pass(&self) -> bool {
        self.deadline().is_some() && !self.vcenter.jobs().any(|(_, job)| self.is_overdue(job))
    }

    /// A group whose task runs has committed again and again since. With a task
    /// that never ends, it could be so for ever, with other numbers each time.
    fn is_overdue(&self, job: &Job) -> bool {
        let Some(id) = OperationId::parse(&job.operation_id) else {
            return false;
        };
        let owner = |object: &&GroupObject| object.identity.as_deref() == Some(id.identity);
        let mut groups = self.cluster.groups.values().map(|stored| &stored.value);
        let committed = groups
            .find(owner)
            .and_then(|object| object.status.intent.as_ref());
        let since = committed
            .zip(id.committed)
            .map(|(committed, (_, intent))| committed.id.saturating_sub(intent));
        job.runs() && since.is_some_and(|since| since >= COMMITS_MAX)
    }

    /// When the first host that lives wants to be woken.
    pub(crate) fn deadline(&self) -> Option<vmgroup_core::time::Monotonic> {
        let awake = self.hosts.iter().filter(|host| !host.frozen);
        awake.filter_map(|host| host.seat.deadline).min()
    }

    pub(crate) fn member(
        &self,
        group: usize,
        slot: u32,
    ) -> Option<&vmgroup_reconcile::inventory::Vm> {
        let object = self.cluster.group(&key(group))?;
        let members = self.vcenter.members(object.identity.as_deref()?);
        let mut of_slot = members.into_iter().filter(|(own, _)| *own == slot);
        of_slot.next().map(|(_, vm)| vm)
    }

    fn can_do_deed(&self) -> bool {
        let Some(deed) = self.scope.deeds.get(self.deeds_done) else {
            return false;
        };
        match deed {
            Deed::Scale(group, _) | Deed::Delete(group) => {
                let object = self.cluster.group(&key(*group));
                object.is_some_and(|object| !object.deleting)
            }
            Deed::PowerOff(group, slot) | Deed::Destroy(group, slot) => {
                let busy = |id| {
                    self.vcenter
                        .jobs()
                        .any(|(_, job)| job.runs() && job.entity == id)
                };
                let vm = self.member(*group, *slot);
                vm.is_some_and(|vm| !busy(vm.id.clone()))
            }
            Deed::Swap => true,
        }
    }

    /// What happens before anything else in a scope that is not `loose`, because
    /// its order beside the rest makes no difference to the truth:
    ///
    /// - Reads, decisions and logins change nothing. What is left out is that a
    ///   host hears of something else between such a request and its answer.
    /// - A write of the status meets the same object whenever it is executed,
    ///   if nobody else writes; a crash before it is a crash before whatever led
    ///   to it, since what a host knows dies with it.
    /// - A lease that nobody else wants is renewed at the moment that it is
    ///   asked for, and all that is heard then is that.
    fn urgent(&self) -> Option<(usize, usize, Step)> {
        if self.scope.loose {
            return None;
        }
        let letters = self.hosts.iter().enumerate().flat_map(|(number, host)| {
            let letters = host.letters.iter().enumerate();
            let mut letters: Vec<_> = letters.filter(|_| !host.frozen).collect();
            // Which of them it is must not depend on the way that led here.
            letters.sort_by_cached_key(|(_, letter)| host.place(letter));
            let letters = letters.into_iter();
            letters.map(move |(index, letter)| (number, index, &letter.value))
        });
        let leases = |letter: &Letter| match letter {
            Letter::Asked { request, .. } => matches!(request, Request::WriteLease { .. }),
            Letter::Answer(event) => matches!(event, Event::LeaseSeen { .. }),
            Letter::List => false,
        };
        let rivals = letters.clone().filter(|(.., it)| leases(it)).count();
        let alone = self.deeds_done == self.scope.deeds.len()
            && (self.hosts.len() == 1 || self.scope.lease)
            && !(self.faults > 0 && self.scope.kinds.contains(&FaultKind::Freeze))
            && self.hosts.iter().all(|host| !host.frozen);
        for (number, index, letter) in letters {
            let Letter::Asked { request, .. } = letter else {
                if leases(letter) && rivals == 1 {
                    return Some((number, index, Step::Deliver(number, index)));
                }
                continue;
            };
            let executes = match request {
                Request::Login { .. } => true,
                Request::WriteLease { .. } => rivals == 1,
                Request::WriteStatus { .. } => alone,
                Request::WriteMeta { change, .. } => alone && *change != MetaChange::Release,
                _ => false,
            };
            if executes {
                return Some((number, index, Step::Execute(number, index)));
            }
            if letter.is_read() {
                return Some((number, index, Step::Deliver(number, index)));
            }
        }
        None
    }

    /// The watch does not overtake the answer to a write in a scope that is not
    /// `loose`: it would show what the answer shows.
    fn is_held_back(&self, host: &Host) -> bool {
        let answers =
            |letter: &Letter| matches!(letter, Letter::Answer(Event::GroupAnswered { .. }));
        !self.scope.loose && host.letters.iter().any(|letter| answers(&letter.value))
    }

    /// The ways in which a request can be lost.
    fn losses(&self, number: usize, index: usize) -> impl Iterator<Item = Step> + use<> {
        let may = self.faults > 0 && self.scope.kinds.contains(&FaultKind::LoseAnswer);
        let ways = if may {
            losable(&self.hosts[number].letters[index].value)
        } else {
            &[]
        };
        let ways = ways.iter();
        ways.map(move |executed| Step::Lose(number, index, *executed))
    }

    fn faults_possible(&self, steps: &mut Vec<Step>) {
        let has = |kind| self.scope.kinds.contains(&kind);
        let awake = self.hosts.iter().enumerate();
        for (number, host) in awake.filter(|(_, host)| !host.frozen) {
            if has(FaultKind::Crash) {
                steps.push(Step::Crash(number));
            }
            if has(FaultKind::Freeze) {
                steps.push(Step::Freeze(number));
            }
            if has(FaultKind::EndSession) && host.session.is_some() {
                steps.push(Step::EndSession(number));
            }
            if has(FaultKind::LoseFeed) && host.session.as_ref().is_some_and(|it| it.feeds) {
                steps.push(Step::LoseFeed(number));
            }
            for index in 0..host.letters.len() {
                steps.extend(self.losses(number, index));
            }
        }
        if has(FaultKind::FailTask) {
            let running = self.vcenter.jobs().enumerate();
            let running = running.filter(|(_, (_, job))| job.runs() && job.fails.is_none());
            steps.extend(running.map(|(index, _)| Step::Fail(index)));
        }
        if has(FaultKind::Delay) && !self.is_quiet() && self.can_pass() {
            steps.push(Step::Delay);
        }
    }
}

/// Whether a request can be lost before it is executed, after it, or both,
/// where that makes a difference.
fn losable(letter: &Letter) -> &'static [Executed] {
    let Letter::Asked { request, .. } = letter else {
        return &[];
    };
    match request {
        Request::Decide { .. } => &[],
        Request::Read { .. }
        | Request::ReadGroup { .. }
        | Request::Login { .. }
        | Request::Relist { .. } => &[Executed::No],
        _ => &[Executed::Yes, Executed::No],
    }
}
