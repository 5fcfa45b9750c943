//! Trace lines in words.

use vmgroup_reconcile::event::{CallResult, Event};
use vmgroup_reconcile::request::{Call, Read, Request};

use crate::deed::Deed;
use crate::history::Fact;
use crate::kind::Kind;
use crate::trace::Detail;

/// The name of an enum's case.
pub(super) fn name_of(case: &impl std::fmt::Debug) -> String {
    let text = format!("{case:?}");
    let end = text.find(|letter: char| !letter.is_alphanumeric());
    text[..end.unwrap_or(text.len())].to_owned()
}

/// How deep a request's line goes.
pub(super) fn depth(request: &Request) -> Detail {
    match request {
        Request::Tell { .. } | Request::Login { .. } | Request::Logout | Request::Note(_) => {
            Detail::Story
        }
        _ => Detail::Everything,
    }
}

/// A request.
pub(super) fn of_request(request: &Request) -> String {
    match request {
        Request::Decide { id, group, .. } => format!("-> {id} decide {group}"),
        Request::WriteStatus { id, target, .. } => format!(
            "-> {id} write status of {} at {}",
            target.key, target.resource_version
        ),
        Request::WriteMeta { id, target, change } => format!(
            "-> {id} {change:?} on {} at {}",
            target.key, target.resource_version
        ),
        Request::ReadGroup { id, key } => format!("-> {id} read {key}"),
        Request::Tell {
            target,
            reason,
            message,
            ..
        } => format!("{}: {reason}: {message}", target.key),
        Request::WriteLease { id, lease } => format!("-> {id} write lease for `{}`", lease.holder),
        Request::Login { id, reason } => format!("-> {id} log in: {reason}"),
        Request::Logout => "-> log out".into(),
        Request::Relist { id, reason } => format!("-> {id} list anew: {reason}"),
        Request::Track { vms } => format!("-> track {}", vms.join(" ")),
        Request::Read { id, read } => match read {
            Read::Vm(vm) => format!("-> {id} read {vm}"),
            Read::Identity(uuid) => format!("-> {id} search for {uuid}"),
            Read::Folder(folder) => format!("-> {id} read {folder}"),
            Read::FolderNamed(name) => format!("-> {id} read folder `{name}`"),
        },
        Request::Call {
            id, group, call, ..
        } => format!("-> {id} {group}: {}", of_call(call)),
        Request::Note(note) => {
            let group = note
                .group
                .as_ref()
                .map_or_else(String::new, |key| format!("{key}: "));
            format!("{group}{} {}", note.what, note.detail)
        }
    }
}

/// A call.
pub(super) fn of_call(call: &Call) -> String {
    let kind = Kind::of_call(call);
    match call {
        Call::CreateFolder { name } => format!("{kind} `{name}`"),
        Call::Clone(clone) => format!(
            "{kind} `{}` to `{}` (slot {})",
            clone.template, clone.name, clone.marker.slot
        ),
        Call::PowerOn(id)
        | Call::PowerOff(id)
        | Call::ShutdownGuest(id)
        | Call::Suspend(id)
        | Call::Reconfigure { vm: id, .. }
        | Call::Mark { vm: id, .. }
        | Call::Destroy(id)
        | Call::DestroyFolder(id) => format!("{kind} {id}"),
    }
}

/// An event. Long lists are counted, not shown.
pub(super) fn of_event(event: &Event) -> String {
    match event {
        Event::GroupsListed(groups) => format!("{} groups listed", groups.len()),
        Event::GroupChanged(group) => {
            format!("{} changed to {}", group.key, group.resource_version)
        }
        Event::GroupAnswered { id, result } => match result {
            vmgroup_reconcile::event::WriteResult::Done(object) => {
                format!("{id} done: {} at {}", object.key, object.resource_version)
            }
            other => format!("{id} {other:?}"),
        },
        Event::FeedReset { id, vms, tasks } => {
            format!("{id} feed begins: {} VMs, {} tasks", vms.len(), tasks.len())
        }
        Event::FeedChanged { vms, left, tasks } => {
            let vms: Vec<String> = vms
                .iter()
                .map(|vm| format!("{}={}", vm.id, vm.power))
                .collect();
            let tasks: Vec<String> = tasks
                .iter()
                .map(|task| format!("{}={:?}", task.id, task.state))
                .collect();
            format!("feed: {vms:?} left {left:?} tasks {tasks:?}")
        }
        other => format!("{other:?}"),
    }
}

/// A deed.
pub(crate) fn of_deed(deed: &Deed) -> String {
    match deed {
        Deed::Create(key, spec) | Deed::Edit(key, spec) => {
            let verb = if matches!(deed, Deed::Create(..)) {
                "create"
            } else {
                "edit"
            };
            match &**spec {
                Ok(spec) => format!(
                    "{verb} {key}: {} replicas of `{}`",
                    spec.replicas, spec.template
                ),
                Err(why) => format!("{verb} {key}: {why}"),
            }
        }
        Deed::Scale(key, replicas) => format!("scale {key} to {replicas}"),
        Deed::Delete(key) => format!("delete {key}"),
        other => format!("{other:?}"),
    }
}

/// A fact, who made it, and how deep its line goes; none if nobody reads it.
pub(super) fn of_fact(fact: &Fact) -> Option<(&'static str, Detail, String)> {
    match fact {
        Fact::Revised { object, .. } => Some((
            "cluster",
            Detail::Everything,
            format!(
                "{} is at {}, generation {}, {}",
                object.key,
                object.resource_version,
                object.generation,
                object
                    .status
                    .last_message
                    .as_deref()
                    .unwrap_or("no message")
            ),
        )),
        Fact::Vanished { object, .. } => {
            Some(("cluster", Detail::Story, format!("{} is gone", object.key)))
        }
        Fact::Called(called) => {
            let what = of_call(&called.call);
            Some(match &called.result {
                CallResult::Started(task) => (
                    "vcenter",
                    Detail::Everything,
                    format!("{task} begins: {what}"),
                ),
                CallResult::Done { .. } => ("vcenter", Detail::Everything, format!("done: {what}")),
                other => ("vcenter", Detail::Story, format!("{what}: {other:?}")),
            })
        }
        Fact::Effect(effect) => {
            let vm = effect.vm.as_deref().unwrap_or("");
            let slot = effect
                .marker
                .as_ref()
                .map_or_else(String::new, |it| format!(" (slot {})", it.slot));
            Some((
                "vcenter",
                Detail::Story,
                format!("{}: {} {vm}{slot} done", effect.group, effect.kind),
            ))
        }
        Fact::LoggedIn { accepted, .. } => Some((
            "vcenter",
            Detail::Story,
            if *accepted {
                "session begins".into()
            } else {
                "credentials refused".into()
            },
        )),
        Fact::Misdeed { text, .. } => Some(("vcenter", Detail::Story, format!("MISDEED: {text}"))),
        Fact::Restored { objects, .. } => Some((
            "cluster",
            Detail::Story,
            format!("restored from a backup with {} groups", objects.len()),
        )),
        Fact::Counted { .. }
        | Fact::Parted { .. }
        | Fact::UpdatesLost { .. }
        | Fact::Denied { .. }
        | Fact::Decided(_)
        | Fact::Swapped { .. }
        | Fact::Leased { .. }
        | Fact::Failed { .. } => None,
    }
}
