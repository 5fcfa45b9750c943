//! S4.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use vmgroup_core::group::{DeletionPolicy, GroupKey, Mode, Spec};
use vmgroup_core::hash;
use vmgroup_core::marker::{HOLD_KEY, SPEC_HASH_KEY};
use vmgroup_core::names::OperationId;
use vmgroup_core::observation::{HealPolicy, Parking, PowerState, Slot, UpdatePolicy};
use vmgroup_core::time::Monotonic;
use vmgroup_reconcile::event::GroupObject;
use vmgroup_reconcile::inventory::Heartbeat;
use vmgroup_reconcile::limits::LOOK_MS_MAX;
use vmgroup_reconcile::request::Call;

use super::{Breach, executes};
use crate::history::{Called, Fact};
use crate::kind::Kind;
use crate::vcenter::VmTruth;

/// A decision may rest on a view that is so old (the rules call two minutes
/// stale), and its call comes within the time that a commit takes.
const VIEW_MS: u64 = 150_000;

/// The feed tells of what happened at most so long ago.
const FLUSH_MS: u64 = 1_000;

/// From the fresh look to its call, which arrives within two seconds.
pub(crate) const LOOKED_MS: u64 = LOOK_MS_MAX + 2_000;

/// S4: every delete, and everything that takes a VM down, is justified by a spec
/// revision not older than the one it was committed on: the group is being
/// deleted, or had more members than wanted, or a policy allows to replace what
/// differs or is broken, or wants another power state. In Observe there is no
/// call at all, nor while a group is suspended, nor on a VM that an administrator
/// holds; and nothing is destroyed with a disk or snapshot of somebody else.
///
/// Not covered: whether `heal` waited long enough, max-unavailable and min-alive
/// (the rules of the core are tested on their own).
pub fn s4_justified(facts: &[Fact]) -> Vec<Breach> {
    let mut past = Past::default();
    let mut breaches = Vec::new();
    for fact in facts {
        match fact {
            Fact::Revised { at, object } => past.learn(*at, object, false),
            Fact::Restored { at, objects } => {
                for object in objects {
                    past.learn(*at, object, true);
                }
            }
            Fact::Counted {
                at,
                identity,
                slots,
            } => past.counts.entry(identity).or_default().push((*at, slots)),
            Fact::UpdatesLost { at, until } => past.deaf.push((*at, *until)),
            Fact::Effect(effect) if effect.kind == Kind::Destroy => {
                for destroy in past.destroys.iter_mut().flat_map(|(_, all)| all) {
                    if destroy.operation_id == effect.operation_id {
                        destroy.done_at.get_or_insert(effect.at);
                    }
                }
            }
            Fact::Failed { operation_id, .. } => {
                for all in past.destroys.values_mut() {
                    all.retain(|it| it.operation_id != *operation_id || it.done_at.is_some());
                }
            }
            Fact::Called(called) if executes(called) => {
                if let Some(why) = past.against(called).filter(|_| !called.held_up) {
                    breaches.push(Breach {
                        oracle: "S4",
                        at: called.at,
                        text: format!(
                            "{} for {} under `{}`: {why}",
                            Kind::of_call(&called.call),
                            called.group,
                            called.operation_id
                        ),
                    });
                }
            }
            _ => {}
        }
    }
    breaches
}

#[derive(Default)]
struct Past<'a> {
    revisions: BTreeMap<&'a GroupKey, Vec<Revision<'a>>>,
    /// The slots of the members, one entry a VM, by identity.
    counts: BTreeMap<&'a str, Vec<(Monotonic, &'a Vec<Slot>)>>,
    /// When updates of some feed were lost.
    deaf: Vec<(Monotonic, Monotonic)>,
    /// Members that were destroyed, by identity.
    destroys: BTreeMap<String, Vec<Destroy>>,
    /// The first call of what takes a member down, by operation.
    begun: BTreeMap<String, Begun>,
}

/// Generations count anew when an object is made again, and go back with a
/// restore: each is compared within one life only.
struct Revision<'a> {
    at: Monotonic,
    life: usize,
    object: &'a GroupObject,
}

