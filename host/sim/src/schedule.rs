//! A schedule: what people do, what goes wrong, and when, as data. It is drawn
//! from a seed, run in a world of its own, printed, and shrunk when it breaks
//! something.

use vmgroup_core::time::Monotonic;
use vmgroup_reconcile::Machine;
use vmgroup_reconcile::event::ActiveModule;
use vmgroup_reconcile::machine::{Caps, Config};

use crate::deed::Deed;
use crate::faults::{Fault, FaultPlan, LossRates};
use crate::host::{Decide, Host};
use crate::options::{Options, Refuses, VCenterOptions};
use crate::trace::Detail;
use crate::world::{Factory, World};

mod profile;

mod draw;

mod run;

mod repair;

mod shrink;

mod text;

pub use profile::{Comparison, Profile};
pub use run::{Cast, Counts, Run};
pub use shrink::{Shrunk, explain, shrink};

/// What happens in one run.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// Fixes every draw of the world, and what was drawn here.
    pub seed: u64,
    /// What it was drawn for.
    pub profile: Profile,
    /// How many hosts run.
    pub hosts: usize,
    /// Answers lost at random.
    pub losses: LossRates,
    /// Deeds and faults; their order says nothing.
    pub items: Vec<Item>,
    /// What its vCenter is like.
    pub ways: Ways,
    /// At the end every group is deleted.
    pub deletes_all: bool,
}

/// In what vCenters differ that work alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ways {
    /// Faults that need no work come as the call's answer and not by a task.
    pub refuses_at_call: bool,
    /// Tasks do not tell which call began them.
    pub nameless_tasks: bool,
    /// Members take processors and memory while they run.
    pub hot_add: bool,
    /// They are said to, and vCenter refuses it.
    pub refuses_hot: bool,
    /// What is cloned has no VMware Tools.
    pub no_tools: bool,
}

/// One thing that happens.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// Somebody does something at that time.
    Deed(Monotonic, Deed),
    /// Something goes wrong.
    Fault(Fault),
}

impl Item {
    /// Something goes wrong.
    pub fn is_fault(&self) -> bool {
        matches!(self, Item::Fault(_))
    }
}

impl Schedule {
    /// The same without anything that goes wrong.
    #[must_use]
    pub fn without_faults(&self) -> Schedule {
        let items = self.items.iter().filter(|item| !item.is_fault());
        Schedule {
            losses: LossRates::default(),
            items: items.cloned().collect(),
            ..self.clone()
        }
    }

    /// The same without swaps of modules.
    #[must_use]
    pub fn without_swaps(&self) -> Schedule {
        let swap = |item: &&Item| matches!(item, Item::Deed(_, Deed::Swap(..)));
        let items = self.items.iter().filter(|item| !swap(item));
        Schedule {
            items: items.cloned().collect(),
            ..self.clone()
        }
    }

    /// The real operator in every seat, with a lease if the profile has one.
    pub fn operators(&self) -> Factory {
        let leased = self.profile.leased && self.hosts > 1;
        Box::new(move |host, life, now| -> Box<dyn Host> {
            let config = Config {
                install: "sim".into(),
                run: format!("host-{host}-{life}"),
                replica: leased.then(|| format!("host-{host}")),
                caps: Caps::default(),
            };
            Box::new(Machine::new(config, now))
        })
    }

    /// A world in which this happens. `modules` are active at the beginning.
    pub fn world<D: Decide>(
        &self,
        decide: D,
        modules: Vec<ActiveModule>,
        factory: Factory,
        trace: Detail,
    ) -> World<D> {
        let faults = self.items.iter().filter_map(|item| match item {
            Item::Fault(fault) => Some(fault.clone()),
            Item::Deed(..) => None,
        });
        let faults = FaultPlan::new(faults.collect()).with_losses(self.losses);
        let options = Options {
            seed: self.seed,
            hosts: self.hosts,
            modules,
            trace,
            vcenter: VCenterOptions {
                refuse_at_call: self.ways.refuses_at_call,
                tells_operations: !self.ways.nameless_tasks,
                hot_add: self.ways.hot_add,
                refuses_hardware: if self.ways.refuses_hot {
                    Refuses::Running
                } else {
                    Refuses::Never
                },
                tools: !self.ways.no_tools,
                ..VCenterOptions::default()
            },
            ..Options::default()
        };
        let mut world = World::new(options, faults, decide, factory);
        for item in &self.items {
            if let Item::Deed(at, deed) = item {
                world.plan_deed(*at, deed.clone());
            }
        }
        world
    }
}
