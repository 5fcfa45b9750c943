//! From what stands in an object to the core's types. The schema and its rules
//! are checked here again: a group in a folder has met no API server, and an
//! object may be older than its schema.

use serde::de::DeserializeOwned;
use serde_json::Value;
use vmgroup_core::group::Spec;
use vmgroup_core::time::Timestamp;

use crate::approval::PlanApprovalSpec;
use crate::group::{UpdateType, VmGroupSpec};
use crate::limits::{
    ALLOWED_LABELS_MAX, CPUS_MAX, DIGEST_CHARS_MAX, HEAL_AFTER_S_MAX, HEAL_AFTER_S_MIN,
    LABEL_CHARS_MAX, MEMORY_GIB_MAX, MODULE_NAME_CHARS_MAX, POWER_GRACE_S_MAX, SLOTS_MAX,
    TEMPLATE_CHARS_MAX,
};
use crate::settings;

/// Why a spec cannot be understood. The text is for the owner of the object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// The demo's schema let an object without a spec pass.
    #[error("the object has no spec: write at least cpu, memory, replicas and template")]
    Missing,
    /// A field is missing or of the wrong type.
    #[error("{path}: {reason}")]
    Malformed {
        /// Where, such as `spec.updateStrategy.maxSurge`.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// The fields are what they should be, but not what they say.
    #[error("{}", problems.join("; "))]
    Invalid {
        /// Each with the field and what to do; at least one.
        problems: Vec<String>,
    },
}

/// The spec of a group, from the `spec` of its object.
pub fn spec_from_json(spec: Option<&Value>) -> Result<Spec, SpecError> {
    match spec {
        None | Some(Value::Null) => Err(SpecError::Missing),
        Some(spec) => typed::<VmGroupSpec>(spec)?.try_into(),
    }
}

/// What an approval says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovedEffects {
    /// Name of the group.
    pub group: String,
    /// Digest of the effects.
    pub effects_digest: String,
    /// It counts for nothing from then on.
    pub expires_at: Timestamp,
}

/// An approval, from the `spec` of its object.
pub fn approval_from_json(spec: Option<&Value>) -> Result<ApprovedEffects, SpecError> {
    let spec: PlanApprovalSpec = typed(spec.unwrap_or(&Value::Null))?;
    let malformed = |path: &str, reason: String| SpecError::Malformed {
        path: path.to_owned(),
        reason,
    };
    let expires: jiff::Timestamp = spec
        .expires_at
        .parse()
        .map_err(|error: jiff::Error| malformed("spec.expiresAt", error.to_string()))?;
    if !is_subdomain(&spec.group) {
        let hint = "this is the name of a VmGroup in the same namespace, without the namespace";
        return Err(malformed("spec.group", hint.to_owned()));
    }
    if !is_digest(&spec.effects_digest) {
        let hint = "this is copied from status.held.effectsDigest of the group";
        return Err(malformed("spec.effectsDigest", hint.to_owned()));
    }
    Ok(ApprovedEffects {
        group: spec.group,
        effects_digest: spec.effects_digest,
        expires_at: Timestamp(u64::try_from(expires.as_millisecond()).unwrap_or(0)),
    })
}

fn typed<T: DeserializeOwned>(spec: &Value) -> Result<T, SpecError> {
    serde_path_to_error::deserialize(spec).map_err(|error| {
        let path = error.path().to_string();
        SpecError::Malformed {
            path: if path == "." {
                "spec".to_owned()
            } else {
                format!("spec.{path}")
            },
            reason: plainly(&error.into_inner().to_string()),
        }
    })
}

/// What serde says, in the words of whoever wrote the object.
fn plainly(reason: &str) -> String {
    let quoted = "text; in YAML, On, Off, Yes and No are true or false unless in quotes";
    let is_switch = reason.contains("boolean");
    let words = [
        (
            "expected string or map",
            if is_switch { quoted } else { "text" },
        ),
        ("expected a string", if is_switch { quoted } else { "text" }),
        ("expected u32", "a whole number"),
        ("expected u64", "a whole number"),
        ("expected i64", "a whole number"),
    ];
    for (theirs, ours) in words {
        if let Some(before) = reason.strip_suffix(theirs) {
            return format!("{before}expected {ours}");
        }
    }
    reason.to_owned()
}

impl TryFrom<VmGroupSpec> for Spec {
    type Error = SpecError;

