//! The simulated API server and a real one, the latter through the operator's
//! adapter: the same requests have to come back as the same events, and the
//! watch has to tell the same story in the same order.

pub mod operation;

mod draw;

mod words;

mod versions;

mod spec;

mod simulated;

mod story;

mod real;

mod person;

mod known;

mod both;

pub use both::Clusters;