impl Revision<'_> {
    /// It holds this commit, of a group of this identity.
    fn holds(&self, identity: &str, intent: u64) -> bool {
        let commit = self.object.status.intent.as_ref();
        self.object.identity.as_deref() == Some(identity)
            && commit.is_some_and(|it| it.id == intent)
    }
}

struct Destroy {
    operation_id: String,
    begun: Begun,
    done_at: Option<Monotonic>,
}

/// How a take-down began.
#[derive(Clone, Copy)]
struct Begun {
    /// So many had begun before.
    nth: usize,
    intent: u64,
    /// It goes for another reason than that there are too many, as it was then.
    is_replaced: bool,
}

impl Begun {
    /// The other one could be counted on when this one began: it had begun, or was
    /// committed before, or goes because there are too many, as this one does.
    fn knows(self, other: Begun) -> bool {
        !other.is_replaced || other.nth < self.nth || other.intent <= self.intent
    }
}

impl<'a> Past<'a> {
    fn learn(&mut self, at: Monotonic, object: &'a GroupObject, restored: bool) {
        let all = self.revisions.entry(&object.key).or_default();
        let life = all.last().map_or(0, |last| {
            last.life + usize::from(restored || last.object.uid != object.uid)
        });
        all.push(Revision { at, life, object });
    }

    /// What speaks against the call; none if it is justified.
    fn against(&mut self, called: &Called) -> Option<&'static str> {
        let all = self.revisions.get(&called.group)?;
        let Some(id) = OperationId::parse(&called.operation_id) else {
            return Some("its operation has no id");
        };
        let identity = id.identity;
        let (slot, intent) = id.committed?;
        // The first revision that holds the commit, in the latest life that has it.
        let committed = all
            .iter()
            .filter(|revision| revision.holds(identity, intent))
            .min_by_key(|revision| Reverse(revision.life));
        // Under a commit that is not in the history any revision may count.
        let (since, decided_on) = match committed {
            Some(revision) => {
                let generation = revision.object.status.intent.as_ref()?.generation;
                (revision.at, (revision.life, generation))
            }
            None => (Monotonic(0), (0, 0)),
        };
        let valid: Vec<(&GroupObject, &Spec)> = all
            .iter()
            .filter(|it| (it.life, it.object.generation) >= decided_on)
            .filter_map(|it| Some((it.object, it.object.spec.as_ref().ok()?)))
            .collect();
        if !valid.iter().any(|(_, spec)| spec.mode == Mode::Apply) {
            return Some("the group is only observed");
        }
        if valid
            .iter()
            .all(|(object, spec)| spec.suspend && !object.deleting)
        {
            return Some("the group is suspended");
        }
        let target = called.target.as_ref()?;
        if let Some(why) = hands_off(called, target) {
            return Some(why);
        }
        let window = Monotonic(since.0.saturating_sub(VIEW_MS));
        let marked = target.agreed().map(|marker| marker.slot);
        let slot = marked.unwrap_or(slot);
        let is_replaced = (valid.iter()).any(|(_, spec)| replaced(spec, target, called.at));
        let begun = self.begin(called, intent, is_replaced);
        let left = self.left(identity, (slot, begun), window);
        if matches!(called.call, Call::Destroy(_)) && !called.held_up {
            self.destroy(identity, called, begun);
        }
        let may_go = is_replaced
            || valid.iter().any(|(object, spec)| {
                let deleted = object.deleting && spec.deletion == DeletionPolicy::Delete;
                let wanted = usize::try_from(spec.replicas).unwrap_or(usize::MAX);
                deleted || left >= wanted
            });
        let may_be_down = || {
            valid.iter().any(|(_, spec)| {
                spec.power_state != PowerState::On
                    || spec.parking != Parking::Forbidden
                    || (spec.update == UpdatePolicy::PowerCycle && outdated(spec, target))
            })
        };
        match called.call {
            Call::Destroy(_) if !may_go => Some("nothing justifies a delete"),
            Call::PowerOff(_) | Call::ShutdownGuest(_) | Call::Suspend(_)
                if !may_go && !may_be_down() =>
            {
                Some("nothing justifies to take it down")
            }
            _ => None,
        }
    }

    /// How the operation of this call began.
    fn begin(&mut self, called: &Called, intent: u64, is_replaced: bool) -> Begun {
        let begun = Begun {
            nth: self.begun.len(),
            intent,
            is_replaced,
        };
        let of_operation = self.begun.entry(called.operation_id.clone());
        *of_operation.or_insert(begun)
    }

    fn destroy(&mut self, identity: &str, called: &Called, begun: Begun) {
        let destroys = self.destroys.entry(identity.to_owned()).or_default();
        destroys.push(Destroy {
            operation_id: called.operation_id.clone(),
            begun,
            done_at: None,
        });
    }

    /// How many members a delete in this slot, begun so, would leave, at best: of those at
    /// any time since `since`, without those that were destroyed later or are being, as far
    /// as it knows. What went by itself while updates were lost, the view may still show.
    fn left(&self, identity: &str, (slot, begun): (Slot, Begun), since: Monotonic) -> usize {
        let destroys = self.destroys.get(identity).map_or(&[][..], Vec::as_slice);
        let counts = self.counts.get(identity).map_or(&[][..], Vec::as_slice);
        let first = counts.partition_point(|(at, _)| *at < since);
        let mut before: &[Slot] = &[];
        let mut unheard: BTreeSet<Slot> = BTreeSet::new();
        let left = counts.iter().map(|(at, slots)| {
            let by_itself = |slot: &Slot| {
                let ours = |it: &Destroy| slot_of(&it.operation_id) == Some(*slot);
                !destroys
                    .iter()
                    .any(|it| ours(it) && it.done_at == Some(*at))
            };
            if self.is_deaf(*at) {
                unheard.extend(before.iter().copied().filter(by_itself));
            }
            unheard.retain(|slot| !slots.contains(slot));
            before = slots;
            let going = destroys
                .iter()
                .filter(|destroy| destroy.done_at.is_none_or(|done| done > *at))
                .filter(|destroy| begun.knows(destroy.begun))
                .filter_map(|destroy| slot_of(&destroy.operation_id));
            let mut left: Vec<Slot> = slots.iter().chain(&unheard).copied().collect();
            for slot in going.chain([slot]) {
                if let Some(place) = left.iter().position(|it| *it == slot) {
                    left.swap_remove(place);
                }
            }
            left.len()
        });
        left.skip(first.saturating_sub(1)).max().unwrap_or(0)
    }

    /// An update of that moment may have been lost.
    fn is_deaf(&self, at: Monotonic) -> bool {
        let mut deaf = self.deaf.iter();
        deaf.any(|(from, until)| at.plus(FLUSH_MS) >= *from && at < *until)
    }
}

