//! Every limit of the client, each with the reason for its value.

use std::time::Duration;

/// What one call may cost, in time and in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Time for name resolution, TCP and TLS together.
    ///
    /// Ten seconds cover two lost SYN packets; a vCenter that needs longer is treated as down, and
    /// nothing has been sent, so that a new attempt costs nothing.
    pub connect_timeout: Duration,
    /// Time for one call, from its start to the last byte of the answer.
    ///
    /// Calls that change something only start a task, which takes a vCenter under load a few
    /// seconds. Past a minute the answer is taken as lost.
    pub request_timeout: Duration,
    /// Time that a waiting call gets beyond the seconds it asked the server to wait.
    ///
    /// The server may gather one page of updates after its waiting time is over, and the page has
    /// to travel.
    pub wait_slack: Duration,
    /// Bytes of one answer after decompression.
    ///
    /// A page of 100 virtual machines with all their devices is about 5 MiB; 64 MiB leave room for
    /// servers that page by a larger number and bound what a hostile one can make us hold.
    pub body_bytes_max: usize,
    /// Depth of nested elements in an answer.
    ///
    /// The envelope takes about ten; a chain of 32 snapshots or of as many disk backings adds one
    /// level each. Values are read recursively, so this bounds the stack too.
    pub depth_max: usize,
    /// Nodes of one parsed answer.
    ///
    /// A body of 64 MiB of minimal elements would be 16 million nodes of some 50 bytes; a real
    /// page of 1,000 machines has fewer than 2 million.
    pub nodes_max: u32,
    /// Bytes of one start tag with its attributes.
    ///
    /// vCenter writes a handful of namespace declarations; comparing the attributes of one element
    /// with each other costs the square of their number.
    pub tag_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(60),
            wait_slack: Duration::from_secs(30),
            body_bytes_max: 64 << 20,
            depth_max: 200,
            nodes_max: 4_000_000,
            tag_bytes_max: 16 << 10,
        }
    }
}

/// Idle time after which a pooled connection is closed by us.
///
/// vCenter's front end closes idle connections after about two minutes; a request written into one
/// that is just being closed ends with an unknown effect, so ours go first.
pub(crate) const IDLE_CONNECTION: Duration = Duration::from_secs(50);

/// Characters of a fault's text that are kept.
///
/// The text goes into an object's status and into logs; vCenter's own texts are below 300.
pub(crate) const MESSAGE_CHARS_MAX: usize = 1_000;
