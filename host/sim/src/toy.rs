//! A toy operator for this crate's own tests: one request a group at a time,
//! identity in names, nothing of what makes the real one good. Its flaws are
//! planted, so that the oracles can show that they see them.

use std::collections::BTreeMap;

use vmgroup_core::group::{GroupKey, Spec};
use vmgroup_core::marker::Marker;
use vmgroup_core::observation::{
    Budget, Connection, Context, Desired, Drift, Health, Member, Observation, Phase, PowerState,
    PowerWish, WakeReason,
};
use vmgroup_core::plan::{Action, Answer, Effect, Plan, Reason};
use vmgroup_core::status::Status;
use vmgroup_core::time::{Monotonic, Now, Timestamp};
use vmgroup_reconcile::event::{
    CallResult, DecideResult, Event, GroupObject, LoginResult, WriteResult,
};
use vmgroup_reconcile::inventory::{Fault, FolderId, Task, TaskId, TaskState, Vm};
use vmgroup_reconcile::request::{Call, CloneCall, MetaChange, ObjectTarget, Request, RequestId};

use crate::host::{Decide, Host};

/// What is wrong with a toy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    /// A clone whose answer was lost is repeated under another name.
    RepeatsLostClones,
    /// VMs count as members without their marker agreeing.
    TrustsMarkers,
    /// The object is let go before its VMs are gone.
    ReleasesEarly,
    /// One more VM than wanted is made.
    MakesOneMore,
    /// Powers VMs off and on for ever.
    Fidgets,
    /// Deletions are not noticed.
    IgnoresDeletion,
    /// The folder is destroyed first, with all that is in it.
    DestroysFoldersFirst,
}

/// Clones missing slots, deletes the highest surplus one, powers on, and
/// deletes all while deleting.
pub(crate) struct TinyLogic;

impl Decide for TinyLogic {
    fn decide(
        &mut self,
        _module: Option<&str>,
        observation: &Observation,
    ) -> (String, DecideResult) {
        let replicas = match observation.context.phase {
            Phase::Deleting => 0,
            Phase::Normal | Phase::Unknown => observation.desired.replicas,
        };
        let members = &observation.members;
        let filled = |slot: u32| members.iter().any(|it| it.slot == slot);
        let mut effects: Vec<Effect> = Vec::new();
        let count = u32::try_from(members.len()).unwrap_or(u32::MAX);
        if count > replicas {
            effects.extend(members.last().map(|it| Effect::Delete(it.id.clone())));
        } else if count < replicas {
            effects.extend((0..replicas).find(|slot| !filled(*slot)).map(Effect::Clone));
        }
        let off = members.iter().find(|it| it.power == PowerState::Off);
        if effects.is_empty() {
            effects.extend(off.map(|it| Effect::PowerOn(it.id.clone())));
        }
        let reason = Reason {
            code: "tiny".into(),
            message: String::new(),
        };
        let plan = Plan {
            actions: effects
                .into_iter()
                .map(|effect| Action {
                    effect,
                    reason: reason.clone(),
                })
                .collect(),
            ..Plan::default()
        };
        (
            "sha256:tiny".into(),
            DecideResult::Answered(Answer::Plan(plan)),
        )
    }
}

/// What a group waits for.
#[derive(Debug, Clone, PartialEq)]
enum Wait {
    Nothing,
    Answer(RequestId),
    Task(TaskId),
    Relist(RequestId),
    Until(Monotonic),
}

pub(crate) struct Toy {
    flaw: Flaw,
    ids: u64,
    fed: bool,
    login_at: Option<Monotonic>,
    groups: BTreeMap<GroupKey, GroupObject>,
    folders: BTreeMap<GroupKey, FolderId>,
    vms: BTreeMap<String, Vm>,
    tasks: BTreeMap<TaskId, Task>,
    waits: BTreeMap<GroupKey, Wait>,
    repeats: u32,
    now: Monotonic,
    out: Vec<Request>,
}

