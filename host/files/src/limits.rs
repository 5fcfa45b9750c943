//! Every limit of the crate, each with the reason for its value.

use std::time::Duration;

/// Bytes of a YAML file: a thousand groups written by hand.
pub const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Bytes of a record: etcd takes objects of 1.5 MiB, this is as much as a group
/// of the largest size has, several times over.
pub const RECORD_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Files of a folder that are read: with one group a file, several times as
/// many groups as one operator is made for.
pub const FILES_MAX: usize = 10_000;

/// The folder is read when it has been left alone for so long: an editor writes
/// a file in several steps.
pub const QUIET: Duration = Duration::from_millis(200);

/// A folder that keeps changing is read at least so often.
pub const QUIET_MAX: Duration = Duration::from_secs(5);

/// Between two looks without a notification: file systems such as NFS send none.
pub const POLL: Duration = Duration::from_secs(10);

/// How often, and at what distance, the lock is tried for: whoever asks whether
/// an operator runs holds it for a moment.
pub const LOCK_TRIES: u32 = 10;

/// See [`LOCK_TRIES`].
pub const LOCK_WAIT: Duration = Duration::from_millis(50);

/// Characters of a namespace, as in Kubernetes.
pub const NAMESPACE_CHARS_MAX: usize = 63;

/// Characters of a name, as in Kubernetes.
pub const NAME_CHARS_MAX: usize = 253;

/// Characters of a problem: it becomes a condition's message.
pub const PROBLEM_CHARS_MAX: usize = 1_000;

/// Characters of who holds the lock: an operator writes its process id and a time.
pub const HOLDER_CHARS_MAX: usize = 200;

/// Groups named in the text of one error; the rest is counted.
pub const NAMED_MAX: usize = 10;
