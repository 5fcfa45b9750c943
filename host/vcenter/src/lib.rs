//! The adapter to vCenter: performs the state machine's requests and turns
//! vCenter's updates into its events. It translates and never decides; only
//! reads are repeated here, writes and logins are the machine's to repeat.
//!
//! Reading order: [`Vcenter`] performs requests; `login` makes a `session`,
//! which has one `feed` at a time, whose `replica` turns updates into events;
//! `read` and `call` are the requests past the feed; `convert` and `fault` are
//! the tables between vSphere's words and ours.

mod adapter;
mod config;
mod credentials;
mod error;
mod limits;

mod clock;
mod goodbye;
mod login;
mod place;

mod hosts;

mod patience;

mod session;
mod tasks;

mod feed;
mod outcome;
mod replica;

mod call;
mod read;
mod template;

mod convert;
mod disks;
mod fault;
mod labels;
mod names;

pub use adapter::Vcenter;
pub use config::Config;
pub use credentials::{
    CredentialSource, Credentials, EnvironmentCredentials, FileCredentials, follow_credentials,
};
pub use error::Error;
