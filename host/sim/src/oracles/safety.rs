//! S1, S2, S3, S5 and S7.

use std::collections::{BTreeMap, BTreeSet};

use vmgroup_core::group::{Adoption, GroupKey, Mode, Spec};
use vmgroup_core::time::Monotonic;
use vmgroup_reconcile::event::{CallResult, GroupObject};
use vmgroup_reconcile::request::Call;

use super::Breach;
use crate::history::{Called, Fact};
use crate::kind::Kind;
use crate::vcenter::VCenter;

/// S1: whenever a clone starts, the VMs of the group and its clones in flight,
/// this one included, are at most the largest replicas + surge + spares of any
/// spec revision not older than the last one committed.
pub fn s1_bound(facts: &[Fact]) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let mut revisions: BTreeMap<String, Revisions> = BTreeMap::new();
    let mut uids: BTreeMap<GroupKey, String> = BTreeMap::new();
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
                uids.remove(&object.key);
            }
            Fact::Called(called) if matches!(called.result, CallResult::Started(_)) => {
                let Call::Clone(clone) = &called.call else {
                    continue;
                };
                let bound = uids
                    .get(&called.group)
                    .and_then(|uid| revisions.get(uid))
                    .map_or(0, Revisions::bound);
                if called.population > bound {
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
}

impl Revisions {
    fn learn(&mut self, object: &GroupObject) {
        let wanted = object.spec.as_ref().map_or(0, most);
        self.wanted.insert(object.generation, wanted);
        if let Some(intent) = &object.status.intent {
            self.committed = intent.generation;
        }
    }

    fn bound(&self) -> u32 {
        self.wanted
            .range(self.committed..)
            .map(|(_, most)| *most)
            .max()
            .unwrap_or(0)
    }
}

fn most(spec: &Spec) -> u32 {
    spec.replicas
        .saturating_add(spec.max_surge.rounded_up(spec.replicas))
        .saturating_add(spec.spares)
}

/// S2: no clone and no marking ends with two VMs that fill one slot, and none
/// with a VM that does not agree with its own marker.
pub fn s2_unique(facts: &[Fact]) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for fact in facts {
        let Fact::Effect(effect) = fact else { continue };
        if effect.claimants.len() > 1 && matches!(effect.kind, Kind::Clone | Kind::Mark) {
            breaches.push(Breach {
                oracle: "S2",
                at: effect.at,
                text: format!("{:?} fill one slot of {}", effect.claimants, effect.group),
            });
        }
        if effect.kind == Kind::Clone && effect.marker.is_none() {
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
/// that asked, at that moment, adoption apart; everybody else's VMs are at the
/// end as people left them.
pub fn s3_foreign(facts: &[Fact], vcenter: &VCenter, now: Monotonic) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let mut objects: BTreeMap<GroupKey, &GroupObject> = BTreeMap::new();
    let mut adopted: BTreeSet<&str> = BTreeSet::new();
    for fact in facts {
        match fact {
            Fact::Revised { object, .. } => {
                objects.insert(object.key.clone(), object);
            }
            Fact::Vanished { object, .. } => {
                objects.remove(&object.key);
            }
            Fact::Called(called) if executes(called) => {
                let Some(target) = &called.target else {
                    continue;
                };
                let object = objects.get(&called.group);
                let ours = target.agreed().is_some_and(|marker| {
                    marker.group() == called.group
                        && object
                            .and_then(|it| it.identity.as_ref())
                            .is_none_or(|identity| *identity == marker.identity)
                });
                let adopting = matches!(called.call, Call::Mark { .. })
                    && target
                        .marker()
                        .is_none_or(|marker| marker.group() == called.group)
                    && object.is_some_and(|it| it.adoption == Some(Adoption::Adopt));
                if adopting {
                    adopted.insert(&target.id);
                } else if !ours {
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
    for was in vcenter.foreign() {
        if !adopted.contains(was.id.as_str()) && vcenter.vm(&was.id) != Some(was) {
            breaches.push(Breach {
                oracle: "S3",
                at: now,
                text: format!("{} (`{}`) is not as people left it", was.id, was.name),
            });
        }
    }
    breaches
}

fn executes(called: &Called) -> bool {
    matches!(
        called.result,
        CallResult::Started(_) | CallResult::Done { .. }
    )
}

/// S5: an object goes only when no VM and no clone in flight of the group
/// exists. People who strip finalizers, and Observe, are nobody's breach.
pub fn s5_finalizer(facts: &[Fact]) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for fact in facts {
        let Fact::Vanished {
            at,
            object,
            by_hand,
            members,
            clones,
        } = fact
        else {
            continue;
        };
        let observed = object
            .spec
            .as_ref()
            .is_ok_and(|spec| spec.mode == Mode::Observe);
        let left = !members.is_empty() || !clones.is_empty();
        if left && !by_hand && !observed {
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

/// S7: one effect per group, slot, kind and intent. The operation id names
/// group, slot and intent.
pub fn s7_effect_once(facts: &[Fact]) -> Vec<Breach> {
    let mut seen: BTreeSet<(&str, Kind)> = BTreeSet::new();
    let mut breaches = Vec::new();
    for fact in facts {
        let Fact::Effect(effect) = fact else { continue };
        let of_slot = !matches!(
            effect.kind,
            Kind::CreateFolder | Kind::DestroyFolder | Kind::ShutdownGuest
        );
        if of_slot && effect.changed && !seen.insert((&effect.operation_id, effect.kind)) {
            breaches.push(Breach {
                oracle: "S7",
                at: effect.at,
                text: format!(
                    "{} had its effect again under `{}`",
                    effect.kind, effect.operation_id
                ),
            });
        }
    }
    breaches
}
