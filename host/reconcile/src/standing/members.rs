//! What is said of members that are not as they should be: who they are, what keeps them so, and
//! what waits for it.

use vmgroup_core::observation::{
    Desired, Drift, HealPolicy, Health, Hold, Member, Observation, Parking, PowerDriftPolicy,
    PowerState, UpdatePolicy,
};
use vmgroup_core::plan::Effect;

use crate::alone::held_member;
use crate::drift::is_to_be_updated;

/// The member that is worst off, what keeps it so, and what waits for it, as the end of a
/// sentence.
pub(super) fn unready(observation: &Observation) -> String {
    let desired = &observation.desired;
    let is_off = |member: &Member| member.power != desired.power.state;
    let ill = |member: &&Member| match member.health {
        Health::Failed => 3,
        Health::Unready => 2,
        Health::Starting => 1,
        Health::Ready | Health::Unknown => 0,
    };
    let worst = observation.members.iter().rev().max_by_key(ill);
    let Some(worst) = worst.filter(|it| ill(it) > 0) else {
        return String::new();
    };
    let state = match worst.health {
        _ if worst.holds.contains(&Hold::Question) => {
            "waits in vCenter for a question to be answered".into()
        }
        _ if is_off(worst) => format!("is {}", worst.power),
        Health::Failed => "has failed: its heartbeat is red".into(),
        Health::Unready => "is unready: its guest falters, or has fallen silent".into(),
        _ => "has yet to come up".into(),
    };
    let enforces = desired.power.drift != PowerDriftPolicy::Report;
    let held = held(observation, |member| {
        let broken = matches!(member.health, Health::Failed | Health::Unready);
        if is_off(member) {
            let comes_back = enforces || member.health == Health::Starting;
            (comes_back && desired.power.state == PowerState::On)
                .then(|| Effect::PowerOn(member.id.clone()))
        } else {
            (broken && desired.heal == HealPolicy::Replace).then(|| delete(member))
        }
    });
    let is_left = is_off(worst)
        && worst.health == Health::Unready
        && desired.parking == Parking::Forbidden
        && !enforces;
    let left = if is_left {
        "; spec.drift.power.policy leaves that to a person"
    } else {
        ""
    };
    let waiting = outdated(observation).map_or_else(String::new, |what| format!("; {what}"));
    let (id, slot) = (&worst.id, worst.slot);
    format!("; VM {id} of slot {slot} {state}{left}{held}{waiting}")
}

/// What is to be updated, and what stands in the way.
pub(super) fn outdated(observation: &Observation) -> Option<String> {
    let desired = &observation.desired;
    let members = observation.members.iter();
    let outdated = members
        .filter(|it| is_to_be_updated(desired.update, it.drift))
        .count();
    if outdated == 0 {
        return None;
    }
    let held = held(observation, |member| update(desired, member));
    let none_may = desired.max_unavailable == 0 && desired.spares == 0;
    let is_cycled = |member: &Member| {
        desired.update == UpdatePolicy::PowerCycle && member.drift == Drift::PowerCycle
    };
    let all_stay = desired.min_alive >= desired.replicas.saturating_add(desired.spares);
    let cycles = held.is_empty() && observation.members.iter().any(is_cycled);
    let why = match (cycles, none_may, all_stay) {
        (true, true, _) => {
            "; maxUnavailable is 0, so that none may be powered off for it: raise it, or add a spare"
        }
        (true, _, true) => {
            "; minAlive is as many, so that none may be powered off for it: lower it, or add a spare"
        }
        _ => &held,
    };
    let wanted = desired.replicas;
    Some(format!(
        "{outdated} of {wanted} replicas are to be updated{why}"
    ))
}

/// Why that is not done, as the end of a sentence.
pub(super) fn held(
    observation: &Observation,
    effect: impl Fn(&Member) -> Option<Effect>,
) -> String {
    let why = held_member(observation, effect);
    why.map_or_else(String::new, |why| format!("; {why}"))
}

pub(super) fn delete(member: &Member) -> Effect {
    Effect::Delete(member.id.clone())
}

