//! Step 6, writes: where the group stands, for people and for the next start.

use vmgroup_core::group::GroupKey;
use vmgroup_core::limits::{LISTED_COPIES_MAX, LISTED_MEMBERS_MAX};
use vmgroup_core::observation::{
    Drift, FailureClass, Health, Hold, Member, Observation, UpdatePolicy, WakeReason,
};
use vmgroup_core::status::{MemberStatus, Standing, Status};

use crate::alone::held_member;
use crate::group::{Folder, Group, Stage, count};
use crate::limits::{MEMO_GAP_MS, REPORT_GAP_MS};
use crate::machine::{Machine, target};
use crate::request::Request;
use crate::wind_up::deletion_waits;

impl Machine {
    /// The pass ends here: the status is written if it changed.
    pub(crate) fn report(&mut self, key: &GroupKey, standing: Standing) {
        let Some(group) = self.groups.get_mut(key) else {
            return;
        };
        group.standing = Some(standing);
        self.write_status(key);
    }

    /// Writes the status if it changed; at most one write in a while, and none on an
    /// object that is in doubt: another one may have its version by now.
    pub(crate) fn write_status(&mut self, key: &GroupKey) {
        let now = self.now.monotonic;
        let Some(group) = self.groups.get_mut(key) else {
            return;
        };
        if !matches!(group.stage, Stage::Idle) {
            group.again.get_or_insert(WakeReason::TimeCame);
            return;
        }
        if group.reread {
            self.next_pass(key);
            return;
        }
        let (before, held) = (group.object.status.clone(), group.clone());
        let mut status = self.status(&held);
        let Some(group) = self.groups.get_mut(key) else {
            return;
        };
        let mut but_for_memo = status.clone();
        but_for_memo.memo.clone_from(&before.memo);
        if but_for_memo == before && status.memo != before.memo {
            if now.since(group.memo_written_at) < MEMO_GAP_MS {
                status = but_for_memo;
            } else {
                group.memo_written_at = now;
            }
        }
        if status == before {
            self.next_pass(key);
            return;
        }
        let first = group.reported_at.0 == 0;
        let since = now.since(group.reported_at);
        if !first && since < REPORT_GAP_MS {
            self.wake(key, REPORT_GAP_MS - since, WakeReason::TimeCame);
            return;
        }
        group.reported_at = now;
        let target = target(&group.object);
        self.tell_transition(key, &before, &status);
        let status = Box::new(status);
        self.ask(key, |id| {
            let request = Request::WriteStatus { id, target, status };
            (Stage::Reporting, request)
        });
    }

    /// The whole status of a group as it is known at this moment.
    pub(crate) fn status(&self, group: &Group) -> Status {
        let before = &group.object.status;
        let standing = group.standing.clone().unwrap_or_else(|| Standing::Unknown {
            reason: "Starting",
            message: "the operator has just started".into(),
        });
        // What a suspended group was seen with was not looked at since.
        let counted = !matches!(standing, Standing::Unknown { .. } | Standing::Suspended);
        let seen = group.seen.as_ref().filter(|_| counted);
        let generation = group.object.generation;
        let summary = standing.summary(generation, &before.conditions, self.now.utc);
        if group.rival.is_some() {
            // What is recorded of its VMs is the other host's to write.
            return Status {
                observed_generation: Some(generation),
                phase: Some(summary.phase.as_str().into()),
                last_message: Some(summary.message),
                conditions: summary.conditions,
                ..before.clone()
            };
        }
        let spec = group.object.spec.as_ref().ok();
        let ready = |member: &&Member| member.health == Health::Ready;
        let updated = |member: &&Member| member.drift == Drift::None;
        Status {
            observed_generation: Some(generation),
            phase: Some(summary.phase.as_str().into()),
            current_replicas: seen
                .map(|seen| count(seen.members.len()))
                .or(before.current_replicas),
            desired_replicas: spec.map(|spec| spec.replicas).or(before.desired_replicas),
            ready_replicas: seen
                .map(|seen| count(seen.members.iter().filter(ready).count()))
                .or(before.ready_replicas),
            updated_replicas: seen
                .map(|seen| count(seen.members.iter().filter(updated).count()))
                .or(before.updated_replicas),
            last_message: Some(summary.message),
            selector: Some(format!(
                "vm.codeconnect.vmworld.com/vmgroup={}",
                group.key().name
            )),
            conditions: summary.conditions,
            vcenter: group.vcenter.clone(),
            folder: match &group.folder {
                Folder::Known(folder) => Some(folder.clone()),
                Folder::Absent { .. } => None,
                _ if before.vcenter.is_none() || before.vcenter == group.vcenter => {
                    before.folder.clone()
                }
                _ => None,
            },
            slots: group.slots.clone(),
            intent: group.intent(&self.config.run),
            power_wish: group.power_wish.clone(),
            memo: group.memo.clone(),
            last_decision: group.last_decision.clone(),
            held: group.held.clone(),
            used_approvals: group.used_approvals.clone(),
            members: seen.map_or_else(|| before.members.clone(), |seen| self.listed(seen)),
            copies: group
                .copies
                .iter()
                .take(LISTED_COPIES_MAX)
                .cloned()
                .collect(),
        }
    }

