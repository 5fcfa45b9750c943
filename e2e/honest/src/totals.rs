//! What many sequences add up to.

use std::collections::BTreeMap;
use std::fmt;

use crate::answer::Outcome;
use crate::compare::Comparison;
use crate::pair::Pair;

/// What may happen at any operation happens in one of so many sequences at most.
const SELDOM: u64 = 20;

/// Counts of operations.
#[derive(Debug, Clone, Default)]
pub struct Totals {
    /// Sequences that were carried out.
    pub sequences: u64,
    /// Operations by kind, and of them those that were answered with a fault.
    pub kinds: BTreeMap<&'static str, Count>,
    /// Operations by kind and class of the answer.
    pub classes: BTreeMap<(&'static str, String), u64>,
    /// Sequences that met a known difference, by its name.
    pub known: BTreeMap<&'static str, u64>,
}

/// All, and the faulting ones of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// All.
    pub all: u64,
    /// Answered with a fault, a conflict or that something is missing.
    pub faults: u64,
}

impl Count {
    fn plus(self, other: Self) -> Self {
        Count {
            all: self.all + other.all,
            faults: self.faults + other.faults,
        }
    }
}

impl Totals {
    /// Adds what came of one sequence.
    pub fn add(&mut self, comparison: &Comparison) {
        self.sequences += 1;
        for (kind, outcome) in &comparison.executed {
            let count = self.kinds.entry(kind).or_default();
            count.all += 1;
            count.faults += u64::from(matches!(outcome, Outcome::Fault(_)));
            *self.classes.entry((kind, outcome.class())).or_default() += 1;
        }
        for name in &comparison.known {
            *self.known.entry(name).or_default() += 1;
        }
    }

    /// Adds what others came to.
    pub fn merge(&mut self, other: Totals) {
        self.sequences += other.sequences;
        for (kind, more) in other.kinds {
            let count = self.kinds.entry(kind).or_default();
            *count = count.plus(more);
        }
        for (class, times) in other.classes {
            *self.classes.entry(class).or_default() += times;
        }
        for (name, times) in other.known {
            *self.known.entry(name).or_default() += times;
        }
    }

    /// All operations.
    pub fn count(&self) -> Count {
        self.kinds
            .values()
            .copied()
            .fold(Count::default(), Count::plus)
    }

    /// The kind that was tried least often.
    pub fn rarest<P: Pair>(&self) -> (&'static str, u64) {
        let of = |kind: &&'static str| self.kinds.get(kind).map_or(0, |count| count.all);
        let rarest = P::KINDS.iter().min_by_key(|kind| of(kind));
        rarest.map_or(("none", 0), |kind| (kind, of(kind)))
    }

    /// Known differences of operations of any kind that were met in more than one of twenty
    /// sequences: something else hides behind them.
    pub fn excessive<P: Pair>(&self) -> Vec<&'static str> {
        let of_any = P::known().iter().filter(|known| known.kinds.is_empty());
        let met = |name| self.known.get(name).copied().unwrap_or(0);
        of_any
            .map(|known| known.name)
            .filter(|name| met(*name) > self.sequences / SELDOM + 1)
            .collect()
    }

    /// The known differences that were not met.
    pub fn unmet<P: Pair>(&self) -> Vec<&'static str> {
        P::known()
            .iter()
            .map(|known| known.name)
            .filter(|name| !self.known.contains_key(name))
            .collect()
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, count) in &self.kinds {
            writeln!(
                f,
                "{:>7} {kind}, {} of them faulting",
                count.all, count.faults
            )?;
            for ((of, class), times) in &self.classes {
                if of == kind {
                    writeln!(f, "{times:>15} {class}")?;
                }
            }
        }
        for (name, times) in &self.known {
            writeln!(f, "{times:>7} sequences met the known difference `{name}`")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vcenter::Vcenters;

    #[test]
    fn a_known_difference_that_is_met_all_the_time_hides_something() {
        let met = |times| Totals {
            sequences: 100,
            known: [("an-update-is-lost", times), ("power-on-of-nothing", 70)].into(),
            ..Totals::default()
        };
        assert_eq!(met(6).excessive::<Vcenters>(), [""; 0]);
        assert_eq!(met(7).excessive::<Vcenters>(), ["an-update-is-lost"]);
    }
}
