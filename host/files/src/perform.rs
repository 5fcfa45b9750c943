//! Writes: what the machine asks for, under the conditions that an API server
//! has for it.

use vmgroup_reconcile::event::{Event, WriteResult};
use vmgroup_reconcile::request::{MetaChange, ObjectTarget, Request};

use crate::groups::{Groups, Known};
use crate::record::Record;

impl Groups {
    /// Whether that request is for the groups' files.
    pub fn is_for(request: &Request) -> bool {
        matches!(
            request,
            Request::WriteStatus { .. }
                | Request::WriteMeta { .. }
                | Request::ReadGroup { .. }
                | Request::Tell { .. }
        )
    }

    /// Carries out one request. The events are its answer and, after the last
    /// write to a deleted group, that it is gone. Waits for the disk.
    pub fn perform(&self, request: &Request) -> Vec<Event> {
        let mut known = self.known();
        let mut events = Vec::new();
        match request {
            Request::WriteStatus { id, target, status } => {
                let result = self.write(&mut known, target, |record| {
                    record.status = (**status).clone();
                    Ok(())
                });
                events.push(Event::GroupAnswered { id: *id, result });
            }
            Request::WriteMeta { id, target, change } => {
                let result = self.write(&mut known, target, |record| change_meta(record, change));
                events.push(Event::GroupAnswered { id: *id, result });
                self.sweep(&mut known, &mut events);
            }
            Request::ReadGroup { id, key } => {
                let result = match known.records.get(key) {
                    Some(record) => WriteResult::Done(Box::new(record.object(&self.schema))),
                    None => WriteResult::Gone,
                };
                events.push(Event::GroupAnswered { id: *id, result });
            }
            // An event of an API server; the log tells of the standing already.
            Request::Tell { .. }
            | Request::Decide { .. }
            | Request::WriteLease { .. }
            | Request::Login { .. }
            | Request::Logout
            | Request::Relist { .. }
            | Request::Track { .. }
            | Request::Read { .. }
            | Request::Call { .. }
            | Request::Note(_) => {}
        }
        events
    }

    fn write(
        &self,
        known: &mut Known,
        target: &ObjectTarget,
        change: impl FnOnce(&mut Record) -> Result<(), String>,
    ) -> WriteResult {
        let record = match known.records.get(&target.key) {
            Some(record) if record.uid == target.uid => record,
            _ => return WriteResult::Gone,
        };
        if record.resource_version != target.resource_version {
            return WriteResult::Conflict;
        }
        let mut next = record.clone();
        if let Err(message) = change(&mut next) {
            return WriteResult::Failed { message };
        }
        // As on an API server, a write that changes nothing makes no version.
        if next == *record {
            return WriteResult::Done(Box::new(next.object(&self.schema)));
        }
        next.resource_version += 1;
        let object = next.object(&self.schema);
        match self.keep(known, next) {
            Ok(()) => WriteResult::Done(Box::new(object)),
            Err((uncertain, error)) => {
                let source = std::error::Error::source(&error);
                let reason = source.map(ToString::to_string).unwrap_or_default();
                let message = format!("{error}: {reason}");
                if uncertain {
                    WriteResult::Lost { message }
                } else {
                    WriteResult::Failed { message }
                }
            }
        }
    }
}

fn change_meta(record: &mut Record, change: &MetaChange) -> Result<(), String> {
    match change {
        MetaChange::Claim { .. } if record.deleting && !record.finalizer => {
            Err("the group is being deleted: it gets no finalizer any more".into())
        }
        MetaChange::Claim {
            identity,
            replace_demo: _,
        } => {
            record.finalizer = true;
            record.identity = Some(identity.clone());
            Ok(())
        }
        MetaChange::Release => {
            record.finalizer = false;
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests;
