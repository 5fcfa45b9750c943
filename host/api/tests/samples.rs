//! The samples are what they claim, as far as that can be told without an API
//! server; a test with a real one applies the same files.

use std::path::{Path, PathBuf};

use serde_json::Value;
use vmgroup_api::strict::unknown_fields;
use vmgroup_api::{SpecError, approval_from_json, spec_from_json};

fn samples(folder: &str) -> Vec<(String, String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../crds/samples")
        .join(folder);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("a folder of samples")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    let read = |file: &PathBuf| {
        let text = std::fs::read_to_string(file).expect("a sample");
        let object = serde_saphyr::from_str(&text).expect("YAML");
        let name = file
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        (name, text, object)
    };
    files.iter().map(read).collect()
}

/// Why the object is refused, if it is.
fn refusal(object: &Value) -> Option<String> {
    let spec = object.get("spec");
    let error = match object["kind"].as_str() {
        Some("VmGroup") => {
            let unknown = unknown_fields(object);
            if !unknown.is_empty() {
                let paths: Vec<&String> = unknown.iter().map(|(path, _)| path).collect();
                return Some(format!("unknown fields {paths:?}"));
            }
            spec_from_json(spec).err()
        }
        Some("PlanApproval") => approval_from_json(spec).err(),
        other => panic!("a sample of kind {other:?}"),
    };
    error.map(|error| error.to_string())
}

#[test]
fn every_valid_sample_is_understood() {
    let samples = samples("valid");
    assert!(samples.len() >= 5);
    for (name, _, object) in samples {
        assert_eq!(object["metadata"]["name"], name.as_str());
        let expected = object
            .get("spec")
            .is_none()
            .then(|| SpecError::Missing.to_string());
        assert_eq!(refusal(&object), expected, "{name}");
    }
}

#[test]
fn every_invalid_sample_is_refused_and_says_what_an_api_server_must_answer() {
    let samples = samples("invalid");
    assert!(samples.len() >= 15);
    for (name, text, object) in samples {
        let expected = text
            .lines()
            .next()
            .and_then(|line| line.strip_prefix("# expect: "));
        assert!(
            expected.is_some_and(|words| words.len() > 10),
            "{name} says no message"
        );
        assert!(refusal(&object).is_some(), "{name} is taken");
    }
}

#[test]
fn the_sample_of_an_approval_is_understood() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crds/samples/approval.yaml");
    let text = std::fs::read_to_string(file).expect("a sample");
    let object: Value = serde_saphyr::from_str(&text).expect("YAML");
    assert_eq!(refusal(&object), None);
}

#[test]
fn one_valid_sample_uses_every_field_of_the_spec() {
    let (_, _, object) = samples("valid")
        .into_iter()
        .find(|(name, _, _)| name == "every-field")
        .expect("the sample");
    let crd = vmgroup_api::crds().remove(0);
    let schema = serde_json::to_value(&crd.spec.versions[0].schema).expect("JSON");
    let fields = &schema["openAPIV3Schema"]["properties"]["spec"];
    uses_all(fields, &object["spec"], "spec");
}

fn uses_all(schema: &Value, value: &Value, path: &str) {
    for (key, field) in schema["properties"].as_object().into_iter().flatten() {
        let value = value
            .get(key)
            .unwrap_or_else(|| panic!("{path}.{key} is not used"));
        uses_all(field, value, &format!("{path}.{key}"));
    }
}
