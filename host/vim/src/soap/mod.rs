//! SOAP: requests are written, answers are read, and nothing else here knows of XML.

mod node;
mod read;
mod request;

pub(crate) use read::{Returned, read_answer, read_fault};
pub(crate) use request::Request;

/// The namespace of SOAP 1.1 envelopes.
pub(crate) const SOAP_NS: &str = "http://schemas.xmlsoap.org/soap/envelope/";
/// The namespace of `xsi:type`.
pub(crate) const XSI_NS: &str = "http://www.w3.org/2001/XMLSchema-instance";
/// The namespace of XML Schema's own types.
pub(crate) const XSD_NS: &str = "http://www.w3.org/2001/XMLSchema";
/// The namespace of the vSphere Web Services API.
pub(crate) const VIM_NS: &str = "urn:vim25";

/// The value of the `SOAPAction` header: the version of the interface that answers are given in.
///
/// A newer server answers in the version that is asked for, and refuses properties that are younger
/// than it: 7.0.2.0 is the first that has `runtime.vmFailoverInProgress`, and everything else that is
/// used here. An older server answers in its own newest.
pub(crate) const SOAP_ACTION: &str = "urn:vim25/7.0.2.0";
