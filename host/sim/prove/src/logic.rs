//! The module's place without a sandbox: the same source, and logics that fail
//! or mislead.

use std::collections::BTreeMap;

use vmgroup_core::observation::Observation;
use vmgroup_core::outcome::Outcome;
use vmgroup_core::plan::{Action, Answer, Effect, Plan, Reason};
use vmgroup_reconcile::event::{ActiveModule, DecideResult};
use vmgroup_sim::host::{Decide, no_module};
use vmgroup_sim::schedule::{Cast, Schedule};

/// The module that a poisoned group names.
const POISON: &str = "poison";

/// Who decides, natively.
pub struct Native {
    /// By the module's name; none for the default one.
    active: BTreeMap<Option<String>, Logic>,
}

/// What can be in a module's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Logic {
    /// The built-in module.
    Default,
    /// The built-in module under another digest.
    Twin,
    /// The example that fills one slot at a time.
    OneByOne,
    /// It fails.
    Traps,
    /// It gives no plan.
    Refuses,
    /// It wants every member deleted.
    DeletesAll,
    /// It wants a hundred slots filled.
    ClonesWithoutEnd,
}

impl Logic {
    const ALL: &'static [(&'static str, Logic)] = &[
        ("default", Logic::Default),
        ("twin", Logic::Twin),
        ("one-by-one", Logic::OneByOne),
        ("traps", Logic::Traps),
        ("refuses", Logic::Refuses),
        ("deletes-all", Logic::DeletesAll),
        ("clones-without-end", Logic::ClonesWithoutEnd),
    ];

    /// The logic of that name.
    pub fn named(name: &str) -> Option<Logic> {
        let found = Logic::ALL.iter().find(|(known, _)| *known == name);
        found.map(|(_, logic)| *logic)
    }

    /// Stands for the module's sha256.
    pub fn digest(self) -> String {
        format!("sha256:{:064x}", self as u32 + 1)
    }

    /// It as the module of that name.
    pub fn active(self, name: Option<&str>) -> ActiveModule {
        let description = match self {
            Logic::OneByOne => vmgroup_native::one_by_one_description(),
            _ => vmgroup_native::built_in_description(),
        };
        ActiveModule {
            name: name.map(str::to_owned),
            digest: self.digest(),
            description,
        }
    }

    pub(crate) fn decide(self, observation: &Observation) -> DecideResult {
        let answer = match self {
            Logic::Default | Logic::Twin => vmgroup_native::decide(observation),
            Logic::OneByOne => vmgroup_native::decide_one_by_one(observation),
            Logic::Traps => {
                return DecideResult::Failed {
                    label: Outcome::Trap.as_str(),
                    message: "the module trapped: unreachable".into(),
                };
            }
            Logic::Refuses => Answer::Refusal(vmgroup_core::plan::Refusal {
                reason: reason("refused"),
                next_look: None,
            }),
            Logic::DeletesAll => {
                let all = observation.members.iter();
                plan(all.map(|it| Effect::Delete(it.id.clone())).collect())
            }
            Logic::ClonesWithoutEnd => plan((0..100).map(Effect::Clone).collect()),
        };
        DecideResult::Answered(answer)
    }
}

impl Default for Native {
    fn default() -> Self {
        Native { active: at_first() }
    }
}

impl Decide for Native {
    fn decide(&mut self, module: Option<&str>, seen: &Observation) -> (String, DecideResult) {
        let place = module.map(str::to_owned);
        let Some(logic) = self.active.get(&place) else {
            return no_module();
        };
        (logic.digest(), logic.decide(seen))
    }

    fn swap(&mut self, module: Option<&str>, logic: &str) -> Option<ActiveModule> {
        let logic = Logic::named(logic)?;
        self.active.insert(module.map(str::to_owned), logic);
        Some(logic.active(module))
    }
}

/// What every name stands for when a host starts.
pub(crate) fn at_first() -> BTreeMap<Option<String>, Logic> {
    let names = [None, Some("built-in"), Some(POISON)];
    let all = names.map(|name| (name.map(str::to_owned), Logic::Default));
    all.into()
}

/// Modules that are active when a host starts.
pub fn modules() -> Vec<ActiveModule> {
    let all = at_first().into_iter();
    all.map(|(name, logic)| logic.active(name.as_deref()))
        .collect()
}

/// What runs in a schedule's world, natively.
pub fn cast(schedule: &Schedule) -> Cast<Native> {
    Cast {
        decide: Native::default(),
        modules: modules(),
        factory: schedule.operators(),
    }
}

fn plan(effects: Vec<Effect>) -> Answer {
    let actions = effects.into_iter().map(|effect| Action {
        effect,
        reason: reason("scale-up"),
    });
    Answer::Plan(Plan {
        actions: actions.collect(),
        ..Plan::default()
    })
}

fn reason(code: &str) -> Reason {
    Reason {
        code: code.into(),
        message: "because it wants to".into(),
    }
}
