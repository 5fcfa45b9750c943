//! Settings of a module: JSON of the group's owner, made canonical.

use serde_json::{Map, Value};
use vmgroup_api::limits::SETTINGS_BYTES_MAX;
use vmgroup_api::settings::canonical;
use vmgroup_core::time::Timestamp;
use vmgroup_core::zone::zone;

use crate::{Target, Verdict, seeds, text};

/// The target.
pub const TARGET: Target = Target {
    name: "settings",
    about: "settings of a module, made canonical and validated",
    run,
    seeds: seeds::settings,
    words: &[
        "\"timeZone\":",
        "\"Europe/Berlin\"",
        "1e21",
        "-0",
        "9007199254740993",
        "\\ud83d\\ude00",
    ],
    bytes_max: 1_024,
    bounded: 40_000,
};

fn run(bytes: &[u8]) -> Verdict {
    let fields = text(bytes).and_then(|text| serde_json::from_str::<Map<String, Value>>(text).ok());
    let Some(fields) = fields else {
        return Verdict::Refused;
    };
    let settings = match canonical(Some(&fields)) {
        Ok(settings) => settings,
        Err(problem) => {
            assert!(!problem.is_empty());
            return Verdict::Refused;
        }
    };
    assert!(settings.len() <= SETTINGS_BYTES_MAX);
    let again: Map<String, Value> =
        serde_json::from_str(&settings).expect("canonical JSON is JSON");
    assert_eq!(
        canonical(Some(&again)).as_ref(),
        Ok(&settings),
        "canonical is canonical"
    );
    assert!(
        same(&Value::Object(again), &Value::Object(fields)),
        "another meaning: {settings}"
    );
    if let Some(zone) = zone(&settings, Timestamp(1_772_323_200_000)) {
        assert!(zone.offset_minutes.abs() <= 26 * 60, "{zone:?}");
    }
    let verdict = vmgroup_native::validate_built_in_settings(&settings);
    for error in verdict.err().into_iter().flatten() {
        let pointer = &error.pointer;
        assert!(
            pointer.is_empty() || pointer.starts_with('/'),
            "{pointer:?}"
        );
        assert!(!error.message.is_empty());
    }
    Verdict::Accepted
}

/// Numbers by their value: canonical JSON has one form for each.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let there =
                |(key, field): (&String, &Value)| b.get(key).is_some_and(|it| same(field, it));
            a.len() == b.len() && a.iter().all(there)
        }
        (a, b) => a == b,
    }
}
