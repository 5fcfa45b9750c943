//! The stage on which the built operator is tested: a real API server with the
//! deployed RBAC, a simulated vCenter, and the operator as a process of its own.
//!
//! Whatever the harness cannot do ends the test with a panic that says what was
//! seen last. Ground truth is the API server's objects and vCenter's own
//! inventory and record of calls, never only the operator's words.

mod binary;
mod group;
pub mod kill_points;
mod operator;
mod patience;
mod process;
mod proxy;
mod shared;
mod site;
pub mod soak;
mod stories;
mod truth;

pub use binary::{digest, guest, operator_binary, repository};
pub use group::{Group, Wish};
pub use operator::{Operator, Route, Start};
pub use patience::{eventually, steadily};
pub use shared::Shared;
pub use site::{INSTALL_NAMESPACE, Site};
pub use stories::{Story, run};
pub use truth::{Members, member_slots};
