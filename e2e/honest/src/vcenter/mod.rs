//! The simulated vCenter and vcsim, the latter through the operator's adapter
//! and so over the wire: the same requests have to come back as the same events.

pub mod operation;

mod draw;

mod words;

mod names;

mod requests;

mod feed;

mod simulated;

mod real;

mod by_port;

mod hands;

mod known;

mod both;

pub use both::Vcenters;
