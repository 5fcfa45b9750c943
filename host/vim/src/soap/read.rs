//! Reading an answer: limits first, then the envelope, then what was returned.

use std::borrow::Cow;
use std::ops::Range;

use quick_xml::Reader;
use quick_xml::events::Event;
use roxmltree::{Document, Node, ParsingOptions};

use super::request::is_xml;
use super::{SOAP_NS, VIM_NS, node};
use crate::{Call, Error, Fault, Limits, ManagedObjectRef, Unreadable, Value};

/// What a method returned: none, one or several values.
pub(crate) struct Returned {
    method: &'static str,
    values: Vec<Value>,
}

impl Returned {
    /// The only value, which the method always returns.
    pub(crate) fn value(self) -> Result<Value, Unreadable> {
        let within = self.method;
        self.optional().ok_or(Unreadable::Missing {
            field: "returnval",
            within,
        })
    }

    /// The only value of a method that may return nothing.
    pub(crate) fn optional(self) -> Option<Value> {
        self.values.into_iter().next()
    }

    /// The only reference, which the method always returns.
    pub(crate) fn reference(self) -> Result<ManagedObjectRef, Unreadable> {
        let within = self.method;
        match self.value()? {
            Value::Ref(reference) => Ok(reference),
            _ => Err(Unreadable::Unexpected {
                field: "returnval",
                within,
            }),
        }
    }

    /// All references; a method that returns a list may return an empty one.
    pub(crate) fn references(self) -> Result<Vec<ManagedObjectRef>, Unreadable> {
        let within = self.method;
        let references = self.values.into_iter().map(|value| match value {
            Value::Ref(reference) => Ok(reference),
            _ => Err(Unreadable::Unexpected {
                field: "returnval",
                within,
            }),
        });
        references.collect()
    }

    /// All values.
    pub(crate) fn values(self) -> Vec<Value> {
        self.values
    }
}

/// Reads the answer to a call, which may be a fault.
pub(crate) fn read_answer(call: &Call, body: &[u8], limits: &Limits) -> Result<Returned, Error> {
    let malformed = |source| Error::Malformed {
        call: call.clone(),
        source,
    };
    let text = readable(body);
    let document = parse(&text, limits).map_err(malformed)?;
    let method = call.method;
    let answer =
        answer_element(&document).ok_or_else(|| malformed(Unreadable::NotTheAnswer { method }))?;
    if answer.has_tag_name((SOAP_NS, "Fault")) {
        let fault = Box::new(soap_fault(answer));
        return Err(Error::Fault {
            call: call.clone(),
            fault,
        });
    }
    let name = answer.tag_name();
    if name.namespace() != Some(VIM_NS) || name.name().strip_suffix("Response") != Some(method) {
        return Err(malformed(Unreadable::NotTheAnswer { method }));
    }
    let values = answer
        .children()
        .filter(|child| child.is_element() && child.tag_name().name() == "returnval")
        .map(node::value)
        .collect();
    Ok(Returned { method, values })
}

/// Reads the fault in the body of an answer that is an HTTP error, if there is one.
pub(crate) fn read_fault(body: &[u8], limits: &Limits) -> Option<Fault> {
    let text = readable(body);
    let document = parse(&text, limits).ok()?;
    let answer = answer_element(&document)?;
    answer
        .has_tag_name((SOAP_NS, "Fault"))
        .then(|| soap_fault(answer))
}

/// The body with a question mark in place of what no parser takes, so that it does not grow. vCenter
/// passes on what guests report and people paste: one such character in one name must not hide all
/// the others.
fn readable(body: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(body)
        && forbidden(text).is_none()
    {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(body.len());
    for chunk in body.utf8_chunks() {
        let mut rest = chunk.valid();
        while let Some(bad) = forbidden(rest) {
            clean.push_str(&rest[..bad.start]);
            clean.push('?');
            rest = &rest[bad.end..];
        }
        clean.push_str(rest);
        if !chunk.invalid().is_empty() {
            clean.push('?');
        }
    }
    Cow::Owned(clean)
}

/// Where the first character stands that XML forbids, raw or as a reference by its number.
fn forbidden(text: &str) -> Option<Range<usize>> {
    text.char_indices().find_map(|(at, c)| {
        let bytes = match c {
            '&' => forbidden_reference(&text[at..])?,
            c if is_xml(c) => return None,
            c => c.len_utf8(),
        };
        Some(at..at + bytes)
    })
}

/// How many bytes the reference takes that the text begins with, if XML forbids its character.
fn forbidden_reference(text: &str) -> Option<usize> {
    let number = text.strip_prefix("&#")?;
    let (number, radix) = match number.strip_prefix('x') {
        Some(number) => (number, 16),
        None => (number, 10),
    };
    // A search for the semicolon would read the same text again for each reference without one.
    let end = number.find(|c: char| !c.is_digit(radix))?;
    if end == 0 || !number[end..].starts_with(';') {
        return None;
    }
    let code = u32::from_str_radix(&number[..end], radix).ok();
    let is_allowed = code.and_then(char::from_u32).is_some_and(is_xml);
    (!is_allowed).then_some(text.len() - number.len() + end + 1)
}

fn parse<'a>(text: &'a str, limits: &Limits) -> Result<Document<'a>, Unreadable> {
    check_shape(text, limits)?;
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: limits.nodes_max,
        ..ParsingOptions::default()
    };
    Document::parse_with_options(text, options).map_err(Unreadable::Xml)
}

