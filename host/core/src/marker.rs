//! The marker: what makes a VM a member. It stands in the VM's `extraConfig`.

use serde::{Deserialize, Serialize};

use crate::group::GroupKey;
use crate::limits::{MARKER_BYTES_READ_MAX, SLOTS_MAX};
use crate::observation::Slot;

/// Key in `extraConfig` that holds the marker, as JSON.
pub const MARKER_KEY: &str = "vmgroup.marker";
/// Key in `extraConfig` that holds the hash of the spec which the VM follows.
pub const SPEC_HASH_KEY: &str = "vmgroup.spec-hash";
/// Key in `extraConfig` by which an administrator holds a VM; any value but an
/// empty one does.
pub const HOLD_KEY: &str = "vmgroup.hold";

/// Who made the VM, for whom. At most 1 KiB as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Marker {
    /// Version of this format.
    pub version: u32,
    /// Name of this installation of the operator.
    pub install: String,
    /// `about.instanceUuid` of the vCenter in which the VM was made.
    #[serde(default)]
    pub vcenter: String,
    /// Namespace of the group.
    pub namespace: String,
    /// Name of the group.
    pub name: String,
    /// Identity of the group.
    pub identity: String,
    /// The slot that the VM fills.
    pub slot: Slot,
    /// The VM's own `instanceUuid`: a copy inherits the marker, not this.
    pub instance_uuid: String,
    /// Device keys of the disks that the VM was born with.
    #[serde(default)]
    pub disks: Vec<i32>,
}

impl Marker {
    /// The format that this operator writes.
    pub const VERSION: u32 = 1;

    /// The marker as it is written; an empty string is no marker.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("a marker has only strings and numbers")
    }

    /// The marker in `text`; none if it is not one.
    pub fn parse(text: &str) -> Option<Marker> {
        if text.len() > MARKER_BYTES_READ_MAX {
            return None;
        }
        serde_json::from_str(text).ok()
    }

    /// Whether the marker was written for the VM that it stands on: it names that
    /// VM's own `instanceUuid`, in a version and with a slot that exist. A clone,
    /// restore or replica inherits the marker, but not the UUID.
    pub fn agrees(&self, instance_uuid: &str) -> bool {
        self.version == Self::VERSION
            && self.slot < SLOTS_MAX
            && !self.instance_uuid.is_empty()
            && self.instance_uuid.eq_ignore_ascii_case(instance_uuid)
    }

    /// Whether the VM with that `instanceUuid` is a member, and if not, why.
    pub fn claim(&self, owner: &Owner, instance_uuid: &str) -> Claim {
        if self.install != owner.install {
            Claim::OtherInstall
        } else if !self.agrees(instance_uuid) {
            Claim::Copy
        } else if self.group() != owner.group {
            Claim::OtherGroup
        } else if self.identity != owner.identity {
            Claim::OtherIdentity
        } else if self.vcenter != owner.vcenter {
            Claim::OtherVcenter
        } else {
            Claim::Member
        }
    }

    /// The group that the marker names.
    pub fn group(&self) -> GroupKey {
        GroupKey::new(&self.namespace, &self.name)
    }
}

/// Whom a marker has to name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Name of this installation of the operator.
    pub install: String,
    /// `about.instanceUuid` of the vCenter.
    pub vcenter: String,
    /// The group.
    pub group: GroupKey,
    /// Its identity.
    pub identity: String,
}

/// What a VM with a marker is to a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// A member.
    Member,
    /// It inherited the marker, or the marker cannot be understood: never
    /// touched, never counted.
    Copy,
    /// A member of a group of that name that is gone: waits for adoption.
    OtherIdentity,
    /// A member that was made in another vCenter: this one was rebuilt, or the VM
    /// was brought here. Waits for adoption.
    OtherVcenter,
    /// Another group's.
    OtherGroup,
    /// Another operator's.
    OtherInstall,
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "ee9f8f0f-4dc4-5aa4-8079-01f5de55ea4b";

    fn marker() -> Marker {
        Marker {
            version: Marker::VERSION,
            install: "prod".into(),
            vcenter: UUID.into(),
            namespace: "n".repeat(63),
            name: "g".repeat(253),
            identity: "i".repeat(crate::limits::IDENTITY_BYTES_MAX),
            slot: 999,
            instance_uuid: UUID.into(),
            disks: (2_000..2_060).collect(),
        }
    }

    #[test]
    fn a_marker_fits_its_place_and_reads_back() {
        let text = marker().to_text();
        assert!(
            text.len() <= crate::limits::MARKER_BYTES_MAX,
            "{} bytes",
            text.len()
        );
        assert_eq!(Marker::parse(&text), Some(marker()));
    }

    #[test]
    fn what_is_no_marker_is_none() {
        for text in [
            "",
            "{}",
            "null",
            "not json",
            &format!("{{\"a\":\"{}\"}}", "x".repeat(5_000)),
        ] {
            assert_eq!(Marker::parse(text), None);
        }
    }

    #[test]
    fn a_vm_is_a_member_only_if_everything_agrees() {
        let owner = Owner {
            install: "prod".into(),
            vcenter: UUID.into(),
            group: marker().group(),
            identity: marker().identity,
        };
        let claim = |change: &dyn Fn(&mut Marker)| {
            let mut marker = marker();
            change(&mut marker);
            marker.claim(&owner, &UUID.to_uppercase())
        };
        assert_eq!(claim(&|_| ()), Claim::Member);
        assert_eq!(claim(&|m| m.install = "test".into()), Claim::OtherInstall);
        assert_eq!(claim(&|m| m.name = "other".into()), Claim::OtherGroup);
        assert_eq!(claim(&|m| m.namespace = "other".into()), Claim::OtherGroup);
        assert_eq!(
            claim(&|m| m.identity = "older".into()),
            Claim::OtherIdentity
        );
        assert_eq!(claim(&|m| m.vcenter.clear()), Claim::OtherVcenter);
        assert_eq!(claim(&|m| m.version = 2), Claim::Copy);
        assert_eq!(claim(&|m| m.slot = 1_000), Claim::Copy);
        assert_eq!(claim(&|m| m.instance_uuid = "0000".into()), Claim::Copy);
        assert_eq!(claim(&|m| m.instance_uuid = String::new()), Claim::Copy);
    }

    #[test]
    fn an_empty_uuid_agrees_with_nothing() {
        let marker = Marker {
            instance_uuid: String::new(),
            ..marker()
        };
        assert!(!marker.agrees(""));
    }

    #[test]
    fn a_marker_is_read_up_to_its_limit() {
        let text = marker().to_text();
        let padded = |bytes: usize| text.clone() + &" ".repeat(bytes - text.len());
        assert_eq!(
            Marker::parse(&padded(MARKER_BYTES_READ_MAX)),
            Some(marker())
        );
        assert_eq!(Marker::parse(&padded(MARKER_BYTES_READ_MAX + 1)), None);
        assert_eq!(Marker::parse(&padded(2 * MARKER_BYTES_READ_MAX)), None);
    }
}
