//! A proxy between an operator and the servers that it talks to, which makes go
//! wrong what a plan says: calls that never arrive, answers that never come,
//! watches that fall silent, a process that dies at the worst moment.
//!
//! ```text
//!   operator ──▶ proxy ──▶ kube-apiserver        TLS ends here and begins anew;
//!            ──▶       ──▶ vCenter               HTTP/1.1, one connection to one
//!                 │
//!                 └─ plan: which call, which occurrence, what happens
//!                    trace: every call in order, and what became of it
//! ```
//!
//! The plan is JSON, see [`Plan`]. The same plan and seed do the same to the same
//! calls. Ground truth for tests is the [`Trace`], which holds both servers in one
//! order.

mod plan;

mod action;

mod proxy;

mod exchange;

mod rules;

mod call;
mod kubernetes;
mod soap;

mod trace;

mod host;

mod answer;
mod watch;

mod upstream;

mod identities;
mod older;

mod tls;

mod error;
mod limits;

pub use action::{Action, At, Fate, HostSignal};
pub use call::{Call, Server};
pub use error::Error;
pub use host::Host;
pub use plan::{Pattern, Plan, Rule};
pub use proxy::{Options, Proxy, Target};
pub use trace::{Delivery, Record, Trace};
