//! Nothing is done to a VM that is held or out of reach (`hands-off`), and none
//! is destroyed together with something that the clone did not create (`disks`).

use super::Rule;
use super::situation::{Situation, is_delete};
use crate::observation::{Connection, Hold, Member};
use crate::plan::Violation;

pub(super) fn check(situation: &Situation<'_>, found: &mut Vec<Violation>) {
    for (action, member) in situation.on_members() {
        let (kind, id) = (action.effect.kind(), &member.id);
        if member.connection != Connection::Connected {
            let connection = member.connection;
            found.push(Rule::HandsOff.violation(format!(
                "{kind} {id}: its connection is {connection}; wait until vCenter reaches it"
            )));
        }
        for (rule, problem) in problems(member, is_delete(&action.effect)) {
            found.push(rule.violation(format!("{kind} {id}: {problem}")));
        }
    }
}

fn problems(member: &Member, delete: bool) -> impl Iterator<Item = (Rule, &'static str)> {
    member.holds.iter().filter_map(move |hold| {
        let (rule, problem) = of(*hold);
        (rule == Rule::HandsOff || delete).then_some((rule, problem))
    })
}

/// What a hold forbids, and what ends it.
fn of(hold: Hold) -> (Rule, &'static str) {
    match hold {
        Hold::Unknown => (Rule::HandsOff, "it is held for a reason that is not known"),
        Hold::Administrator => (
            Rule::HandsOff,
            "an administrator holds it, until the hold is taken off the VM",
        ),
        Hold::Unreachable => (
            Rule::HandsOff,
            "the VM or its host is not reached; wait until it is",
        ),
        Hold::Failover => (Rule::HandsOff, "it is in a failover; wait for its end"),
        Hold::Question => (
            Rule::HandsOff,
            "it waits for a question to be answered in vCenter",
        ),
        Hold::ForeignTask => (
            Rule::HandsOff,
            "somebody else's task runs on it; wait for its end",
        ),
        Hold::Duplicate => (
            Rule::HandsOff,
            "two VMs claim its slot; an administrator has to remove one",
        ),
        Hold::ForeignDisk => (
            Rule::Disks,
            "it has a disk that the clone did not create, or that lies apart from its own files; \
             detach it first, or bring its files together on one datastore",
        ),
        Hold::ForeignSnapshot => (
            Rule::Disks,
            "it has a snapshot that somebody else took; remove the snapshot first",
        ),
        Hold::DestroyDisabled => (
            Rule::Disks,
            "vCenter has disabled Destroy on it; enable the method, and edit the spec or wait for \
             a day",
        ),
    }
}
