//! Every limit of the adapter, each with the reason for its value.

use std::time::Duration;

/// Connecting: a healthy API server answers at once, a partitioned one never.
pub const CONNECT: Duration = Duration::from_secs(5);

/// One read or write of an object. Work resumes within half a minute of an
/// outage, so a request that hangs is given up well before.
pub const REQUEST: Duration = Duration::from_secs(10);

/// One read or write of the lease: several fit into the time in which a holder
/// must have renewed it.
pub const LEASE_REQUEST: Duration = Duration::from_secs(3);

/// Between two looks at the lease, as client-go does.
pub const LEASE_POLL: Duration = Duration::from_secs(2);

/// The whole list that begins a watch; it comes in pages.
pub const LIST: Duration = Duration::from_secs(30);

/// Seconds after which the API server ends a watch, which is then resumed
/// where it was. Nothing may come before that: bookmarks come once a minute. A
/// watch that died in silence is noticed 30 seconds after the last that it sent,
/// by kube or by [`READ`].
pub const WATCH_S: u32 = 25;

/// Between two beginnings of one watch. One that ends well lasts far longer; one
/// that something on the way ends at once is no reason to ask without end.
pub const WATCH_SPACING: Duration = Duration::from_secs(1);

/// Requests that are under way at once, beside the watches and the lease: each has a
/// connection, which is a file of the process, and a thousand groups have news at the same
/// moment when vCenter comes or goes.
pub const REQUESTS_AT_ONCE: usize = 64;

/// Requests that wait to be sent: as many as kube itself lets wait.
pub const REQUESTS_WAITING_MAX: usize = 1_024;

/// A connection that owes an answer, or the next part of one, and has sent nothing
/// for so long is dead: kube itself waits for ever for a watch to begin. It is
/// what kube gives a watch that has begun, 5 seconds more than a quiet one lasts.
pub const READ: Duration = Duration::from_secs(WATCH_S as u64 + 5);

/// Everything is listed anew so often, should the watch have missed something:
/// the demo's informer did the same.
pub const RELIST: Duration = Duration::from_secs(5 * 60);

/// First wait after a watch failed; doubles.
pub const WATCH_RETRY_FIRST: Duration = Duration::from_millis(500);

/// Longest wait after a watch failed: with it work resumes within half a minute.
pub const WATCH_RETRY_MOST: Duration = Duration::from_secs(8);

/// Bytes of an event's note: the API server refuses more.
pub const NOTE_BYTES_MAX: usize = 1_024;

/// Bytes of an event's reason, action or reporting instance, likewise.
pub const WORD_BYTES_MAX: usize = 128;

/// Characters of an object's name that begin an event's name; the API server
/// appends five to them, and names have at most 253.
pub const EVENT_NAME_BYTES_MAX: usize = 240;

/// Characters of an API server's words that are passed on.
pub const MESSAGE_CHARS_MAX: usize = 500;
