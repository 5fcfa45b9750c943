//! Chance that belongs to a seed and a round alone, whatever happened before it.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// The throws of one round.
#[derive(Debug, Clone)]
pub(crate) struct Dice {
    seed: u64,
    round: u64,
    throws: u64,
}

impl Dice {
    pub(crate) fn new(seed: u64, round: u64) -> Self {
        Self {
            seed,
            round,
            throws: 0,
        }
    }

    /// Any number.
    pub(crate) fn any(&mut self) -> u64 {
        self.throws += 1;
        let mut hash = DefaultHasher::new();
        (self.seed, self.round, self.throws).hash(&mut hash);
        hash.finish()
    }

    /// A number below `end`, zero if that is zero.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.any().checked_rem(end).unwrap_or(0)
    }

    /// A number from `least` to `most`.
    pub(crate) fn from(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most.saturating_sub(least) + 1)
    }

    /// One of them.
    pub(crate) fn one<T: Copy>(&mut self, of: &[T]) -> T {
        assert!(!of.is_empty(), "there is nothing to choose from");
        let place = self.below(of.len() as u64);
        of[usize::try_from(place).unwrap_or(0)]
    }

    /// One of them, each as likely as its weight says.
    pub(crate) fn weighed<T: Copy>(&mut self, of: &[(u64, T)]) -> T {
        let all: u64 = of.iter().map(|(weight, _)| weight).sum();
        assert!(all > 0, "nothing has a weight");
        let mut left = self.below(all);
        for (weight, one) in of {
            if left < *weight {
                return *one;
            }
            left -= weight;
        }
        of[0].1
    }
}
