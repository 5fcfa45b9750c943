//! What can happen to a call.

use serde::{Deserialize, Serialize};

use crate::call::Server;
use crate::plan::Pattern;

/// What happens to a call that a rule hits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Action {
    /// It waits before it is forwarded: `ms`, or by seed between that and `up_to_ms`.
    Delay {
        /// Milliseconds.
        ms: u64,
        /// At most so many.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        up_to_ms: Option<u64>,
    },
    /// It waits until another call is seen, or so long.
    Hold {
        /// The other call, which arrives later.
        until: Pattern,
        /// Milliseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at_most_ms: Option<u64>,
    },
    /// It is not forwarded, and its connection is closed.
    Refuse,
    /// It is not forwarded, and its connection is reset.
    Reset,
    /// It is forwarded, and its connection reset when the answer is there.
    LoseAnswer,
    /// It is forwarded twice, as by something on the way that repeats; the second
    /// answer is given.
    Twice,
    /// An error is answered.
    Answer {
        /// The HTTP status.
        status: u16,
        /// The value of Retry-After.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_s: Option<u32>,
        /// It is forwarded nevertheless.
        #[serde(default)]
        forwarded: bool,
    },
    /// A SOAP fault is answered.
    Fault {
        /// Its type, as `NotAuthenticated`.
        #[serde(rename = "type")]
        kind: String,
        /// It is forwarded nevertheless.
        #[serde(default)]
        forwarded: bool,
    },
    /// A list is answered as it was, so many answers before the last one.
    Older {
        /// From 1.
        back: usize,
    },
    /// Something happens to a watch after so many of its events.
    Watch {
        /// Events that pass first.
        #[serde(default)]
        after: u32,
        /// What happens then.
        fate: Fate,
        /// How many events are swallowed; 0 means all.
        #[serde(default)]
        events: u32,
    },
    /// Only the first bytes of the answer arrive.
    Truncate {
        /// How many.
        bytes: usize,
    },
    /// Bytes of the answer are others, chosen by seed.
    Garble {
        /// How many.
        bytes: usize,
    },
    /// The answer arrives in small parts.
    Drip {
        /// Bytes of a part.
        bytes: usize,
        /// Milliseconds between two.
        every_ms: u64,
    },
    /// The operator's process gets a signal.
    Signal {
        /// Which.
        send: HostSignal,
        /// When.
        at: At,
        /// A stopped process goes on by itself after so many milliseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cont_after_ms: Option<u64>,
    },
}

/// What becomes of a watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It ends between two events.
    Cut,
    /// Its connection is reset within an event.
    CutWithin,
    /// It stays open, and nothing comes any more.
    Stall,
    /// Events are left out.
    Swallow,
    /// It says that its resourceVersion is too old.
    Expire,
}

/// A signal to the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostSignal {
    /// It ends without its doing. Its call gets no answer.
    Kill,
    /// It freezes.
    Stop,
}

/// When a signal is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum At {
    /// The call has left the process and has not arrived. With a kill it never
    /// does; with a stop it does when the process goes on.
    Before,
    /// The call has been executed and not been answered.
    After,
    /// The answer has been given.
    Answered,
}

impl Action {
    /// The process gets a signal.
    pub fn signal(send: HostSignal, at: At) -> Self {
        Self::Signal {
            send,
            at,
            cont_after_ms: None,
        }
    }

    /// The one server to whose calls it can happen.
    pub(crate) fn only_at(&self) -> Option<Server> {
        match self {
            Self::Fault { .. } => Some(Server::Vcenter),
            Self::Older { .. } | Self::Watch { .. } => Some(Server::Kubernetes),
            _ => None,
        }
    }

    /// It only puts the call off; another rule may hit it too.
    pub(crate) fn only_waits(&self) -> bool {
        matches!(self, Self::Delay { .. } | Self::Hold { .. })
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        let why = match self {
            Self::Answer { status, .. } if !(400..600).contains(status) => {
                "that is no HTTP status of an error"
            }
            Self::Delay { ms, up_to_ms } if up_to_ms.is_some_and(|most| most < *ms) => {
                "`up_to_ms` is less than `ms`"
            }
            Self::Older { back: 0 } => "`back` counts from 1",
            Self::Drip { bytes: 0, .. } => "a part has at least one byte",
            Self::Fault { kind, .. }
                if kind.is_empty() || !kind.chars().all(char::is_alphanumeric) =>
            {
                "`type` is the name of a vSphere type"
            }
            Self::Watch { fate, events, .. } if *events > 0 && *fate != Fate::Swallow => {
                "`events` counts those that are swallowed"
            }
            _ => return Ok(()),
        };
        Err(why.to_owned())
    }
}