    /// The members that a status lists: abnormal ones first.
    fn listed(&self, seen: &Observation) -> Vec<MemberStatus> {
        let mut members: Vec<&Member> = seen.members.iter().collect();
        let normal = |member: &Member| {
            member.health == Health::Ready && member.holds.is_empty() && member.drift == Drift::None
        };
        members.sort_by_key(|member| (normal(member), member.slot));
        let shown = members
            .into_iter()
            .take(LISTED_MEMBERS_MAX)
            .map(|member| MemberStatus {
                slot: member.slot,
                vm: member.id.clone(),
                name: self
                    .inventory
                    .vm(&member.id)
                    .map_or_else(String::new, |known| known.vm.name.clone()),
                power: member.power,
                health: member.health,
                connection: member.connection,
                drift: member.drift,
            });
        shown.collect()
    }

    /// An event on the object when the reason of its standing changes, never otherwise.
    pub(crate) fn tell_transition(&mut self, key: &GroupKey, before: &Status, after: &Status) {
        // All conditions carry the same reason, and each reason stands for one row of them.
        let reason = |status: &Status| {
            let condition = status.conditions.first();
            condition.map(|condition| condition.reason.clone())
        };
        let (Some(now), message) = (reason(after), after.last_message.clone()) else {
            return;
        };
        let Some(group) = self.groups.get_mut(key) else {
            return;
        };
        // A write that fails is tried again, and says nothing new.
        let told = group.told.replace(now.clone());
        if reason(before).as_ref() == Some(&now) || told.as_ref() == Some(&now) {
            return;
        }
        let message = message.unwrap_or_default();
        let warning = after.phase.as_deref() == Some("ERROR");
        let phase = after.phase.clone().unwrap_or_default();
        self.note(Some(key), warning, "stands", format!("{phase}: {message}"));
        if let Some(group) = self.groups.get(key) {
            self.out.push(Request::Tell {
                target: target(&group.object),
                warning,
                reason: now,
                message,
            });
        }
    }
}

/// Where a group stands that has a plan without violations.
pub(crate) fn standing(group: &Group, observation: &Observation, planned: usize) -> Standing {
    if group.object.deleting {
        let standing = deleting(group, observation.members.len());
        let why = (planned == 0).then(|| held_member(observation)).flatten();
        return match (standing, why) {
            (Standing::Deleting(_), Some(why)) => deletion_waits(&why),
            (standing, _) => standing,
        };
    }
    match but_for_failures(observation, planned) {
        // Whatever failed, nothing is left to be done about it.
        Standing::Ready => Standing::Ready,
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
        standing => failing(group).unwrap_or(standing),
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
    let held = || held_member(observation).map_or_else(String::new, |why| format!("; {why}"));
    if !counted || count(ready) < wanted {
        let too_many = count(members.len()) > most;
        let held = too_many.then(held).unwrap_or_default();
        return Standing::Progressing(format!("{ready} of {wanted} replicas are ready{held}"));
    }
    let is_outdated = |it: &&Member| is_to_be_updated(desired.update, it.drift);
    let outdated = members.iter().filter(is_outdated).count();
    if outdated > 0 {
        let message = format!(
            "{outdated} of {wanted} replicas are to be updated{}",
            held()
        );
        return Standing::Progressing(message);
    }
    Standing::Ready
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
    use vmgroup_core::status::Intent;
    use vmgroup_core::time::{Monotonic, Now, Timestamp};

    use super::*;
    use crate::event::{Event, GroupObject};
    use crate::machine::tests::{machine, object};

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

    /// A group that progresses, whose object shows that status.
    fn progressing(shown: Status) -> Group {
        let object = GroupObject {
            status: shown,
            ..object("web")
        };
        let mut group = Group::restore(object, None, Timestamp(0));
        group.standing = Some(Standing::Progressing("one of two".into()));
        group
    }

    #[test]
    fn what_another_host_recorded_stays_beside_what_this_one_says() {
        let theirs = Status {
            intent: Some(Intent {
                id: 5,
                by: "theirs".into(),
                generation: 1,
                steps: Vec::new(),
            }),
            selector: Some("theirs".into()),
            ..Status::default()
        };
        let mut group = progressing(Status::default());
        let alone = machine(None).status(&group);
        let newer = GroupObject {
            status: theirs.clone(),
            ..object("web")
        };
        group.heed_rival(&newer, "run", Monotonic(0));
        group.object = newer;
        let said = Status {
            observed_generation: alone.observed_generation,
            phase: alone.phase,
            last_message: alone.last_message,
            conditions: alone.conditions,
            ..theirs
        };
        assert_ne!(said.phase, None);
        assert_eq!(machine(None).status(&group), said);
    }

    /// Found by profile restores, seed 456521: a look for left-overs failed while the
    /// object was in doubt, and its status was written on a version given twice.
    #[test]
    fn no_status_is_written_on_an_object_that_is_in_doubt() {
        let mut machine = machine(None);
        let object = object("web");
        let key = object.key.clone();
        let mut group = Group::restore(object, None, Timestamp(0));
        group.reread = true;
        machine.groups.insert(key.clone(), group);
        machine.report(&key, Standing::Deleting(1));
        assert_eq!(machine.out, []);
        // It is written once the object was read.
        let asked = machine.step(Event::Time, Now::default());
        assert!(
            matches!(asked[..], [Request::ReadGroup { .. }]),
            "{asked:?}"
        );
    }

    #[test]
    fn a_folder_that_is_gone_is_struck_from_the_status() {
        let mut group = progressing(Status {
            folder: Some("group-7".into()),
            ..Status::default()
        });
        for (folder, told) in [
            (Folder::Unknown, Some("group-7")),
            (
                Folder::Absent {
                    begun_at: Monotonic(0),
                },
                None,
            ),
        ] {
            group.folder = folder;
            let status = machine(None).status(&group);
            assert_eq!(status.folder.as_deref(), told, "{:?}", group.folder);
        }
    }
}
