//! Actions concern members of the group. Being a member is proven by the marker
//! on the VM, before it stands in the observation.

use super::Rule;
use super::situation::Situation;
use crate::plan::Violation;
use crate::text::one_line;

pub(super) fn check(situation: &Situation<'_>, found: &mut Vec<Violation>) {
    for action in &situation.plan.actions {
        let Some(id) = action.effect.member() else {
            continue;
        };
        if situation.member(&action.effect).is_none() {
            let (kind, id) = (action.effect.kind(), one_line(id, 80));
            found.push(Rule::Ownership.violation(format!(
                "{kind} {id}: the group has no such member; use the ids of the observation"
            )));
        }
    }
}
