//! Calls to vCenter, told from the SOAP envelope.

use roxmltree::{Document, Node};

use crate::call::{Call, Server};

const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const TYPE: (&str, &str) = ("http://www.w3.org/2001/XMLSchema-instance", "type");

/// Methods that change something without being tasks.
const CHANGING: [&str; 4] = ["CreateFolder", "ShutdownGuest", "CancelTask", "Rename"];

/// What a request asks vCenter for. One that is no SOAP has no verb.
pub(crate) fn read(body: &[u8]) -> Call {
    let mut call = Call {
        server: Server::Vcenter,
        ..Call::default()
    };
    let Some(text) = std::str::from_utf8(body).ok() else {
        return call;
    };
    let Ok(document) = Document::parse(text) else {
        return call;
    };
    let envelope = document.root_element();
    if let Some(header) = part(envelope, "Header") {
        let operation = header
            .children()
            .find(|node| node.tag_name().name() == "operationID");
        call.operation = operation.and_then(|it| it.text()).unwrap_or("").to_owned();
    }
    let method = part(envelope, "Body").and_then(|body| body.first_element_child());
    if let Some(method) = method {
        call.verb = method.tag_name().name().to_owned();
        call.changes = call.verb.ends_with("_Task") || CHANGING.contains(&call.verb.as_str());
        let this = method
            .children()
            .find(|node| node.tag_name().name() == "_this");
        if let Some(this) = this {
            call.resource = this.attribute("type").unwrap_or_default().to_owned();
            call.object = this.text().unwrap_or_default().to_owned();
        }
    }
    // `identity/slot/intent`, and `identity/folder`.
    call.slot = call
        .operation
        .split('/')
        .nth(1)
        .and_then(|slot| slot.parse().ok());
    call
}

/// The type of the fault in an answer.
pub(crate) fn fault_of(body: &[u8]) -> Option<String> {
    let document = Document::parse(std::str::from_utf8(body).ok()?).ok()?;
    let fault = part(document.root_element(), "Body")?.first_element_child()?;
    let detail = fault
        .children()
        .find(|node| node.tag_name().name() == "detail")?;
    let kind = detail.first_element_child()?.attribute(TYPE)?;
    Some(
        kind.rsplit_once(':')
            .map_or(kind, |(_, kind)| kind)
            .to_owned(),
    )
}

/// The answer that says so. A fault that names an object names that of the call.
pub(crate) fn fault(kind: &str, call: &Call) -> String {
    let resource = if call.resource.is_empty() {
        "ManagedObject"
    } else {
        &call.resource
    };
    let object = |name: &str| format!(r#"<{name} type="{resource}">{}</{name}>"#, call.object);
    let fields = match kind {
        "ManagedObjectNotFound" => object("obj"),
        "NotAuthenticated" | "NoPermission" => {
            let object = object("object");
            format!("{object}<privilegeId>System.View</privilegeId>")
        }
        _ => String::new(),
    };
    let fault =
        format!(r#"<{kind}Fault xmlns="urn:vim25" xsi:type="{kind}">{fields}</{kind}Fault>"#);
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="{SOAP}" xmlns:xsi="{}"><soapenv:Body><soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>the fault proxy answers {kind}</faultstring><detail>{fault}</detail></soapenv:Fault></soapenv:Body></soapenv:Envelope>"#,
        TYPE.0
    )
}

fn part<'a>(envelope: Node<'a, 'a>, name: &str) -> Option<Node<'a, 'a>> {
    envelope
        .children()
        .find(|node| node.has_tag_name((SOAP, name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn method_object_and_slot_are_told_from_the_envelope() {
        let body = format!(
            r#"<?xml version="1.0"?><e:Envelope xmlns:e="{SOAP}"><e:Header><operationID>u-1/3/7</operationID></e:Header>
            <e:Body><Destroy_Task xmlns="urn:vim25"><_this type="VirtualMachine">vm-9</_this></Destroy_Task></e:Body></e:Envelope>"#
        );
        let call = read(body.as_bytes());
        assert_eq!(
            (
                call.verb.as_str(),
                call.resource.as_str(),
                call.object.as_str()
            ),
            ("Destroy_Task", "VirtualMachine", "vm-9")
        );
        assert_eq!((call.slot, call.changes), (Some(3), true));
        assert_eq!(read(b"not xml").verb, "");
        let folder = body.replace("u-1/3/7", "u-1/folder");
        assert_eq!(read(folder.as_bytes()).slot, None);
    }

    #[test]
    fn a_fault_reads_as_it_was_written() {
        let call = Call {
            resource: "VirtualMachine".into(),
            object: "vm-9".into(),
            ..Call::default()
        };
        for kind in [
            "NotAuthenticated",
            "ManagedObjectNotFound",
            "ConcurrentAccess",
        ] {
            let answer = fault(kind, &call);
            assert_eq!(fault_of(answer.as_bytes()).as_deref(), Some(kind));
        }
        assert_eq!(fault_of(b"<a/>"), None);
    }
}
