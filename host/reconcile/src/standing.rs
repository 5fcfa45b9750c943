//! The table of standings: where a group stands, from what is seen of it and what failed.

use vmgroup_core::check::CheckedPlan;
use vmgroup_core::observation::{
    Desired, Drift, FailureClass, HealPolicy, Health, Hold, Member, Observation, Parking,
    PowerDriftPolicy, PowerState, UpdatePolicy,
};
use vmgroup_core::plan::Effect;
use vmgroup_core::status::Standing;

use crate::alone::held_member;
use crate::group::{Group, count};
use crate::wind_up::deletion_waits;

/// Where a group stands that has a plan without violations.
pub(crate) fn standing(group: &Group, observation: &Observation, plan: &CheckedPlan) -> Standing {
    let planned = plan.actions().len();
    if group.object.deleting {
        let standing = deleting(group, observation.members.len());
        let why = (planned == 0).then(|| held_member(observation, |it| Some(delete(it))));
        return match (standing, why.flatten()) {
            (Standing::Deleting(_), Some(why)) => deletion_waits(&why),
            (standing, _) => standing,
        };
    }
    let standing = with_wait(plan, observation, but_for_failures(observation, planned));
    match with_held(group, standing) {
        // Whatever failed, nothing is left to be done about it.
        Standing::Ready => refused(group).unwrap_or(Standing::Ready),
        Standing::Unknown { reason, message } => {
            let message = match group.unproven.iter().next() {
                Some((slot, unproven)) => {
                    let why = &unproven.why;
                    format!("{message}; the VM of slot {slot} cannot be found: {why}")
                }
                None => message,
            };
            failing(group).unwrap_or(Standing::Unknown { reason, message })
        }
        Standing::Progressing(message) if !group.waits_after_mass_loss() => failing(group)
            .or_else(|| refused(group))
            .unwrap_or(Standing::Progressing(message)),
        standing => failing(group).unwrap_or(standing),
    }
}

/// What the module waits for is said, in its words, where nothing is under way.
fn with_wait(plan: &CheckedPlan, observation: &Observation, standing: Standing) -> Standing {
    let is_idle = plan.actions().is_empty() && observation.operations.is_empty();
    match (standing, plan.next_look()) {
        (Standing::Progressing(message), Some(look)) if is_idle => {
            Standing::Progressing(format!("{message}; {}", look.reason.message))
        }
        (standing, _) => standing,
    }
}

/// What waits for a person goes on waiting, whatever else there is to do.
fn with_held(group: &Group, standing: Standing) -> Standing {
    match standing {
        Standing::Progressing(message) if group.waits_after_mass_loss() => {
            Standing::Progressing(format!(
                "{message}; many members were lost at once: what is to be made in their place will \
                 wait for an approval (status.held)"
            ))
        }
        standing => standing,
    }
}

/// Where a group stands that is being deleted, of which so many VMs are left.
pub(crate) fn deleting(group: &Group, left: usize) -> Standing {
    let mut unproven = group.unproven.iter();
    let unproven = unproven.find(|(slot, _)| !group.operations.contains_key(slot));
    let unproven = unproven.map(|(slot, unproven)| {
        let why = &unproven.why;
        let what = if group.slots.contains_key(slot) {
            format!("the VM of slot {slot} is gone")
        } else {
            format!("a VM is in slot {slot}")
        };
        deletion_waits(&format!("it cannot be read whether {what}: {why}"))
    });
    failing(group)
        .or(unproven)
        .unwrap_or(Standing::Deleting(count(left)))
}

/// The first line that applies.
fn but_for_failures(observation: &Observation, planned: usize) -> Standing {
    let members = &observation.members;
    let with = |wanted: Hold| members.iter().find(|member| member.holds.contains(&wanted));
    if let Some(member) = with(Hold::Duplicate) {
        let slot = member.slot;
        return Standing::Stalled {
            reason: "DuplicateMember",
            message: format!(
                "two VMs claim slot {slot}; nothing is done to either of them: remove one of them, \
                 or its extraConfig key {}",
                vmgroup_core::marker::MARKER_KEY
            ),
        };
    }
    let is_unknown = |member: &&Member| member.health == Health::Unknown;
    let unknown = members.iter().find(is_unknown);
    if let Some(member) = unknown.filter(|member| member.holds.contains(&Hold::Unknown)) {
        return Standing::Unknown {
            reason: "MembersUnknown",
            message: format!(
                "VM {} of slot {} is a template, or does not carry its marker; it keeps its slot \
                 until it is a VM with its marker again, or is gone",
                member.id, member.slot
            ),
        };
    }
    if let Some(member) = unknown {
        return Standing::Unknown {
            reason: "MembersUnknown",
            message: format!(
                "{} of {} members cannot be read, {} first (connection {}); they keep their slots",
                members.iter().filter(is_unknown).count(),
                members.len(),
                member.id,
                member.connection
            ),
        };
    }
    let desired = &observation.desired;
    let ready = members
        .iter()
        .filter(|member| member.health == Health::Ready)
        .count();
    let in_flight = observation.operations.len() + planned;
    let wanted = desired.replicas;
    if in_flight > 0 {
        return Standing::Progressing(format!(
            "{ready} of {wanted} replicas are ready, {in_flight} operations to go"
        ));
    }
    let most = wanted + desired.spares;
    let counted = (wanted..=most).contains(&count(members.len()));
    if !counted || count(ready) < wanted {
        let too_many = count(members.len()) > most;
        let why = if too_many {
            held(observation, |it| Some(delete(it)))
        } else {
            unready(observation)
        };
        return Standing::Progressing(format!("{ready} of {wanted} replicas are ready{why}"));
    }
    match outdated(observation) {
        Some(message) => Standing::Progressing(message),
        None => Standing::Ready,
    }
}

