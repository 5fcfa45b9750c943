//! Rules that no module can lift. One file a family; each reads the situation
//! and adds what it finds, so that a module's author learns of everything that
//! is wrong with a plan at once.
//!
//! A *violation* refuses the whole plan. Effects beyond a budget, and clones and
//! deletes after a mass loss, are *held*: the rest of the plan goes on, they
//! wait for a person's approval.

mod situation;

mod ownership;

mod empty_by_proof;

mod bounds;

mod justified_delete;

mod disruption;

mod holds;

mod evidence;

mod one_at_a_time;

mod size;

mod budget;

mod mass_loss;

mod checked;

use std::collections::BTreeSet;

pub use checked::{CheckedAction, CheckedPlan, Held, Spending};

use crate::observation::{Observation, words};
use crate::plan::{Plan, Violation};
use situation::Situation;

words!(
    /// A rule, by the id that violations and held plans name.
    Rule { /// Actions concern members of the group.
        Ownership = "ownership", /// Only slots that are proven empty are cloned.
        EmptyByProof = "empty-by-proof", /// No more VMs than the owner allows.
        Bounds = "bounds", /// Nothing is deleted without a reason.
        JustifiedDelete = "justified-delete", /// Nothing is taken down without a reason, nor too much.
        Disruption = "disruption", /// Nothing is destroyed that the clone did not create.
        Disks = "disks", /// Nothing is done to a VM that is held.
        HandsOff = "hands-off", /// Only so much is taken down in a time.
        Budget = "budget", /// Much that vanished at once is not replaced.
        MassLoss = "mass-loss", /// Nothing follows from a view with holes.
        Evidence = "evidence", /// One action per slot.
        OneAtATime = "one-at-a-time", /// Numbers and lengths.
        Size = "size" });

impl Rule {
    /// A violation of this rule.
    pub fn violation(self, message: impl Into<String>) -> Violation {
        Violation {
            rule: self.as_str().to_owned(),
            message: message.into(),
        }
    }
}

/// What the rules need to know beside the observation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Circumstances {
    /// Many members of this vCenter vanished lately.
    pub mass_loss: bool,
    /// The template and hardware that the owner wants, by their hash, and for which identity.
    pub wanted: String,
    /// Digests of held effects that a person approved and nobody used yet.
    pub approved: BTreeSet<String>,
    /// The reason codes that the module says it may use; none to allow any.
    pub reason_codes: Option<BTreeSet<String>>,
}

/// What the rules make of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// All of it may be carried out.
    Clear(CheckedPlan),
    /// Part of it waits for an approval.
    Held {
        /// What may be carried out.
        now: CheckedPlan,
        /// What waits.
        held: Held,
    },
    /// Nothing of it may be carried out. Never empty; sorted.
    Refused(Vec<Violation>),
}

impl Verdict {
    /// What may be carried out, if anything may.
    pub fn checked(&self) -> Option<&CheckedPlan> {
        match self {
            Verdict::Clear(plan) | Verdict::Held { now: plan, .. } => Some(plan),
            Verdict::Refused(_) => None,
        }
    }

    /// Ids of the rules that refuse or hold, each once, in the order of the ids.
    pub fn rules(&self) -> BTreeSet<String> {
        match self {
            Verdict::Clear(_) => BTreeSet::new(),
            Verdict::Held { held, .. } => held
                .rules
                .iter()
                .map(|rule| rule.as_str().to_owned())
                .collect(),
            Verdict::Refused(violations) => violations
                .iter()
                .map(|violation| violation.rule.clone())
                .collect(),
        }
    }
}

/// Holds a plan against all rules.
pub fn check(observation: &Observation, plan: &Plan, circumstances: &Circumstances) -> Verdict {
    let situation = Situation::new(observation, plan);
    let mut found = Vec::new();
    ownership::check(&situation, &mut found);
    empty_by_proof::check(&situation, &mut found);
    bounds::check(&situation, &mut found);
    justified_delete::check(&situation, &mut found);
    disruption::check(&situation, &mut found);
    holds::check(&situation, &mut found);
    evidence::check(&situation, &mut found);
    one_at_a_time::check(&situation, &mut found);
    size::check(&situation, circumstances, &mut found);
    if !found.is_empty() {
        found.sort();
        return Verdict::Refused(found);
    }
    checked::divide(
        &situation,
        &[
            (Rule::Budget, budget::held(&situation)),
            (Rule::MassLoss, mass_loss::held(&situation, circumstances)),
        ],
        circumstances,
    )
}

#[cfg(test)]
mod tests;
