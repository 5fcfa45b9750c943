//! Step 5, writes: committed operations are begun as the queue allows, and
//! followed to their end. There is no policy in here: what to do was decided
//! and committed; a fresh look right before each call only says whether it can
//! still be done.

use std::collections::BTreeMap;

use vmgroup_core::check::Rule;
use vmgroup_core::group::GroupKey;
use vmgroup_core::names;
use vmgroup_core::observation::{Slot, WakeReason};
use vmgroup_core::time::Monotonic;

use crate::alone::broken;
use crate::group::Folder;
use crate::inventory::Vm;
use crate::machine::{Asker, Machine};
use crate::operation::{Operation, Stage, Work};
use crate::pipeline::Next;
use crate::queue::Candidate;
use crate::request::{Read, Request, RequestId};

impl Machine {
    /// Begins queued operations, as far as there are places.
    pub(crate) fn start_queued(&mut self) {
        if !self.session.is_live() {
            return;
        }
        if self.has_lost_many() {
            self.drop_what_a_loss_holds();
        }
        let mut candidates = BTreeMap::new();
        for key in self.queued.clone() {
            let waiting = self.candidates(&key);
            if !waiting.is_empty() {
                candidates.insert(key, waiting);
            }
        }
        let served = self.queue.last_served();
        for (key, slot) in self.queue.grant(candidates) {
            self.begin_operation(&key, slot);
            // One that is not begun after all leaves its place.
            if !self.operation(&key, slot).is_some_and(|it| it.is_started()) {
                self.queue.free(&key, slot);
            }
            // It has had to ask first: it keeps its turn.
            if self.groups.get(&key).is_some_and(|group| group.first.asks) {
                self.queue.serve_after(served.clone());
            }
        }
    }

    pub(crate) fn has_lost_many(&mut self) -> bool {
        self.mass_loss.is_on(&self.recorded, self.now.monotonic)
    }

    /// What was decided before many members were lost is decided anew.
    fn drop_what_a_loss_holds(&mut self) {
        for key in self.queued.clone() {
            let Some(group) = self.groups.get_mut(&key) else {
                continue;
            };
            let before = group.operations.len();
            group
                .operations
                .retain(|_, operation| operation.is_started() || !operation.waits_in_a_loss());
            if group.operations.len() < before {
                self.wake(&key, 0, WakeReason::VmChanged);
            }
        }
    }

    /// When an operation has to be looked at even if nothing happens.
    pub(crate) fn operations_deadline(&self) -> Option<Monotonic> {
        let started = self.started.iter().filter_map(|(key, slot)| {
            let operation = self.groups.get(key)?.operations.get(slot)?;
            if self.is_elsewhere(key) {
                return None;
            }
            match &operation.stage {
                Stage::Settling(at) => Some(*at).filter(|at| *at > self.now.monotonic),
                Stage::Unsure => {
                    let at = operation.unproven.as_ref().map(|it| it.again_at);
                    at.filter(|at| *at > self.now.monotonic)
                }
                Stage::Running(task) if self.inventory.task(task).is_none() => operation
                    .unseen_from()
                    .filter(|at| *at > self.now.monotonic),
                _ => None,
            }
        });
        let queued = self.queued.iter().flat_map(|key| {
            let operations = self.groups.get(key).into_iter();
            operations
                .flat_map(|group| group.operations.values())
                .filter_map(|operation| {
                    let waits =
                        !operation.is_started() && operation.not_before > self.now.monotonic;
                    waits.then_some(operation.not_before)
                })
        });
        started.chain(queued).min()
    }

