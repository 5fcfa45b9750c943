//! One host of a scope: the real machine, what is on its way to and from it,
//! and its session with vCenter.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use vmgroup_core::time::{Monotonic, Now, Timestamp};
use vmgroup_reconcile::Machine;
use vmgroup_reconcile::event::Event;
use vmgroup_reconcile::machine::{Caps, Config};
use vmgroup_reconcile::request::{Request, RequestId};

use crate::cluster::News;
use crate::flaw::Flaw;
use crate::print::{Print, Printed, hash};

/// So often in a row a machine may want to be woken at the very time that it
/// was. More is a hot loop.
const WAKE_UPS_MAX: usize = 16;

#[derive(Debug, Clone)]
pub(crate) struct Host {
    pub(crate) seat: Arc<Seat>,
    /// The process stands still.
    pub(crate) frozen: bool,
    pub(crate) session: Option<Session>,
    pub(crate) letters: Vec<Arc<Printed<Letter>>>,
    pub(crate) watch: VecDeque<News>,
    /// Version of the lease that the watch showed last.
    pub(crate) lease_shown: String,
}

impl Host {
    /// Where a letter stands among those that are on their way: by what it says
    /// and who asked for it, not by when.
    pub(crate) fn place(&self, letter: &Printed<Letter>) -> (u64, u64) {
        let id = letter.value.id().map(|id| id.0);
        let mut askers = self.seat.print.askers.iter();
        let asker = askers.find(|(asked, _)| Some(*asked) == id);
        (letter.print.fixed, asker.map_or(0, |(_, asker)| *asker))
    }
}

/// A machine between two steps.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) machine: Machine,
    pub(crate) deadline: Option<Monotonic>,
    pub(crate) print: Print,
    /// It would have gone on for ever at one moment.
    pub(crate) hot: bool,
}

/// A session with vCenter and its feed.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// The feed is up.
    pub(crate) feeds: bool,
    /// Everything has to be shown anew, for that request.
    pub(crate) reset: Option<RequestId>,
    /// VMs and tasks that changed since the feed last showed them.
    pub(crate) changed: BTreeSet<String>,
}

impl Session {
    /// The feed has something to show.
    pub(crate) fn has_news(&self) -> bool {
        self.feeds && (self.reset.is_some() || !self.changed.is_empty())
    }
}

/// Something on its way.
#[allow(clippy::large_enum_variant, reason = "made once, then shared")]
#[derive(Debug, Clone)]
pub(crate) enum Letter {
    /// All objects, as a starting host lists them.
    List,
    /// Not executed yet. `late`: its host stood still since it was sent.
    Asked { request: Request, late: bool },
    /// On its way to the host.
    Answer(Event),
}

impl Letter {
    pub(crate) fn id(&self) -> Option<RequestId> {
        match self {
            Letter::List => None,
            Letter::Asked { request, .. } => request.id(),
            Letter::Answer(event) => answered(event),
        }
    }

    /// Nothing changes when it is executed: that happens when its answer
    /// arrives, or earlier where that makes a difference (`World::pinned`).
    pub(crate) fn is_read(&self) -> bool {
        matches!(
            self,
            Letter::List
                | Letter::Asked {
                    request: Request::Read { .. }
                        | Request::ReadGroup { .. }
                        | Request::Decide { .. },
                    ..
                }
        )
    }
}

