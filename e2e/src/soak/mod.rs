//! A long run with random edits and faults, and whether what it costs stays flat.
//!
//! ```text
//!   steady:  [ edit + fault, edit + fault, … │ faults end │ settles within 60 s │ sample ] …
//!   kills:   the same, and whoever leads may be killed
//!   farewell: all groups are deleted, both operators go, nothing is left
//! ```
//!
//! Two operators share the work of one namespace and one vCenter, each behind a fault
//! proxy. Through the steady part the first one lives: figures of a process can be
//! compared only within one life. Edits and faults are drawn from a seed and the number
//! of the round, so the same seed gives the same rounds; how they interleave with what
//! the operators do is the machine's.

mod run;

mod draw;

mod dice;

mod edit;

mod fault;

mod world;

mod sample;

mod flat;

mod report;

pub use flat::{Allowance, Judged, Verdict, judge};
pub use report::{Breach, Report, Row};
pub use run::{Soak, run};
pub use sample::{Host, Sample};