    /// Operations of a group that could begin; looks for the folder if it is needed.
    fn candidates(&mut self, key: &GroupKey) -> Vec<Candidate> {
        let now = self.now.monotonic;
        let Some(group) = self.groups.get(key) else {
            self.queued.remove(key);
            return Vec::new();
        };
        // An object that is in doubt may be gone, or another one.
        if group.reread || group.first.is_asking() {
            return Vec::new();
        }
        let template = group
            .object
            .spec
            .as_ref()
            .ok()
            .map(|spec| spec.template.clone());
        let folder_known = matches!(group.folder, Folder::Known(_));
        let mut wants_folder = false;
        let mut waiting = Vec::new();
        let (mut cloning, mut others) = (0, 0);
        let mut any = false;
        for (slot, operation) in &group.operations {
            if operation.is_started() {
                continue;
            }
            any = true;
            let clones = operation.work == Work::Clone;
            let due = operation.not_before <= now;
            // A folder that cannot be had fails its clones, which then wait.
            wants_folder |= clones && due && !folder_known;
            // Clones that wait for a place leave room for what needs none of theirs.
            let (taken, room) = if clones {
                (&mut cloning, self.config.caps.clones)
            } else {
                (&mut others, self.config.caps.operations)
            };
            if due && *taken < room && (folder_known || !clones) {
                *taken += 1;
                waiting.push(Candidate {
                    group: key.clone(),
                    slot: *slot,
                    template: template.clone().filter(|_| clones),
                });
            }
        }
        if !any {
            self.queued.remove(key);
        }
        if wants_folder {
            self.find_folder(key);
        }
        waiting
    }

    /// The fresh look right before the call.
    pub(crate) fn begin_operation(&mut self, key: &GroupKey, slot: Slot) {
        if !self.is_first(key) {
            return;
        }
        let operation = self.operation(key, slot);
        let waits = operation.is_some_and(|operation| operation.waits_in_a_loss());
        // They were lost since the step before, such as the power-off of a delete.
        let is_held = waits && self.has_lost_many();
        if is_held || !self.is_still_allowed(key, slot) {
            self.abandon(key, slot);
            return;
        }
        let Some(group) = self.groups.get(key) else {
            return;
        };
        let Some(operation) = group.operations.get(&slot) else {
            return;
        };
        let read = match &operation.vm {
            Some(vm) => Read::Vm(vm.clone()),
            None => Read::Identity(names::instance_uuid(group.identity(), slot)),
        };
        self.started.insert((key.clone(), slot));
        let begun_at = self.now.monotonic;
        self.set_stage(key, slot, |id| {
            (Stage::Looking { id, begun_at }, Request::Read { id, read })
        });
    }

    /// While it waited for its place other members may have failed: the rules that look at
    /// all of them are asked once more. Not of what was begun before.
    fn is_still_allowed(&mut self, key: &GroupKey, slot: Slot) -> bool {
        let Some(group) = self.groups.get(key) else {
            return false;
        };
        let Some(operation) = group.operations.get(&slot) else {
            return false;
        };
        let waited = operation.heard_at.is_none() && !group.object.deleting;
        let effect = operation.takes_down().filter(|_| waited);
        let (Some(effect), Ok(spec)) = (effect, &group.object.spec) else {
            return true;
        };
        let Next::Ask(mut observation) = self.observation(key, &spec.clone()) else {
            return true;
        };
        observation.operations.retain(|other| other.slot != slot);
        let rules = [Rule::JustifiedDelete, Rule::Disruption];
        let Some(why) = broken(&observation, effect, &rules) else {
            return true;
        };
        self.note(Some(key), false, "not begun any more", why);
        false
    }

    /// The same for the VM as the look right before the call shows it: the feed may be late, or
    /// have lost that the member has recovered.
    pub(crate) fn is_allowed_as_seen(&mut self, key: &GroupKey, slot: Slot, vm: &Vm) -> bool {
        let Some(shown) = self.inventory.vm(&vm.id).map(|known| known.vm.clone()) else {
            return true;
        };
        self.inventory.put(vm.clone());
        let allowed = self.is_still_allowed(key, slot);
        self.inventory.put(shown);
        if !allowed {
            // What the feed tells late or never would have the same decided at once, again and
            // again, and paid each time.
            self.put(vm.clone());
            self.session
                .want_relist("a look shows what the feed does not");
        }
        allowed
    }

    pub(crate) fn operation(&mut self, key: &GroupKey, slot: Slot) -> Option<&mut Operation> {
        self.groups.get_mut(key)?.operations.get_mut(&slot)
    }

    pub(crate) fn set_stage(
        &mut self,
        key: &GroupKey,
        slot: Slot,
        stage: impl FnOnce(RequestId) -> (Stage, Request),
    ) {
        let id = self.id();
        let (stage, request) = stage(id);
        if let Some(operation) = self.operation(key, slot) {
            operation.stage = stage;
            self.asked.insert(id, Asker::Operation(key.clone(), slot));
            self.out.push(request);
        }
    }
}
