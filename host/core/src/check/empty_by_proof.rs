//! Only slots that are proven empty are cloned: the host lists a member for
//! every slot whose VM it cannot prove gone. A delete in the same plan proves
//! nothing yet.

use super::Rule;
use super::situation::Situation;
use crate::plan::Violation;

pub(super) fn check(situation: &Situation<'_>, found: &mut Vec<Violation>) {
    let clones = situation.clones();
    for member in &situation.observation.members {
        if clones.contains(&member.slot) {
            let (slot, id) = (member.slot, &member.id);
            found.push(Rule::EmptyByProof.violation(format!(
                "clone slot {slot}: {id} holds the slot; it is free when {id} is no longer observed"
            )));
        }
    }
}
