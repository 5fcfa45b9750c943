//! A deterministic world at the level of calls: a simulated API server and a
//! simulated vCenter in virtual time, with faults. One thread, one seed, the
//! same bytes of trace.

pub mod world;

pub mod host;

pub mod options;

pub mod cluster;

pub mod vcenter;

pub mod deed;

pub mod faults;

pub mod history;

pub mod oracles;

pub mod schedule;

pub mod trace;

pub mod kind;

pub mod random;

pub mod samples;

#[cfg(test)]
mod toy;

/// Why a person's deed was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The name is taken.
    #[error("{what} `{name}` already exists")]
    Exists {
        /// Kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// There is no such thing.
    #[error("{what} `{name}` does not exist")]
    Missing {
        /// Kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// It cannot be done as things stand.
    #[error("{what} `{name}` {why}")]
    Impossible {
        /// Kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
        /// Why, as the rest of the sentence.
        why: &'static str,
    },
}
