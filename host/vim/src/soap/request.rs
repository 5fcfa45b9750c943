//! Writing one call as a SOAP envelope.

use std::time::Duration;

use quick_xml::Writer;
use quick_xml::escape::escape;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

use super::{SOAP_NS, VIM_NS, XSD_NS, XSI_NS};
use crate::{Call, Error, ManagedObjectRef};

/// A call being written. The first value that XML cannot carry is remembered and reported by
/// [`Request::finish`].
pub(crate) struct Request {
    call: Call,
    writer: Writer<Vec<u8>>,
    unwritable: Option<String>,
    server_wait: Duration,
}

impl Request {
    /// Begins the call of `method` on `object`; `operation` is the id that vCenter shows in its log.
    pub(crate) fn new(
        method: &'static str,
        object: &ManagedObjectRef,
        operation: Option<&str>,
    ) -> Self {
        let mut request = Self {
            call: Call {
                method,
                object: object.clone(),
            },
            writer: Writer::new(Vec::with_capacity(1024)),
            unwritable: None,
            server_wait: Duration::ZERO,
        };
        request.event(
            "xml",
            Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)),
        );
        request.begin(
            "soapenv:Envelope",
            &[
                ("xmlns:soapenv", SOAP_NS),
                ("xmlns:xsd", XSD_NS),
                ("xmlns:xsi", XSI_NS),
            ],
        );
        if let Some(operation) = operation {
            request.begin("soapenv:Header", &[]);
            request.text("operationID", operation);
            request.end("soapenv:Header");
        }
        request.begin("soapenv:Body", &[]);
        request.begin(method, &[("xmlns", VIM_NS)]);
        request.reference("_this", object);
        request
    }

    /// Gives the call the time that the server was asked to wait, beyond the usual one.
    pub(crate) fn server_waits(&mut self, time: Duration) {
        self.server_wait = time;
    }

    pub(crate) fn server_wait(&self) -> Duration {
        self.server_wait
    }

    pub(crate) fn call(&self) -> &Call {
        &self.call
    }

    /// Ends the envelope and gives the call with its bytes.
    pub(crate) fn finish(mut self) -> Result<(Call, Vec<u8>), Error> {
        self.end(self.call.method);
        self.end("soapenv:Body");
        self.end("soapenv:Envelope");
        match self.unwritable {
            None => Ok((self.call, self.writer.into_inner())),
            Some(element) => Err(Error::Unwritable {
                call: self.call,
                element,
            }),
        }
    }

    pub(crate) fn text(&mut self, name: &str, value: &str) {
        self.text_of(name, &[], value);
    }

    /// A text whose type the schema leaves open.
    pub(crate) fn any_text(&mut self, name: &str, value: &str) {
        self.text_of(name, &[("xsi:type", "xsd:string")], value);
    }

    pub(crate) fn optional_text(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    pub(crate) fn texts<'a>(&mut self, name: &str, values: impl IntoIterator<Item = &'a String>) {
        for value in values {
            self.text(name, value);
        }
    }

    pub(crate) fn flag(&mut self, name: &str, value: bool) {
        self.text(name, if value { "true" } else { "false" });
    }

    pub(crate) fn optional_flag(&mut self, name: &str, value: Option<bool>) {
        if let Some(value) = value {
            self.flag(name, value);
        }
    }

    pub(crate) fn number(&mut self, name: &str, value: impl Into<u64>) {
        self.text(name, &value.into().to_string());
    }

    pub(crate) fn optional_number(&mut self, name: &str, value: Option<impl Into<u64>>) {
        if let Some(value) = value {
            self.number(name, value);
        }
    }

    pub(crate) fn reference(&mut self, name: &str, reference: &ManagedObjectRef) {
        self.text_of(name, &[("type", &reference.kind)], &reference.id);
    }

    pub(crate) fn optional_reference(&mut self, name: &str, reference: Option<&ManagedObjectRef>) {
        if let Some(reference) = reference {
            self.reference(name, reference);
        }
    }

    pub(crate) fn references<'a>(
        &mut self,
        name: &str,
        references: impl IntoIterator<Item = &'a ManagedObjectRef>,
    ) {
        for reference in references {
            self.reference(name, reference);
        }
    }

    /// An element with others inside.
    pub(crate) fn object(&mut self, name: &str, fields: impl FnOnce(&mut Self)) {
        self.begin(name, &[]);
        fields(self);
        self.end(name);
    }

    /// An element with others inside whose type is not the one that the schema names there.
    pub(crate) fn typed_object(
        &mut self,
        name: &str,
        type_name: &str,
        fields: impl FnOnce(&mut Self),
    ) {
        self.begin(name, &[("xsi:type", type_name)]);
        fields(self);
        self.end(name);
    }

    fn text_of(&mut self, name: &str, attributes: &[(&str, &str)], value: &str) {
        if !value.chars().all(is_xml) {
            self.unwritable.get_or_insert_with(|| name.to_owned());
            return;
        }
        self.begin(name, attributes);
        // A bare carriage return would be read as a line feed.
        let escaped = escape(value).replace('\r', "&#13;");
        self.event(name, Event::Text(BytesText::from_escaped(escaped)));
        self.end(name);
    }

    fn begin(&mut self, name: &str, attributes: &[(&str, &str)]) {
        let mut start = BytesStart::new(name);
        for (key, value) in attributes {
            // Line breaks and tabs in attributes are not kept by readers.
            if value.chars().any(char::is_control) {
                self.unwritable.get_or_insert_with(|| name.to_owned());
                return;
            }
            start.push_attribute((*key, *value));
        }
        self.event(name, Event::Start(start));
    }

    fn end(&mut self, name: &str) {
        self.event(name, Event::End(BytesEnd::new(name)));
    }

    fn event(&mut self, name: &str, event: Event<'_>) {
        // Writing to memory does not fail; if it ever does, the request is not sent.
        if self.writer.write_event(event).is_err() {
            self.unwritable.get_or_insert_with(|| name.to_owned());
        }
    }
}

/// Whether XML 1.0 allows the character.
pub(super) fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}
