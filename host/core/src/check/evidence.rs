//! Nothing follows from a view that has holes or is old: what is not seen may
//! exist, what is seen may be gone.

use super::Rule;
use super::situation::{Situation, interrupts, is_delete, listed};
use crate::limits::VIEW_AGE_MS_MAX;
use crate::observation::Phase;
use crate::plan::{Effect, Violation};

pub(super) fn check(situation: &Situation<'_>, found: &mut Vec<Violation>) {
    let observation = situation.observation;
    let age_ms = observation.context.now.since(observation.as_of);
    let problem = if observation.context.phase == Phase::Unknown {
        "it is not known whether the group is wanted".to_owned()
    } else if !observation.complete {
        "the view of vCenter is incomplete; wait until it is complete".to_owned()
    } else if age_ms > VIEW_AGE_MS_MAX {
        format!("the view of vCenter is {age_ms} ms old, the limit is {VIEW_AGE_MS_MAX} ms")
    } else {
        return;
    };
    let needs_evidence = |effect: &Effect| match effect {
        Effect::Clone(_) => true,
        effect if is_delete(effect) => true,
        effect => situation
            .member(effect)
            .is_some_and(|member| interrupts(effect, member)),
    };
    let effects = situation.plan.actions.iter().map(|action| &action.effect);
    let effects: Vec<_> = effects
        .filter(|effect| needs_evidence(effect))
        .map(crate::render::effect)
        .collect();
    if !effects.is_empty() {
        found.push(Rule::Evidence.violation(format!("{}: {problem}", listed(effects))));
    }
}
