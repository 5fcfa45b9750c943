//! Fields that the schema does not know: a slip of the pen, which the API
//! server reports to those who ask for strict validation.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use serde_json::Value;

use crate::crd::crds;

/// Paths, such as `spec.replcas`, of the fields of a `VmGroup` that its schema
/// does not know, in the order of the object.
pub fn unknown_fields(group: &Value) -> Vec<String> {
    let mut unknown = Vec::new();
    let schema = crds()
        .into_iter()
        .next()
        .and_then(|crd| crd.spec.versions.into_iter().next())
        .and_then(|version| version.schema?.open_api_v3_schema);
    if let (Some(schema), Value::Object(fields)) = (schema, group) {
        let own = schema.properties.unwrap_or_default();
        for (key, value) in fields {
            match own.get(key) {
                Some(field) => collect(field, value, key, &mut unknown),
                None if matches!(key.as_str(), "apiVersion" | "kind" | "metadata") => {}
                None => unknown.push(key.clone()),
            }
        }
    }
    unknown
}

fn collect(schema: &JSONSchemaProps, value: &Value, path: &str, unknown: &mut Vec<String>) {
    match value {
        Value::Object(fields) if schema.x_kubernetes_preserve_unknown_fields != Some(true) => {
            for (key, value) in fields {
                let path = format!("{path}.{key}");
                match (field_of(schema, key), &schema.additional_properties) {
                    (Some(field), _) => collect(field, value, &path, unknown),
                    (None, Some(JSONSchemaPropsOrBool::Schema(field))) => {
                        collect(field, value, &path, unknown);
                    }
                    (None, _) => unknown.push(path),
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
            "spec": {"replcas": 3, "updateStrategy": {"typ": "InPlace"},
                "reconciler": {"settings": {"anything": {"goes": 1}}}},
            "sepc": {},
        });
        let mut unknown = unknown_fields(&group);
        unknown.sort();
        assert_eq!(unknown, ["sepc", "spec.replcas", "spec.updateStrategy.typ"]);
    }
}
