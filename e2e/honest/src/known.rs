//! Known differences, as data: each with its reason. One that no long run meets
//! is out of date and is reported.

use crate::answer::Difference;

/// Whose answer a real vCenter or API server would give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// The simulation's: what stands in for the real thing is laxer.
    Simulated,
    /// The other side's: the simulation is simpler on purpose.
    Real,
    /// Either: it is not specified, and the operator takes both alike.
    Both,
}

/// Where the two sides may differ.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    /// A short name.
    pub name: &'static str,
    /// Whose answer is right.
    pub right: Right,
    /// Why they differ, and why that may stay.
    pub reason: &'static str,
    /// Kinds of operation; none means any.
    pub kinds: &'static [&'static str],
    /// What the difference is about; `*` stands for anything.
    pub about: &'static str,
    /// The simulation's words; `*` stands for anything.
    pub simulated: &'static str,
    /// The real side's words; `*` stands for anything.
    pub real: &'static str,
    /// The states differ from there on: the sequence ends.
    pub parts: bool,
}

impl Known {
    /// Whether it is this difference, met at an operation of that kind.
    pub fn covers(&self, kind: &str, difference: &Difference) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&kind))
            && fits(self.about, &difference.about)
            && fits(self.simulated, &difference.simulated)
            && fits(self.real, &difference.real)
    }
}

/// Whether the text fits the pattern.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            ends.into_iter().any(|at| fits(rest, &text[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        let table = [
            ("", "", true),
            ("*", "", true),
            ("*", "task failed", true),
            ("task *", "task failed", true),
            ("task *", "tas", false),
            ("* is *, *", "vm is off, free", true),
            ("*off", "vm is off", true),
            ("*off", "vm is off, free", false),
            ("a*b*c", "abbc", true),
            ("a*b*c", "acb", false),
        ];
        for (pattern, text, wanted) in table {
            assert_eq!(fits(pattern, text), wanted, "{pattern} {text}");
        }
    }
}
