//! When much of a vCenter vanished at once, the view is the first suspect:
//! nothing is cloned or deleted until a person has looked.

use std::collections::BTreeSet;

use super::Circumstances;
use super::situation::{Situation, is_delete};
use crate::plan::Effect;

/// All clones and deletes, after a mass loss.
pub(super) fn held(situation: &Situation<'_>, circumstances: &Circumstances) -> BTreeSet<Effect> {
    if !circumstances.mass_loss {
        return BTreeSet::new();
    }
    let effects = situation.plan.actions.iter().map(|action| &action.effect);
    effects
        .filter(|effect| is_delete(effect) || matches!(effect, Effect::Clone(_)))
        .cloned()
        .collect()
}
