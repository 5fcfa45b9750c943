//! Names that follow from what a group is. Golden values in the tests pin
//! them: a change here would make every existing VM a stranger.

use std::fmt::{self, Display, Formatter};

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::group::GroupKey;
use crate::limits::{IDENTITY_BYTES_MAX, NAME_CHARS_MAX};
use crate::observation::Slot;

/// Namespace of the UUIDs of members, chosen once.
const MEMBERS: Uuid = Uuid::from_u128(0x7f0c_5c1e_93b2_4d68_a1d7_42e8_60b9_35fa);

/// Stands in the place of slot and commit.
const FOLDER: &str = "folder";

/// `instanceUuid` of the VM in that slot: the UUIDv5, in `MEMBERS`, of the bytes
/// `identity`, `/` and the slot in decimal.
pub fn instance_uuid(identity: &str, slot: Slot) -> String {
    member_uuid(identity, slot).hyphenated().to_string()
}

/// Why no VM can carry that identity; none if one can. It stands in markers and,
/// before a `/`, in operation ids.
pub fn identity_problem(identity: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if identity.is_empty() {
        Some("it is empty".into())
    } else if identity.len() > IDENTITY_BYTES_MAX {
        Some(format!(
            "it has {} bytes, of {IDENTITY_BYTES_MAX} allowed",
            identity.len()
        ))
    } else if !identity.bytes().all(plain) {
        Some("it has characters other than letters, digits, `-`, `.` and `_`".into())
    } else {
        None
    }
}

/// Name of the VM in that slot: `<group>-replica-<8 letters>`, at most
/// `NAME_CHARS_MAX` characters. A group's name that is too long for that is cut,
/// and a hash of all of it stands in for the rest.
pub fn vm_name(group: &str, identity: &str, slot: Slot) -> String {
    let ending = format!("-replica-{}", letters(member_uuid(identity, slot)));
    let room = NAME_CHARS_MAX - ending.len();
    if group.chars().count() <= room {
        return group.to_owned() + &ending;
    }
    let hash = &hex_digest(group)[..8];
    let kept: String = group.chars().take(room - 1 - hash.len()).collect();
    format!("{kept}-{hash}{ending}")
}

/// Name of the group's folder: `<namespace>-<name>`, at most `NAME_CHARS_MAX`
/// characters. With a hyphen in the namespace two groups could mean the same
/// folder, so such names, and those that had to be cut, end in `_` and a hash of
/// both parts; no name of Kubernetes has a `_`.
pub fn folder_name(group: &GroupKey) -> String {
    let GroupKey { namespace, name } = group;
    let plain = demo_folder_name(group);
    if plain.chars().count() <= NAME_CHARS_MAX && !namespace.contains('-') {
        return plain;
    }
    let hash = &hex_digest(&format!("{namespace}/{name}"))[..16];
    let kept: String = plain
        .chars()
        .take(NAME_CHARS_MAX - 1 - hash.len())
        .collect();
    format!("{kept}_{hash}")
}

/// Name of the folder that the Go demo gave the group. Two groups may mean the same one.
pub fn demo_folder_name(group: &GroupKey) -> String {
    format!("{}-{}", group.namespace, group.name)
}

/// Id of one effect, the same however often it is repeated. vCenter logs it and
/// shows it on the task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OperationId<'a> {
    /// The group's.
    pub identity: &'a str,
    /// Slot and number of the commit; none if the group's folder is made or removed.
    pub committed: Option<(Slot, u64)>,
}

impl<'a> OperationId<'a> {
    /// An effect that a commit has in a slot.
    pub fn in_slot(identity: &'a str, slot: Slot, intent: u64) -> Self {
        OperationId {
            identity,
            committed: Some((slot, intent)),
        }
    }

    /// The group's folder is made or removed.
    pub fn of_folder(identity: &'a str) -> Self {
        OperationId {
            identity,
            committed: None,
        }
    }

    /// What a text names; nothing if it is not one that `Display` writes.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (identity, rest) = text.split_once('/')?;
        let id = match rest.split_once('/') {
            None => Self::of_folder(identity),
            Some((slot, intent)) => {
                Self::in_slot(identity, slot.parse().ok()?, intent.parse().ok()?)
            }
        };
        // Numbers have other forms, and a folder has one word.
        (id.to_string() == text).then_some(id)
    }
}

impl Display for OperationId<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.committed {
            Some((slot, intent)) => write!(f, "{}/{slot}/{intent}", self.identity),
            None => write!(f, "{}/{FOLDER}", self.identity),
        }
    }
}

fn member_uuid(identity: &str, slot: Slot) -> Uuid {
    Uuid::new_v5(&MEMBERS, format!("{identity}/{slot}").as_bytes())
}

/// The UUID as a number, its eight lowest digits to the base 26, lowest first.
fn letters(uuid: Uuid) -> String {
    let mut rest = uuid.as_u128();
    let mut letters = String::with_capacity(8);
    for _ in 0..8 {
        letters.push(char::from(b'a' + (rest % 26) as u8));
        rest /= 26;
    }
    letters
}

