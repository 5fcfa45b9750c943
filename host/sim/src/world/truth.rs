//! What truly happened in a world, for oracles and stories.

use std::collections::BTreeMap;

use vmgroup_core::group::GroupKey;
use vmgroup_core::names;
use vmgroup_core::time::Monotonic;
use vmgroup_reconcile::event::GroupObject;
use vmgroup_reconcile::inventory::{TaskId, VmId};

use super::World;
use crate::history::{Arrival, Fact, Outage};
use crate::host::Decide;
use crate::oracles;
use crate::trace::{Trace, TraceLine};
use crate::vcenter::SessionId;

/// What is left of a group when its finalizer goes.
#[derive(Debug)]
pub(super) struct Left {
    /// VMs whose marker agrees and names its identity.
    pub(super) members: Vec<VmId>,
    /// Clones for that identity that run.
    pub(super) clones: Vec<TaskId>,
    /// VMs of anybody are in its folder, or were when it was last looked at.
    pub(super) occupied: bool,
}

impl<D: Decide> World<D> {
    /// Everything that truly happened.
    pub fn facts(&self) -> &[Fact] {
        &self.facts
    }

    /// Requests that arrived where they were to be executed, in order.
    pub fn arrivals(&self) -> &[Arrival] {
        &self.arrivals
    }

    /// Times in which API server or vCenter could not be reached.
    pub fn outages(&self) -> &[Outage] {
        &self.outages
    }

    /// Times in which something else kept hosts from their work.
    pub fn disturbances(&self) -> &[(Monotonic, Monotonic)] {
        &self.disturbances
    }

    /// A host's session with vCenter, if it knows of one.
    pub fn session(&self, host: usize) -> Option<SessionId> {
        self.seats.get(host)?.session
    }

    /// A host was asked to end, and runs.
    pub fn is_stopped(&self, host: usize) -> bool {
        self.seats
            .get(host)
            .is_some_and(|seat| seat.asked_to_stop && seat.host.is_some())
    }

    /// How often each kind of deed and fault was carried out.
    pub fn counts(&self) -> &BTreeMap<String, u64> {
        &self.counts
    }

    /// How many hosts there are.
    pub fn hosts(&self) -> usize {
        self.seats.len()
    }

    /// The trace.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// The trace's lines since the last call.
    pub fn drain_trace(&mut self) -> Vec<TraceLine> {
        self.trace.drain()
    }

    /// Steps that a host has made in all its lives.
    pub fn steps(&self, host: usize) -> u64 {
        self.seats.get(host).map_or(0, |seat| seat.steps)
    }

    /// How often a host wanted to be woken again at the very time that it was.
    pub fn hot_wakeups(&self) -> u64 {
        self.seats.iter().map(|seat| seat.hot).sum()
    }

    /// What is left of a group at this moment.
    pub(super) fn left(&self, object: &GroupObject) -> Left {
        let identity = object.known_as();
        let mut members = self.vcenter.members(identity);
        // A copied object names VMs that are not its own; and what people have made a
        // member since the last look, nobody has seen.
        members.retain(|id| {
            let vm = self.vcenter.vm(id);
            vm.is_some_and(|vm| {
                let marker = vm.agreed();
                marker.is_some_and(|marker| marker.group() == object.key)
                    && !vm.joined_within(oracles::LOOKED_MS, self.now)
            })
        });
        Left {
            members,
            clones: self.vcenter.clones(&object.key, identity),
            occupied: self.is_occupied(&object.key),
        }
    }

    /// VMs of anybody are in the group's folder, or people took one out of it since a
    /// look that counts was made.
    fn is_occupied(&self, key: &GroupKey) -> bool {
        let name = names::folder_name(key);
        let Some(folder) = self.vcenter.folder_named(self.vcenter.root(), &name) else {
            return false;
        };
        let lately = |at| self.now.since(at) < oracles::LOOKED_MS;
        folder.taken_from_at.is_some_and(lately)
            || self.vcenter.vms().any(|vm| vm.folder == folder.id)
    }
}