impl Toy {
    pub(crate) fn new(flaw: Flaw, now: Now) -> Toy {
        Toy {
            flaw,
            ids: 0,
            fed: false,
            login_at: Some(now.monotonic),
            groups: BTreeMap::new(),
            folders: BTreeMap::new(),
            vms: BTreeMap::new(),
            tasks: BTreeMap::new(),
            waits: BTreeMap::new(),
            repeats: 0,
            now: now.monotonic,
            out: Vec::new(),
        }
    }

    fn id(&mut self) -> RequestId {
        self.ids += 1;
        RequestId(self.ids)
    }

    fn learn(&mut self, event: Event) {
        match event {
            Event::GroupsListed(groups) => {
                self.groups = groups.into_iter().map(|it| (it.key.clone(), it)).collect();
            }
            Event::GroupChanged(group) => {
                self.groups.insert(group.key.clone(), *group);
            }
            Event::GroupGone { key, .. } => {
                self.groups.remove(&key);
                self.folders.remove(&key);
            }
            Event::GroupAnswered { id, result } => {
                if let WriteResult::Done(object) = result {
                    self.groups.insert(object.key.clone(), *object);
                }
                self.answered(id, Wait::Nothing);
            }
            Event::LoginAnswered { result, .. } if !matches!(result, LoginResult::In { .. }) => {
                self.login_at = Some(self.now.plus(5_000));
            }
            Event::FeedReset { id, vms, tasks } => {
                self.fed = true;
                self.vms = vms.into_iter().map(|it| (it.id.clone(), it)).collect();
                self.tasks = tasks.into_iter().map(|it| (it.id.clone(), it)).collect();
                for wait in self.waits.values_mut() {
                    if matches!(wait, Wait::Relist(asked) if *asked <= id) {
                        *wait = Wait::Nothing;
                    }
                }
            }
            Event::FeedChanged { vms, left, tasks } => {
                self.vms
                    .extend(vms.into_iter().map(|it| (it.id.clone(), it)));
                self.tasks
                    .extend(tasks.into_iter().map(|it| (it.id.clone(), it)));
                self.vms.retain(|id, _| !left.contains(id));
            }
            Event::FeedLost { .. } => {
                self.fed = false;
                self.login_at = Some(self.now.plus(1_000));
            }
            Event::Called { id, result } => self.called(id, result),
            Event::Decided { id, result, .. } => self.decided(id, result),
            _ => {}
        }
    }

    fn called(&mut self, id: RequestId, result: CallResult) {
        let key = self.waiting(id);
        match result {
            CallResult::Started(task) => self.answered(id, Wait::Task(task)),
            CallResult::Lost { .. } if self.flaw == Flaw::RepeatsLostClones => {
                self.repeats += 1;
                self.answered(id, Wait::Nothing);
            }
            CallResult::Lost { .. } => {
                let relist = self.id();
                self.out.push(Request::Relist {
                    id: relist,
                    reason: "an answer was lost".into(),
                });
                self.answered(id, Wait::Relist(relist));
            }
            CallResult::Done {
                result: Some(folder),
            }
            | CallResult::Refused(Fault::DuplicateName {
                existing: Some(folder),
            }) => {
                self.folders.extend(key.map(|key| (key, folder)));
                self.answered(id, Wait::Nothing);
            }
            _ => self.answered(id, Wait::Until(self.now.plus(5_000))),
        }
    }

    fn decided(&mut self, id: RequestId, result: DecideResult) {
        let Some(key) = self.waiting(id) else { return };
        let action = match result {
            DecideResult::Answered(Answer::Plan(plan)) => plan.actions.into_iter().next(),
            _ => None,
        };
        let Some(action) = action else {
            self.answered(id, Wait::Until(self.now.plus(2_000)));
            if self.flaw == Flaw::Fidgets {
                let first = self.members(&key).first().map(|it| it.1.id.clone());
                if let Some(vm) = first {
                    self.ask(&key, 0, Call::PowerOff(vm));
                }
            }
            return;
        };
        let object = self.groups[&key].clone();
        let (slot, call) = match action.effect {
            Effect::Clone(slot) => (slot, self.clone_call(&object, slot)),
            Effect::Delete(vm)
                if self
                    .vms
                    .get(&vm)
                    .is_some_and(|it| it.power != PowerState::Off) =>
            {
                (0, Call::PowerOff(vm))
            }
            Effect::Delete(vm) => (0, Call::Destroy(vm)),
            Effect::PowerOn(vm) => (0, Call::PowerOn(vm)),
            _ => return,
        };
        self.ask(&key, slot, call);
    }

