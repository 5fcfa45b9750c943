//! What the pass of a group asks for, and what the API server answered to it.

use vmgroup_core::group::GroupKey;
use vmgroup_core::observation::WakeReason;
use vmgroup_core::status::Standing;

use crate::event::WriteResult;
use crate::group::Stage;
use crate::machine::{Asker, Machine, target};
use crate::pipeline::Next;
use crate::request::{MetaChange, Request, RequestId};
use crate::wind_up::deletion_waits;

impl Machine {
    /// An answer to a read or write of the object.
    pub(crate) fn group_answered(&mut self, id: RequestId, result: WriteResult) {
        let Some(Asker::Pass(key)) = self.asked.remove(&id) else {
            return;
        };
        let Some(group) = self.groups.get_mut(&key) else {
            return;
        };
        let stage = std::mem::replace(&mut group.stage, Stage::Idle);
        let is_told = matches!(result, WriteResult::Done(_));
        group.first.answered(is_told, self.now.monotonic);
        match result {
            WriteResult::Done(object) if object.uid == group.object.uid => {
                // What can be read may still be refused when it is written.
                match stage {
                    Stage::Rereading(_) => {}
                    Stage::Claiming | Stage::Releasing => group.meta_backoff.succeed(),
                    _ => group.object_backoff.succeed(),
                }
                let known = group.object.resource_version;
                match stage {
                    // A quorum read outranks all that had been seen when it was
                    // asked for, even if the cluster was restored and counts anew.
                    Stage::Rereading(asked_at) => {
                        group.reread = object.resource_version < known && asked_at != known;
                        let woken = group.woken;
                        if !group.reread && group.is_hearsay {
                            self.begin_anew(*object);
                        } else if !group.reread {
                            self.replace_object(*object);
                            self.wake(&key, 0, woken);
                        }
                    }
                    // The watch may have overtaken the answer, and a doubt that came
                    // since it was asked for stays.
                    stage => {
                        if object.resource_version > known {
                            self.replace_object(*object);
                        }
                        self.written(&key, stage);
                    }
                }
            }
            WriteResult::Done(object) => {
                self.forget(&key);
                self.begin(*object);
                return;
            }
            WriteResult::Gone => {
                self.forget(&key);
                return;
            }
            WriteResult::Conflict => group.reread = true,
            WriteResult::Lost { ref message } | WriteResult::Failed { ref message } => {
                group.reread = true;
                let message = message.clone();
                let wait = if matches!(stage, Stage::Claiming | Stage::Releasing) {
                    // One answer that is lost does not mean that it was not written.
                    let lost = matches!(result, WriteResult::Lost { .. });
                    if !lost || group.meta_backoff.is_failing() {
                        group.meta_refused = Some(message.clone());
                    }
                    group.meta_backoff.fail(&key)
                } else {
                    group.object_backoff.fail(&key)
                };
                self.note(Some(&key), true, "the object could not be written", message);
                self.wake(&key, wait, WakeReason::TimeCame);
                return;
            }
        }
        self.next_pass(&key);
    }

    fn written(&mut self, key: &GroupKey, stage: Stage) {
        let Some(group) = self.groups.get_mut(key) else {
            return;
        };
        match stage {
            Stage::Committing(commit) => self.committed(key, *commit),
            Stage::Claiming => {
                group.left_overs = None;
                self.wake(key, 0, WakeReason::ObjectChanged);
            }
            Stage::Releasing => {
                // An object that is gone keeps its last version: one that a restore
                // brings back is told from it by its finalizer.
                group.object.finalizer = false;
                group.object.demo_finalizer = false;
                self.note(Some(key), false, "finalizer removed", String::new());
            }
            _ => {}
        }
    }

    /// The pass is over; another one follows if something happened meanwhile.
    pub(crate) fn next_pass(&mut self, key: &GroupKey) {
        let Some(group) = self.groups.get_mut(key) else {
            return;
        };
        let reread = group.reread || group.first.asks;
        let reread = reread.then_some(WakeReason::ObjectChanged);
        if let Some(reason) = group.again.take().or(reread) {
            self.wake(key, 0, reason);
        }
    }

