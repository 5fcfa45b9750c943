//! A standard script, and the operator killed, cut off or frozen at each call of it
//! that changes something.
//!
//! ```text
//!   create two groups → scale up → edit → power off by hand → scale down → swap the module → delete
//! ```
//!
//! The script is told once without faults: its calls are the points, its effects the
//! measure. Then it is told once for each plan, with a vCenter and a namespace of its
//! own behind a fault proxy; the operator is started again as a kubelet would. Each
//! step has to end as it should within a minute, with the effects of the first run and
//! no others.

mod ground;

mod points;

mod run;

mod script;

mod stage;

mod seat;

mod oracles;

mod record;

pub use ground::Ground;
pub(crate) use oracles::{bout_is_sound, changes, nothing_is_left};
pub use points::{Fault, How, Plan, Point, plans};
pub use record::{Ledger, Line};
pub use run::{Learned, Outcome, learn, run, weather};
pub(crate) use run::{said, with_circumstances};
pub(crate) use seat::Seat;
pub(crate) use stage::{REPLICAS, Stage};
