//! Fields that the schema does not know: a slip of the pen, which the API
//! server reports to those who ask for strict validation.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use serde_json::Value;

use crate::crd::crds;

/// What the schema says of each field at the top. To derive it takes longer than
/// to read an object.
static OWN_FIELDS: LazyLock<BTreeMap<String, JSONSchemaProps>> = LazyLock::new(|| {
    let group = crds().into_iter().next();
    let version = group.and_then(|crd| crd.spec.versions.into_iter().next());
    let schema = version.and_then(|version| version.schema?.open_api_v3_schema);
    schema
        .and_then(|schema| schema.properties)
        .unwrap_or_default()
});

/// Paths, such as `spec.replcas`, of the fields of a `VmGroup` that its schema
/// does not know, in the order of the object, each with the known field that it
/// resembles.
pub fn unknown_fields(group: &Value) -> Vec<(String, Option<String>)> {
    let mut unknown = Vec::new();
    if let Value::Object(fields) = group {
        for (key, value) in fields {
            match OWN_FIELDS.get(key) {
                Some(field) => collect(field, value, key, &mut unknown),
                None if matches!(key.as_str(), "apiVersion" | "kind" | "metadata") => {}
                None => unknown.push((key.clone(), nearest(key, OWN_FIELDS.keys()))),
            }
        }
    }
    unknown
}

fn collect(
    schema: &JSONSchemaProps,
    value: &Value,
    path: &str,
    unknown: &mut Vec<(String, Option<String>)>,
) {
    match value {
        Value::Object(fields) if schema.x_kubernetes_preserve_unknown_fields != Some(true) => {
            for (key, value) in fields {
                let path = format!("{path}.{key}");
                match (field_of(schema, key), &schema.additional_properties) {
                    (Some(field), _) => collect(field, value, &path, unknown),
                    (None, Some(JSONSchemaPropsOrBool::Schema(field))) => {
                        collect(field, value, &path, unknown);
                    }
                    (None, _) => {
                        let known = schema.properties.iter().flat_map(BTreeMap::keys);
                        unknown.push((path, nearest(key, known)));
                    }
                }
            }
        }
        Value::Array(items) => {
            if let Some(JSONSchemaPropsOrArray::Schema(schema)) = &schema.items {
                for (index, item) in items.iter().enumerate() {
                    collect(schema, item, &format!("{path}[{index}]"), unknown);
                }
            }
        }
        _ => {}
    }
}

/// The word that differs from this one by a slip.
fn nearest<'a>(key: &str, known: impl Iterator<Item = &'a String>) -> Option<String> {
    let likeness = |word: &String| strsim::jaro_winkler(&key.to_lowercase(), &word.to_lowercase());
    let nearest = known.max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(nearest) > 0.8).then(|| nearest.clone())
}

fn field_of<'a>(schema: &'a JSONSchemaProps, key: &str) -> Option<&'a JSONSchemaProps> {
    schema.properties.as_ref()?.get(key)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_misspelt_field_is_named_with_its_path() {
        let group = json!({
            "apiVersion": "vm.codeconnect.vmworld.com/v1alpha1",
            "kind": "VmGroup",
            "metadata": {"name": "web"},
            "spec": {"replcas": 3, "updateStrategy": {"typ": "InPlace", "colour": "red"},
                "reconciler": {"settings": {"anything": {"goes": 1}}}},
            "sepc": {},
        });
        let mut unknown = unknown_fields(&group);
        unknown.sort();
        let meant = |(path, meant): &(String, Option<String>)| {
            format!("{path} for {}", meant.as_deref().unwrap_or("nothing"))
        };
        let meant: Vec<String> = unknown.iter().map(meant).collect();
        let expected = [
            "sepc for spec",
            "spec.replcas for replicas",
            "spec.updateStrategy.colour for nothing",
            "spec.updateStrategy.typ for type",
        ];
        assert_eq!(meant, expected);
    }
}