    fn try_from(spec: VmGroupSpec) -> Result<Spec, SpecError> {
        let mut problems = problems(&spec);
        let settings = match settings::canonical(spec.reconciler.settings.as_ref()) {
            Ok(settings) => settings,
            Err(problem) => {
                problems.push(format!("spec.reconciler.settings: {problem}"));
                String::new()
            }
        };
        if !problems.is_empty() {
            return Err(SpecError::Invalid { problems });
        }
        let update = spec.update_strategy;
        Ok(Spec {
            cpus: spec.cpu,
            memory_mib: u64::from(spec.memory) * 1_024,
            replicas: spec.replicas,
            template: spec.template.trim().to_owned(),
            power_state: spec.power_state.into(),
            power_drift: spec.drift.power.policy.into(),
            power_grace_ms: u64::from(spec.drift.power.grace_seconds) * 1_000,
            update: update.kind.into(),
            max_unavailable: update.max_unavailable.0,
            max_surge: update.max_surge.0,
            min_alive: update.min_alive,
            spares: update.spares,
            removal: spec.removal_policy.into(),
            heal: spec.heal_policy.kind.into(),
            heal_after_ms: u64::from(spec.heal_policy.after_seconds) * 1_000,
            parking: spec.parking.into(),
            deletion: spec.deletion_policy.into(),
            suspend: spec.suspend,
            mode: spec.mode.into(),
            settings,
            allow: spec.reconciler.allow.into_iter().collect(),
            module: spec.reconciler.module,
        })
    }
}

/// All that is wrong with a spec whose fields have the right types.
fn problems(spec: &VmGroupSpec) -> Vec<String> {
    let update = &spec.update_strategy;
    let mut problems = Vec::new();
    let mut within = |field: &str, value: u32, least: u32, most: u32| {
        if !(least..=most).contains(&value) {
            problems.push(format!(
                "spec.{field} is {value}: it goes from {least} to {most}"
            ));
        }
    };
    within("cpu", spec.cpu, 1, CPUS_MAX);
    within("memory", spec.memory, 1, MEMORY_GIB_MAX);
    within("replicas", spec.replicas, 0, SLOTS_MAX);
    within("updateStrategy.minAlive", update.min_alive, 0, SLOTS_MAX);
    within("updateStrategy.spares", update.spares, 0, SLOTS_MAX);
    within(
        "drift.power.graceSeconds",
        spec.drift.power.grace_seconds,
        0,
        POWER_GRACE_S_MAX,
    );
    within(
        "healPolicy.afterSeconds",
        spec.heal_policy.after_seconds,
        HEAL_AFTER_S_MIN,
        HEAL_AFTER_S_MAX,
    );
    problems
        .extend(template_problem(&spec.template).map(|problem| format!("spec.template {problem}")));
    if update.min_alive > spec.replicas {
        problems.push(format!(
            "spec.updateStrategy.minAlive is {} and spec.replicas is {}: no VM could ever be taken \
             down; lower minAlive or raise replicas",
            update.min_alive, spec.replicas
        ));
    }
    let slots = u64::from(spec.replicas)
        + u64::from(update.spares)
        + u64::from(update.max_surge.0.rounded_up(spec.replicas));
    // One of them that is too many alone was told of above.
    let each_is_possible = spec.replicas.max(update.spares) <= SLOTS_MAX;
    if each_is_possible && slots > u64::from(SLOTS_MAX) {
        problems.push(format!(
            "replicas, updateStrategy.maxSurge and updateStrategy.spares together are {slots}, more \
             than the {SLOTS_MAX} VMs that a group can have: split the group"
        ));
    }
    if update.kind == UpdateType::RollingReplace
        && update.max_unavailable.is_zero()
        && update.max_surge.is_zero()
    {
        problems.push(
            "spec.updateStrategy: RollingReplace needs room, and maxUnavailable and maxSurge are \
             both 0; let one of them be at least 1"
                .to_owned(),
        );
    }
    problems.extend(reconciler_problem(spec));
    problems
}

fn template_problem(template: &str) -> Option<&'static str> {
    if template.trim().is_empty() {
        Some("is blank: name the VM or template to clone, such as ubuntu-24.04")
    } else if template.chars().any(char::is_control) {
        Some("has a control character, such as a line end: write the name on one line")
    } else if template.chars().count() > TEMPLATE_CHARS_MAX as usize {
        Some("is longer than 1024 characters")
    } else {
        None
    }
}

