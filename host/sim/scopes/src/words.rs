//! Steps in words, for whoever reads a counterexample.

use vmgroup_reconcile::event::Event;
use vmgroup_reconcile::request::{Read, Request};

use crate::call::kind;
use crate::host::Letter;
use crate::steps::{Executed, Step};
use crate::world::World;

pub(crate) fn of_step(world: &World, step: Step) -> String {
    let letter = |number: usize, index: usize| of_letter(&world.hosts[number].letters[index].value);
    let task = |index: usize| world.task_at(index);
    match step {
        Step::Thaw(number) => format!("host {number} goes on"),
        Step::Execute(number, index) => {
            format!(
                "host {number}'s request is executed: {}",
                letter(number, index)
            )
        }
        Step::Deliver(number, index) => format!("host {number} hears: {}", letter(number, index)),
        Step::Watch(number) => {
            let news = world.hosts[number].watch.front();
            let object = news.map(|news| &news.object().value);
            let text = object.map_or_else(String::new, |object| {
                format!(
                    "{} generation {} version {}{}",
                    object.key,
                    object.generation,
                    object.resource_version,
                    if object.deleting {
                        ", being deleted"
                    } else {
                        ""
                    }
                )
            });
            format!("host {number}'s watch shows {text}")
        }
        Step::Lease(number) => format!("host {number}'s watch shows the lease"),
        Step::Feed(number) => {
            let session = world.hosts[number].session.as_ref();
            match session {
                Some(session) if session.reset.is_some() => {
                    format!("host {number}'s feed shows everything")
                }
                Some(session) => format!("host {number}'s feed shows {:?}", session.changed),
                None => String::new(),
            }
        }
        Step::End(index) => format!("vCenter ends {}", task(index)),
        Step::Pass => format!("time passes{}", how_long(world)),
        Step::Deed => format!("a person: {:?}", world.scope.deeds[world.deeds_done]),
        Step::Crash(number) => format!("FAULT host {number} crashes and starts again"),
        Step::Lose(number, index, executed) => {
            let executed = match executed {
                Executed::Yes => "executed, and its answer lost",
                Executed::No => "lost",
            };
            format!(
                "FAULT host {number}'s request is {executed}: {}",
                letter(number, index)
            )
        }
        Step::EndSession(number) => format!("FAULT vCenter ends the session of host {number}"),
        Step::LoseFeed(number) => format!("FAULT the feed of host {number} breaks"),
        Step::Fail(index) => format!("FAULT vCenter lets {} fail", task(index)),
        Step::Freeze(number) => format!("FAULT host {number} stands still"),
        Step::Delay => format!("FAULT time passes{}", how_long(world)),
    }
}

fn how_long(world: &World) -> String {
    let at = world.deadline();
    at.map_or_else(String::new, |at| format!(", {} ms", at.since(world.now)))
}

fn of_letter(letter: &Letter) -> String {
    match letter {
        Letter::List => "all objects".into(),
        Letter::Asked { request, late } => {
            let late = if *late { " (sent long ago)" } else { "" };
            of_request(request) + late
        }
        Letter::Answer(event) => of_event(event),
    }
}

fn of_request(request: &Request) -> String {
    match request {
        Request::Decide { group, .. } => format!("what the module wants for {group}"),
        Request::WriteStatus { target, status, .. } => {
            let steps = status.intent.iter().flat_map(|intent| &intent.steps);
            let steps: Vec<String> = steps
                .map(|step| {
                    let task = step.task.as_deref().unwrap_or("no task");
                    format!("{} slot {} ({task})", step.kind, step.slot)
                })
                .collect();
            format!(
                "status of {} at version {}, {}, intent [{}], {} slots",
                target.key,
                target.resource_version,
                status.phase.as_deref().unwrap_or_default(),
                steps.join(", "),
                status.slots.len()
            )
        }
        Request::WriteMeta { target, change, .. } => format!("{change:?} on {}", target.key),
        Request::ReadGroup { key, .. } => format!("reading {key}"),
        Request::WriteLease { lease, .. } => format!("lease for {}", lease.holder),
        Request::Login { .. } => "login".into(),
        Request::Relist { reason, .. } => format!("relist ({reason})"),
        Request::Read { read, .. } => match read {
            Read::Vm(vm) => format!("reading {vm}"),
            Read::Identity(uuid) => format!("searching {uuid}"),
            Read::Folder(folder) => format!("reading {folder}"),
            Read::FolderNamed(name) => format!("looking for folder {name}"),
        },
        Request::Call {
            operation_id, call, ..
        } => format!(
            "{} {} `{operation_id}`",
            kind(call),
            call.vm().unwrap_or_default()
        ),
        other => format!("{other:?}"),
    }
}

fn of_event(event: &Event) -> String {
    match event {
        Event::GroupAnswered { result, .. } => match result {
            vmgroup_reconcile::event::WriteResult::Done(object) => {
                format!("object as of version {}", object.resource_version)
            }
            other => format!("write: {other:?}"),
        },
        Event::Called { result, .. } => format!("call: {result:?}"),
        Event::Read { result, .. } => {
            let text = format!("{result:?}");
            let end = text
                .char_indices()
                .nth(100)
                .map_or(text.len(), |(at, _)| at);
            format!("read: {}", &text[..end])
        }
        Event::LoginAnswered { .. } => "logged in".into(),
        Event::Decided { module, .. } => format!("decision of {module}"),
        Event::ModuleActive(module) => format!("module {} is active", module.description.version),
        Event::GroupsListed(objects) => format!("{} objects", objects.len()),
        Event::FeedLost { .. } => "the feed is lost".into(),
        Event::LeaseSeen { .. } => "the lease is written".into(),
        other => format!("{other:?}"),
    }
}
