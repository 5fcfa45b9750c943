//! YAML as plain data, with the place of every field.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::{Location, Spanned};

/// Line and column, both from 1.
pub(crate) type Place = (u64, u64);

/// One document of a file.
#[derive(Debug)]
pub(crate) struct Yaml {
    pub(crate) value: Value,
    places: BTreeMap<String, Place>,
}

/// Why a text is no YAML.
#[derive(Debug)]
pub(crate) struct NoYaml {
    pub(crate) place: Place,
    pub(crate) message: String,
}

impl Yaml {
    /// All documents of a text; empty ones are left out.
    pub(crate) fn parse_all(text: &str) -> Result<Vec<Yaml>, NoYaml> {
        let documents: Vec<Spanned<Node>> = serde_saphyr::from_multiple(text).map_err(|error| {
            let place = error.location().map_or((0, 0), |location| place(&location));
            let message = error.without_snippet().to_string();
            NoYaml {
                place,
                message: for_people(&message, place),
            }
        })?;
        let documents = documents.into_iter().map(|document| {
            let mut places = BTreeMap::from([(String::new(), place(&document.referenced))]);
            let value = unfold(document.value, "", &mut places);
            Yaml { value, places }
        });
        Ok(documents
            .filter(|document| !document.value.is_null())
            .collect())
    }

    /// Where that field is, or the nearest one around it.
    pub(crate) fn place_of(&self, path: &str) -> Place {
        let mut path = path;
        loop {
            if let Some(place) = self.places.get(path) {
                return *place;
            }
            path = path.rfind(['.', '[']).map_or("", |end| &path[..end]);
        }
    }

    /// Where the field is that a message names in the beginning.
    pub(crate) fn place_named_by(&self, message: &str) -> Place {
        let in_path = |c: char| c.is_alphanumeric() || matches!(c, '.' | '[' | ']' | '-' | '_');
        let end = message.find(|c| !in_path(c)).unwrap_or(message.len());
        let path = message[..end].trim_end_matches('.');
        if path.starts_with("spec") || path.starts_with("metadata") {
            self.place_of(path)
        } else {
            self.place_of(&format!("spec.{path}"))
        }
    }
}

fn place(location: &Location) -> Place {
    (location.line(), location.column())
}

/// The place is told once, in front; what the parser's caller could allow is
/// nothing for people.
fn for_people(message: &str, (line, column): Place) -> String {
    let told = format!(" at line {line}, column {column}");
    let first = message.lines().next().unwrap_or_default();
    let (text, _) = first
        .split_once(", set DuplicateKeyPolicy")
        .unwrap_or((first, ""));
    text.replace(&told, "")
}

fn unfold(node: Node, path: &str, places: &mut BTreeMap<String, Place>) -> Value {
    match node {
        Node::Plain(value) => value,
        Node::List(items) => {
            let items = items.into_iter().enumerate().map(|(index, item)| {
                let path = format!("{path}[{index}]");
                places.insert(path.clone(), place(&item.referenced));
                unfold(item.value, &path, places)
            });
            Value::Array(items.collect())
        }
        Node::Fields(fields) => {
            let mut map = Map::new();
            for (key, field) in fields {
                let inner = if path.is_empty() {
                    key.value.clone()
                } else {
                    format!("{path}.{}", key.value)
                };
                places.insert(inner.clone(), place(&key.referenced));
                let value = unfold(field.value, &inner, places);
                map.insert(key.value, value);
            }
            Value::Object(map)
        }
    }
}

enum Node {
    Plain(Value),
    List(Vec<Spanned<Node>>),
    Fields(Vec<(Spanned<String>, Spanned<Node>)>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YAML")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Node, E> {
        Ok(Node::Plain(Value::Null))
    }

    fn visit_none<E: de::Error>(self) -> Result<Node, E> {
        self.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Plain(value.into()))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Plain(value.into()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Plain(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Node, E> {
        let number = Number::from_f64(value)
            .ok_or_else(|| E::custom(format_args!("{value} is no number that JSON has")))?;
        Ok(Node::Plain(number.into()))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Plain(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut fields = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            fields.push(entry);
        }
        Ok(Node::Fields(fields))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn only(text: &str) -> Yaml {
        let mut all = Yaml::parse_all(text).expect("YAML");
        assert_eq!(all.len(), 1);
        all.remove(0)
    }

    #[test]
    fn values_keep_their_types_and_fields_their_places() {
        let yaml = only("a: 1\nb:\n  c: [x, 2.5, null, true]\n  d: '5'\n");
        assert_eq!(
            yaml.value,
            json!({"a": 1, "b": {"c": ["x", 2.5, null, true], "d": "5"}})
        );
        assert_eq!(yaml.place_of("a"), (1, 1));
        assert_eq!(yaml.place_of("b.d"), (4, 3));
        assert_eq!(yaml.place_of("b.c[1]"), (3, 10));
        assert_eq!(yaml.place_of("b.d.e.f"), (4, 3));
        assert_eq!(yaml.place_of("nothing"), (1, 1));
    }

    #[test]
    fn a_message_is_shown_where_the_field_is_that_it_names() {
        let yaml = only("spec:\n  cpu: 0\n  updateStrategy:\n    maxSurge: half\n");
        assert_eq!(yaml.place_named_by("spec.cpu is 0: it goes"), (2, 3));
        assert_eq!(
            yaml.place_named_by("spec.updateStrategy.maxSurge: \"half\""),
            (4, 5)
        );
        assert_eq!(yaml.place_named_by("spec: missing field `memory`"), (1, 1));
        assert_eq!(yaml.place_named_by("updateStrategy and others"), (3, 3));
        assert_eq!(yaml.place_named_by("the object has no spec"), (1, 1));
    }

    #[test]
    fn empty_documents_count_for_nothing() {
        let all = Yaml::parse_all("---\n---\na: 1\n---\n# nothing\n---\nb: 2\n").expect("YAML");
        let values: Vec<_> = all.iter().map(|yaml| yaml.value.clone()).collect();
        assert_eq!(values, [json!({"a": 1}), json!({"b": 2})]);
        assert_eq!(all[1].place_of("b"), (7, 1));
    }

    #[test]
    fn what_is_no_yaml_has_a_place() {
        for (text, line) in [
            ("a: 1\nb: [1, 2\n", 3),
            ("a: 1\na: 2\n", 2),
            ("a:\n\t- b\n", 2),
        ] {
            let error = Yaml::parse_all(text).expect_err("no YAML");
            assert!(
                error.place.0 >= 2 && error.place.0 <= line,
                "{text:?}: {error:?}"
            );
            assert!(!error.message.contains("line "), "{error:?}");
        }
        let twice = Yaml::parse_all("a: 1\na: 2\n").expect_err("a key twice");
        assert_eq!(twice.message, "duplicate mapping key: a");
    }
}