fn reconciler_problem(spec: &VmGroupSpec) -> Option<String> {
    let reconciler = &spec.reconciler;
    if let Some(module) = &reconciler.module
        && (!is_subdomain(module) || module.len() > MODULE_NAME_CHARS_MAX as usize)
    {
        return Some(format!(
            "spec.reconciler.module is {module:?}: a module's name has lower-case letters, digits, \
             '-' and '.', such as built-in"
        ));
    }
    if reconciler.allow.len() > ALLOWED_LABELS_MAX as usize {
        return Some(format!(
            "spec.reconciler.allow has {} labels, and at most {ALLOWED_LABELS_MAX} are allowed",
            reconciler.allow.len()
        ));
    }
    let allow = &reconciler.allow;
    let wrong = allow
        .iter()
        .find(|label| !is_label_key(label))
        .map(|label| {
            format!("{label:?} is no label key: write one such as tier or example.com/tier")
        });
    let twice = || {
        let mut rest = allow.iter().enumerate();
        let (_, label) = rest.find(|(index, label)| allow[..*index].contains(label))?;
        Some(format!("{label:?} stands there twice"))
    };
    wrong
        .or_else(twice)
        .map(|problem| format!("spec.reconciler.allow: {problem}"))
}

/// Whether Kubernetes would take it as the key of a label.
fn is_label_key(label: &str) -> bool {
    let (prefix, name) = label
        .split_once('/')
        .map_or((None, label), |(prefix, name)| (Some(prefix), name));
    let bytes = name.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    label.len() <= LABEL_CHARS_MAX as usize
        && name.len() <= 63
        && prefix.is_none_or(is_subdomain)
        && ends
            .iter()
            .all(|end| end.is_some_and(u8::is_ascii_alphanumeric))
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

fn is_digest(text: &str) -> bool {
    text.bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric())
        && text.len() <= DIGEST_CHARS_MAX as usize
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b":_.-".contains(&byte))
}