/// How the member is brought to the spec, if that is waited for.
fn update(desired: &Desired, member: &Member) -> Option<Effect> {
    if !is_to_be_updated(desired.update, member.drift) {
        return None;
    }
    let takes_a_new_one = match member.drift {
        Drift::PowerCycle => {
            desired.update == UpdatePolicy::RollingReplace && desired.max_unavailable == 0
        }
        drift => drift == Drift::Replace,
    };
    Some(if takes_a_new_one {
        delete(member)
    } else {
        Effect::Reconfigure(member.id.clone())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::standing::but_for_failures;
    use crate::standing::tests::{observation, with};

    #[test]
    fn what_stands_in_the_way_of_an_update_is_said_and_nothing_else() {
        let cycle = || json!({ "update": "power-cycle" });
        for (desired, hold, drift, expected) in [
            (
                json!({ "update": "rolling-replace" }),
                "foreign-disk",
                "replace",
                "to be updated; delete vm-0: it has a disk",
            ),
            (
                cycle(),
                "administrator",
                "power-cycle",
                "to be updated; reconfigure vm-0: an administrator holds it",
            ),
            (
                cycle(),
                "foreign-disk",
                "power-cycle",
                "are to be updated\"",
            ),
            (
                with(cycle(), &json!({ "maxUnavailable": 0 })),
                "foreign-disk",
                "power-cycle",
                "to be updated; maxUnavailable is 0",
            ),
            (
                with(cycle(), &json!({ "minAlive": 2 })),
                "foreign-disk",
                "power-cycle",
                "to be updated; minAlive is as many",
            ),
            (
                with(cycle(), &json!({ "minAlive": 2, "spares": 1 })),
                "foreign-disk",
                "power-cycle",
                "are to be updated\"",
            ),
        ] {
            let held = json!({ "holds": [hold], "drift": drift });
            let observation = observation(&desired, &[held, json!({})], &json!([]));
            let standing = format!("{:?}", but_for_failures(&observation, 0));
            assert!(standing.contains(expected), "{standing} is not {expected}");
        }
    }

    fn stands_still(desired: &Value, second: &Value) -> String {
        let observation = observation(desired, &[json!({}), second.clone()], &json!([]));
        format!("{:?}", but_for_failures(&observation, 0))
    }

    #[test]
    fn who_is_not_ready_is_said_and_what_waits_for_it() {
        let sick = |health: &str| json!({ "health": health });
        let off = || json!({ "power": "off", "health": "unready" });
        let question = || json!({ "health": "starting", "holds": ["question"] });
        let reports = || json!({ "power": { "drift": "report" } });
        for (desired, second, expected) in [
            (json!({}), sick("starting"), "has yet to come up"),
            (json!({}), sick("unready"), "is unready: its guest falters"),
            (
                json!({}),
                sick("failed"),
                "has failed: its heartbeat is red",
            ),
            (json!({}), question(), "waits in vCenter for a question"),
            (json!({}), off(), "is off\""),
            (reports(), off(), "is off; spec.drift.power.policy leaves"),
        ] {
            let standing = stands_still(&desired, &second);
            let expected = format!("1 of 2 replicas are ready; VM vm-1 of slot 1 {expected}");
            assert!(standing.contains(&expected), "{standing} is not {expected}");
        }
        let members = [json!({ "drift": "replace" }), sick("failed"), off()];
        let rolls = json!({ "update": "rolling-replace", "replicas": 3 });
        let standing = but_for_failures(&observation(&rolls, &members, &json!([])), 0);
        let expected = "vm-1 of slot 1 has failed: its heartbeat is red; 1 of 3 replicas are to be";
        assert!(format!("{standing:?}").contains(expected), "{standing:?}");
    }

    #[test]
    fn what_holds_who_is_not_ready_is_said_where_something_would_be_done() {
        let member = |power: &str, health: &str| json!({ "power": power, "health": health, "holds": ["administrator"] });
        let heals = || json!({ "heal": "replace" });
        let reports = || json!({ "power": { "drift": "report" } });
        let held = ": an administrator holds it";
        for (desired, second, expected) in [
            (
                json!({}),
                member("off", "unready"),
                Some("is off; power-on vm-1"),
            ),
            (reports(), member("off", "unready"), None),
            (
                reports(),
                member("off", "starting"),
                Some("is off; power-on vm-1"),
            ),
            (json!({}), member("on", "failed"), None),
            (heals(), member("on", "failed"), Some("is red; delete vm-1")),
        ] {
            let standing = stands_still(&desired, &second);
            let said = expected.map_or(!standing.contains(held), |expected| {
                standing.contains(&format!("{expected}{held}"))
            });
            assert!(said, "{standing} is not {expected:?}");
        }
    }
}
