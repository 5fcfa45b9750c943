//! An object of ours as the API server gives it. Its spec and status stay text until they are
//! asked for: one that is nested deeper than the parser goes would otherwise take the list of all
//! objects with it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::Resource;
use kube::api::{ApiResource, ObjectMeta};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

/// An object, whatever is in it.
#[derive(Debug, Clone, Deserialize)]
pub struct Object {
    #[serde(default, deserialize_with = "metadata")]
    pub(crate) metadata: ObjectMeta,
    spec: Option<Box<RawValue>>,
    status: Option<Box<RawValue>>,
}

impl Object {
    /// What is wanted of it.
    pub(crate) fn spec(&self) -> Result<Option<Value>, String> {
        parsed("spec", self.spec.as_deref())
    }

    /// What was seen of it.
    pub(crate) fn status(&self) -> Result<Option<Value>, String> {
        parsed("status", self.status.as_deref())
    }
}

fn parsed(part: &str, text: Option<&RawValue>) -> Result<Option<Value>, String> {
    let value = text
        .map(|text| serde_json::from_str(text.get()))
        .transpose();
    value.map_err(|error| format!("{part} cannot be read: {error}; nest it less deeply"))
}

/// The managed fields are left out: they are nested as deeply as what they tell of.
fn metadata<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Read {
        name: Option<String>,
        namespace: Option<String>,
        uid: Option<String>,
        resource_version: Option<String>,
        generation: Option<i64>,
        creation_timestamp: Option<Time>,
        deletion_timestamp: Option<Time>,
        finalizers: Option<Vec<String>>,
        annotations: Option<BTreeMap<String, String>>,
    }
    let read = Read::deserialize(deserializer)?;
    Ok(ObjectMeta {
        name: read.name,
        namespace: read.namespace,
        uid: read.uid,
        resource_version: read.resource_version,
        generation: read.generation,
        creation_timestamp: read.creation_timestamp,
        deletion_timestamp: read.deletion_timestamp,
        finalizers: read.finalizers,
        annotations: read.annotations,
        ..ObjectMeta::default()
    })
}

impl Resource for Object {
    type DynamicType = ApiResource;
    type Scope = kube::core::DynamicResourceScope;

    fn kind(resource: &ApiResource) -> Cow<'_, str> {
        resource.kind.as_str().into()
    }

    fn group(resource: &ApiResource) -> Cow<'_, str> {
        resource.group.as_str().into()
    }

    fn version(resource: &ApiResource) -> Cow<'_, str> {
        resource.version.as_str().into()
    }

    fn plural(resource: &ApiResource) -> Cow<'_, str> {
        resource.plural.as_str().into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    use kube::core::{ObjectList, WatchEvent};

    use super::*;

    /// As the API server writes it, with settings so deep, and managed fields that follow them.
    fn deep(levels: usize) -> String {
        let nested = |open: &str, inner: &str| {
            let (open, close) = (open.repeat(levels), "}".repeat(levels));
            format!("{open}{inner}{close}")
        };
        let settings = nested(r#"{"a":"#, "1");
        let fields = nested(r#"{"f:a":"#, "{}");
        format!(
            r#"{{"apiVersion":"v1alpha1","kind":"VmGroup","metadata":{{"name":"deep","managedFields":[{{"fieldsV1":{fields}}}]}},"spec":{{"settings":{settings}}}}}"#
        )
    }

    #[test]
    fn an_object_that_is_nested_too_deeply_takes_no_other_with_it() {
        let (deep, flat) = (deep(5_000), deep(5));
        let list = format!(
            r#"{{"apiVersion":"v1","kind":"VmGroupList","metadata":{{"resourceVersion":"7"}},"items":[{deep},{flat}]}}"#
        );
        let list: ObjectList<Object> = serde_json::from_str(&list).expect("a list");
        let specs: Vec<_> = list.items.iter().map(Object::spec).collect();
        let error = specs[0].as_ref().expect_err("too deep");
        assert!(error.contains("recursion limit"), "{error}");
        assert!(specs[1].as_ref().is_ok_and(Option::is_some));
        let event = format!(r#"{{"type":"MODIFIED","object":{deep}}}"#);
        let event: WatchEvent<Object> = serde_json::from_str(&event).expect("an event");
        let WatchEvent::Modified(object) = event else {
            panic!("{event:?}");
        };
        assert_eq!(object.metadata.name.as_deref(), Some("deep"));
    }
}