/// Whether Kubernetes would take it as the name of an object.
fn is_subdomain(name: &str) -> bool {
    name.split('.').all(|part| {
        let bytes = part.as_bytes();
        let word = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        bytes.first().is_some_and(word)
            && bytes.last().is_some_and(word)
            && bytes.iter().all(|byte| word(byte) || *byte == b'-')
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use vmgroup_core::group::{Amount, DeletionPolicy, Mode};
    use vmgroup_core::observation::{HealPolicy, Parking, PowerState, RemovalPolicy, UpdatePolicy};

    use super::*;

    fn demo() -> Value {
        json!({"cpu": 1, "memory": 2, "replicas": 3, "template": "base"})
    }

    fn with(extra: &Value) -> Result<Spec, SpecError> {
        let mut spec = demo();
        for (key, value) in extra.as_object().expect("an object") {
            spec[key] = value.clone();
        }
        spec_from_json(Some(&spec))
    }

    fn refused(extra: &Value) -> String {
        with(extra).expect_err("refused").to_string()
    }

    #[test]
    fn the_demos_four_fields_are_enough() {
        let spec = spec_from_json(Some(&demo())).expect("a spec");
        assert_eq!((spec.cpus, spec.memory_mib, spec.replicas), (1, 2_048, 3));
        assert_eq!(spec.template, "base");
        assert_eq!(spec.power_state, PowerState::On);
        assert_eq!(spec.power_grace_ms, 300_000);
        assert_eq!(spec.update, UpdatePolicy::InPlace);
        assert_eq!(spec.heal, HealPolicy::Never);
        assert_eq!(spec.deletion, DeletionPolicy::Delete);
        assert_eq!(spec.max_surge, Amount::Count(0));
        assert_eq!(spec.settings, "{}");
    }

    #[test]
    fn every_field_reaches_the_core() {
        let spec = with(&json!({
            "powerState": "Suspended",
            "drift": {"power": {"policy": "Report", "graceSeconds": 7}},
            "updateStrategy": {"type": "RollingReplace", "maxUnavailable": "25%", "maxSurge": 2,
                "minAlive": 1, "spares": 4},
            "removalPolicy": "HighestSlot",
            "healPolicy": {"type": "Replace", "afterSeconds": 90},
            "deletionPolicy": "Orphan",
            "suspend": true,
            "mode": "Observe",
            "parking": "PowerOff",
            "reconciler": {"module": "one-by-one", "settings": {"b": 1, "a": [2]}, "allow": ["tier"]},
        }))
        .expect("a spec");
        assert_eq!(spec.power_state, PowerState::Suspended);
        assert_eq!(spec.power_grace_ms, 7_000);
        assert_eq!(spec.update, UpdatePolicy::RollingReplace);
        assert_eq!(spec.max_unavailable, Amount::Percent(25));
        assert_eq!(spec.max_surge, Amount::Count(2));
        assert_eq!((spec.min_alive, spec.spares), (1, 4));
        assert_eq!(spec.removal, RemovalPolicy::HighestSlot);
        assert_eq!(
            (spec.heal, spec.heal_after_ms),
            (HealPolicy::Replace, 90_000)
        );
        assert_eq!(spec.deletion, DeletionPolicy::Orphan);
        assert!(spec.suspend);
        assert_eq!(spec.mode, Mode::Observe);
        assert_eq!(spec.parking, Parking::PowerOff);
        assert_eq!(spec.module.as_deref(), Some("one-by-one"));
        assert_eq!(spec.settings, r#"{"a":[2],"b":1}"#);
    }

    #[test]
    fn an_object_without_spec_says_what_to_write() {
        for spec in [None, Some(&Value::Null)] {
            assert_eq!(spec_from_json(spec), Err(SpecError::Missing));
        }
    }

    #[test]
    fn a_wrong_type_names_its_place() {
        assert!(refused(&json!({"memory": "4Gi"})).starts_with("spec.memory: invalid type"));
        let surge = refused(&json!({"updateStrategy": {"maxSurge": "half"}}));
        assert!(
            surge.starts_with("spec.updateStrategy.maxSurge: \"half\""),
            "{surge}"
        );
        let missing = spec_from_json(Some(&json!({"cpu": 1})))
            .expect_err("refused")
            .to_string();
        assert_eq!(missing, "spec: missing field `memory`");
    }

    #[test]
    fn each_rule_of_the_schema_is_checked_here_too() {
        for (extra, words) in [
            (json!({"cpu": 0}), "spec.cpu is 0: it goes from 1 to 768"),
            (json!({"memory": 24_577}), "spec.memory is 24577"),
            (json!({"replicas": 1_001}), "spec.replicas is 1001"),
            (json!({"template": " \t"}), "spec.template is blank"),
            (json!({"template": "a\nb"}), "control character"),
            (json!({"template": "x".repeat(1_025)}), "longer than 1024"),
            (
                json!({"updateStrategy": {"minAlive": 4}}),
                "minAlive is 4 and spec.replicas is 3",
            ),
            (
                json!({"replicas": 990, "updateStrategy": {"maxSurge": "2%"}}),
                "together are 1010",
            ),
            (
                json!({"updateStrategy": {"type": "RollingReplace", "maxUnavailable": "0%"}}),
                "RollingReplace needs room",
            ),
            (
                json!({"healPolicy": {"afterSeconds": 59}}),
                "healPolicy.afterSeconds is 59",
            ),
            (
                json!({"drift": {"power": {"graceSeconds": 604_801}}}),
                "graceSeconds is 604801",
            ),
            (json!({"reconciler": {"module": "One"}}), "a module's name"),
            (json!({"reconciler": {"allow": [""]}}), "is no label key"),
            (
                json!({"reconciler": {"allow": ["cost centre"]}}),
                "is no label key",
            ),
            (
                json!({"reconciler": {"allow": ["Example.com/tier"]}}),
                "is no label key",
            ),
            (
                json!({"reconciler": {"allow": ["a", "b", "a"]}}),
                "\"a\" stands there twice",
            ),
            (
                json!({"reconciler": {"settings": {"a": 9_007_199_254_740_993_u64}}}),
                "spec.reconciler.settings: a is 9007199254740993",
            ),
        ] {
            let text = refused(&extra);
            assert!(text.contains(words), "{extra}: {text}");
            assert!(!text.contains("; replicas, "), "told twice: {text}");
        }
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let text = refused(&json!({"cpu": 0, "template": ""}));
        assert!(
            text.contains("spec.cpu") && text.contains("spec.template"),
            "{text}"
        );
    }

    #[test]
    fn an_approval_says_until_when() {
        let spec = json!({"group": "web", "effectsDigest": "sha256:ab", "expiresAt": "1970-01-01T00:00:01Z"});
        let approval = approval_from_json(Some(&spec)).expect("an approval");
        assert_eq!(approval.expires_at, Timestamp(1_000));
        for wrong in [
            json!({"group": "web"}),
            json!({"group": "web", "effectsDigest": "a", "expiresAt": "soon"}),
        ] {
            assert!(approval_from_json(Some(&wrong)).is_err(), "{wrong}");
        }
    }
}
