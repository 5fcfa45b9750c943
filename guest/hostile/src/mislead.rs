//! Plans that a host must refuse.

use vmgroup_sdk::{Action, Effect, Observation, Plan};

fn plan(actions: impl IntoIterator<Item = Action>) -> Plan {
    Plan {
        actions: actions.into_iter().collect(),
        ..Plan::default()
    }
}

fn hostile(effect: Effect) -> Action {
    effect.because("hostile", "")
}

pub(crate) fn many_actions() -> Plan {
    plan((0..1_000_000).map(|slot| hostile(Effect::Clone(slot))))
}

pub(crate) fn foreign_member() -> Plan {
    plan([hostile(Effect::Delete("vm-of-somebody-else".into()))])
}

pub(crate) fn delete_all(seen: &Observation) -> Plan {
    plan(
        seen.members
            .iter()
            .map(|m| hostile(Effect::Delete(m.id.clone()))),
    )
}

pub(crate) fn clone_beyond_bounds(seen: &Observation) -> Plan {
    let end = u32::try_from(seen.slot_bound()).unwrap_or(u32::MAX);
    plan((0..end.saturating_add(3)).map(|slot| hostile(Effect::Clone(slot))))
}

pub(crate) fn contradictory(seen: &Observation) -> Plan {
    plan(seen.members.iter().flat_map(|m| {
        [
            hostile(Effect::PowerOn(m.id.clone())),
            hostile(Effect::Delete(m.id.clone())),
        ]
    }))
}

pub(crate) fn nonsense_reasons(seen: &Observation) -> Plan {
    let slot = seen.free_slots().next().unwrap_or_default();
    let message = "\u{0}\u{7}\u{1b}[2J\u{202e}".repeat(100_000);
    let mut plan = plan([Effect::Clone(slot).because("\u{1b}[31mCODE \n", message)]);
    plan.notes = vec!["\r\n\u{1b}]0;title\u{7}".into()];
    plan
}

pub(crate) fn flip_flop(seen: &Observation) -> Plan {
    let deleted = seen.context.memo.as_deref() == Some("deleted");
    let effect = match seen.members.first() {
        Some(member) if !deleted => Some(Effect::Delete(member.id.clone())),
        _ => seen.free_slots().next().map(Effect::Clone),
    };
    let mut plan = plan(effect.map(hostile));
    plan.memo = Some(if deleted { "cloned" } else { "deleted" }.into());
    plan
}

pub(crate) fn giant_memo() -> Plan {
    Plan {
        memo: Some("m".repeat(1 << 20)),
        ..Plan::default()
    }
}

#[cfg(test)]
mod tests {
    use vmgroup_sdk::testing::{member, observation};

    use super::*;

    #[test]
    fn the_plan_flips_with_the_memo() {
        let mut seen = observation(2);
        seen.desired.max_surge = 1;
        seen.members = vec![member(0), member(1)];
        let first = flip_flop(&seen);
        assert_eq!(first.actions[0].effect, Effect::Delete("vm-0".into()));
        seen.context.memo = first.memo;
        assert_eq!(flip_flop(&seen).actions[0].effect, Effect::Clone(2));
    }

    #[test]
    fn contradictory_plans_name_every_member_twice() {
        let mut seen = observation(1);
        seen.members = vec![member(0)];
        assert_eq!(contradictory(&seen).actions.len(), 2);
    }
}
