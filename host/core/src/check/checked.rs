//! A plan that has passed: the only form in which one is carried out.

use std::collections::BTreeSet;

use serde::Serialize;

use super::situation::Situation;
use super::{Circumstances, Rule, Verdict, budget};
use crate::limits::{HELD_LINES_MAX, NEXT_LOOK_MS_MAX, NEXT_LOOK_MS_MIN};
use crate::names::hex_digest;
use crate::observation::{Budget, Desired, Phase, PowerWish, Slot};
use crate::plan::{Action, Effect, NextLook, Plan};
use crate::status::HeldPlan;
use crate::time::Timestamp;

/// A plan, or the part of one, that no rule stops. Only `check` makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedPlan {
    actions: Vec<CheckedAction>,
    next_look: Option<NextLook>,
    memo: Option<String>,
    notes: Vec<String>,
    approval: Option<String>,
}

/// An action and the slot that it concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedAction {
    /// The slot.
    pub slot: Slot,
    /// What, and why.
    pub action: Action,
    /// What it takes from the budgets. An approved effect costs nothing: the approval is for
    /// what they do not cover.
    pub cost: Spending,
}

/// What is taken from a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spending {
    /// Deletes.
    pub deletes: u32,
    /// Other disruptions.
    pub disruptions: u32,
    /// Deletes that the owner's scale-down pays for.
    pub scaled_down: u32,
}

/// The part of a plan that waits for a person's approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// What an approval has to name.
    pub effects_digest: String,
    /// The rules that hold it.
    pub rules: Vec<Rule>,
    /// What waits, in the order of execution.
    pub actions: Vec<CheckedAction>,
}

impl CheckedPlan {
    /// In the order of execution: what brings members up, then what leaves them
    /// up, then what takes them down; by slot within each.
    pub fn actions(&self) -> &[CheckedAction] {
        &self.actions
    }

    /// When to look again, within the host's limits.
    pub fn next_look(&self) -> Option<&NextLook> {
        self.next_look.as_ref()
    }

    /// What to remember.
    pub fn memo(&self) -> Option<&str> {
        self.memo.as_deref()
    }

    /// Remarks for people.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// What it takes from the budgets.
    pub fn spending(&self) -> Spending {
        let costs = self.actions.iter().map(|checked| checked.cost);
        costs.fold(Spending::default(), Spending::and)
    }

    /// The approval that was needed, which is used up when the plan is committed.
    pub fn approval(&self) -> Option<&str> {
        self.approval.as_deref()
    }
}

impl Held {
    /// What waits.
    pub fn effects(&self) -> impl Iterator<Item = &Effect> {
        self.actions.iter().map(|held| &held.action.effect)
    }

    /// As it stands in the status.
    pub fn to_status(&self) -> HeldPlan {
        HeldPlan {
            effects_digest: self.effects_digest.clone(),
            rules: self
                .rules
                .iter()
                .map(|rule| rule.as_str().to_owned())
                .collect(),
            effects: self
                .actions
                .iter()
                .take(HELD_LINES_MAX)
                .map(|held| crate::render::effect_in_slot(&held.action.effect, held.slot))
                .collect(),
            more: u32::try_from(self.actions.len().saturating_sub(HELD_LINES_MAX))
                .unwrap_or(u32::MAX),
        }
    }
}

impl Spending {
    /// What is left of `self`; none if it does not suffice.
    pub fn less(self, cost: Spending) -> Option<Spending> {
        Some(Spending {
            deletes: self.deletes.checked_sub(cost.deletes)?,
            disruptions: self.disruptions.checked_sub(cost.disruptions)?,
            scaled_down: self.scaled_down.checked_sub(cost.scaled_down)?,
        })
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Spending) -> Spending {
        Spending {
            deletes: self.deletes.saturating_add(other.deletes),
            disruptions: self.disruptions.saturating_add(other.disruptions),
            scaled_down: self.scaled_down.saturating_add(other.scaled_down),
        }
    }
}

/// Divides a plan without violations into what goes on and what is held.
pub(super) fn divide(
    situation: &Situation<'_>,
    holding: &[(Rule, BTreeSet<Effect>)],
    circumstances: &Circumstances,
) -> Verdict {
    let held: BTreeSet<&Effect> = holding.iter().flat_map(|(_, effects)| effects).collect();
    let all = in_order(situation, &held);
    let (waiting, going): (Vec<_>, Vec<_>) = all
        .iter()
        .cloned()
        .partition(|checked| held.contains(&checked.action.effect));
    let plan = CheckedPlan {
        actions: going,
        next_look: situation.plan.next_look.as_ref().map(within_limits),
        memo: situation.plan.memo.clone(),
        notes: situation.plan.notes.clone(),
        approval: None,
    };
    if waiting.is_empty() {
        return Verdict::Clear(plan);
    }
    let effects_digest = digest(situation, &circumstances.wanted, &held);
    if circumstances.approved.contains(&effects_digest) {
        return Verdict::Clear(CheckedPlan {
            actions: all,
            approval: Some(effects_digest),
            ..plan
        });
    }
    let rules = holding.iter().filter(|(_, effects)| !effects.is_empty());
    let rules = rules.map(|(rule, _)| *rule).collect();
    Verdict::Held {
        now: plan,
        held: Held {
            effects_digest,
            rules,
            actions: waiting,
        },
    }
}

fn in_order(situation: &Situation<'_>, held: &BTreeSet<&Effect>) -> Vec<CheckedAction> {
    let Plan { actions, .. } = situation.plan;
    let mut checked: Vec<_> = actions
        .iter()
        .map(|action| CheckedAction {
            slot: situation
                .slot(&action.effect)
                .expect("a plan without violations has slots"),
            action: action.clone(),
            cost: match held.contains(&action.effect) {
                true => Spending::default(),
                false => budget::cost(situation, &action.effect),
            },
        })
        .collect();
    checked.sort_by_key(|checked| (place(&checked.action.effect), checked.slot));
    checked
}

/// Place in the order of execution.
fn place(effect: &Effect) -> u8 {
    match effect {
        Effect::PowerOn(_) => 0,
        Effect::Clone(_) => 1,
        Effect::Reconfigure(_) => 2,
        Effect::PowerOff(_) | Effect::Suspend(_) => 3,
        Effect::Delete(_) => 4,
    }
}

fn within_limits(next_look: &NextLook) -> NextLook {
    let after_ms = next_look.after_ms.clamp(NEXT_LOOK_MS_MIN, NEXT_LOOK_MS_MAX);
    NextLook {
        after_ms,
        ..next_look.clone()
    }
}

/// What an approval names: these effects, for what the owner asked for when
/// they were held. The budget is left out, because it changes by itself, and since when the power
/// state is wanted, because the clock may be set.
fn digest(situation: &Situation<'_>, wanted: &str, effects: &BTreeSet<&Effect>) -> String {
    #[derive(Serialize)]
    struct Named<'a> {
        phase: Phase,
        desired: Desired,
        wanted: &'a str,
        effects: &'a BTreeSet<&'a Effect>,
    }
    let observation = situation.observation;
    let budget = Budget {
        deletes: 0,
        disruptions: 0,
        scaled_down: 0,
        window_ends: Timestamp(0),
    };
    let desired = &observation.desired;
    let power = PowerWish {
        since: Timestamp(0),
        ..desired.power
    };
    let desired = Desired {
        budget,
        power,
        ..desired.clone()
    };
    let named = Named {
        phase: observation.context.phase,
        desired,
        wanted,
        effects,
    };
    let text = serde_json::to_string(&named).expect("effects have only strings and numbers");
    format!("sha256:{}", hex_digest(&text))
}