    fn clone_call(&self, object: &GroupObject, slot: u32) -> Call {
        let spec = object.spec.as_ref().expect("it was decided on");
        let identity = object.uid.clone();
        let uuid = format!("{identity}/{slot}/{}", self.repeats);
        Call::Clone(CloneCall {
            template: spec.template.clone(),
            folder: self.folders[&object.key].clone(),
            name: format!("{}-replica-{slot}-{}", object.key.name, self.repeats),
            instance_uuid: uuid.clone(),
            marker: Marker {
                version: 1,
                install: "toy".into(),
                vcenter: String::new(),
                namespace: object.key.namespace.clone(),
                name: object.key.name.clone(),
                identity,
                slot,
                instance_uuid: uuid,
                disks: Vec::new(),
            },
            spec_hash: "v1:toy".into(),
            cpus: spec.cpus,
            memory_mib: spec.memory_mib,
        })
    }

    fn ask(&mut self, key: &GroupKey, slot: u32, call: Call) {
        let id = self.id();
        self.waits.insert(key.clone(), Wait::Answer(id));
        self.out.push(Request::Call {
            id,
            group: key.clone(),
            operation_id: format!("{}/{slot}/{}-{}", key, self.now.0, id.0),
            call,
        });
    }

    fn waiting(&self, id: RequestId) -> Option<GroupKey> {
        self.waits
            .iter()
            .find(|(_, wait)| **wait == Wait::Answer(id))
            .map(|(key, _)| key.clone())
    }

    fn answered(&mut self, id: RequestId, then: Wait) {
        if let Some(key) = self.waiting(id) {
            self.waits.insert(key, then);
        }
    }

    fn members(&self, key: &GroupKey) -> Vec<(u32, &Vm)> {
        let mut members: Vec<(u32, &Vm)> = self
            .vms
            .values()
            .filter_map(|vm| Some((Marker::parse(vm.marker.as_deref()?)?, vm)))
            .filter(|(marker, vm)| {
                marker.group() == *key
                    && (self.flaw == Flaw::TrustsMarkers
                        || vm.instance_uuid.as_ref() == Some(&marker.instance_uuid))
            })
            .map(|(marker, vm)| (marker.slot, vm))
            .collect();
        members.sort_by(|a, b| (a.0, &a.1.id).cmp(&(b.0, &b.1.id)));
        members
    }

    fn work(&mut self) {
        if self.login_at.is_some_and(|at| at <= self.now) {
            self.login_at = None;
            let id = self.id();
            self.out.push(Request::Login {
                id,
                reason: "there is no session".into(),
            });
        }
        if !self.fed {
            return;
        }
        for key in self.groups.keys().cloned().collect::<Vec<_>>() {
            let done = match self.waits.get(&key) {
                None | Some(Wait::Nothing) => true,
                Some(Wait::Task(task)) => self
                    .tasks
                    .get(task)
                    .is_some_and(|task| task.state != TaskState::Running),
                Some(Wait::Until(at)) => *at <= self.now,
                Some(Wait::Answer(_) | Wait::Relist(_)) => false,
            };
            let running = self.tasks.values().any(|task| {
                task.state == TaskState::Running
                    && task
                        .operation_id
                        .as_ref()
                        .is_some_and(|id| id.starts_with(&format!("{key}/")))
            });
            if done && (!running || self.flaw == Flaw::RepeatsLostClones) {
                self.next(&key);
            }
        }
    }

