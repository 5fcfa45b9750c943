//! How a run ended, and what it is compared with.

use std::collections::{BTreeMap, BTreeSet};

use vmgroup_core::group::{GroupKey, Spec};
use vmgroup_core::observation::{Parking, PowerState, UpdatePolicy};
use vmgroup_core::time::Monotonic;
use vmgroup_reconcile::inventory::VmId;

use super::Breach;
use crate::history::Fact;
use crate::host::Decide;
use crate::kind::Kind;
use crate::vcenter::VmTruth;
use crate::world::World;

/// How every group ended, slot numbers and MoIDs aside.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ends {
    groups: BTreeMap<GroupKey, End>,
    effects: BTreeMap<(GroupKey, Kind), u32>,
    specs: BTreeMap<GroupKey, Spec>,
    /// Groups some spec of which brings members to itself by power cycles.
    cycled: BTreeSet<GroupKey>,
    at: Monotonic,
}

/// How one group ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// What it wants.
    pub replicas: u32,
    /// Members by power state and, where the group's policy brings every member
    /// to the spec, CPUs and memory.
    pub members: BTreeMap<(PowerState, Option<(u32, u64)>), u32>,
    /// Its phase.
    pub phase: Option<String>,
}

impl Ends {
    /// How a world ended.
    pub fn of<D: Decide>(world: &World<D>) -> Ends {
        let mut ends = Ends {
            at: world.now().monotonic,
            ..Ends::default()
        };
        for object in world.cluster().groups() {
            let Ok(spec) = &object.spec else { continue };
            let mut members = BTreeMap::new();
            for vm in world.vcenter().vms().filter(|vm| belongs(vm, &object.key)) {
                let hardware = converges(spec).then_some((vm.cpus, vm.memory_mib));
                *members.entry((vm.power, hardware)).or_default() += 1;
            }
            let end = End {
                replicas: spec.replicas,
                members,
                phase: object.status.phase.clone(),
            };
            ends.groups.insert(object.key.clone(), end);
            ends.specs.insert(object.key.clone(), spec.clone());
        }
        ends.count(world.facts());
        ends
    }

    /// Counts effects. A guest that is asked to shut down has no task: where that
    /// was refused, or is not known any more after a crash, the power is cut. So
    /// both are one kind, and one after the other on a VM is one taking-down.
    pub(super) fn count(&mut self, facts: &[Fact]) {
        let mut asked: BTreeSet<&VmId> = BTreeSet::new();
        for fact in facts {
            let effect = match fact {
                Fact::Revised { object, .. } if object.spec.as_ref().is_ok_and(converges) => {
                    self.cycled.insert(object.key.clone());
                    continue;
                }
                Fact::Effect(effect) if effect.changed => effect,
                _ => continue,
            };
            let kind = match (effect.kind, &effect.vm) {
                (Kind::ShutdownGuest, Some(vm)) if !asked.insert(vm) => continue,
                (Kind::ShutdownGuest, _) => Kind::PowerOff,
                (Kind::PowerOff, Some(vm)) if asked.remove(vm) => continue,
                (Kind::PowerOn, Some(vm)) => {
                    asked.remove(vm);
                    Kind::PowerOn
                }
                (kind, _) => kind,
            };
            let counted = (effect.group.clone(), kind);
            *self.effects.entry(counted).or_default() += 1;
        }
    }

    /// An end as somebody says it was.
    #[cfg(test)]
    pub(super) fn plant(&mut self, key: &GroupKey, replicas: u32, on: u32, clones: u32) {
        let end = End {
            replicas,
            members: [((PowerState::On, None), on)].into(),
            phase: None,
        };
        self.groups.insert(key.clone(), end);
        self.effects.insert((key.clone(), Kind::Clone), clones);
    }

    /// So many members were brought to a spec by power cycles.
    #[cfg(test)]
    pub(super) fn plant_cycles(&mut self, key: &GroupKey, count: u32) {
        self.cycled.insert(key.clone());
        self.effects.insert((key.clone(), Kind::Reconfigure), count);
    }

    /// The specs that the groups ended with.
    pub fn specs(&self) -> BTreeMap<GroupKey, Spec> {
        self.specs.clone()
    }

    fn differences(&self, other: &Ends, oracle: &'static str, than: &str) -> Vec<Breach> {
        if self.groups == other.groups {
            return Vec::new();
        }
        vec![Breach {
            oracle,
            at: self.at,
            text: format!(
                "the groups ended otherwise than {than}: {:?}, {:?}",
                self.groups, other.groups
            ),
        }]
    }
}

fn belongs(vm: &VmTruth, key: &GroupKey) -> bool {
    vm.agreed().is_some_and(|marker| marker.group() == *key)
}

/// The policy brings every member to the spec, whatever way led there.
fn converges(spec: &Spec) -> bool {
    matches!(
        spec.update,
        UpdatePolicy::RollingReplace | UpdatePolicy::PowerCycle
    ) && spec.parking == Parking::Forbidden
}

/// Path independence: edits that end in some specs end as these specs given at
/// once, slot numbers aside.
pub fn path_independence(edited: &Ends, direct: &Ends) -> Vec<Breach> {
    edited.differences(direct, "path-independence", "the last specs given at once")
}

/// Differential: the groups end as without faults, and as many VMs were made,
/// destroyed and powered on and off. Calls may be more: a call that was lost, or
/// whose task failed, is made again. Where the policy brings members to the spec by
/// power cycles, one that is destroyed in the end may have had its cycle before, or
/// not: that depends on which one was to go when. One whose deletion failed after its
/// power-off is brought to the spec where it is, and stays in the place of a new one.
pub fn differential(faulty: &Ends, faultless: &Ends) -> Vec<Breach> {
    let mut breaches = faulty.differences(faultless, "differential", "without faults");
    let counted = [Kind::Clone, Kind::Destroy, Kind::PowerOn, Kind::PowerOff];
    let count = |ends: &Ends| -> BTreeMap<(GroupKey, Kind), u32> {
        ends.effects
            .iter()
            .filter(|((_, kind), _)| counted.contains(kind))
            .map(|(what, count)| (what.clone(), *count))
            .collect()
    };
    let (with, without) = (count(faulty), count(faultless));
    let differs = with.keys().chain(without.keys()).any(|what| {
        let of = |counts: &BTreeMap<(GroupKey, Kind), u32>, what| counts.get(what).copied();
        let (a, b) = (
            of(&with, what).unwrap_or(0),
            of(&without, what).unwrap_or(0),
        );
        let (group, kind) = what;
        let in_place = (group.clone(), Kind::Reconfigure);
        let reconfigured = |ends: &Ends| of(&ends.effects, &in_place).unwrap_or(0);
        let (more, fewer) = match kind {
            Kind::Clone | Kind::Destroy if faultless.cycled.contains(group) => (
                0,
                reconfigured(faulty).saturating_sub(reconfigured(faultless)),
            ),
            Kind::PowerOn | Kind::PowerOff if faultless.cycled.contains(group) => {
                let destroyed = of(&without, &(group.clone(), Kind::Destroy)).unwrap_or(0);
                (destroyed, destroyed)
            }
            _ => (0, 0),
        };
        a > b + more || b > a + fewer
    });
    if differs {
        breaches.push(Breach {
            oracle: "differential",
            at: faulty.at,
            text: format!("effects {with:?}, without faults {without:?}"),
        });
    }
    breaches
}

/// S8, effects: swaps between modules of the same meaning change nothing about
/// the end.
pub fn s8_swaps(swapped: &Ends, unswapped: &Ends) -> Vec<Breach> {
    swapped.differences(unswapped, "S8", "without swaps")
}
