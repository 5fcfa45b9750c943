//! From an XML element to a [`Value`].

use roxmltree::Node;

use super::{XSD_NS, XSI_NS};
use crate::{ManagedObjectRef, Value};

/// Reads an element. The recursion is bounded by the depth that was checked before parsing.
pub(super) fn value(node: Node<'_, '_>) -> Value {
    // Only references have an attribute `type` in no namespace. Asking the parser for `type` alone
    // would find `xsi:type` too.
    let kind = node
        .attributes()
        .find(|a| a.namespace().is_none() && a.name() == "type");
    if let Some(kind) = kind {
        return Value::Ref(ManagedObjectRef::new(kind.value(), text(node).trim()));
    }
    let declared = Declared::of(node);
    let mut children = node.children().filter(Node::is_element).peekable();
    let is_simple = children.peek().is_none();
    match declared {
        Declared::Object(name) if name.starts_with("ArrayOf") => {
            Value::Array(children.map(value).collect())
        }
        // An object may have no fields, an enumeration always has a text.
        Declared::Object(name) if is_simple && text(node).trim().is_empty() => Value::Object {
            type_name: name.to_owned(),
            fields: Vec::new(),
        },
        Declared::Object(_) | Declared::Simple | Declared::Nothing if is_simple => {
            Value::Text(text(node))
        }
        Declared::Object(_) | Declared::Simple | Declared::Nothing => Value::Object {
            type_name: declared.object_name().to_owned(),
            fields: children
                .map(|child| (child.tag_name().name().to_owned(), value(child)))
                .collect(),
        },
    }
}

/// All text directly inside the element, comments and sections left out.
pub(super) fn text(node: Node<'_, '_>) -> String {
    node.children()
        .filter(Node::is_text)
        .filter_map(|child| child.text())
        .collect()
}

/// What `xsi:type` says.
#[derive(Clone, Copy)]
enum Declared<'a> {
    /// A type of the vSphere interface, by its name without prefix.
    Object(&'a str),
    /// A type of XML Schema.
    Simple,
    Nothing,
}

impl<'a> Declared<'a> {
    fn of(node: Node<'a, '_>) -> Self {
        let Some(written) = node.attribute((XSI_NS, "type")) else {
            return Self::Nothing;
        };
        let (prefix, name) = match written.trim().split_once(':') {
            Some((prefix, name)) => (Some(prefix), name),
            None => (None, written.trim()),
        };
        let simple = match node.lookup_namespace_uri(prefix) {
            Some(namespace) => namespace == XSD_NS,
            // Some servers use a prefix that they never declare; only schema types are lower case.
            None => name.starts_with(|c: char| c.is_ascii_lowercase()),
        };
        if simple {
            Self::Simple
        } else {
            Self::Object(name)
        }
    }

    fn object_name(self) -> &'a str {
        match self {
            Self::Object(name) => name,
            Self::Simple | Self::Nothing => "",
        }
    }
}
