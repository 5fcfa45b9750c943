//! What is done with bytes that nobody vouches for, one function for each place where they come in.
//!
//! A target reads its bytes as the operator would, and asserts what has to hold beyond "no panic":
//! what is accepted is handled, what is written is read again as the same, sizes stay within their
//! limits, an error says where. libFuzzer (`cargo xtask fuzz`) and the bounded test of this crate run
//! the same functions.

mod case;

mod observation;

mod object;

mod document;

mod settings;

mod marker;

mod names;

mod soap;

mod component;

mod wit_result;

mod wit_lift;

mod rewrite;

mod mutate;

mod seeds;

pub use case::TARGET as CASE;
pub use component::TARGET as COMPONENT;
pub use document::TARGET as DOCUMENT;
pub use marker::TARGET as MARKER;
pub use mutate::Mutator;
pub use names::TARGET as NAMES;
pub use object::TARGET as OBJECT;
pub use observation::TARGET as OBSERVATION;
pub use settings::TARGET as SETTINGS;
pub use soap::TARGET as SOAP;
pub use wit_result::TARGET as WIT_RESULT;

/// What became of the input. Of each kind there has to be some, or the target tests nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It was what it should be.
    Accepted,
    /// It was refused, with a reason.
    Refused,
}

/// One place where bytes come in.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, on the command line and of its corpus.
    pub name: &'static str,
    /// Whose bytes these are.
    pub about: &'static str,
    /// Reads the bytes; panics when something does not hold.
    pub run: fn(&[u8]) -> Verdict,
    /// Inputs to begin with, from the files of this repository.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Words that a mutation may insert.
    pub words: &'static [&'static str],
    /// Longest input, in bytes: long enough for what the format can do, short enough to be fast.
    pub bytes_max: usize,
    /// Inputs that the bounded test makes up.
    pub bounded: usize,
}

/// All targets. What libFuzzer runs names one of them, so that no other's code, and no counters
/// of it, are linked: they are read after each input.
pub const TARGETS: &[Target] = &[
    CASE,
    OBSERVATION,
    OBJECT,
    DOCUMENT,
    SETTINGS,
    MARKER,
    NAMES,
    SOAP,
    COMPONENT,
    WIT_RESULT,
];

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// A text for one line, as a status shows it.
fn assert_one_line(text: &str, chars_max: usize) {
    assert!(!text.chars().any(char::is_control), "{text:?}");
    assert!(text.chars().count() <= chars_max, "{text:?}");
}
