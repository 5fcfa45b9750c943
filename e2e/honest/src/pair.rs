//! What is compared: a simulated side and a real one, which take the same
//! operations.

use std::fmt::Display;

use anyhow::Result;
use vmgroup_sim::random::Random;

use crate::answer::Answer;
use crate::known::Known;

/// Two sides of one kind.
pub trait Pair {
    /// What both can do. It refers to what earlier operations made by their
    /// numbers, so that a sequence stays meaningful when some are taken out.
    type Operation: Clone + Display;

    /// What the two are called.
    const NAME: &'static str;

    /// Every kind of operation.
    const KINDS: &'static [&'static str];

    /// The kind of one.
    fn kind(operation: &Self::Operation) -> &'static str;

    /// So many operations that are worth trying.
    fn draw(random: &mut Random, length: usize) -> Vec<Self::Operation>;

    /// Where the two differ, and why they may.
    fn known() -> &'static [Known];

    /// Both begin anew, with nothing of an earlier sequence.
    ///
    /// # Errors
    /// The real side cannot be had.
    fn begin(&mut self) -> Result<()>;

    /// The simulated side's answer.
    fn simulated(&mut self, operation: &Self::Operation) -> Answer;

    /// The real side's answer. What can be seen may come late: it is waited for
    /// until it is as expected, or for as long as a slow machine may take.
    ///
    /// # Errors
    /// The harness itself is in trouble.
    fn real(&mut self, operation: &Self::Operation, expected: &Answer) -> Result<Answer>;

    /// What has become of everything: the truth of the simulated side and of the
    /// real one, past all views.
    ///
    /// # Errors
    /// The harness itself is in trouble.
    fn end(&mut self) -> Result<(Answer, Answer)>;
}
