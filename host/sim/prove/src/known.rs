//! Findings that are open: seeds that break an oracle on this code, and what is
//! known of them. A run passes over these and no others; one that breaks nothing
//! any more has to leave the list.

/// One open finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// The seed, its profile being the one whose turn it is.
    pub seed: u64,
    /// The oracle that it breaks first.
    pub oracle: &'static str,
    /// What is known of the cause.
    pub why: &'static str,
}

/// All of them.
pub const KNOWN: &[Known] = &[];

/// The open finding of that seed, if it is of this oracle.
pub fn find(seed: u64, oracle: &str) -> Option<&'static Known> {
    KNOWN
        .iter()
        .find(|known| known.seed == seed && known.oracle == oracle)
}
