//! Names that follow from a group, whatever it is called. Six lines: namespace and name of two
//! groups, an identity, a slot.

use vmgroup_core::group::GroupKey;
use vmgroup_core::names::{OperationId, folder_name, identity_problem, instance_uuid, vm_name};
use vmgroup_core::text::one_line;

use crate::{Target, Verdict, seeds, text};

/// The target.
pub const TARGET: Target = Target {
    name: "names",
    about: "names of VMs and folders, and text made fit for one line",
    run,
    seeds: seeds::names,
    words: &[
        "-replica-",
        "_",
        "-",
        ".",
        "\u{202e}",
        "\u{1b}[1m",
        "é",
        "4294967295",
    ],
    bytes_max: 640,
    bounded: 60_000,
};

const NAME_CHARS_MAX: usize = 80;

fn run(bytes: &[u8]) -> Verdict {
    let Some(text) = text(bytes) else {
        return Verdict::Refused;
    };
    fits_one_line(text);
    let lines: Vec<&str> = text.splitn(6, '\n').collect();
    let &[namespace_a, name_a, namespace_b, name_b, identity, slot] = lines.as_slice() else {
        return Verdict::Refused;
    };
    let Ok(slot) = slot.trim().parse::<u32>() else {
        return Verdict::Refused;
    };
    let (a, b) = (
        GroupKey::new(namespace_a, name_a),
        GroupKey::new(namespace_b, name_b),
    );
    for group in [&a, &b] {
        let (vm, folder) = (vm_name(&group.name, identity, slot), folder_name(group));
        assert!(vm.chars().count() <= NAME_CHARS_MAX, "{vm:?}");
        assert!(folder.chars().count() <= NAME_CHARS_MAX, "{folder:?}");
        let letters = vm.rsplit_once("-replica-").map(|(_, letters)| letters);
        let letters = letters.unwrap_or_else(|| panic!("{vm:?} has no letters"));
        assert!(letters.len() == 8 && letters.bytes().all(|byte| byte.is_ascii_lowercase()));
    }
    let possible = |group: &GroupKey| is_label(&group.namespace) && is_subdomain(&group.name);
    if possible(&a) && possible(&b) {
        assert_eq!(folder_name(&a) == folder_name(&b), a == b, "{a} and {b}");
    }
    let uuid = instance_uuid(identity, slot);
    assert!(uuid.len() == 36 && uuid.as_bytes()[14] == b'5', "{uuid}");
    let next = slot.wrapping_add(1);
    assert_ne!(instance_uuid(identity, next), uuid);
    let id = OperationId::in_slot(identity, slot, 1);
    let named = id.to_string();
    assert_ne!(named, OperationId::in_slot(identity, next, 1).to_string());
    if identity_problem(identity).is_none() {
        assert_eq!(OperationId::parse(&named), Some(id), "{named}");
    }
    Verdict::Accepted
}

fn fits_one_line(text: &str) {
    for chars_max in [1, 7, 80] {
        let line = one_line(text, chars_max);
        crate::assert_one_line(&line, chars_max);
        assert_eq!(one_line(&line, chars_max), line, "made fit twice");
    }
}

fn is_label(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = [text.bytes().next(), text.bytes().last()];
    ends.into_iter().all(|end| end.is_some_and(word))
        && text.bytes().all(|byte| word(byte) || byte == b'-')
}

fn is_subdomain(text: &str) -> bool {
    text.split('.').all(is_label)
}
