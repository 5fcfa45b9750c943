//! Answers and news in words that mean the same on both sides.

use vmgroup_reconcile::event::{Approval, Event, GroupObject, LeaseRecord, WriteResult};

use super::versions::Versions;
use crate::answer::Outcome;

/// The answer to a read or a write of a group.
pub(super) fn written(result: &WriteResult) -> Outcome {
    match result {
        WriteResult::Done(object) => Outcome::Fine(format!("done ({})", content(object))),
        WriteResult::Conflict => Outcome::Fault("conflict".into()),
        WriteResult::Gone => Outcome::Fault("gone".into()),
        WriteResult::Lost { .. } => Outcome::Fault("lost".into()),
        WriteResult::Failed { .. } => Outcome::Fault("failed".into()),
    }
}

/// The answer to a write of the lease.
pub(super) fn lease(versions: &mut Versions, lease: Option<&LeaseRecord>) -> Outcome {
    match lease {
        Some(lease) => Outcome::Fine(format!(
            "written (by {}, {} times handed over, {} s, version {})",
            lease.holder,
            lease.transitions,
            lease.duration_s,
            versions.note_lease(lease)
        )),
        None => Outcome::Fault("not written".into()),
    }
}

/// What a watch tells; none for what says nothing about objects.
pub(super) fn news(versions: &mut Versions, event: &Event) -> Option<String> {
    Some(match event {
        Event::GroupChanged(object) => {
            let name = &object.key.name;
            let (version, content) = (versions.note(object), content(object));
            if versions.is_news(object, &content) {
                format!("{name} changed: {version}, {content}")
            } else {
                format!("{name} changed in nothing that is seen: {version}")
            }
        }
        Event::GroupGone { key, uid } => {
            format!("{} is gone: object {}", key.name, versions.uid(uid))
        }
        Event::GroupsListed(all) => {
            let all: Vec<String> = all
                .iter()
                .map(|it| {
                    let content = content(it);
                    versions.is_news(it, &content);
                    format!("{}: {}, {content}", it.key.name, versions.note(it))
                })
                .collect();
            format!("groups listed: {}", all.join("; "))
        }
        Event::ApprovalChanged(it) => format!("approval changed: {}", approval(it)),
        Event::ApprovalGone { key } => format!("approval {} is gone", key.name),
        Event::ApprovalsListed(all) => {
            let all: Vec<String> = all.iter().map(approval).collect();
            format!("approvals listed: {}", all.join("; "))
        }
        _ => return None,
    })
}

fn approval(approval: &Approval) -> String {
    let Approval {
        key,
        group,
        effects_digest,
        expires_at,
        ..
    } = approval;
    format!("{} of {group}, {effects_digest}, {expires_at:?}", key.name)
}

/// A group, field by field, but for its version.
fn content(object: &GroupObject) -> String {
    let mut words = vec![format!("generation {}", object.generation)];
    let flags = [
        (object.deleting, "deleting"),
        (object.finalizer, "finalizer"),
        (object.demo_finalizer, "demo finalizer"),
    ];
    words.extend(
        flags
            .iter()
            .filter(|(on, _)| *on)
            .map(|(_, word)| (*word).into()),
    );
    words.extend(object.identity.as_ref().map(|it| format!("identity {it}")));
    words.extend(object.adoption.map(|it| format!("{it:?}")));
    words.push(match &object.spec {
        Ok(spec) => format!("{spec:?}"),
        Err(_) => "no spec".into(),
    });
    words.push(serde_json::to_string(&object.status).unwrap_or_else(|error| error.to_string()));
    words.join(", ")
}
