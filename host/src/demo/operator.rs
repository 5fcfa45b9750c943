//! The operator in the simulated world: the real state machine, with somebody
//! who listens at the door.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use vmgroup_core::group::GroupKey;
use vmgroup_core::plan::Answer;
use vmgroup_core::render;
use vmgroup_core::time::{Monotonic, Now};
use vmgroup_reconcile::Machine;
use vmgroup_reconcile::event::{DecideResult, Event};
use vmgroup_reconcile::machine::Config;
use vmgroup_reconcile::request::{Request, RequestId};
use vmgroup_sim::host::Host;

use super::screen::{Actor, Line};

/// Notes about what module, vCenter and cluster are shown doing themselves.
const TOLD_BY_OTHERS: [&str; 4] = ["committed", "done", "finalizer removed", "group gone"];

/// What has been overheard and not been read yet.
pub(crate) type Overheard = Rc<RefCell<Vec<Line>>>;

/// The state machine, overheard.
pub(crate) struct Operator {
    machine: Machine,
    asked: BTreeMap<RequestId, GroupKey>,
    overheard: Overheard,
}

impl Operator {
    /// One that acts without a lease.
    pub(crate) fn new(now: Now, overheard: Overheard) -> Operator {
        let config = Config {
            install: "demo".into(),
            run: "demo".into(),
            replica: None,
            caps: vmgroup_reconcile::machine::Caps::default(),
        };
        Operator {
            machine: Machine::new(config, now),
            asked: BTreeMap::new(),
            overheard,
        }
    }

    fn overhear(&mut self, event: &Event, now: Now) {
        let Event::Decided { id, result, .. } = event else {
            return;
        };
        let Some(group) = self.asked.remove(id) else {
            return;
        };
        let texts: Vec<String> = match result {
            DecideResult::Answered(Answer::Plan(plan)) => plan
                .actions
                .iter()
                .map(|action| {
                    let effect = render::effect(&action.effect);
                    format!(
                        "{effect} ({}: {})",
                        action.reason.code, action.reason.message
                    )
                })
                .collect(),
            DecideResult::Answered(Answer::Refusal(refusal)) => vec![render::refusal(refusal)],
            DecideResult::Failed { message, .. } => vec![format!("no decision: {message}")],
        };
        for text in texts {
            self.add(now, Actor::Module, Some(&group), text);
        }
    }

    fn add(&self, now: Now, actor: Actor, group: Option<&GroupKey>, text: String) {
        self.overheard.borrow_mut().push(Line {
            at: now.monotonic,
            actor,
            group: group.map(|key| key.name.clone()),
            text,
        });
    }
}

impl Host for Operator {
    fn step(&mut self, event: Event, now: Now) -> Vec<Request> {
        self.overhear(&event, now);
        let requests = self.machine.step(event, now);
        for request in &requests {
            match request {
                Request::Decide { id, group, .. } => {
                    self.asked.insert(*id, group.clone());
                }
                Request::Note(note) if !TOLD_BY_OTHERS.contains(&note.what) => {
                    let text = match (note.what, note.detail.as_str()) {
                        ("stands", detail) => detail.to_owned(),
                        (what, "") => what.to_owned(),
                        (what, detail) => format!("{what}: {detail}"),
                    };
                    self.add(now, Actor::Operator, note.group.as_ref(), text);
                }
                _ => {}
            }
        }
        requests
    }

    fn deadline(&self) -> Option<Monotonic> {
        self.machine.deadline()
    }
}