/// Refuses what is too deep or declares a document type, in one pass that keeps nothing.
fn check_shape(text: &str, limits: &Limits) -> Result<(), Unreadable> {
    let mut reader = Reader::from_str(text);
    // The parser that follows checks the names; here they would only be remembered.
    reader.config_mut().check_end_names = false;
    reader.config_mut().allow_unmatched_ends = true;
    let mut depth = 0_usize;
    loop {
        match reader.read_event().map_err(Unreadable::Tokens)? {
            Event::Start(tag) => {
                depth += 1;
                check_tag(tag.len(), limits)?;
                if depth > limits.depth_max {
                    return Err(Unreadable::TooDeep {
                        limit: limits.depth_max,
                    });
                }
            }
            Event::Empty(tag) => check_tag(tag.len(), limits)?,
            Event::End(_) => depth = depth.saturating_sub(1),
            Event::DocType(_) => return Err(Unreadable::DocumentType),
            Event::Eof => return Ok(()),
            Event::Text(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::GeneralRef(_) => {}
        }
    }
}

fn check_tag(bytes: usize, limits: &Limits) -> Result<(), Unreadable> {
    if bytes > limits.tag_bytes_max {
        return Err(Unreadable::TagTooLong {
            limit_bytes: limits.tag_bytes_max,
        });
    }
    Ok(())
}

/// The element in the envelope's body.
fn answer_element<'a, 'input>(document: &'a Document<'input>) -> Option<Node<'a, 'input>> {
    let envelope = document.root_element();
    if !envelope.has_tag_name((SOAP_NS, "Envelope")) {
        return None;
    }
    let body = envelope
        .children()
        .find(|child| child.has_tag_name((SOAP_NS, "Body")))?;
    body.children().find(Node::is_element)
}

fn soap_fault(fault: Node<'_, '_>) -> Fault {
    // The fault's parts are unqualified by the specification, but some servers qualify them.
    let part = |name| {
        fault
            .children()
            .find(|child| child.tag_name().name() == name)
    };
    let message = part("faultstring").map(node::text).unwrap_or_default();
    let Some(detail) = part("detail").and_then(|d| d.children().find(Node::is_element)) else {
        // vCenter has no detail for what its SOAP layer refuses, such as an unknown method.
        let code = part("faultcode").map(node::text).unwrap_or_default();
        let name = code.rsplit(':').next().unwrap_or_default();
        return Fault::new(name, &message, &Value::Text(String::new()));
    };
    let value = node::value(detail);
    let element = detail.tag_name().name();
    let name = match value.type_name() {
        "" => element.strip_suffix("Fault").unwrap_or(element),
        name => name,
    };
    Fault::new(name, &message, &value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TaskInfo;

    #[test]
    fn a_character_that_xml_forbids_is_replaced_where_it_stands() {
        let table: [(&[u8], &str); 11] = [
            (b"a\x1b[0mb", "a?[0mb"),
            (b"\x00\xff", "??"),
            (b"a&#x1b;b&#0;", "a?b?"),
            (b"&#xd800;&#x110000;", "??"),
            (b"&#99999999999;", "?"),
            (b"\xef\xbf\xbf", "?"),
            // What XML takes stays as it is written, and so does what is no reference.
            (
                b"\t\r\n&#x9;&#13;&#233;&amp;",
                "\t\r\n&#x9;&#13;&#233;&amp;",
            ),
            ("\u{e9}\u{1f600}".as_bytes(), "\u{e9}\u{1f600}"),
            (b"&#x1b", "&#x1b"),
            (b"&#;&#x;&", "&#;&#x;&"),
            (b"", ""),
        ];
        for (body, wanted) in table {
            assert_eq!(readable(body), wanted, "{body:?}");
        }
        assert!(matches!(readable(b"<a/>"), Cow::Borrowed("<a/>")));
    }

    #[test]
    fn an_answer_with_any_byte_changed_is_read_or_refused() {
        let answer = include_bytes!("../../tests/golden/answers/failed_task.xml");
        let object = ManagedObjectRef::new("PropertyCollector", "pc-1");
        let call = Call {
            method: "RetrievePropertiesEx",
            object,
        };
        let limits = Limits::default();
        let (mut read, mut refused) = (0, 0);
        for position in 0..answer.len() {
            for byte in [b'<', b'>', b'&', b'"', b' ', b':', b'x', 0, 0xff] {
                let mut body = answer.to_vec();
                body[position] = byte;
                match read_answer(&call, &body, &limits) {
                    Ok(returned) => {
                        read += 1;
                        let value = returned.optional();
                        let task = value
                            .as_ref()
                            .and_then(|value| value.get("objects.propSet.val"));
                        // Whether it is still a task does not matter, only that it is asked.
                        let _ = task.map(TaskInfo::from_value);
                    }
                    Err(Error::Malformed { .. }) => refused += 1,
                    Err(other) => panic!("byte {byte} at {position}: {other:?}"),
                }
            }
        }
        assert!(
            read > 1_000 && refused > 1_000,
            "{read} read, {refused} refused"
        );
    }
}