    /// Changes finalizer and annotations. That they could not be written is told before it
    /// is tried again: the status has rights of its own.
    pub(crate) fn write_meta(&mut self, key: &GroupKey, change: MetaChange, stage: Stage) -> Next {
        let Some(group) = self.groups.get_mut(key) else {
            return Next::Wait;
        };
        if let Some(message) = group.meta_refused.take() {
            let why = format!("its finalizer and annotations cannot be written: {message}");
            let standing = if group.object.deleting {
                deletion_waits(&why)
            } else {
                Standing::Failing {
                    reason: "OperationFailed",
                    message: why,
                }
            };
            self.wake(key, 0, WakeReason::TimeCame);
            self.report(key, standing);
            return Next::Wait;
        }
        let target = target(&group.object);
        self.ask(key, |id| {
            let request = Request::WriteMeta { id, target, change };
            (stage, request)
        });
        Next::Wait
    }

    /// Asks for something that the group's pass then waits for.
    pub(crate) fn ask(
        &mut self,
        key: &GroupKey,
        stage: impl FnOnce(RequestId) -> (Stage, Request),
    ) {
        let id = self.id();
        let (stage, request) = stage(id);
        if let Some(group) = self.groups.get_mut(key) {
            if self.lease.is_none() {
                group.first.asking(&stage, self.now.monotonic);
            }
            group.stage = stage;
            self.asked.insert(id, Asker::Pass(key.clone()));
            self.out.push(request);
        }
    }
}

#[cfg(test)]
mod tests {
    use vmgroup_core::status::SlotRecord;
    use vmgroup_core::time::{Monotonic, Now};

    use super::*;
    use crate::event::Event;
    use crate::machine::tests::{machine, object};

    #[test]
    fn a_status_that_is_always_refused_is_written_less_and_less_and_told_once() {
        let mut machine = machine(None);
        let object = object("web");
        let now = |ms| Now {
            monotonic: Monotonic(ms),
            ..Now::default()
        };
        let mut asked = machine.step(Event::GroupsListed(vec![object.clone()]), now(0));
        let (mut writes, mut events) = (0, 0);
        for ms in (100..600_000).step_by(100) {
            let mut answers = Vec::new();
            for request in std::mem::take(&mut asked) {
                match request {
                    Request::WriteStatus { id, .. } => {
                        writes += 1;
                        let message = "no right to write the status".into();
                        answers.push((id, WriteResult::Failed { message }));
                    }
                    Request::ReadGroup { id, .. } => {
                        answers.push((id, WriteResult::Done(Box::new(object.clone()))));
                    }
                    Request::Tell { .. } => events += 1,
                    _ => {}
                }
            }
            asked = machine.step(Event::Time, now(ms));
            for (id, result) in answers {
                asked.extend(machine.step(Event::GroupAnswered { id, result }, now(ms)));
            }
        }
        assert!((10..60).contains(&writes), "{writes} writes");
        assert_eq!(events, 1);
    }

    /// The former one may have made VMs since the watch showed the object.
    #[test]
    fn a_replica_that_takes_over_goes_by_what_the_former_one_wrote_last() {
        let mut machine = machine(None);
        let shown = object("web");
        let now = Now::default();
        machine.step(Event::GroupsListed(vec![shown.clone()]), now);
        machine.take_over();
        let asked = machine.step(Event::Time, now);
        let read = asked.iter().find_map(|request| match request {
            Request::ReadGroup { id, .. } => Some(*id),
            _ => None,
        });
        let record = SlotRecord {
            started: true,
            ..SlotRecord::new("vm-7".into())
        };
        let mut written = shown.clone();
        written.resource_version += 1;
        written.status.slots = [(0, record.clone())].into();
        let answer = Event::GroupAnswered {
            id: read.expect("the object is read first"),
            result: WriteResult::Done(Box::new(written)),
        };
        machine.step(answer, now);
        assert_eq!(machine.groups[&shown.key].slots, [(0, record)].into());
        assert!(machine.recorded.contains_key("vm-7"));
    }
}
