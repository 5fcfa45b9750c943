//! What the engine does for this crate.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};
use vmgroup_core::observation::Observation;
use vmgroup_core::plan::{Answer, Description};
use vmgroup_core::text::one_line;

use crate::limits::REFUSAL_CHARS_MAX;

/// Whether bytes are still asked for: they may be replaced while they are examined.
pub type Wanted<'a> = &'a dyn Fn() -> bool;

/// The engine, as far as taking a module in needs it.
pub trait Loader: Send + Sync + 'static {
    /// A module that can decide. Clones share everything.
    type Module: Clone + Send + Sync + 'static;

    /// Bytes of a module at most.
    fn bytes_max(&self) -> usize;

    /// Inspect, compile, link, describe and validate settings. May take minutes, unless the
    /// bytes are not wanted any more.
    ///
    /// # Errors
    /// The first stage that refuses the bytes.
    fn load(&self, bytes: &[u8], wanted: Wanted<'_>) -> Result<Candidate<Self::Module>, Refusal>;

    /// Asks the module for the answer to a law case, within the limits of a
    /// decision.
    ///
    /// # Errors
    /// Why there is no answer.
    fn decide(&self, module: &Self::Module, observation: &Observation) -> Result<Answer, Refusal>;
}

/// A module that the engine would run.
#[derive(Debug, Clone)]
pub struct Candidate<M> {
    /// The module.
    pub module: M,
    /// Who it says it is.
    pub description: Description,
}

/// Why a module was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("refused at stage {stage}: {message}")]
pub struct Refusal {
    /// The stage, such as `inspect`: a metric label.
    pub stage: &'static str,
    /// Why, in one line.
    pub message: String,
    /// Only the wall clock was against it, which may be the machine's fault: the
    /// same bytes are worth another try.
    pub late: bool,
}

impl Refusal {
    /// A refusal; the message is made fit for one line.
    pub fn new(stage: &'static str, message: &str) -> Self {
        Refusal {
            stage,
            message: one_line(message, REFUSAL_CHARS_MAX),
            late: false,
        }
    }

    /// The same refusal, with whether only the wall clock was against the module.
    #[must_use]
    pub fn if_late(self, late: bool) -> Self {
        Refusal { late, ..self }
    }
}

/// The stages that are this crate's; the others are the loader's to name.
pub mod stage {
    /// The bytes could not be had.
    pub const FETCH: &str = "fetch";
    /// Too many bytes.
    pub const SIZE: &str = "size";
    /// The module breaks a law that holds for every module.
    pub const LAW_CASES: &str = "law-cases";
}

/// A module's identity: `sha256:` and 64 hexadecimal digits.
pub fn digest(bytes: &[u8]) -> String {
    let mut text = String::from("sha256:");
    for byte in Sha256::digest(bytes) {
        write!(text, "{byte:02x}").expect("a String takes everything");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_the_one_that_sha256sum_prints() {
        assert_eq!(
            digest(b"abc"),
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
