//! A pair whose simulated side lies: whoever compares must find it out.

use anyhow::Result;
use vmgroup_sim::random::Random;

use crate::answer::Answer;
use crate::known::Known;
use crate::pair::Pair;

/// A pair with a planted disagreement.
#[derive(Debug)]
pub struct Planted<P: Pair> {
    /// The honest pair.
    pub pair: P,
    /// What the simulated side makes of its answers.
    pub lie: fn(&P::Operation, &mut Answer),
}

impl<P: Pair> Pair for Planted<P> {
    type Operation = P::Operation;

    const NAME: &'static str = P::NAME;

    const KINDS: &'static [&'static str] = P::KINDS;

    fn kind(operation: &P::Operation) -> &'static str {
        P::kind(operation)
    }

    fn draw(random: &mut Random, length: usize) -> Vec<P::Operation> {
        P::draw(random, length)
    }

    fn known() -> &'static [Known] {
        P::known()
    }

    fn begin(&mut self) -> Result<()> {
        self.pair.begin()
    }

    fn simulated(&mut self, operation: &P::Operation) -> Answer {
        let mut answer = self.pair.simulated(operation);
        (self.lie)(operation, &mut answer);
        answer
    }

    fn real(&mut self, operation: &P::Operation, expected: &Answer) -> Result<Answer> {
        self.pair.real(operation, expected)
    }

    fn end(&mut self) -> Result<(Answer, Answer)> {
        self.pair.end()
    }
}
