//! The operator's logic as one deterministic state machine without I/O.
//!
//! `Machine::step` takes in an [`event::Event`] and returns [`request::Request`]s.
//! Start reading at [`machine`], then [`pipeline`].

pub mod machine;

pub mod event;

pub mod request;

pub mod inventory;

mod pipeline;

mod claim;

mod clock;

mod proof;

mod circumstances;

mod wind_up;

mod membership;

mod observe;

mod member;

mod drift;

mod health;

mod taken_down;

mod commit;

mod execute;

mod alone;

mod look;

mod follow;

mod unsure;

mod untold;

mod folder;

mod report;

mod standing;

mod view;

mod objects;

mod writes;

mod group;

mod held;

mod operation;

mod queue;

mod budget;

mod mass_loss;

pub mod modules;

mod rival;

mod role;

mod session;

mod lease;

mod wakeup;

mod adopt;

mod backoff;

pub mod limits;

pub use machine::Machine;
