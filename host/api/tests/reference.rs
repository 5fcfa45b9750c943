//! `docs/reference/vmgroup.md` is what the schemas say. `BLESS=1` writes it anew.

use std::path::Path;

use serde_json::Value;
use vmgroup_api::{crds, reference};

#[test]
fn the_page_is_fresh() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/vmgroup.md");
    let fresh = reference(&crds());
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

/// Read from the schema as JSON, apart from how the page reads it.
#[test]
fn the_page_has_every_field_and_every_message() {
    fn walk(schema: &Value, path: &str, page: &str) {
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{name}");
            assert!(page.contains(&format!("| `{path}` |")), "{path} is missing");
            walk(field, &path, page);
        }
        for rule in schema["x-kubernetes-validations"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let message = rule["message"].as_str().expect("a message");
            assert!(page.contains(message), "{path}: {message} is missing");
        }
        walk_inside(&schema["items"], &format!("{path}[]"), page);
        walk_inside(&schema["additionalProperties"], &format!("{path}.*"), page);
    }
    fn walk_inside(schema: &Value, path: &str, page: &str) {
        if schema.is_object() {
            walk(schema, path, page);
        }
    }
    let page = reference(&crds());
    for crd in crds() {
        let schema = serde_json::to_value(&crd.spec.versions[0].schema).expect("JSON");
        let parts = &schema["openAPIV3Schema"]["properties"];
        for part in ["spec", "status"] {
            walk(&parts[part], part, &page);
        }
    }
}

#[test]
fn a_row_says_type_default_limits_and_meaning() {
    let page = reference(&crds());
    for row in [
        "| `spec.cpu` | integer, required |  | 1 to 768 | Virtual CPUs of each VM. |",
        "| `spec.memory` | integer, required |  | 1 to 24,576 | Memory of each VM, in GiB. |",
        "| `spec.healPolicy.type` | `Never`, `Replace` | `Never` |  | Never leaves it; Replace \
         deletes it and clones a new one. |",
        "| `spec.updateStrategy.minAlive` | integer | `0` | 0 to 1,000 | How many VMs must stay up, \
         whatever else is allowed. |",
    ] {
        assert!(page.contains(row), "{row}");
    }
}
