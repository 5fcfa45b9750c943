//! Exhaustive search of small scopes: the real `Machine` in a tiny adversarial
//! world, through everything that can happen there, in every order, until
//! nothing new is found.
//!
//! A *scope* names the world: so many groups, slots and hosts, what people do,
//! which faults may strike how often. What the network, vCenter and the API
//! server do next is open at every step; `steps` lists it. Two worlds that can
//! only behave alike are one (`print`, `fingerprint`); `twins` holds such worlds
//! against each other. What must hold is looked at on the truth of the world
//! after each step (`oracles`), and that all comes to rest from every world that
//! was found, when the search has closed (`liveness`).
//!
//! What a scope leaves out, so that it closes, is written where it is left out:
//! - messages are faster than timers, unless a `Delay` strikes: time passes only
//!   when nothing is on its way (tasks may run meanwhile);
//! - the wall clock stands still; nothing in a scope waits by it;
//! - complete views are asked for where something needs one only, not every
//!   quarter of an hour besides, unless the scope `relists`;
//! - a task ends before its group has committed more than some times since:
//!   with one that runs for ever, counters would grow for ever;
//! - a feed update is read from vCenter at the moment at which it arrives;
//! - a crashed host is up again at once; what it had sent was executed before
//!   the crash, or never. Both are the same to everybody else as a later start.

mod call;
mod cluster;
mod fingerprint;
mod flaw;
mod happen;
mod host;
mod liveness;
mod logic;
mod named;
mod oracles;
mod perform;
mod print;
mod scope;
mod search;
mod steps;
mod twins;
mod vcenter;
mod words;
mod world;

pub use flaw::{FLAWS, Flaw};
pub use named::scopes;
pub use scope::{Deed, FaultKind, Scope, Size};
pub use search::{End, Found, Limits, search};
pub use world::Breach;
