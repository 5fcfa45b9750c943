//! Whose a VM is, by its marker.

use std::collections::{BTreeMap, BTreeSet};

use vmgroup_core::group::GroupKey;
use vmgroup_core::marker::{Claim, Owner};
use vmgroup_core::observation::Slot;

use crate::group::Group;
use crate::inventory::{Inventory, Known, Vm, VmId};
use crate::machine::Machine;

/// The VMs of a group, sorted out by their markers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Membership {
    /// VMs whose marker names this identity, group and install, and agrees.
    pub(crate) members: BTreeMap<Slot, BTreeSet<VmId>>,
    /// VMs whose marker names this identity but does not speak of them.
    pub(crate) copies: Vec<VmId>,
    /// VMs of this identity that name another group.
    pub(crate) foreign: Vec<VmId>,
    /// Agreeing VMs of this group and install under another identity.
    pub(crate) other_identity: Vec<(VmId, String)>,
    /// VMs that would be members, had they been made in this vCenter.
    pub(crate) other_vcenter: BTreeMap<VmId, Slot>,
}

/// Sorts out the VMs that claim to be of the group.
fn membership(owner: &Owner, inventory: &Inventory) -> Membership {
    let mut sorted = Membership::default();
    for known in inventory.of_identity(&owner.identity) {
        let id = known.vm.id.clone();
        match known.claim(owner) {
            Some((marker, Claim::Member)) => {
                sorted.members.entry(marker.slot).or_default().insert(id);
            }
            Some((marker, Claim::OtherVcenter)) => {
                sorted.other_vcenter.insert(id, marker.slot);
            }
            Some((_, Claim::Copy)) => sorted.copies.push(id),
            Some((_, Claim::OtherGroup)) => sorted.foreign.push(id),
            Some((_, Claim::OtherIdentity | Claim::OtherInstall)) | None => {}
        }
    }
    for known in inventory.of_group(&owner.group) {
        if let Some((marker, Claim::OtherIdentity)) = known.claim(owner) {
            let entry = (known.vm.id.clone(), marker.identity.clone());
            sorted.other_identity.push(entry);
        }
    }
    sorted
}

/// What a VM that was read is to a slot of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tie {
    /// It fills the slot.
    Member,
    /// It would, if somebody made it a VM again.
    Template,
    /// It would, had it been made in this vCenter.
    Brought,
    /// It was a member of a group of that name which is gone, in whatever slot.
    Former,
    /// Nobody can tell, for its configuration cannot be read.
    Unreadable,
    /// Nothing.
    Stranger,
}

impl Tie {
    fn of(vm: &Vm, slot: Slot, owner: &Owner) -> Self {
        if vm.instance_uuid.is_none() {
            return Tie::Unreadable;
        }
        let converted = Known::new(Vm {
            template: false,
            ..vm.clone()
        });
        match converted.claim(owner) {
            Some((marker, Claim::Member)) if marker.slot == slot && vm.template => Tie::Template,
            _ if vm.template => Tie::Stranger,
            Some((marker, Claim::Member)) if marker.slot == slot => Tie::Member,
            Some((marker, Claim::OtherVcenter)) if marker.slot == slot => Tie::Brought,
            Some((_, Claim::OtherIdentity)) => Tie::Former,
            _ => Tie::Stranger,
        }
    }

    /// It fills the slot, as far as anybody can tell.
    pub(crate) fn may_fill(self) -> bool {
        matches!(self, Tie::Member | Tie::Unreadable)
    }

    /// The slot is not free as long as this VM exists.
    pub(crate) fn holds_slot(self) -> bool {
        matches!(self, Tie::Member | Tie::Template | Tie::Unreadable)
    }
}

impl Machine {
    /// The VMs in view that claim to be of the group.
    pub(crate) fn membership(&self, group: &Group) -> Membership {
        membership(&self.owner(group), &self.inventory)
    }

    /// What the VM is to that slot.
    pub(crate) fn tie(&self, key: &GroupKey, slot: Slot, vm: &Vm) -> Tie {
        let group = self.groups.get(key);
        group.map_or(Tie::Stranger, |group| Tie::of(vm, slot, &self.owner(group)))
    }
}

#[cfg(test)]
mod tests {
    use vmgroup_core::marker::Marker;

    use super::*;
    use crate::inventory::tests::{marked, owner, vm};

    #[test]
    fn what_a_vm_is_to_a_slot_follows_from_its_marker() {
        let other = |change: fn(&mut Marker)| marked("vm-1", change);
        let member = other(|_| {});
        let template = |vm: &Vm| Vm {
            template: true,
            ..vm.clone()
        };
        let unreadable = |vm: &Vm| Vm {
            instance_uuid: None,
            ..vm.clone()
        };
        let brought = other(|marker| marker.vcenter = "another".into());
        let former = other(|marker| marker.identity = "former".into());
        for (vm, tie, holds_slot, may_fill) in [
            (member.clone(), Tie::Member, true, true),
            (template(&member), Tie::Template, true, false),
            (unreadable(&member), Tie::Unreadable, true, true),
            (unreadable(&template(&member)), Tie::Unreadable, true, true),
            (brought.clone(), Tie::Brought, false, false),
            (template(&brought), Tie::Stranger, false, false),
            (former.clone(), Tie::Former, false, false),
            (template(&former), Tie::Stranger, false, false),
            (other(|it| it.slot = 4), Tie::Stranger, false, false),
            (
                other(|it| it.name = "db".into()),
                Tie::Stranger,
                false,
                false,
            ),
            (
                other(|it| it.install = "test".into()),
                Tie::Stranger,
                false,
                false,
            ),
            (
                other(|it| it.instance_uuid = "copied".into()),
                Tie::Stranger,
                false,
                false,
            ),
            (vm("vm-1"), Tie::Stranger, false, false),
        ] {
            let found = Tie::of(&vm, 3, &owner());
            assert_eq!(found, tie, "{vm:?}");
            assert_eq!(found.holds_slot(), holds_slot, "{tie:?}");
            assert_eq!(found.may_fill(), may_fill, "{tie:?}");
        }
        let of_other_slots = [&brought, &former].map(|vm| Tie::of(vm, 4, &owner()));
        assert_eq!(of_other_slots, [Tie::Stranger, Tie::Former]);
    }
}