/// The member that is worst off, what keeps it so, and what waits for it, as the end of a
/// sentence.
fn unready(observation: &Observation) -> String {
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
fn outdated(observation: &Observation) -> Option<String> {
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
fn held(observation: &Observation, effect: impl Fn(&Member) -> Option<Effect>) -> String {
    let why = held_member(observation, effect);
    why.map_or_else(String::new, |why| format!("; {why}"))
}

fn delete(member: &Member) -> Effect {
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

/// The group is not as it should be before that drift is gone.
fn is_to_be_updated(policy: UpdatePolicy, drift: Drift) -> bool {
    match policy {
        UpdatePolicy::RollingReplace => drift != Drift::None,
        UpdatePolicy::PowerCycle => matches!(drift, Drift::InPlace | Drift::PowerCycle),
        _ => false,
    }
}

/// The worst failure of the group's slots.
pub(crate) fn failing(group: &Group) -> Option<Standing> {
    let worst = group
        .failures
        .values()
        .max_by_key(|failure| rank(failure.class));
    let Some(worst) = worst else {
        return unanswered(group);
    };
    let message = worst.message.clone();
    let reason = match worst.class {
        FailureClass::NotFound => "TemplateNotFound",
        FailureClass::NameTaken => "NameTaken",
        FailureClass::NoPermission => "NoPermission",
        FailureClass::Invalid => "Refused",
        FailureClass::InsufficientResources => {
            let reason = "InsufficientResources";
            return Some(Standing::Failing { reason, message });
        }
        FailureClass::Transient | FailureClass::Unknown => {
            let reason = "OperationFailed";
            return Some(Standing::Failing { reason, message });
        }
    };
    Some(Standing::Stalled { reason, message })
}

/// Hardware that vCenter refuses, and about which nothing can be done here.
fn refused(group: &Group) -> Option<Standing> {
    let message = group.refused.as_ref()?.asks()?;
    let reason = "Refused";
    Some(Standing::Stalled { reason, message })
}

/// What came of a clone cannot be told.
fn unanswered(group: &Group) -> Option<Standing> {
    let (slot, why) = group.operations.iter().find_map(|(slot, operation)| {
        let unproven = operation.unproven.as_ref()?;
        Some((slot, &unproven.why))
    })?;
    Some(Standing::Failing {
        reason: "OperationFailed",
        message: format!("it cannot be read what came of the clone of slot {slot}: {why}"),
    })
}

fn rank(class: FailureClass) -> u8 {
    match class {
        FailureClass::NotFound => 6,
        FailureClass::NoPermission => 5,
        FailureClass::Invalid => 4,
        FailureClass::NameTaken => 3,
        FailureClass::InsufficientResources => 2,
        FailureClass::Unknown => 1,
        FailureClass::Transient => 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use vmgroup_core::check::{self, Circumstances};
    use vmgroup_core::time::Timestamp;

    use super::*;
    use crate::machine::tests::object;

    /// Of a group that wants two replicas.
    fn observation(desired: &Value, members: &[Value], operations: &Value) -> Observation {
        let member = |(slot, member): (usize, &Value)| {
            with(json!({ "id": format!("vm-{slot}"), "slot": slot }), member)
        };
        let members: Vec<Value> = members.iter().enumerate().map(member).collect();
        let observation = json!({
            "context": { "now": 0 },
            "desired": with(json!({ "replicas": 2 }), desired),
            "members": members,
            "operations": operations,
        });
        serde_json::from_value(observation).expect("it is an observation")
    }

    fn with(mut whole: Value, fields: &Value) -> Value {
        if let (Some(whole), Some(fields)) = (whole.as_object_mut(), fields.as_object()) {
            whole.extend(fields.clone());
        }
        whole
    }

    #[test]
    fn a_group_stands_where_its_members_do() {
        let ready = || json!({});
        let starting = || json!({ "health": "starting" });
        let drifted = || json!({ "drift": "in-place" });
        let unreachable = || json!({ "health": "unknown", "connection": "disconnected" });
        let template = || json!({ "health": "unknown", "holds": ["unknown"] });
        let twin = || json!({ "holds": ["duplicate"] });
        let two = || vec![ready(), ready()];
        let three = || vec![ready(); 3];
        let spare = r#"{ "spares": 1 }"#;
        let (replace, cycle) = (
            r#"{ "update": "rolling-replace" }"#,
            r#"{ "update": "power-cycle" }"#,
        );
        let left = r#"{ "update": "on-delete" }"#;
        for (desired, members, expected) in [
            ("{}", two(), "Ready"),
            ("{}", vec![], "0 of 2 replicas are ready"),
            ("{}", vec![ready()], "1 of 2 replicas are ready"),
            ("{}", vec![ready(), starting()], "1 of 2 replicas are ready"),
            // One too many is to go; a spare may stay, whatever its health.
            ("{}", three(), "3 of 2 replicas are ready"),
            (spare, two(), "Ready"),
            (spare, three(), "Ready"),
            (spare, vec![ready(), ready(), starting()], "Ready"),
            (spare, vec![ready(); 4], "4 of 2 replicas are ready"),
            // What drifted is only waited for if it may be taken down.
            (replace, two(), "Ready"),
            (
                replace,
                vec![ready(), drifted()],
                "1 of 2 replicas are to be updated",
            ),
            (
                cycle,
                vec![drifted(), drifted()],
                "2 of 2 replicas are to be updated",
            ),
            (left, vec![ready(), drifted()], "Ready"),
            ("{}", vec![ready(), twin()], "two VMs claim slot 1"),
            (
                "{}",
                vec![ready(), unreachable(), unreachable()],
                "2 of 3 members cannot be read, vm-1 first (connection disconnected)",
            ),
            (
                "{}",
                vec![template(), ready()],
                "VM vm-0 of slot 0 is a template",
            ),
        ] {
            let desired = serde_json::from_str(desired).expect("it is JSON");
            let observation = observation(&desired, &members, &json!([]));
            let standing = format!("{:?}", but_for_failures(&observation, 0));
            assert!(standing.contains(expected), "{standing} is not {expected}");
        }
    }

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

    #[test]
    fn what_a_module_waits_for_is_said_while_nothing_is_under_way() {
        let look = json!({ "afterMs": 9_000, "reason": { "code": "rest", "message": "it rests" } });
        let clone = json!({ "slot": 1, "kind": "clone", "stage": "started", "since": 0 });
        let power_on = json!({
            "effect": { "power-on": "vm-0" },
            "reason": { "code": "raise", "message": "" },
        });
        let off = || json!({ "power": "off", "health": "unready" });
        for (members, operations, actions, expected) in [
            (
                vec![off()],
                json!([]),
                json!([]),
                "0 of 2 replicas are ready; VM vm-0 of slot 0 is off; it rests",
            ),
            (
                vec![off()],
                json!([clone]),
                json!([]),
                "0 of 2 replicas are ready, 1 operations to go",
            ),
            (
                vec![off()],
                json!([]),
                json!([power_on]),
                "0 of 2 replicas are ready, 1 operations to go",
            ),
            (
                vec![json!({}), json!({})],
                json!([]),
                json!([]),
                "successfully",
            ),
        ] {
            let observation = observation(&json!({}), &members, &operations);
            let plan = json!({ "actions": actions, "nextLook": look });
            let plan = serde_json::from_value(plan).expect("it is a plan");
            let verdict = check::check(&observation, &plan, &Circumstances::default());
            let plan = verdict.checked().expect("it breaks no rule");
            let group = Group::restore(object("web"), None, Timestamp(0));
            let standing = standing(&group, &observation, plan);
            let said = standing.summary(1, &[], Timestamp(0)).message;
            assert!(said.starts_with(expected), "{said} is not {expected}");
            assert_eq!(said.contains("rests"), expected.contains("rests"), "{said}");
        }
    }

    #[test]
    fn what_is_planned_and_what_is_under_way_are_to_go() {
        let clone = json!([{ "slot": 1, "kind": "clone", "stage": "started", "since": 0 }]);
        let observation = observation(&json!({}), &[json!({})], &clone);
        let Standing::Progressing(message) = but_for_failures(&observation, 2) else {
            panic!("it does not stand still");
        };
        assert_eq!(message, "1 of 2 replicas are ready, 3 operations to go");
    }

    #[test]
    fn what_a_person_has_to_mend_is_told_before_what_may_pass() {
        use FailureClass::{
            InsufficientResources, Invalid, NameTaken, NoPermission, NotFound, Transient, Unknown,
        };
        let worst_last = [
            Transient,
            Unknown,
            InsufficientResources,
            NameTaken,
            Invalid,
            NoPermission,
            NotFound,
        ];
        assert!(worst_last.map(rank).is_sorted_by(|a, b| a < b));
    }
}