/// The slot in an operation id.
fn slot_of(operation_id: &str) -> Option<Slot> {
    OperationId::parse(operation_id)?
        .committed
        .map(|(slot, _)| slot)
}

/// Somebody else's will that has stood for a while speaks against the call.
fn hands_off(called: &Called, vm: &VmTruth) -> Option<&'static str> {
    if vm.meddled_within(LOOKED_MS, called.at) {
        return None;
    }
    let held = vm.extra_config.contains_key(HOLD_KEY);
    let born_with = vm.marker().map(|marker| marker.disks).unwrap_or_default();
    let foreign = vm.snapshot || vm.disks.iter().any(|disk| !born_with.contains(disk));
    match called.call {
        _ if held => Some("an administrator holds the VM"),
        Call::Destroy(_) if foreign => Some("it has a disk or snapshot of somebody else"),
        _ => None,
    }
}

/// What has come round a moment ago may still be taken for broken.
fn replaced(spec: &Spec, vm: &VmTruth, at: Monotonic) -> bool {
    (spec.update == UpdatePolicy::RollingReplace && outdated(spec, vm))
        || (spec.heal == HealPolicy::Replace
            && (vm.power != spec.power_state
                || matches!(vm.heartbeat, Heartbeat::Red | Heartbeat::Yellow)
                || vm.is_silent()
                || vm.meddled_within(LOOKED_MS, at)))
}

fn outdated(spec: &Spec, vm: &VmTruth) -> bool {
    let recorded = vm.extra_config.get(SPEC_HASH_KEY).map(String::as_str);
    hash::is_outdated(recorded, spec)
}
