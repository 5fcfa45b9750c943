//! Every limit of the wiring, each with the reason for its value. What paces the
//! demo's screen stands with the demo.

use std::num::NonZeroU32;
use std::time::Duration;

/// Events that wait; adapters that have more wait themselves. A change of every
/// member of the largest group fits.
pub(crate) const EVENTS_WAITING_MAX: usize = 1_024;

/// First wait before the built-in module is tried again because it was late;
/// doubles. Groups are held meanwhile.
pub(crate) const MODULE_RETRY_FIRST: Duration = Duration::from_secs(1);

/// Longest such wait: a try takes seconds of a machine that has none to spare.
pub(crate) const MODULE_RETRY_MOST: Duration = Duration::from_secs(60);

/// Bytes that compiling a module may take: several times what the largest toolchain's take. In a
/// container it is half of what that has left, if that is less.
pub(crate) const COMPILE_BYTES_MAX: u64 = 2 << 30;

/// Time of a processor that compiling a module may take: the largest one allowed takes minutes.
pub(crate) const COMPILE_CPU: Duration = Duration::from_secs(600);

/// Bytes of stack for compiling a module there: half of what a thread of the operator has.
pub(crate) const COMPILE_STACK: usize = 1 << 20;

/// The same by the wall clock, on a machine that has no time to spare.
pub(crate) const COMPILE_WALL: Duration = Duration::from_secs(1_800);

/// Decisions of one module that run at a time, where there are more processors: each may take the
/// memory that a module is allowed.
pub(crate) const DECISIONS_MAX: usize = 4;

/// Lines of a module's log in a minute: whoever reads along sees them all, and a module that
/// says much about each of a thousand groups fills no disk.
pub(crate) const MODULE_LINES_A_MINUTE: NonZeroU32 = NonZeroU32::new(120).expect("some");

/// Of these at once: all that one decision may say.
pub(crate) const MODULE_LINES_AT_ONCE: NonZeroU32 = NonZeroU32::new(64).expect("some");

/// Tasks under way; more of them wait. The machine's own caps are far lower: it
/// asks for one thing a group, and for a look a member.
pub(crate) const TASKS_MAX: u32 = 4_096;

/// Writes of the lease under way: the machine makes one at a time, and may give
/// the lease up while the last one hangs.
pub(crate) const RENEWALS_MAX: u32 = 2;

/// The machine is never woken more often than this without an event, whatever
/// its deadline says.
pub(crate) const PAUSE_LEAST: Duration = Duration::from_millis(1);

/// The driver shows that it lives at least so often: a Pod's probe looks every
/// ten seconds.
pub(crate) const SIGN_OF_LIFE: Duration = Duration::from_secs(5);

/// A loop that has not turned for so long hangs: six signs of life are missing.
#[cfg(feature = "cluster")]
pub(crate) const HANGS_MS: u64 = 6 * SIGN_OF_LIFE.as_millis() as u64;

/// Connections to the port of the probes: a kubelet has two at a time, and a crowd has to be
/// quick to displace one of these before it is answered.
#[cfg(feature = "cluster")]
pub(crate) const PROBES_MAX: usize = 64;

/// A probe has to be asked and answered in this time: a kubelet waits a second.
#[cfg(feature = "cluster")]
pub(crate) const PROBE_TIME: Duration = Duration::from_secs(2);

/// Bytes that are kept of a probe that has not been read to its end: hyper takes no less.
#[cfg(feature = "cluster")]
pub(crate) const PROBE_BYTES: usize = 8 << 10;

/// After a connection that could not be taken, so that the next failure is not met at once.
#[cfg(feature = "cluster")]
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Calls that are under way get so long to be answered before the session ends.
/// With the farewell it is less than the thirty seconds after which Kubernetes
/// kills a Pod.
pub(crate) const CALLS_END: Duration = Duration::from_secs(5);

/// Logging out and giving up the lease get so long each: see [`CALLS_END`].
pub(crate) const FAREWELL: Duration = Duration::from_secs(10);

/// A group whose module has not been asked by then, in virtual time, is
/// suspended: nothing else keeps a new group waiting in a world without faults.
pub(crate) const FORESIGHT_MS: u64 = 60_000;
