//! Every limit of the proxy, each with the reason for its value.

use std::time::Duration;

/// Bytes of a request: vCenter's and the API server's own limits are lower.
pub(crate) const REQUEST_BYTES_MAX: usize = 16 << 20;

/// Bytes of an answer: a list of 20,000 VMs has less.
pub(crate) const ANSWER_BYTES_MAX: usize = 256 << 20;

/// Answers of one list that are kept, for a server that answers with an old one.
pub(crate) const LISTS_KEPT: usize = 16;

/// How long a call waits for something that the plan names no limit for: longer
/// than any client waits for its answer.
pub(crate) const HOLD_MAX: Duration = Duration::from_secs(120);

/// Between the last byte that is given to a connection and the moment at which it
/// has left the process.
pub(crate) const FLUSHED: Duration = Duration::from_millis(5);

/// Parts of an answer that wait for their reader.
pub(crate) const PARTS_WAITING_MAX: usize = 16;