/// What a host hears.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Heard<'a> {
    Events(&'a [Event]),
    /// An answer, printed when it was sent.
    Answer(&'a Printed<Letter>),
    News(&'a News),
}

impl Heard<'_> {
    fn exact(&self) -> u64 {
        match self {
            Heard::Events(events) => hash(&format!("{events:?}")),
            Heard::Answer(letter) => letter.print.exact,
            Heard::News(news) => hash(&(std::mem::discriminant(*news), news.object().print.exact)),
        }
    }

    fn events(&self) -> Vec<Event> {
        match self {
            Heard::Events(events) => events.to_vec(),
            Heard::News(news) => vec![news.event()],
            Heard::Answer(letter) => match &letter.value {
                Letter::Answer(event) => vec![event.clone()],
                other => unreachable!("{other:?} is no answer"),
            },
        }
    }
}

/// Lets machines step, and remembers how they did: a step is a function of
/// machine, event and time, and most of what happens in a world does not change
/// the machine.
pub(crate) struct Stepper {
    pub(crate) flaw: Flaw,
    young: HashMap<Key, Arc<Stepped>>,
    old: HashMap<Key, Arc<Stepped>>,
    pub(crate) steps: u64,
}

type Key = (u64, u64, u64);

pub(crate) struct Stepped {
    pub(crate) seat: Arc<Seat>,
    pub(crate) letters: Vec<Arc<Printed<Letter>>>,
    pub(crate) logs_out: bool,
}

impl Stepper {
    /// Twice as many machines are kept, of some 30 KiB each.
    const REMEMBERED: usize = 4_000;

    pub(crate) fn new(flaw: Flaw) -> Stepper {
        Stepper {
            flaw,
            young: HashMap::new(),
            old: HashMap::new(),
            steps: 0,
        }
    }

    pub(crate) fn step(&mut self, seat: &Seat, heard: Heard<'_>, now: Monotonic) -> Arc<Stepped> {
        let key = (seat.print.exact, heard.exact(), now.0);
        if let Some(known) = self.young.get(&key) {
            return Arc::clone(known);
        }
        let stepped = match self.old.remove(&key) {
            Some(known) => known,
            None => Arc::new(self.step_anew(seat, &heard, now)),
        };
        if self.young.len() >= Self::REMEMBERED {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, Arc::clone(&stepped));
        stepped
    }

    fn step_anew(&mut self, seat: &Seat, heard: &Heard<'_>, now: Monotonic) -> Stepped {
        self.steps += 1;
        let mut machine = seat.machine.clone();
        let mut requests = Vec::new();
        for event in heard.events() {
            let event = self.flaw.heard(event);
            requests.extend(machine.step(event, clocks(now)));
        }
        let mut wake_ups = 0;
        // A runtime wakes it up at once, before anything else happens.
        while machine.deadline().is_some_and(|at| at <= now) && wake_ups < WAKE_UPS_MAX {
            wake_ups += 1;
            requests.extend(machine.step(Event::Time, clocks(now)));
        }
        let logs_out = requests.contains(&Request::Logout);
        let letters = requests
            .into_iter()
            .filter(|request| request.id().is_some())
            .map(|request| self.flaw.sent(&machine, request))
            .map(|request| Letter::Asked {
                request,
                late: false,
            });
        Stepped {
            letters: letters
                .map(|letter| Arc::new(Printed::new(letter)))
                .collect(),
            seat: Arc::new(Seat::of(machine, wake_ups == WAKE_UPS_MAX)),
            logs_out,
        }
    }
}

impl Seat {
    /// A machine that has seen nothing yet. `replica` if it needs a lease.
    pub(crate) fn new(run: String, replica: Option<String>, relists: bool, now: Monotonic) -> Seat {
        let config = Config {
            install: "scope".into(),
            run,
            replica,
            caps: Caps::default(),
        };
        let machine = Machine::new(config, clocks(now));
        let machine = if relists {
            machine
        } else {
            machine.without_regular_relists()
        };
        Seat::of(machine, false)
    }

    fn of(machine: Machine, hot: bool) -> Seat {
        Seat {
            deadline: machine.deadline(),
            print: Print::of(&machine),
            machine,
            hot,
        }
    }
}

/// The wall clock stands still: nothing in a scope waits by it, and a clock
/// that may jump may also stand.
pub(crate) fn clocks(monotonic: Monotonic) -> Now {
    Now {
        monotonic,
        utc: Timestamp(1_790_000_000_000),
    }
}

fn answered(event: &Event) -> Option<RequestId> {
    match event {
        Event::GroupAnswered { id, .. }
        | Event::LeaseFailed { id, .. }
        | Event::LoginAnswered { id, .. }
        | Event::Called { id, .. }
        | Event::Read { id, .. }
        | Event::Decided { id, .. } => Some(*id),
        Event::LeaseSeen { id, .. } => *id,
        _ => None,
    }
}
