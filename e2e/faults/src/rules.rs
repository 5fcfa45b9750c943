//! Which rules hit a call. They count the calls that they mean, each for itself.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Mutex, PoisonError};

use crate::action::Action;
use crate::call::Call;
use crate::plan::{Plan, Rule};

/// The rules of a plan with what they have counted.
#[derive(Debug)]
pub(crate) struct Rules {
    seed: u64,
    rules: Mutex<Vec<(Rule, u32)>>,
}

/// What happens to one call.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// The rules that hit it, by their place in the plan.
    pub(crate) rules: Vec<usize>,
    /// What it waits for.
    pub(crate) waits: Vec<Action>,
    /// What then happens.
    pub(crate) action: Option<Action>,
    /// A number that depends on the seed and on which call it is alone.
    pub(crate) chance: u64,
}

impl Rules {
    pub(crate) fn new(plan: Plan) -> Self {
        Self {
            seed: plan.seed,
            rules: Mutex::new(plan.rules.into_iter().map(|rule| (rule, 0)).collect()),
        }
    }

    /// Adds a rule, which counts from now on; gives its place.
    pub(crate) fn add(&self, rule: Rule) -> usize {
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        rules.push((rule, 0));
        rules.len() - 1
    }

    /// Forgets them all.
    pub(crate) fn clear(&self) {
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        rules.clear();
    }

    /// Counts a call. All rules that only put it off hit it, and of the others
    /// the first.
    pub(crate) fn on(&self, call: &Call) -> Verdict {
        let mut verdict = Verdict::default();
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        for (place, (rule, seen)) in rules.iter_mut().enumerate() {
            if !rule.on.fits(call) {
                continue;
            }
            *seen += 1;
            let last = match rule.times {
                0 => u32::MAX,
                times => rule.nth.saturating_add(times - 1),
            };
            let chance = chance(self.seed, place, *seen);
            let hits = (rule.nth..=last).contains(seen) && chance % 100 < u64::from(rule.percent);
            if !hits {
                continue;
            }
            if rule.act.only_waits() {
                verdict.waits.push(rule.act.clone());
            } else if verdict.action.is_none() {
                verdict.action = Some(rule.act.clone());
            } else {
                continue;
            }
            verdict.rules.push(place);
            verdict.chance = chance;
        }
        verdict
    }
}

/// The same for the same seed, rule and occurrence, whatever else happens.
fn chance(seed: u64, rule: usize, occurrence: u32) -> u64 {
    let mut hash = DefaultHasher::new();
    (seed, rule, occurrence).hash(&mut hash);
    hash.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Pattern;

    fn call(verb: &str) -> Call {
        Call {
            verb: verb.into(),
            ..Call::default()
        }
    }

    fn hits(rules: &Rules, verb: &str, calls: usize) -> Vec<usize> {
        let hit = |_: &usize| rules.on(&call(verb)).action.is_some();
        (1..=calls).filter(hit).collect()
    }

    fn rule(nth: u32, times: u32, percent: u8) -> Rules {
        let rule = Rule {
            nth,
            times,
            percent,
            ..Rule::once(Pattern::verb("update"), Action::Refuse)
        };
        Rules::new(Plan::of(rule))
    }

    #[test]
    fn a_rule_hits_the_occurrences_that_it_names_and_no_other_call() {
        assert_eq!(hits(&rule(2, 3, 100), "update", 9), [2, 3, 4]);
        assert_eq!(hits(&rule(8, 0, 100), "update", 9), [8, 9]);
        assert_eq!(hits(&rule(1, 0, 100), "patch", 9), Vec::<usize>::new());
    }

    #[test]
    fn chance_is_the_seeds_alone() {
        let first = hits(&rule(1, 0, 30), "update", 1_000);
        assert_eq!(first, hits(&rule(1, 0, 30), "update", 1_000));
        assert!((200..400).contains(&first.len()), "{}", first.len());
    }

    #[test]
    fn rules_that_were_forgotten_hit_nothing() {
        let rules = rule(1, 0, 100);
        rules.clear();
        assert_eq!(hits(&rules, "update", 9), Vec::<usize>::new());
    }

    #[test]
    fn a_call_may_be_put_off_by_one_rule_and_hit_by_another() {
        let rules = rule(1, 0, 100);
        let delay = Action::Delay {
            ms: 5,
            up_to_ms: None,
        };
        rules.add(Rule::once(Pattern::default(), delay));
        let verdict = rules.on(&call("update"));
        assert_eq!((verdict.rules, verdict.waits.len()), (vec![0, 1], 1));
        assert_eq!(verdict.action, Some(Action::Refuse));
    }
}
