//! `crds/` is what the types say. `BLESS=1` writes it anew.

use std::path::{Path, PathBuf};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::Value;
use vmgroup_api::crd::crd_file_name;
use vmgroup_api::{crd_yaml, crds};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crds")
}

#[test]
fn the_generated_files_are_fresh() {
    for crd in crds() {
        let file = folder().join(crd_file_name(&crd));
        let fresh = crd_yaml(&crd).expect("YAML");
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&file, &fresh).expect("written");
        }
        let stored = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            stored == fresh,
            "{} is out of date: run BLESS=1 cargo test -p vmgroup-api",
            file.display()
        );
    }
}

#[test]
fn the_yaml_reads_back_as_the_same_crd() {
    for crd in crds() {
        let read: CustomResourceDefinition =
            serde_saphyr::from_str(&crd_yaml(&crd).expect("YAML")).expect("a CRD");
        assert_eq!(read, crd);
    }
}

#[test]
fn the_demos_columns_come_in_the_demos_order() {
    let columns: Vec<(String, String)> = crds()[0].spec.versions[0]
        .additional_printer_columns
        .iter()
        .flatten()
        .map(|column| (column.name.clone(), column.json_path.clone()))
        .collect();
    let expected = [
        ("Phase", ".status.phase"),
        ("Current", ".status.currentReplicas"),
        ("Desired", ".spec.replicas"),
        ("CPU", ".spec.cpu"),
        ("Memory", ".spec.memory"),
        ("Template", ".spec.template"),
        ("Last_Message", ".status.lastMessage"),
        ("Age", ".metadata.creationTimestamp"),
    ];
    let found: Vec<(&str, &str)> = columns
        .iter()
        .map(|(name, path)| (name.as_str(), path.as_str()))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn the_schema_has_only_what_a_structural_schema_may_have() {
    fn walk(schema: &Value, path: &str) {
        match schema {
            Value::Object(fields) => {
                for word in ["$ref", "patternProperties", "definitions", "oneOf"] {
                    assert!(!fields.contains_key(word), "{path} has {word}");
                }
                if let Some(format) = fields.get("format").and_then(Value::as_str) {
                    let known = ["int32", "int64", "date-time"];
                    assert!(known.contains(&format), "{path} has format {format}");
                }
                for (key, value) in fields {
                    walk(value, &format!("{path}.{key}"));
                }
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, path)),
            _ => {}
        }
    }
    for crd in crds() {
        walk(
            &serde_json::to_value(&crd.spec.versions[0].schema).expect("JSON"),
            "schema",
        );
    }
}

#[test]
fn slots_are_a_map_of_records() {
    let schema = serde_json::to_value(&crds()[0].spec.versions[0].schema).expect("JSON");
    let slots = &schema["openAPIV3Schema"]["properties"]["status"]["properties"]["slots"];
    assert_eq!(
        slots["additionalProperties"]["properties"]["vm"]["type"],
        "string"
    );
    assert!(slots["maxProperties"].is_u64());
}

#[test]
fn an_object_may_lack_a_spec_as_in_the_demo() {
    let schema = serde_json::to_value(&crds()[0].spec.versions[0].schema).expect("JSON");
    let root = &schema["openAPIV3Schema"];
    assert!(root.get("required").is_none());
    let mut required: Vec<&str> = root["properties"]["spec"]["required"]
        .as_array()
        .expect("required fields")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    required.sort_unstable();
    assert_eq!(required, ["cpu", "memory", "replicas", "template"]);
}
