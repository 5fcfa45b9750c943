//! What can go wrong with a call, and whether the call may have had its effect.

use std::fmt;

use crate::{Fault, ManagedObjectRef};

/// A failed call, or a client that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is no address of a vCenter.
    #[error("refused the vCenter address `{address}`: {reason}")]
    Address {
        /// The text, with anything that may be a credential left out.
        address: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The bytes given as certificate authorities are not PEM certificates.
    #[error("failed to read the certificate authorities for {address}")]
    Authorities {
        /// The vCenter's address.
        address: String,
        /// Why, where the parser says so; without it the text holds no certificate.
        source: Option<reqwest::Error>,
    },
    /// The HTTP client could not be made, for example because the system has no trusted roots.
    #[error("failed to set up the connection to {address}")]
    Setup {
        /// The vCenter's address.
        address: String,
        /// Why.
        source: reqwest::Error,
    },
    /// A value of the request holds a character that XML cannot carry. Nothing was sent.
    #[error("failed to write {call}: `{element}` holds a character that XML cannot carry")]
    Unwritable {
        /// The call.
        call: Call,
        /// The element or attribute that holds it; the value itself may be a secret.
        element: String,
    },
    /// The method must never be called on an object of this type. Nothing was sent.
    #[error("refused {call}: the method is not for objects of this type")]
    WrongKind {
        /// The call.
        call: Call,
    },
    /// No connection was made: name resolution, TCP or TLS failed. Nothing was sent.
    #[error("failed to reach vCenter for {call}")]
    NotSent {
        /// The call.
        call: Call,
        /// Why.
        source: reqwest::Error,
    },
    /// The time for the call was over before the whole answer was here.
    #[error("{call} was not answered within {after_ms} ms")]
    TimedOut {
        /// The call.
        call: Call,
        /// The time that the call had, in milliseconds.
        after_ms: u64,
        /// Why.
        source: reqwest::Error,
    },
    /// The connection broke after the request began to be sent.
    #[error("the answer to {call} was lost")]
    AnswerLost {
        /// The call.
        call: Call,
        /// Why.
        source: reqwest::Error,
    },
    /// The server answered with an HTTP status and no SOAP fault.
    #[error("{call} was answered with HTTP status {status}")]
    Status {
        /// The call.
        call: Call,
        /// The HTTP status.
        status: u16,
    },
    /// vCenter answered with a fault.
    #[error("{call} failed: {fault}")]
    Fault {
        /// The call.
        call: Call,
        /// The fault.
        fault: Box<Fault>,
    },
    /// The answer is longer than the limit.
    #[error("the answer to {call} is longer than {limit_bytes} bytes")]
    TooLarge {
        /// The call.
        call: Call,
        /// The limit, in bytes.
        limit_bytes: usize,
    },
    /// The answer is not what the interface promises.
    #[error("failed to read the answer to {call}")]
    Malformed {
        /// The call.
        call: Call,
        /// What is wrong with it.
        source: Unreadable,
    },
}

/// A failed call's effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Certainty {
    /// The call changed nothing and never will.
    NotExecuted,
    /// The call may have been carried out, or may still be: only a later reading tells.
    Unknown,
}

impl Error {
    /// Whether the call may have had its effect.
    pub fn certainty(&self) -> Certainty {
        match self {
            Self::Address { .. }
            | Self::Authorities { .. }
            | Self::Setup { .. }
            | Self::Unwritable { .. }
            | Self::WrongKind { .. }
            | Self::NotSent { .. } => Certainty::NotExecuted,
            // A gateway in front of vCenter answers 5xx also for requests that it passed on.
            Self::Status { status, .. } => match status {
                300..=499 => Certainty::NotExecuted,
                _ => Certainty::Unknown,
            },
            Self::Fault { fault, .. } => fault.certainty(),
            Self::TimedOut { .. }
            | Self::AnswerLost { .. }
            | Self::TooLarge { .. }
            | Self::Malformed { .. } => Certainty::Unknown,
        }
    }

    /// Whether the caller must find out by reading what became of the call.
    pub fn is_effect_unknown(&self) -> bool {
        self.certainty() == Certainty::Unknown
    }

    /// The fault, when vCenter answered with one.
    pub fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Fault { fault, .. } => Some(fault),
            Self::Address { .. }
            | Self::Authorities { .. }
            | Self::Setup { .. }
            | Self::Unwritable { .. }
            | Self::WrongKind { .. }
            | Self::NotSent { .. }
            | Self::TimedOut { .. }
            | Self::AnswerLost { .. }
            | Self::Status { .. }
            | Self::TooLarge { .. }
            | Self::Malformed { .. } => None,
        }
    }

    /// The call that failed; none where a client could not be made.
    pub fn call(&self) -> Option<&Call> {
        match self {
            Self::Address { .. } | Self::Authorities { .. } | Self::Setup { .. } => None,
            Self::Unwritable { call, .. }
            | Self::WrongKind { call }
            | Self::NotSent { call, .. }
            | Self::TimedOut { call, .. }
            | Self::AnswerLost { call, .. }
            | Self::Status { call, .. }
            | Self::Fault { call, .. }
            | Self::TooLarge { call, .. }
            | Self::Malformed { call, .. } => Some(call),
        }
    }
}

/// A method and the object it was called on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The method's name on the wire, such as `CloneVM_Task`.
    pub method: &'static str,
    /// The object it was called on.
    pub object: ManagedObjectRef,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.method, self.object)
    }
}

/// Why an answer, or a value in it, cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The text is not well-formed XML, ends early, or has more nodes than the limit.
    #[error("it is not well-formed XML")]
    Xml(#[source] roxmltree::Error),
    /// The text is not well-formed XML.
    #[error("it is not well-formed XML")]
    Tokens(#[source] quick_xml::Error),
    /// The text has a document type declaration, which SOAP forbids.
    #[error("it has a document type declaration")]
    DocumentType,
    /// Elements are nested deeper than the limit.
    #[error("its elements are nested deeper than {limit}")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// One start tag is longer than the limit.
    #[error("a start tag is longer than {limit_bytes} bytes")]
    TagTooLong {
        /// The limit, in bytes.
        limit_bytes: usize,
    },
    /// The text is XML, but not a SOAP envelope with the answer to this method.
    #[error("it is not a SOAP answer to `{method}`")]
    NotTheAnswer {
        /// The method.
        method: &'static str,
    },
    /// Something that the interface promises is not there.
    #[error("`{within}` has no `{field}`")]
    Missing {
        /// The missing element.
        field: &'static str,
        /// The type or method it belongs to.
        within: &'static str,
    },
    /// Something has another shape than the interface promises.
    #[error("`{field}` of `{within}` has an unexpected form")]
    Unexpected {
        /// The element.
        field: &'static str,
        /// The type or method it belongs to.
        within: &'static str,
    },
}
