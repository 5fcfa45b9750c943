//! A plan of what goes wrong: data, so that a plan can be drawn, shrunk and
//! printed.

use std::collections::BTreeMap;

use vmgroup_core::time::Monotonic;
use vmgroup_reconcile::inventory;

use crate::kind::Kind;
use crate::random::Random;

/// One thing that goes wrong once.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// To the n-th request of a kind, counted from 1 over all lives of a host,
    /// or of all hosts together.
    Request {
        /// Which host; none counts those of all.
        host: Option<usize>,
        /// Which kind.
        kind: Kind,
        /// Which of them.
        nth: u32,
        /// What happens to it.
        what: RequestFault,
    },
    /// At a time.
    At {
        /// When.
        at: Monotonic,
        /// What.
        what: WorldFault,
    },
    /// A host crashes right after its n-th step, counted from 1 over all lives.
    Crash {
        /// Which host.
        host: usize,
        /// After which step.
        after_step: u64,
        /// What becomes of requests that have not arrived.
        unsent: Unsent,
    },
}

/// What happens to one request.
#[derive(Debug, Clone, PartialEq)]
pub enum RequestFault {
    /// It never arrives, and its sender cannot know.
    LostBefore,
    /// It is executed, but the answer is lost.
    LostAfter,
    /// Its answer takes so many milliseconds more.
    Slow(u64),
    /// The task that it starts fails so, without an effect.
    TaskFails(inventory::Fault),
    /// The host crashes just before it is executed; it is not.
    CrashBefore,
    /// It is executed; the host crashes before the answer arrives.
    CrashAfter,
    /// The host freezes just before it is sent, for so many milliseconds.
    FreezeBefore(u64),
    /// vCenter refuses the call so, whatever the state of things.
    Refused(inventory::Fault),
    /// The task that it starts has its effect, and ends as failed so.
    HalfWay(inventory::Fault),
    /// The task that it starts is not shown for so many milliseconds.
    Hidden(u64),
    /// The task that it starts is forgotten at its end, which nobody is shown.
    Vanishes,
    /// The task that it starts, if it powers a VM on, ends well without an effect. That comes
    /// of another task, which takes so many milliseconds, as where a cluster places the VM.
    PassedOn(u64),
}

/// What happens to the world.
#[derive(Debug, Clone, PartialEq)]
pub enum WorldFault {
    /// A host crashes and starts again a little later.
    Crash(usize, Unsent),
    /// A host stands still for so many milliseconds.
    Freeze(usize, u64),
    /// vCenter ends a host's session.
    ExpireSession(usize),
    /// A host's feed breaks; the session stays.
    DropFeed(usize),
    /// vCenter restarts and cannot be reached for so many milliseconds.
    RestartVCenter(u64),
    /// vCenter cannot be reached for so many milliseconds.
    CutVCenter(u64),
    /// The API server cannot be reached for so many milliseconds.
    CutCluster(u64),
    /// Requests of a kind are refused for so many milliseconds: the operator has no
    /// right to make them.
    Deny(Kind, u64),
    /// A host's watch breaks and lists anew.
    ReconnectWatch(usize),
    /// A host's watch brings its last so many events once more.
    RepeatWatch(usize, usize),
    /// A host's watch is silent for so many milliseconds, then breaks and lists
    /// anew: what came in between is never told one by one.
    StallWatch(usize, u64),
    /// A host's watch breaks and lists what was so many milliseconds ago; a
    /// list of what is follows five seconds later.
    OldList(usize, u64),
    /// The API server is restored from a backup that is so many milliseconds
    /// old. Versions count anew from there.
    RestoreCluster(u64),
    /// What changes in vCenter in the next so many milliseconds is never shown
    /// by a host's feed.
    LoseUpdates(usize, u64),
    /// A host's feed arrives later by so many milliseconds.
    LagFeed(usize, u64),
    /// A host's feed begins anew without every second VM.
    PartialFeed(usize),
    /// All wall clocks jump by so many milliseconds.
    ClockJump(i64),
}

/// What becomes of a crashed host's requests that have not arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsent {
    /// They were never sent.
    Dropped,
    /// They arrive and are executed; nobody hears the answers.
    Sent,
}

/// Answers lost at random, in so many of a thousand requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LossRates {
    /// Lost before they are executed.
    pub before_per_mille: u64,
    /// Lost after they were executed.
    pub after_per_mille: u64,
    /// Only in the first so many milliseconds; zero for always.
    pub until_ms: u64,
}

/// All that goes wrong in a run.
#[derive(Debug, Clone, Default)]
pub struct FaultPlan {
    faults: Vec<Fault>,
    rates: LossRates,
    counts: BTreeMap<(Option<usize>, Kind), u32>,
}

impl FaultPlan {
    /// Nothing goes wrong but these.
    pub fn new(faults: Vec<Fault>) -> FaultPlan {
        FaultPlan {
            faults,
            ..FaultPlan::default()
        }
    }

    /// Besides, answers get lost at random.
    #[must_use]
    pub fn with_losses(self, rates: LossRates) -> FaultPlan {
        FaultPlan { rates, ..self }
    }

    /// The faults, in the order given.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// Some host is to stand still.
    pub(crate) fn freezes(&self) -> bool {
        self.faults.iter().any(|fault| match fault {
            Fault::Request { what, .. } => matches!(what, RequestFault::FreezeBefore(_)),
            Fault::At { what, .. } => matches!(what, WorldFault::Freeze(..)),
            Fault::Crash { .. } => false,
        })
    }

    /// Nothing goes wrong any more.
    pub(crate) fn end(&mut self) {
        self.faults.clear();
        self.rates = LossRates::default();
    }

    /// Counts a request; tells what happens to it.
    pub(crate) fn on_request(
        &mut self,
        at: Monotonic,
        host: usize,
        kind: Kind,
        random: &mut Random,
    ) -> Option<RequestFault> {
        for who in [None, Some(host)] {
            *self.counts.entry((who, kind)).or_default() += 1;
        }
        let counts = &self.counts;
        let planned = self.faults.iter().find_map(|fault| match fault {
            Fault::Request {
                host: who,
                kind: what_kind,
                nth,
                what,
            } if *what_kind == kind
                && who.is_none_or(|who| who == host)
                && counts.get(&(*who, kind)) == Some(nth) =>
            {
                Some(what.clone())
            }
            _ => None,
        });
        planned.or_else(|| self.loss(at, random))
    }

    /// What becomes of a host that has just made that step.
    pub(crate) fn on_step(&self, who: usize, step: u64) -> Option<Unsent> {
        self.faults.iter().find_map(|fault| match fault {
            Fault::Crash {
                host,
                after_step,
                unsent,
            } if *host == who && *after_step == step => Some(*unsent),
            _ => None,
        })
    }

    fn loss(&self, at: Monotonic, random: &mut Random) -> Option<RequestFault> {
        let LossRates {
            before_per_mille,
            after_per_mille,
            until_ms,
        } = self.rates;
        if before_per_mille + after_per_mille == 0 || (until_ms > 0 && at.0 >= until_ms) {
            return None;
        }
        let drawn = random.below(1000);
        if drawn < before_per_mille {
            Some(RequestFault::LostBefore)
        } else if drawn < before_per_mille + after_per_mille {
            Some(RequestFault::LostAfter)
        } else {
            None
        }
    }
}
