//! Every limit of the crate, each with the reason for its value. How large a
//! module may be is the engine's to say: [`crate::Loader::bytes_max`].

use std::time::Duration;

/// A file is read when it has been left alone for so long: a copy in place, and
/// a kubelet's flip of links, are several changes within milliseconds.
pub const QUIET: Duration = Duration::from_millis(250);

/// A file that keeps changing is read at least so often.
pub const QUIET_MAX: Duration = Duration::from_secs(5);

/// Between two looks at the file without a notification: file systems such as
/// NFS send none, and a queue of notifications can overflow.
pub const POLL: Duration = Duration::from_secs(10);

/// A module is tried so often in a row while only the wall clock is against it: a
/// machine that was busy for a moment has mostly got over it by then.
pub const LATE_TRIES: u32 = 3;

/// These tries come at once as long as they have not taken longer than this.
pub const LATE_AT_ONCE: Duration = Duration::from_secs(10);

/// So many law cases that are late say that the rest would be, too.
pub const LATE_CASES_MAX: usize = 2;

/// The first pause after two tries of a file whose module was late, and the longest.
pub const LATE_PAUSE_FIRST: Duration = Duration::from_secs(20);
/// See [`LATE_PAUSE_FIRST`].
pub const LATE_PAUSE_MOST: Duration = Duration::from_secs(600);

/// Characters of a refusal: it is shown in conditions and in a terminal.
pub const REFUSAL_CHARS_MAX: usize = 1_000;

/// Mismatches of a law case that a refusal tells; the first ones say enough.
pub const MISMATCHES_MAX: usize = 5;
