//! The CRDs as they are applied: what the derive macro gives, made structural
//! and bounded.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;
use vmgroup_core::limits::{LISTED_MEMBERS_MAX, MEMO_BYTES_MAX};

use crate::approval::PlanApproval;
use crate::group::VmGroup;
use crate::limits::{STATUS_ENTRIES_MAX, STATUS_TEXT_MAX};

/// Every CRD, in the order in which they are applied.
pub fn crds() -> Vec<CustomResourceDefinition> {
    let mut group = structural(VmGroup::crd());
    // The demo took objects without a spec. They may go on existing: each is
    // Stalled alone, and can be corrected or deleted.
    if let Some(root) = schema(&mut group) {
        root.required = None;
        if let Some(status) = root
            .properties
            .as_mut()
            .and_then(|fields| fields.get_mut("status"))
        {
            bounded_status(status);
        }
    }
    vec![group, structural(PlanApproval::crd())]
}

/// One CRD as YAML, as it stands in `crds/`.
pub fn crd_yaml(crd: &CustomResourceDefinition) -> Result<String, serde_saphyr::ser::Error> {
    serde_saphyr::to_string(crd)
}

/// Name of the file in `crds/` for that CRD.
pub fn crd_file_name(crd: &CustomResourceDefinition) -> String {
    format!("{}.yaml", crd.spec.names.plural)
}

fn schema(crd: &mut CustomResourceDefinition) -> Option<&mut JSONSchemaProps> {
    let version = crd.spec.versions.first_mut()?;
    version.schema.as_mut()?.open_api_v3_schema.as_mut()
}

fn structural(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    if let Some(root) = schema(&mut crd) {
        visit(root, &mut make_structural);
    }
    crd
}

/// What schemars writes and an API server refuses or warns of.
fn make_structural(schema: &mut JSONSchemaProps) {
    // Maps with numbers as keys come as patternProperties.
    if let Some(patterns) = schema.pattern_properties.take()
        && let Some(values) = patterns.into_values().next()
    {
        schema.additional_properties = Some(JSONSchemaPropsOrBool::Schema(Box::new(values)));
    }
    // Kubernetes knows int32 and int64 only, and no unsigned formats.
    if matches!(
        schema.format.as_deref(),
        Some("uint32" | "uint64" | "uint16" | "uint8")
    ) {
        schema.format = Some("int64".to_owned());
        schema.minimum = schema.minimum.or(Some(0.0));
    }
    // A null there is left out, so that the default takes its place.
    if schema.x_kubernetes_int_or_string == Some(true) {
        schema.nullable = None;
    }
}

/// The operator alone writes the status, and always the whole of it: it is one
/// value to server-side apply, so that what an apply leaves out is gone. The
/// bounds are generous: a status that is refused for its size would hold its
/// group for ever.
fn bounded_status(status: &mut JSONSchemaProps) {
    visit(status, &mut |schema| match schema.type_.as_deref() {
        Some("string") => schema.max_length = Some(STATUS_TEXT_MAX),
        Some("array") => schema.max_items = Some(STATUS_ENTRIES_MAX),
        Some("object") if schema.additional_properties.is_some() => {
            schema.max_properties = Some(STATUS_ENTRIES_MAX);
        }
        _ => {}
    });
    status.x_kubernetes_map_type = Some("atomic".to_owned());
    let Some(fields) = status.properties.as_mut() else {
        return;
    };
    if let Some(members) = fields.get_mut("members") {
        members.max_items = i64::try_from(LISTED_MEMBERS_MAX).ok();
    }
    if let Some(text) = fields
        .get_mut("memo")
        .and_then(|memo| memo.properties.as_mut())
        .and_then(|fields| fields.get_mut("text"))
    {
        text.max_length = i64::try_from(MEMO_BYTES_MAX).ok();
    }
}

fn visit(schema: &mut JSONSchemaProps, change: &mut impl FnMut(&mut JSONSchemaProps)) {
    change(schema);
    for field in schema
        .properties
        .iter_mut()
        .flat_map(|fields| fields.values_mut())
    {
        visit(field, change);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        visit(values, change);
    }
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(item)) => visit(item, change),
        Some(JSONSchemaPropsOrArray::Schemas(items)) => {
            items.iter_mut().for_each(|item| visit(item, change));
        }
        None => {}
    }
}
