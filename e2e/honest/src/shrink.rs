//! Makes a sequence on which the sides disagree short.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::compare::{Disagreement, compare};
use crate::pair::Pair;

/// A shorter sequence with its disagreement.
#[derive(Debug, Clone)]
pub struct Shrunk<O> {
    /// What is left of the operations; the last one disagrees.
    pub operations: Vec<O>,
    /// How.
    pub disagreement: Disagreement,
}

/// Takes operations out, many at first, then one by one, as long as the last
/// kind of operation still disagrees about the same things.
///
/// # Errors
/// The harness itself is in trouble.
pub fn shrink<P: Pair>(
    pair: &mut P,
    operations: &[P::Operation],
    disagreement: Disagreement,
    time: Duration,
) -> Result<Shrunk<P::Operation>> {
    let begun = Instant::now();
    let mut best = Shrunk {
        operations: operations[..disagreement.after].to_vec(),
        disagreement,
    };
    let mut width = best.operations.len() / 2;
    while width > 0 {
        let mut at = 0;
        while at < best.operations.len() {
            if begun.elapsed() > time {
                return Ok(best);
            }
            let mut fewer = best.operations.clone();
            fewer.drain(at..(at + width).min(fewer.len()));
            let found = compare(pair, &fewer)?.disagreement;
            match found.filter(|found| is_the_same(found, &best.disagreement)) {
                Some(found) => {
                    fewer.truncate(found.after);
                    best = Shrunk {
                        operations: fewer,
                        disagreement: found,
                    };
                }
                None => at += width,
            }
        }
        width /= 2;
    }
    Ok(best)
}

fn is_the_same(one: &Disagreement, other: &Disagreement) -> bool {
    let about = |it: &Disagreement| it.differences.first().map(|first| first.about.clone());
    one.kind == other.kind && about(one) == about(other)
}
