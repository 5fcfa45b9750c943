//! Objects of the API server: `spec` of a `VmGroup` or a `PlanApproval`, which may be older than its
//! schema.

use serde_json::Value;
use vmgroup_api::{SpecError, VmGroupSpec, approval_from_json, spec_from_json};
use vmgroup_core::group::Spec;
use vmgroup_core::hash::{self, Difference};
use vmgroup_core::limits::{SLOTS_MAX, SPEC_HASH_BYTES_MAX};

use crate::{Target, Verdict, seeds, text};

/// The target.
pub const TARGET: Target = Target {
    name: "object",
    about: "specs of groups and approvals, as JSON",
    run,
    seeds: seeds::specs,
    words: &[
        "\"maxSurge\":",
        "\"25%\"",
        "\"settings\":{",
        "\"allow\":[",
        "1000",
        "\"RollingReplace\"",
    ],
    bytes_max: 2_048,
    bounded: 20_000,
};

fn run(bytes: &[u8]) -> Verdict {
    let Some(value) = text(bytes).and_then(|text| serde_json::from_str::<Value>(text).ok()) else {
        return Verdict::Refused;
    };
    let unknown = vmgroup_api::strict::unknown_fields(&serde_json::json!({ "spec": value }));
    assert!(
        unknown.iter().all(|(path, _)| path.starts_with("spec.")),
        "{unknown:?}"
    );
    let approval = approval_from_json(Some(&value));
    if let Err(error) = &approval {
        says_where(error);
    }
    let spec = spec_from_json(Some(&value));
    match &spec {
        Ok(spec) => {
            within_limits(spec);
            has_a_hash(spec);
        }
        Err(error) => says_where(error),
    }
    if let Ok(typed) = serde_json::from_value::<VmGroupSpec>(value) {
        let written = serde_json::to_value(&typed).expect("a spec has only plain data");
        let again: VmGroupSpec = serde_json::from_value(written.clone()).expect("it is read again");
        assert_eq!(again, typed);
        assert_eq!(
            spec_from_json(Some(&written)),
            spec,
            "defaults written out change nothing"
        );
    }
    if approval.is_ok() || spec.is_ok() {
        Verdict::Accepted
    } else {
        Verdict::Refused
    }
}

fn within_limits(spec: &Spec) {
    assert!(
        (1..=768).contains(&spec.cpus) && spec.memory_mib >= 1_024,
        "{spec:?}"
    );
    let surge = spec.max_surge.rounded_up(spec.replicas);
    assert!(spec.replicas + surge + spec.spares <= SLOTS_MAX, "{spec:?}");
    assert!(spec.min_alive <= spec.replicas, "{spec:?}");
    let template = &spec.template;
    assert!(
        !template.is_empty() && template.trim() == template,
        "{template:?}"
    );
    crate::assert_one_line(template, 1_024);
    let settings: Value = serde_json::from_str(&spec.settings).expect("settings are JSON");
    assert!(settings.is_object());
}

fn has_a_hash(spec: &Spec) {
    let recorded = hash::spec_hash(spec);
    assert!(recorded.len() <= SPEC_HASH_BYTES_MAX);
    assert_eq!(hash::compare(Some(&recorded), spec), Difference::None);
    assert_eq!(hash::reconfigured(Some(&recorded), spec), Some(recorded));
}

fn says_where(error: &SpecError) {
    assert!(!error.to_string().is_empty());
    match error {
        SpecError::Missing => {}
        SpecError::Malformed { path, reason } => {
            assert!(path.starts_with("spec") && !reason.is_empty(), "{error}");
        }
        SpecError::Invalid { problems } => {
            assert!(!problems.is_empty());
            let named =
                |problem: &String| problem.contains("spec.") || problem.contains("updateStrategy");
            assert!(problems.iter().all(named), "{error}");
        }
    }
}
