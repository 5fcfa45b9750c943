//! Every limit of the adapter, each with the reason for its value.

use std::time::Duration;

use vmgroup_reconcile::limits::OPERATIONS_PER_VCENTER;

/// Seconds that vCenter waits before it says that nothing has changed: the
/// machine counts on a sign of life every minute.
pub(crate) const WAIT_S: u32 = 25;

/// Objects in one page of updates: vCenter's own default, which keeps a page
/// with all devices far below the limit of an answer.
pub(crate) const UPDATES_PER_PAGE: u32 = 100;

/// Objects that are asked for in one read: as many as a page of updates has, so
/// that as little of them is held at once.
pub(crate) const OBJECTS_PER_READ: usize = UPDATES_PER_PAGE as usize;

/// Calls that change something, under way at once, where nobody says otherwise:
/// as many operations as the machine lets run in one vCenter.
pub(crate) const CALLS_AT_ONCE: usize = OPERATIONS_PER_VCENTER;

/// Reads under way at once: they are quick, and vCenter serves people too.
pub(crate) const READS_AT_ONCE: usize = 16;

/// Time for everything between the answered login and the start of the feed:
/// about twenty calls, each of which has a limit of its own.
pub(crate) const OPEN_LIMIT: Duration = Duration::from_secs(120);

/// Time to put a session away. A process that ends has ten seconds, and the
/// session times out by itself if this was not enough.
pub(crate) const CLOSE_LIMIT: Duration = Duration::from_secs(8);

/// Time for the answer to a login that nobody waits for any more: without it
/// the session could not be ended.
pub(crate) const GIVEN_UP_LIMIT: Duration = Duration::from_secs(3);

/// A session that nobody uses ends by itself after that time: vCenter's default.
pub(crate) const SESSION_LASTS: Duration = Duration::from_secs(30 * 60);

/// Sessions whose end was not confirmed that are kept in mind: one an outage.
pub(crate) const SESSIONS_LEFT_MAX: usize = 8;

/// Running tasks that are looked for when a feed begins: vCenter runs about 640
/// operations at once.
pub(crate) const RUNNING_TASKS_MAX: u32 = 1_000;

/// Ended tasks that are shown when a feed begins: those of the last minutes,
/// which an operator that was restarted may have waited for.
pub(crate) const ENDED_TASKS_MAX: u32 = 200;

/// Tasks remembered before those that matter to no VM are forgotten.
pub(crate) const TASKS_REMEMBERED: usize = 2_000;

/// How long a template's name is taken to mean the VM that it was found to
/// mean: looking one up reads all names of the vCenter.
pub(crate) const TEMPLATE_NAME_TTL: Duration = Duration::from_secs(300);

/// Attempts at a read whose objects vanish while it looks at them.
pub(crate) const READ_ATTEMPTS: u32 = 3;

/// Clocks no further apart than this count as alike: a login's own calls take as
/// long on a slow day.
pub(crate) const CLOCKS_ALIKE_MS: u64 = 5_000;

/// Clocks further apart than this are worth a warning: single sign-on refuses
/// tokens when they differ by minutes.
pub(crate) const CLOCKS_APART_MS: u64 = 60_000;

/// Names in one message; the rest is counted.
pub(crate) const NAMES_LISTED_MAX: usize = 10;

/// Bytes of a file with a credential.
pub(crate) const CREDENTIAL_BYTES_MAX: u64 = 4 * 1024;

/// Between two looks at the credentials: kubelet itself takes up to a minute to
/// bring a changed secret.
pub(crate) const CREDENTIALS_LOOK: Duration = Duration::from_secs(3);

/// Hex digits of a credentials' version: 20 bits. See `credentials`.
pub(crate) const VERSION_DIGITS: usize = 5;