/// SHA-256 of a text, in lower-case hexadecimal digits.
pub(crate) fn hex_digest(text: &str) -> String {
    use std::fmt::Write;
    let mut hex = String::with_capacity(64);
    let digest = Sha256::digest(text.as_bytes());
    let (words, _) = digest.as_chunks();
    for word in words {
        let word = u64::from_be_bytes(*word);
        write!(hex, "{word:016x}").expect("a string takes all that is written to it");
    }
    hex
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const IDENTITY: &str = "0a1b2c3d-0000-4000-8000-000000000001";

    #[test]
    fn the_names_of_existing_vms_never_change() {
        assert_eq!(
            instance_uuid(IDENTITY, 0),
            "ee9f8f0f-4dc4-5aa4-8079-01f5de55ea4b"
        );
        assert_eq!(
            instance_uuid(IDENTITY, 10),
            "78e1f0b6-00d2-565a-be15-2932860ce8c2"
        );
        assert_eq!(vm_name("web", IDENTITY, 0), "web-replica-vhiwbdam");
        assert_eq!(
            vm_name(&"w".repeat(70), IDENTITY, 10),
            "wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww-4c6302c9-replica-mlirhzth"
        );
        assert_eq!(OperationId::in_slot("id", 3, 7).to_string(), "id/3/7");
        assert_eq!(OperationId::of_folder("id").to_string(), "id/folder");
    }

    /// A token of vCenter's own names no call of the operator.
    #[test]
    fn an_operation_id_is_parsed_as_it_is_written_and_nothing_else_is() {
        for text in ["uid-1/0/1764", "uid-1/999/1", "uid-1/folder"] {
            let parsed = OperationId::parse(text).map(|id| id.to_string());
            assert_eq!(parsed.as_deref(), Some(text));
        }
        for other in [
            "",
            "5d2e-11",
            "uid-1/0/1764-5d",
            "uid-1/0",
            "h5-dvportgroup/0/x",
            "a/b/c/d",
            "uid-1/folder/1",
            "uid-1/0/1/2",
            "uid-1/+1/7",
            "uid-1/1/007",
        ] {
            assert_eq!(OperationId::parse(other), None, "{other}");
        }
    }

    #[test]
    fn an_identity_fits_into_markers_and_operation_ids() {
        assert_eq!(identity_problem(IDENTITY), None);
        assert_eq!(identity_problem(&"i".repeat(IDENTITY_BYTES_MAX)), None);
        let long = "i".repeat(IDENTITY_BYTES_MAX + 1);
        let table = [
            ("", "it is empty"),
            (long.as_str(), "it has 65 bytes, of 64 allowed"),
            ("a/1", "characters other than"),
            ("a b", "characters other than"),
            ("ä", "characters other than"),
        ];
        for (identity, wanted) in table {
            let problem = identity_problem(identity).unwrap_or_default();
            assert!(problem.contains(wanted), "{identity}: {problem}");
        }
    }

    #[test]
    fn the_names_of_existing_folders_never_change() {
        let folder = |namespace: &str, name: &str| folder_name(&GroupKey::new(namespace, name));
        assert_eq!(folder("default", "vg-1"), "default-vg-1");
        assert_eq!(folder("a-b", "c"), "a-b-c_4e84717d75bd540d");
        assert_eq!(
            folder("n", &"x".repeat(100)),
            "n-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx_363fb45750031002"
        );
    }

    #[test]
    fn all_slots_of_a_group_have_names_of_their_own() {
        let names: BTreeSet<_> = (0..crate::limits::SLOTS_MAX)
            .map(|slot| vm_name("web", IDENTITY, slot))
            .collect();
        assert_eq!(names.len(), crate::limits::SLOTS_MAX as usize);
    }

    fn namespace() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-z0-9]{1,3}(-[a-z0-9]{1,3}){0,2}",
            "[a-z0-9]{63}",
            "[a-z]{30}-[a-z]{32}"
        ]
    }

    fn name() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-z0-9]{1,3}([-.][a-z0-9]{1,3}){0,2}",
            "[a-z0-9]{1,3}(-[a-z0-9]{1,3}){0,2}-[0-9a-f]{16}",
            "[a-z0-9]{253}"
        ]
    }

    proptest! {
        #[test]
        fn no_name_is_longer_than_vcenter_allows(
            namespace in namespace(), name in name(), slot in 0u32..1_000
        ) {
            prop_assert!(vm_name(&name, IDENTITY, slot).chars().count() <= 80);
            prop_assert!(folder_name(&GroupKey::new(namespace, name)).chars().count() <= 80);
        }

        #[test]
        fn a_vm_name_ends_in_eight_letters(name in name(), identity in ".{1,64}", slot: u32) {
            let vm_name = vm_name(&name, &identity, slot);
            let (_, letters) = vm_name.rsplit_once("-replica-").expect("the infix is there");
            prop_assert_eq!(letters.len(), 8);
            prop_assert!(letters.bytes().all(|byte| byte.is_ascii_lowercase()));
        }

        #[test]
        fn two_groups_never_share_a_folder(
            a in ("[ab]{1,2}(-[ab]{1,2}){0,2}", "[ab]{1,2}([-.][ab]{1,2}){0,2}"),
            b in ("[ab]{1,2}(-[ab]{1,2}){0,2}", "[ab]{1,2}([-.][ab]{1,2}){0,2}"),
        ) {
            let (a, b) = (GroupKey::new(a.0, a.1), GroupKey::new(b.0, b.1));
            prop_assert_eq!(folder_name(&a) == folder_name(&b), a == b);
        }

        #[test]
        fn every_cut_of_the_same_text_is_another_folder(text in "[ab](-?[ab]){3,9}") {
            let cuts: Vec<_> = text.match_indices('-').map(|(at, _)| at).collect();
            let folders: BTreeSet<_> = cuts
                .iter()
                .map(|at| folder_name(&GroupKey::new(&text[..*at], &text[at + 1..])))
                .collect();
            prop_assert_eq!(folders.len(), cuts.len());
        }

        #[test]
        fn identities_and_slots_never_share_a_uuid(
            a in "[a-c/0-9]{1,4}", b in "[a-c/0-9]{1,4}", s in 0u32..30, t in 0u32..30
        ) {
            let same = (&a, s) == (&b, t);
            prop_assert_eq!(instance_uuid(&a, s) == instance_uuid(&b, t), same);
        }
    }
}