    fn next(&mut self, key: &GroupKey) {
        let object = self.groups[key].clone();
        let target = ObjectTarget {
            key: key.clone(),
            uid: object.uid.clone(),
            resource_version: object.resource_version,
        };
        let id = self.id();
        let empty = self.members(key).is_empty();
        let deleting = object.deleting && self.flaw != Flaw::IgnoresDeletion;
        let wrong_order = self.flaw == Flaw::DestroysFoldersFirst;
        let request = if deleting && self.flaw == Flaw::ReleasesEarly {
            write(id, target, MetaChange::Release)
        } else if !object.finalizer && !object.deleting {
            let identity = object.uid.clone();
            write(
                id,
                target,
                MetaChange::Claim {
                    identity,
                    replace_demo: false,
                },
            )
        } else if deleting && (empty || wrong_order) {
            match self.folders.remove(key) {
                Some(folder) => return self.ask(key, 0, Call::DestroyFolder(folder)),
                None => write(id, target, MetaChange::Release),
            }
        } else if !self.folders.contains_key(key) {
            let name = format!("{}-{}", key.namespace, key.name);
            return self.ask(key, 0, Call::CreateFolder { name });
        } else {
            Request::Decide {
                id,
                group: key.clone(),
                module: None,
                observation: Box::new(self.observe(&object, deleting)),
            }
        };
        self.waits.insert(key.clone(), Wait::Answer(id));
        self.out.push(request);
    }

    fn observe(&self, object: &GroupObject, deleting: bool) -> Observation {
        let spec: &Spec = object.spec.as_ref().expect("tests have good specs");
        let more = u32::from(self.flaw == Flaw::MakesOneMore);
        Observation {
            context: Context {
                phase: if deleting {
                    Phase::Deleting
                } else {
                    Phase::Normal
                },
                now: Timestamp(self.now.0),
                zone: None,
                woken: WakeReason::Unknown,
                settings: "{}".into(),
                memo: None,
                violations: Vec::new(),
            },
            desired: Desired {
                replicas: spec.replicas + more,
                max_unavailable: 1,
                max_surge: 0,
                min_alive: 0,
                spares: 0,
                power: PowerWish {
                    state: spec.power_state,
                    drift: spec.power_drift,
                    grace_ms: 0,
                    since: Timestamp(0),
                },
                removal: spec.removal,
                update: spec.update,
                heal: spec.heal,
                heal_after_ms: spec.heal_after_ms,
                parking: spec.parking,
                budget: Budget {
                    deletes: 100,
                    disruptions: 100,
                    scaled_down: 100,
                    window_ends: Timestamp(0),
                },
                max_actions: 1,
            },
            members: self
                .members(&object.key)
                .into_iter()
                .map(|(slot, vm)| member(slot, vm))
                .collect(),
            operations: Vec::new(),
            failures: Vec::new(),
            complete: true,
            as_of: Timestamp(0),
        }
    }
}

fn write(id: RequestId, target: ObjectTarget, change: MetaChange) -> Request {
    Request::WriteMeta { id, target, change }
}

fn member(slot: u32, vm: &Vm) -> Member {
    Member {
        id: vm.id.clone(),
        slot,
        power: vm.power,
        power_since: Timestamp(0),
        connection: Connection::Connected,
        health: Health::Ready,
        health_since: Timestamp(0),
        drift: Drift::None,
        cpus: vm.cpus,
        memory_mib: vm.memory_mib,
        created_at: None,
        labels: Vec::new(),
        holds: Vec::new(),
    }
}

impl Host for Toy {
    fn step(&mut self, event: Event, now: Now) -> Vec<Request> {
        self.now = now.monotonic;
        let told = matches!(event, Event::GroupsListed(_));
        self.learn(event);
        self.work();
        if told {
            for object in self.groups.values().cloned().collect::<Vec<_>>() {
                let id = self.id();
                self.out.push(Request::WriteStatus {
                    id,
                    target: ObjectTarget {
                        key: object.key,
                        uid: object.uid,
                        resource_version: object.resource_version,
                    },
                    status: Box::new(Status {
                        last_message: Some("seen".into()),
                        ..object.status
                    }),
                });
            }
        }
        std::mem::take(&mut self.out)
    }

    fn deadline(&self) -> Option<Monotonic> {
        let waits = self.waits.values().filter_map(|wait| match wait {
            Wait::Until(at) if self.fed => Some(*at),
            _ => None,
        });
        waits.chain(self.login_at).min()
    }
}
