//! Questions to an observation.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::{
    Connection, Hold, Member, Observation, Operation, OperationKind, PowerState, RemovalPolicy,
};

impl Observation {
    /// Slots are numbered below this: replicas + surge + spares.
    pub fn slot_bound(&self) -> u64 {
        let desired = &self.desired;
        u64::from(desired.replicas) + u64::from(desired.max_surge) + u64::from(desired.spares)
    }

    /// The operation in flight on a slot.
    pub fn operation_on(&self, slot: u32) -> Option<&Operation> {
        self.operations.iter().find(|o| o.slot == slot)
    }

    /// Whether no member fills the slot and no operation concerns it.
    pub fn slot_is_free(&self, slot: u32) -> bool {
        self.operation_on(slot).is_none() && self.members.iter().all(|m| m.slot != slot)
    }

    /// The free slots below the bound, lowest first; [`Iterator::rev`] gives
    /// the highest first.
    pub fn free_slots(&self) -> FreeSlots {
        let mut taken: Vec<u32> = (self.members.iter().map(|m| m.slot))
            .chain(self.operations.iter().map(|o| o.slot))
            .collect();
        taken.sort_unstable();
        FreeSlots {
            taken,
            from: 0,
            to: self.slot_bound().min(u64::from(u32::MAX)),
        }
    }

    /// VMs that exist or may exist: members, and clones in flight whose VM
    /// cannot be seen yet.
    pub fn vms(&self) -> u64 {
        let unseen =
            |o: &&Operation| o.may_clone() && self.members.iter().all(|m| m.slot != o.slot);
        let coming = self.operations.iter().filter(unseen).count();
        (self.members.len() + coming) as u64
    }

    /// The members that nothing forbids to touch: see [`Member::is_free_to_act`];
    /// and no operation concerns them.
    pub fn idle_members(&self) -> impl Iterator<Item = &Member> {
        let busy: BTreeSet<u32> = self.operations.iter().map(|o| o.slot).collect();
        self.members
            .iter()
            .filter(move |m| m.is_free_to_act() && !busy.contains(&m.slot))
    }
}

impl Operation {
    /// Whether it makes, or may make, a VM.
    pub fn may_clone(&self) -> bool {
        matches!(self.kind, OperationKind::Clone | OperationKind::Unknown)
    }

    /// Whether it takes, or may take, a VM away.
    pub fn may_delete(&self) -> bool {
        matches!(self.kind, OperationKind::Delete | OperationKind::Unknown)
    }
}

impl Member {
    /// Whether the member certainly exists and nobody else fills its slot.
    /// Only such members can be too many.
    pub fn is_there(&self) -> bool {
        let doubtful = |hold: &Hold| match hold {
            Hold::Unknown | Hold::Unreachable | Hold::Failover | Hold::Duplicate => true,
            Hold::Administrator
            | Hold::Question
            | Hold::ForeignTask
            | Hold::ForeignDisk
            | Hold::ForeignSnapshot
            | Hold::DestroyDisabled => false,
        };
        self.connection == Connection::Connected
            && self.power != PowerState::Unknown
            && !self.holds.iter().any(doubtful)
    }

    /// Whether the host would let something be done to the member: it is
    /// reached, its power state is known, and no hold but those on deletion.
    pub fn is_free_to_act(&self) -> bool {
        self.connection == Connection::Connected
            && self.power != PowerState::Unknown
            && self.holds.iter().all(|hold| hold.concerns_deletion_only())
    }

    /// Whether the host would let the member be deleted.
    pub fn is_free_to_delete(&self) -> bool {
        self.is_free_to_act() && self.holds.is_empty()
    }
}

impl Hold {
    /// Whether the hold forbids nothing but deletion.
    pub fn concerns_deletion_only(self) -> bool {
        match self {
            Hold::ForeignDisk | Hold::ForeignSnapshot | Hold::DestroyDisabled => true,
            Hold::Unknown
            | Hold::Administrator
            | Hold::Unreachable
            | Hold::Failover
            | Hold::Question
            | Hold::ForeignTask
            | Hold::Duplicate => false,
        }
    }
}

impl RemovalPolicy {
    /// Puts those first that the policy removes first. A member of unknown age
    /// comes last; of two equals the one in the higher slot comes first.
    /// The policy `unknown` leaves the order alone.
    pub fn sort(self, members: &mut [&Member]) {
        let age = |m: &Member| match (self, m.created_at) {
            (RemovalPolicy::Newest, Some(created_at)) => (false, u64::MAX - created_at),
            (RemovalPolicy::Oldest, Some(created_at)) => (false, created_at),
            (RemovalPolicy::Newest | RemovalPolicy::Oldest, None) => (true, 0),
            (RemovalPolicy::HighestSlot | RemovalPolicy::Unknown, _) => (false, 0),
        };
        if self != RemovalPolicy::Unknown {
            members.sort_by_key(|m| (age(m), Reverse(m.slot)));
        }
    }
}

/// See [`Observation::free_slots`].
#[derive(Debug, Clone)]
pub struct FreeSlots {
    /// Sorted.
    taken: Vec<u32>,
    from: u64,
    to: u64,
}

impl Iterator for FreeSlots {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        while self.from < self.to {
            let slot = u32::try_from(self.from).ok()?;
            self.from += 1;
            if self.taken.binary_search(&slot).is_err() {
                return Some(slot);
            }
        }
        None
    }
}

impl DoubleEndedIterator for FreeSlots {
    fn next_back(&mut self) -> Option<u32> {
        while self.from < self.to {
            self.to -= 1;
            let slot = u32::try_from(self.to).ok()?;
            if self.taken.binary_search(&slot).is_err() {
                return Some(slot);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{member, observation, operation};

    #[test]
    fn free_slots_lie_below_the_bound_between_members_and_operations() {
        let mut seen = observation(4);
        (seen.desired.max_surge, seen.desired.spares) = (1, 1);
        seen.members = vec![member(0), member(3)];
        seen.operations = vec![operation(OperationKind::Clone, 1)];
        assert_eq!(seen.free_slots().collect::<Vec<_>>(), [2, 4, 5]);
        assert_eq!(seen.free_slots().rev().collect::<Vec<_>>(), [5, 4, 2]);
    }

    #[test]
    fn removal_sorts_by_age_and_keeps_those_of_unknown_age() {
        let aged = |slot, created_at| {
            let mut member = member(slot);
            member.created_at = created_at;
            member
        };
        let members = [
            aged(0, Some(20)),
            aged(1, None),
            aged(2, Some(10)),
            aged(3, Some(20)),
        ];
        let order = |policy: RemovalPolicy| {
            let mut sorted: Vec<&Member> = members.iter().collect();
            policy.sort(&mut sorted);
            sorted.iter().map(|m| m.slot).collect::<Vec<_>>()
        };
        assert_eq!(order(RemovalPolicy::Newest), [3, 0, 2, 1]);
        assert_eq!(order(RemovalPolicy::Oldest), [2, 3, 0, 1]);
        assert_eq!(order(RemovalPolicy::HighestSlot), [3, 2, 1, 0]);
    }

    #[test]
    fn a_foreign_disk_forbids_deletion_and_nothing_else() {
        let mut member = member(0);
        member.holds = vec![Hold::ForeignDisk];
        assert!(member.is_free_to_act());
        assert!(!member.is_free_to_delete());
    }

    #[test]
    fn a_member_that_cannot_be_read_is_not_touched() {
        let mut member = member(0);
        member.connection = Connection::Unknown;
        assert!(!member.is_free_to_act());
    }
}
