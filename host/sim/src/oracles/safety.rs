//! S1, S2, S3 and S5.

use std::collections::{BTreeMap, BTreeSet};

use vmgroup_core::group::{Adoption, GroupKey, Mode, Spec};
use vmgroup_core::names::OperationId;
use vmgroup_core::time::Monotonic;
use vmgroup_reconcile::event::{CallResult, GroupObject};
use vmgroup_reconcile::request::Call;

use super::justified::LOOKED_MS;
use super::{Breach, executes};
use crate::history::{Called, Fact};
use crate::kind::Kind;
use crate::vcenter::VCenter;

/// A restore of the API server is heard of within this.
const RESTORE_HEARD_MS: u64 = 1_000;

/// A change of an object is heard of within this, even if silences of the watch follow one
/// another.
const HEARD_MS: u64 = 120_000;

/// S1: whenever a clone starts, the VMs of the group and its clones in flight,
/// this one included, are at most the largest replicas + surge + spares of any
/// spec revision not older than the last one committed.
pub fn s1_bound(facts: &[Fact]) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let mut revisions: BTreeMap<String, Revisions> = BTreeMap::new();
    let mut uids: BTreeMap<GroupKey, String> = BTreeMap::new();
    let mut held_up: BTreeMap<&GroupKey, u32> = BTreeMap::new();
    // Groups that are gone; with the time if a restore took them, of which it takes a
    // moment to hear.
    let mut gone: BTreeMap<GroupKey, (String, Option<Monotonic>)> = BTreeMap::new();
    for fact in facts {
        match fact {
            Fact::Revised { object, .. } => {
                uids.insert(object.key.clone(), object.uid.clone());
                revisions
                    .entry(object.uid.clone())
                    .or_default()
                    .learn(object);
            }
            Fact::Vanished { object, .. } => {
                let uid = uids.remove(&object.key);
                gone.extend(uid.map(|uid| (object.key.clone(), (uid, None))));
            }
            Fact::Restored { at, objects } => {
                let lost = std::mem::take(&mut uids).into_iter();
                gone.extend(lost.map(|(key, uid)| (key, (uid, Some(*at)))));
                for object in objects {
                    uids.insert(object.key.clone(), object.uid.clone());
                    revisions
                        .entry(object.uid.clone())
                        .or_default()
                        .learn(object);
                }
            }
            Fact::Called(called) if matches!(called.result, CallResult::Started(_)) => {
                let Call::Clone(clone) = &called.call else {
                    continue;
                };
                // Nor does the one call of a host that stood still since before.
                let unheard = |restored_at: Option<Monotonic>| {
                    called.held_up
                        || restored_at.is_some_and(|at| called.at.since(at) <= RESTORE_HEARD_MS)
                };
                let known_as_gone = gone
                    .get(&called.group)
                    .filter(|(_, restored_at)| unheard(*restored_at))
                    .map(|(uid, _)| uid);
                let bound = uids
                    .get(&called.group)
                    .into_iter()
                    .chain(known_as_gone)
                    .filter_map(|uid| revisions.get(uid))
                    .map(|known| known.bound(called.held_up.then_some(&called.operation_id)))
                    .max()
                    .unwrap_or(0);
                // The one call of a host that stood still; L1 heals it.
                let late = held_up.entry(&called.group).or_default();
                *late += u32::from(called.held_up);
                if called.population > bound.saturating_add(*late) {
                    breaches.push(Breach {
                        oracle: "S1",
                        at: called.at,
                        text: format!(
                            "clone `{}` makes {} VMs of {}, at most {bound} are wanted",
                            clone.name, called.population, called.group
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
struct Revisions {
    /// Most VMs wanted, by generation.
    wanted: BTreeMap<i64, u32>,
    committed: i64,
    /// On which generation each commit was decided, and how many VMs that wanted:
    /// after a restore its number may be another spec's.
    commits: BTreeMap<u64, (i64, u32)>,
}

impl Revisions {
    fn learn(&mut self, object: &GroupObject) {
        let wanted = object.spec.as_ref().map_or(0, most);
        self.wanted.insert(object.generation, wanted);
        if let Some(intent) = &object.status.intent {
            self.committed = intent.generation;
            let wanted = self.wanted.get(&intent.generation).copied().unwrap_or(0);
            let commit = (intent.generation, wanted);
            self.commits.entry(intent.id).or_insert(commit);
        }
    }

    /// Most VMs wanted by any spec not older than the last one committed, or
    /// than the one that this very call was committed on.
    fn bound(&self, operation_id: Option<&String>) -> u32 {
        let committed = operation_id.and_then(|id| OperationId::parse(id)?.committed);
        let own = committed.and_then(|(_, intent)| self.commits.get(&intent));
        let since = own.map_or(self.committed, |(own, _)| self.committed.min(*own));
        let known = self.wanted.range(since..).map(|(_, most)| *most);
        known.chain(own.map(|(_, most)| *most)).max().unwrap_or(0)
    }
}

fn most(spec: &Spec) -> u32 {
    spec.replicas
        .saturating_add(spec.max_surge.rounded_up(spec.replicas))
        .saturating_add(spec.spares)
}

/// S2: no clone and no marking ends with two VMs that fill one slot, and none
/// with a VM that does not agree with its own marker; unless people have given the
/// identity to another object, whose clones may still run.
pub fn s2_unique(facts: &[Fact]) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let mut owners: BTreeMap<&str, BTreeSet<&GroupKey>> = BTreeMap::new();
    for fact in facts {
        if let Fact::Revised { object, .. } = fact {
            let identity = object.known_as();
            owners.entry(identity).or_default().insert(&object.key);
        }
        let Fact::Effect(effect) = fact else { continue };
        if effect.held_up {
            continue;
        }
        if effect.claimants.len() > 1 && matches!(effect.kind, Kind::Clone | Kind::Mark) {
            breaches.push(Breach {
                oracle: "S2",
                at: effect.at,
                text: format!("{:?} fill one slot of {}", effect.claimants, effect.group),
            });
        }
        let id = OperationId::parse(&effect.operation_id);
        let owners = id.and_then(|id| owners.get(id.identity));
        let is_shared = owners.is_some_and(|owners| owners.len() > 1);
        if effect.kind == Kind::Clone && effect.marker.is_none() && !is_shared {
            breaches.push(Breach {
                oracle: "S2",
                at: effect.at,
                text: format!(
                    "{:?} was born as a copy of another VM of {}",
                    effect.vm, effect.group
                ),
            });
        }
    }
    breaches
}

/// S3: a mutating call executes only on VMs whose marker agrees, for the group
/// that asked, at that moment, adoption apart, and apart from the one call of a
/// host that stood still after its fresh look at the marker (design, sections 3
/// and 12, S6), and from what people did between such a look and its call: vCenter
/// has no call that depends on a marker. Everybody else's VMs are at the end as
/// people left them.
pub fn s3_foreign(facts: &[Fact], vcenter: &VCenter, now: Monotonic) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let mut objects: BTreeMap<GroupKey, Vec<(Monotonic, &GroupObject)>> = BTreeMap::new();
    // What the last restore took away, of which it takes a moment to hear.
    let mut lost = (Monotonic(0), BTreeMap::new());
    let mut adopted: BTreeSet<&str> = BTreeSet::new();
    // When a member was last asked for something; it may take its time.
    let mut asked: BTreeMap<&str, Monotonic> = BTreeMap::new();
    for fact in facts {
        match fact {
            Fact::Revised { at, object } => {
                let revisions = objects.entry(object.key.clone()).or_default();
                revisions.push((*at, object));
            }
            Fact::Vanished { object, .. } => {
                objects.remove(&object.key);
            }
            Fact::Restored { at, objects: all } => {
                let all = all.iter().map(|it| (it.key.clone(), vec![(*at, it)]));
                lost = (*at, std::mem::replace(&mut objects, all.collect()));
            }
            Fact::Called(called) if executes(called) => {
                let (restored_at, lost) = &lost;
                let unheard = called.at.since(*restored_at) <= RESTORE_HEARD_MS;
                let known: Vec<&GroupObject> = std::iter::once(&objects)
                    .chain(unheard.then_some(lost))
                    .filter_map(|objects| objects.get(&called.group))
                    .flat_map(|revisions| known_since_commit(revisions, called))
                    .collect();
                breaches.extend(foreign_clone(&known, called));
                let Some(target) = &called.target else {
                    continue;
                };
                let ours = target.agreed().is_some_and(|marker| {
                    marker.group() == called.group && may_name(&known, called, &marker.identity)
                });
                let mut adoptions = known.iter().map(|it| it.adoption);
                let adopting = matches!(called.call, Call::Mark { .. })
                    && target
                        .marker()
                        .is_none_or(|marker| marker.group() == called.group)
                    && adoptions.any(|it| it == Some(Adoption::Adopt));
                if adopting {
                    adopted.insert(&target.id);
                } else if ours {
                    asked.insert(&target.id, called.at);
                } else if !called.held_up && !target.meddled_within(LOOKED_MS, called.at) {
                    breaches.push(Breach {
                        oracle: "S3",
                        at: called.at,
                        text: format!(
                            "{} for {} executes on {}, which is not its member",
                            Kind::of_call(&called.call),
                            called.group,
                            target.id
                        ),
                    });
                }
            }
            Fact::Misdeed { at, text } => breaches.push(Breach {
                oracle: "S3",
                at: *at,
                text: text.clone(),
            }),
            _ => {}
        }
    }
    breaches.extend(changed(vcenter, now, &adopted, &asked));
    breaches
}

/// VMs of others that are not as people left them.
fn changed(
    vcenter: &VCenter,
    now: Monotonic,
    adopted: &BTreeSet<&str>,
    asked: &BTreeMap<&str, Monotonic>,
) -> Vec<Breach> {
    let touched = vcenter.foreign().filter(|was| {
        // A restored backup agrees with its marker: without its original it is the
        // member. What it was asked for as one goes on if people then take the marker away.
        let id = was.id.as_str();
        let was_member = asked.get(id).is_some_and(|at| Some(*at) <= was.meddled_at);
        let may_be_member = was.agreed().is_some() || adopted.contains(id) || was_member;
        !may_be_member && vcenter.vm(&was.id) != Some(was)
    });
    let touched = touched.map(|was| Breach {
        oracle: "S3",
        at: now,
        text: format!("{} (`{}`) is not as people left it", was.id, was.name),
    });
    touched.collect()
}

/// The call may be for VMs of that identity: it is the one of its commit, and the object
/// has it, or had it until lately.
fn may_name(known: &[&GroupObject], called: &Called, identity: &str) -> bool {
    let named = |object: &&GroupObject| {
        let annotated = object.identity.as_deref();
        annotated.is_none_or(|annotated| annotated == identity)
    };
    let asked = OperationId::parse(&called.operation_id);
    (known.is_empty() || known.iter().any(named))
        && asked.is_none_or(|asked| asked.identity == identity)
}

/// A clone that is made for another identity than the object's.
fn foreign_clone(known: &[&GroupObject], called: &Called) -> Option<Breach> {
    let Call::Clone(clone) = &called.call else {
        return None;
    };
    let identity = &clone.marker.identity;
    let foreign = !called.held_up && !may_name(known, called, identity);
    foreign.then(|| Breach {
        oracle: "S3",
        at: called.at,
        text: format!(
            "a clone for {} has the identity {identity}, which is not its own",
            called.group
        ),
    })
}

/// The object as it was when the call was committed, and as it has been since then, without
/// what is so long ago that the operator must have heard of its end. The last version if
/// the commit is not among them.
fn known_since_commit<'a>(
    revisions: &[(Monotonic, &'a GroupObject)],
    called: &Called,
) -> Vec<&'a GroupObject> {
    let committed = OperationId::parse(&called.operation_id).and_then(|id| id.committed);
    let holds = |(_, object): &(Monotonic, &GroupObject)| {
        let intent = object.status.intent.as_ref().map(|intent| intent.id);
        intent.is_some() && intent == committed.map(|(_, intent)| intent)
    };
    let last = revisions.len().saturating_sub(1);
    let first = revisions.iter().position(holds).unwrap_or(last);
    let unheard = |nth: usize| {
        let ended = revisions.get(nth + 1);
        ended.is_none_or(|(ended, _)| called.at.since(*ended) <= HEARD_MS)
    };
    let since = revisions.iter().enumerate().skip(first);
    since
        .filter(|(nth, _)| unheard(*nth))
        .map(|(_, (_, object))| *object)
        .collect()
}

/// S5: an object goes only when no VM and no clone in flight of the group
/// exists. People who strip finalizers, and Observe, are nobody's breach.
pub fn s5_finalizer(facts: &[Fact]) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let mut late: BTreeSet<&GroupKey> = BTreeSet::new();
    let mut claimed: BTreeSet<&str> = BTreeSet::new();
    for fact in facts {
        // The one call of a host that stood still; L1 heals it.
        if let Fact::Called(called) = fact
            && called.held_up
        {
            late.insert(&called.group);
        }
        // What has not been claimed, or no longer since a restore, goes without us; and what
        // was let go while it was observed, whatever its spec says since.
        match fact {
            Fact::Revised { object, .. } if object.finalizer => {
                claimed.insert(&object.uid);
            }
            Fact::Revised { object, .. } if !object.deleting || is_observed(object) => {
                claimed.remove(object.uid.as_str());
            }
            Fact::Restored { objects, .. } => {
                let still = objects.iter().filter(|object| object.finalizer);
                claimed = still.map(|object| object.uid.as_str()).collect();
            }
            _ => {}
        }
        let Fact::Vanished {
            at,
            object,
            by_hand,
            members,
            clones,
            ..
        } = fact
        else {
            continue;
        };
        let left = !members.is_empty() || !clones.is_empty();
        let claimed = claimed.contains(object.uid.as_str());
        if left && claimed && !by_hand && !is_observed(object) && !late.contains(&object.key) {
            breaches.push(Breach {
                oracle: "S5",
                at: *at,
                text: format!(
                    "{} is gone while {members:?} exist and {clones:?} run",
                    object.key
                ),
            });
        }
    }
    breaches
}

fn is_observed(object: &GroupObject) -> bool {
    let spec = object.spec.as_ref();
    spec.is_ok_and(|spec| spec.mode == Mode::Observe)
}
