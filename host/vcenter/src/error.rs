//! What can go wrong on the way to a usable session.

use std::path::PathBuf;

/// Why there are no credentials or no session.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A credential is not there.
    #[error("found no {name} in {place}; set it")]
    MissingCredential {
        /// `VC_HOST`, `VC_USER` or `VC_PASS`.
        name: &'static str,
        /// Where it was looked for.
        place: String,
    },
    /// A file with a credential cannot be read.
    #[error("failed to read the credential in {path}")]
    UnreadableCredential {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// vCenter could not be asked, or refused.
    #[error("failed to {doing}{hint}")]
    Vcenter {
        /// What was being done.
        doing: String,
        /// What a person can do about it, empty or beginning with `; `.
        hint: &'static str,
        /// Why.
        source: Box<vmgroup_vim::Error>,
    },
    /// vCenter refused user and password.
    #[error("{message}")]
    Refused {
        /// What it said.
        message: String,
    },
    /// The server is an ESXi host.
    #[error("{address} is {product}, not a vCenter; set VC_HOST to a vCenter")]
    NotVcenter {
        /// Its address.
        address: String,
        /// What it is.
        product: String,
    },
    /// There is more than one, and none is named; or none is there.
    #[error("{message}")]
    Place {
        /// What was found, and what to do.
        message: String,
    },
    /// Nobody waits for it any more.
    #[error("given up, because the session is to end")]
    GivenUp,
    /// It took too long.
    #[error("preparing the session took more than {limit_s} s; vCenter is overloaded")]
    TooSlow {
        /// The limit.
        limit_s: u64,
    },
}

impl Error {
    /// The error and everything below it in one line.
    pub(crate) fn in_full(&self) -> String {
        chain(self)
    }
}

/// An error and its sources in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let part = inner.to_string();
        // Some libraries repeat their source in their own text.
        if !text.contains(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        source = inner.source();
    }
    text
}
