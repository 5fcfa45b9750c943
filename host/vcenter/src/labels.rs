//! Labels: a VM's custom attributes, by the names that vCenter keeps apart from
//! their values. Tags are left out: the interface spoken here does not have them.

use std::collections::BTreeMap;

use vmgroup_vim::{Client, Error, FilterSpec, ServiceContent, Value};

use crate::error::chain;

/// What each custom attribute is called, by its key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Names(BTreeMap<i32, String>);

impl Names {
    /// The attributes that exist. Without them labels are missing, nothing else.
    pub(crate) async fn read(client: &Client, content: &ServiceContent) -> Self {
        match try_read(client, content).await {
            Ok(names) => names,
            Err(error) => {
                let error = chain(&error);
                tracing::warn!(
                    error,
                    "custom attributes cannot be read: VMs have no labels"
                );
                Names::default()
            }
        }
    }

    /// The labels of a VM whose attributes have these values.
    pub(crate) fn labels(&self, values: &[(i32, String)]) -> BTreeMap<String, String> {
        let named = values
            .iter()
            .filter_map(|(key, value)| Some((self.0.get(key)?.clone(), value.clone())));
        named.collect()
    }
}

async fn try_read(client: &Client, content: &ServiceContent) -> Result<Names, Error> {
    let Some(manager) = &content.custom_fields_manager else {
        return Ok(Names::default());
    };
    let spec = FilterSpec::objects(&manager.kind, std::slice::from_ref(manager), &["field"]);
    let collector = &content.property_collector;
    let found = client
        .retrieve_all_properties(collector, &[spec], None)
        .await?;
    let fields = found.first().and_then(|manager| manager.get("field"));
    let fields = fields.map(Value::items).unwrap_or_default();
    let named = fields.iter().filter_map(|field| {
        let key = field.get("key")?.as_i64()?.try_into().ok()?;
        Some((key, field.text("name")?.to_owned()))
    });
    Ok(Names(named.collect()))
}

/// Keys and values of a VM's `customValue`, as they stand there; empty ones are
/// how vCenter writes that an attribute is not set.
pub(crate) fn values(value: Option<&Value>) -> Vec<(i32, String)> {
    let values = value.map(Value::items).unwrap_or_default().iter();
    let values = values.filter_map(|value| {
        let key = value.get("key")?.as_i64()?.try_into().ok()?;
        Some((key, value.text("value")?.to_owned()))
    });
    values.filter(|(_, text)| !text.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(key: &str, text: &str) -> Value {
        let fields = [("key", key), ("value", text)];
        Value::Object {
            type_name: "CustomFieldStringValue".into(),
            fields: fields
                .map(|(name, text)| (name.to_owned(), Value::Text(text.to_owned())))
                .to_vec(),
        }
    }

    #[test]
    fn an_attribute_is_a_label_if_it_has_a_name_and_a_value() {
        let names = Names(BTreeMap::from([
            (101, "tier".into()),
            (102, "owner".into()),
        ]));
        let told = Value::Array(vec![value("101", "web"), value("102", ""), value("7", "x")]);
        let labels = names.labels(&values(Some(&told)));
        assert_eq!(labels, BTreeMap::from([("tier".into(), "web".into())]));
        assert!(names.labels(&values(None)).is_empty());
    }
}
