//! The table of standings: where a group stands, from what is seen of it and what failed.

mod members;

use vmgroup_core::check::CheckedPlan;
use vmgroup_core::observation::{FailureClass, Health, Hold, Member, Observation};
use vmgroup_core::status::Standing;

use crate::alone::held_member;
use crate::group::{Group, count};
use crate::wind_up::deletion_waits;
use members::{delete, held, outdated, unready};

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
pub(crate) mod tests {
    use serde_json::{Value, json};
    use vmgroup_core::check::{self, Circumstances};
    use vmgroup_core::time::Timestamp;

    use super::*;
    use crate::machine::tests::object;

    /// Of a group that wants two replicas.
    pub(crate) fn observation(
        desired: &Value,
        members: &[Value],
        operations: &Value,
    ) -> Observation {
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

    pub(crate) fn with(mut whole: Value, fields: &Value) -> Value {
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
