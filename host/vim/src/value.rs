//! What a property holds, as a small tree.

use jiff::Timestamp;

use crate::ManagedObjectRef;

/// A property's value.
///
/// Numbers, booleans, times and enumerations stay text until an accessor asks for a type, because
/// the type on the wire is optional. A list inside an object is written as repeated elements, so
/// that an object's fields may repeat: [`Value::list`] reads both forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A simple value as it was written.
    Text(String),
    /// A reference to a managed object.
    Ref(ManagedObjectRef),
    /// The items of an `ArrayOf…` type.
    Array(Vec<Value>),
    /// A data object.
    Object {
        /// Its type's name where the wire says so (`xsi:type`, without prefix), otherwise empty.
        type_name: String,
        /// Its fields in the order of the wire; a name may repeat.
        fields: Vec<(String, Value)>,
    },
}

impl Value {
    /// The text of a simple value.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Ref(_) | Self::Array(_) | Self::Object { .. } => None,
        }
    }

    /// A boolean: `true`, `false`, `1` or `0`.
    pub fn as_bool(&self) -> Option<bool> {
        match self.as_str()?.trim() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        }
    }

    /// A whole number.
    pub fn as_i64(&self) -> Option<i64> {
        self.as_str()?.trim().parse().ok()
    }

    /// A moment; a text without offset has none.
    pub fn as_timestamp(&self) -> Option<Timestamp> {
        self.as_str()?.trim().parse().ok()
    }

    /// A reference.
    pub fn as_reference(&self) -> Option<&ManagedObjectRef> {
        match self {
            Self::Ref(reference) => Some(reference),
            Self::Text(_) | Self::Array(_) | Self::Object { .. } => None,
        }
    }

    /// The items of an array; a value that is no array has none.
    pub fn items(&self) -> &[Value] {
        match self {
            Self::Array(items) => items,
            Self::Text(_) | Self::Ref(_) | Self::Object { .. } => &[],
        }
    }

    /// The references in an array.
    pub fn references(&self) -> impl Iterator<Item = &ManagedObjectRef> {
        self.items().iter().filter_map(Self::as_reference)
    }

    /// An object's type name; empty for what is no object and where the wire does not say.
    pub fn type_name(&self) -> &str {
        match self {
            Self::Object { type_name, .. } => type_name,
            Self::Text(_) | Self::Ref(_) | Self::Array(_) => "",
        }
    }

    /// The value at a path of field names, such as `info.state`; the first where a name repeats.
    pub fn get(&self, path: &str) -> Option<&Value> {
        path.split('.')
            .try_fold(self, |value, name| value.field(name))
    }

    /// All items at a path: each repetition of the last field, or what the array there holds.
    pub fn list(&self, path: &str) -> Vec<&Value> {
        let (object, name) = match path.rsplit_once('.') {
            Some((parents, name)) => (self.get(parents), name),
            None => (Some(self), path),
        };
        let Some(Self::Object { fields, .. }) = object else {
            return Vec::new();
        };
        fields
            .iter()
            .filter(|(field, _)| field == name)
            .flat_map(|(_, value)| match value {
                Self::Array(items) => items.iter().collect(),
                other => vec![other],
            })
            .collect()
    }

    /// The text at a path.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.get(path)?.as_str()
    }

    /// The reference at a path.
    pub fn reference(&self, path: &str) -> Option<&ManagedObjectRef> {
        self.get(path)?.as_reference()
    }

    fn field(&self, name: &str) -> Option<&Value> {
        match self {
            Self::Object { fields, .. } => fields
                .iter()
                .find(|(field, _)| field == name)
                .map(|(_, value)| value),
            Self::Text(_) | Self::Ref(_) | Self::Array(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> Value {
        Value::Text(value.to_owned())
    }

    fn object(fields: &[(&str, Value)]) -> Value {
        let fields = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()));
        Value::Object {
            type_name: "T".to_owned(),
            fields: fields.collect(),
        }
    }

    #[test]
    fn a_path_descends_through_objects_and_ends_where_nothing_is() {
        let value = object(&[("info", object(&[("state", text("running"))]))]);
        assert_eq!(value.text("info.state"), Some("running"));
        assert_eq!(value.get("info.state.x"), None);
        assert_eq!(value.get("other"), None);
    }

    #[test]
    fn a_list_is_read_from_repeated_fields_and_from_an_array() {
        let repeated = object(&[("d", text("1")), ("e", text("x")), ("d", text("2"))]);
        let array = object(&[("d", Value::Array(vec![text("1"), text("2")]))]);
        for value in [repeated, array] {
            let numbers: Vec<_> = value.list("d").iter().filter_map(|v| v.as_i64()).collect();
            assert_eq!(numbers, [1, 2]);
        }
    }

    #[test]
    fn simple_values_are_typed_when_asked() {
        assert_eq!(text("true").as_bool(), Some(true));
        assert_eq!(text("0").as_bool(), Some(false));
        assert_eq!(text("poweredOn").as_bool(), None);
        assert_eq!(text("-7").as_i64(), Some(-7));
        assert_eq!(text("99999999999999999999").as_i64(), None);
        let moment = text("2026-05-01T12:00:00.5+02:00")
            .as_timestamp()
            .expect("a moment");
        assert_eq!(moment.to_string(), "2026-05-01T10:00:00.5Z");
        assert_eq!(text("2026-05-01T12:00:00").as_timestamp(), None);
    }
}
