//! The spec hash: what a member's hardware and template were asked to be when
//! it was made, in a few bytes on the VM itself.
//!
//! `v1:<16 digits>-<16 digits>`: hashes of the hardware and of the template, as
//! they are written in the spec. Apart, so that new hardware for an old member
//! does not hide that its template is old. Defaults and resolved ids are
//! outside, so that no upgrade of the operator makes a member outdated.

use crate::group::Spec;
use crate::names::hex_digest;

/// What differs between a member and the spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// Nothing, or it cannot be told.
    None,
    /// CPUs or memory alone.
    Hardware,
    /// The template, whatever else does: only a new VM brings it.
    Template,
}

/// The hash of a spec.
pub fn spec_hash(spec: &Spec) -> String {
    format!("v1:{}-{}", hardware(spec), template(spec))
}

/// What differs between the spec and the one that was recorded. Nothing does if
/// the record is missing, or of a version that is not known here.
pub fn compare(recorded: Option<&str>, spec: &Spec) -> Difference {
    match recorded.and_then(parts) {
        Some((_, old_template)) if old_template != template(spec) => Difference::Template,
        Some((old_hardware, _)) if old_hardware != hardware(spec) => Difference::Hardware,
        Some(_) | None => Difference::None,
    }
}

/// Whether anything differs.
pub fn is_outdated(recorded: Option<&str>, spec: &Spec) -> bool {
    compare(recorded, spec) != Difference::None
}

/// What to record when the hardware has been brought to the spec: the template
/// stays the one that the member was made from. Nothing if that is not known.
pub fn reconfigured(recorded: Option<&str>, spec: &Spec) -> Option<String> {
    let (_, template) = recorded.and_then(parts)?;
    Some(format!("v1:{}-{template}", hardware(spec)))
}

fn hardware(spec: &Spec) -> String {
    short(&format!("cpus={} memoryMib={}", spec.cpus, spec.memory_mib))
}

fn template(spec: &Spec) -> String {
    short(&format!("template={}", spec.template))
}

fn short(text: &str) -> String {
    hex_digest(text)[..16].to_owned()
}

fn parts(recorded: &str) -> Option<(&str, &str)> {
    let (hardware, template) = recorded.strip_prefix("v1:")?.split_once('-')?;
    let is_short = |part: &str| part.len() == 16 && part.bytes().all(|b| b.is_ascii_hexdigit());
    (is_short(hardware) && is_short(template)).then_some((hardware, template))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::{Amount, DeletionPolicy, Mode};
    use crate::limits::SPEC_HASH_BYTES_MAX;
    use crate::observation::{
        HealPolicy, Parking, PowerDriftPolicy, PowerState, RemovalPolicy, UpdatePolicy,
    };

    fn example() -> Spec {
        Spec {
            cpus: 1,
            memory_mib: 1_024,
            replicas: 3,
            template: "base".into(),
            power_state: PowerState::On,
            power_drift: PowerDriftPolicy::Enforce,
            power_grace_ms: 300_000,
            update: UpdatePolicy::InPlace,
            max_unavailable: Amount::Count(1),
            max_surge: Amount::Count(1),
            min_alive: 0,
            spares: 0,
            removal: RemovalPolicy::Newest,
            heal: HealPolicy::Never,
            heal_after_ms: 600_000,
            parking: Parking::Forbidden,
            deletion: DeletionPolicy::Delete,
            suspend: false,
            mode: Mode::Apply,
            settings: "{}".into(),
            allow: std::collections::BTreeSet::new(),
            module: None,
        }
    }

    fn spec(cpus: u32, memory_mib: u64, template: &str) -> Spec {
        Spec {
            cpus,
            memory_mib,
            template: template.into(),
            ..example()
        }
    }

    #[test]
    fn the_hashes_of_existing_members_never_change() {
        assert_eq!(
            spec_hash(&spec(1, 1024, "vm-operator-template")),
            "v1:48cb545c8ce6ee96-18f8100da67bb9a1"
        );
        assert_eq!(
            spec_hash(&spec(2, 2048, "/DC0/vm/base")),
            "v1:b6c0e45be9b390be-c89be7f20ba711f3"
        );
    }

    #[test]
    fn a_hash_fits_its_place_however_long_the_template_is() {
        assert!(
            spec_hash(&spec(u32::MAX, u64::MAX, &"x".repeat(10_000))).len() <= SPEC_HASH_BYTES_MAX
        );
    }

    #[test]
    fn a_change_of_one_field_is_told_from_a_change_of_another() {
        let recorded = spec_hash(&spec(1, 1024, "base"));
        let compare = |spec: &Spec| compare(Some(&recorded), spec);
        assert_eq!(compare(&spec(1, 1024, "base")), Difference::None);
        assert_eq!(compare(&spec(2, 1024, "base")), Difference::Hardware);
        assert_eq!(compare(&spec(1, 2048, "base")), Difference::Hardware);
        assert_eq!(compare(&spec(1, 1024, "Base")), Difference::Template);
        assert_eq!(compare(&spec(2, 1024, "new")), Difference::Template);
        assert!(is_outdated(Some(&recorded), &spec(2, 1024, "base")));
        assert!(!is_outdated(Some(&recorded), &spec(1, 1024, "base")));
    }

    #[test]
    fn an_unknown_or_absent_hash_is_never_outdated() {
        let spec = spec(1, 1024, "base");
        let v2 = spec_hash(&spec).replace("v1", "v2");
        for recorded in [
            None,
            Some(""),
            Some("v1:"),
            Some("v1:00-00"),
            Some("v1:0123456789abcdef-00"),
            Some("v1:00-0123456789abcdef"),
            Some("v1:0123456789abcdef-0123456789abcdeg"),
            Some("garbage"),
            Some(&v2),
        ] {
            assert!(!is_outdated(recorded, &spec), "{recorded:?}");
            assert_eq!(reconfigured(recorded, &spec), None, "{recorded:?}");
        }
    }

    #[test]
    fn new_hardware_does_not_hide_an_old_template() {
        let recorded = spec_hash(&spec(1, 1024, "old"));
        let wanted = spec(2, 1024, "new");
        let recorded = reconfigured(Some(&recorded), &wanted).expect("it was recorded");
        assert_eq!(compare(Some(&recorded), &wanted), Difference::Template);
        assert!(
            recorded.starts_with(&spec_hash(&wanted)[..20]),
            "the hardware is the new one"
        );
    }

    #[test]
    fn nothing_but_hardware_and_template_makes_a_member_outdated() {
        let before = spec(1, 1024, "base");
        let after = Spec {
            replicas: 99,
            min_alive: 3,
            settings: "{\"a\":1}".into(),
            ..before.clone()
        };
        assert_eq!(spec_hash(&before), spec_hash(&after));
    }
}
