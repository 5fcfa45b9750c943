//! Markers and spec hashes: `extraConfig` of a VM is anybody's to write. The first line is the
//! marker, the rest the hash.

use vmgroup_core::hash::{self, Difference};
use vmgroup_core::limits::{MARKER_BYTES_READ_MAX, SLOTS_MAX, SPEC_HASH_BYTES_MAX};
use vmgroup_core::marker::{Claim, Marker, Owner};

use crate::{Target, Verdict, seeds, text};

/// The target.
pub const TARGET: Target = Target {
    name: "marker",
    about: "markers and spec hashes on VMs",
    run,
    seeds: seeds::markers,
    words: &[
        "\"version\":1",
        "\"slot\":",
        "\"instanceUuid\":\"",
        "v1:",
        "4294967295",
        "\"disks\":[2000]",
    ],
    bytes_max: 1_024,
    bounded: 60_000,
};

fn run(bytes: &[u8]) -> Verdict {
    let Some(text) = text(bytes) else {
        return Verdict::Refused;
    };
    let (marker, recorded) = text.split_once('\n').unwrap_or((text, ""));
    never_outdates_by_itself(recorded);
    let Some(marker) = Marker::parse(marker) else {
        return Verdict::Refused;
    };
    assert!(text.len() <= MARKER_BYTES_READ_MAX + recorded.len() + 1);
    assert_eq!(Marker::parse(&marker.to_text()).as_ref(), Some(&marker));
    belongs_to_its_owner_only(&marker);
    Verdict::Accepted
}

fn belongs_to_its_owner_only(marker: &Marker) {
    let owner = Owner {
        install: marker.install.clone(),
        vcenter: marker.vcenter.clone(),
        group: marker.group(),
        identity: marker.identity.clone(),
    };
    let uuid = &marker.instance_uuid;
    let claim = marker.claim(&owner, uuid);
    let fine = marker.version == Marker::VERSION && marker.slot < SLOTS_MAX && !uuid.is_empty();
    assert_eq!(claim == Claim::Member, fine, "{marker:?}");
    assert_eq!(marker.claim(&owner, &uuid.to_ascii_uppercase()), claim);
    let copy = format!("{uuid}0");
    assert_ne!(marker.claim(&owner, &copy), Claim::Member);
    let others = [
        Owner {
            install: format!("{}x", owner.install),
            ..owner.clone()
        },
        Owner {
            vcenter: format!("{}x", owner.vcenter),
            ..owner.clone()
        },
        Owner {
            identity: format!("{}x", owner.identity),
            ..owner.clone()
        },
    ];
    for other in &others {
        assert_ne!(marker.claim(other, uuid), Claim::Member, "{other:?}");
    }
}

fn never_outdates_by_itself(recorded: &str) {
    let spec = seeds::spec();
    let differs = hash::compare(Some(recorded), spec) != Difference::None;
    assert_eq!(differs, hash::is_outdated(Some(recorded), spec));
    match hash::reconfigured(Some(recorded), spec) {
        // A record that cannot be read says nothing, and so replaces nothing.
        None => assert!(!differs, "{recorded:?}"),
        Some(next) => {
            assert!(next.len() <= SPEC_HASH_BYTES_MAX, "{next}");
            assert_ne!(
                hash::compare(Some(&next), spec),
                Difference::Hardware,
                "{next}"
            );
            assert_eq!(hash::reconfigured(Some(&next), spec), Some(next));
        }
    }
}
