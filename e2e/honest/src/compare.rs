//! One sequence on both sides.

use std::collections::BTreeSet;

use anyhow::Result;

use crate::answer::{Difference, Outcome, differences};
use crate::pair::Pair;

/// What came of a sequence.
#[derive(Debug, Clone, Default)]
pub struct Comparison {
    /// Kind and outcome of each operation that both sides carried out.
    pub executed: Vec<(&'static str, Outcome)>,
    /// The known differences that were met.
    pub known: BTreeSet<&'static str>,
    /// Where the sides disagree for no known reason.
    pub disagreement: Option<Disagreement>,
}

/// A difference that nothing explains.
#[derive(Debug, Clone)]
pub struct Disagreement {
    /// So many operations were carried out, the last one of them with it.
    pub after: usize,
    /// The kind of the last one; `end` if it was the state at the end.
    pub kind: &'static str,
    /// In what they differ.
    pub differences: Vec<Difference>,
}

/// Kind of the comparison of everything after the last operation.
pub const END: &str = "end";

/// Carries the operations out on both sides, until they disagree.
///
/// # Errors
/// The harness itself is in trouble.
pub fn compare<P: Pair>(pair: &mut P, operations: &[P::Operation]) -> Result<Comparison> {
    let mut comparison = Comparison::default();
    pair.begin()?;
    for (at, operation) in operations.iter().enumerate() {
        let kind = P::kind(operation);
        let simulated = pair.simulated(operation);
        if simulated.outcome == Outcome::Senseless {
            continue;
        }
        let real = pair.real(operation, &simulated)?;
        let verdict = judge::<P>(kind, differences(&simulated, &real), &mut comparison);
        match verdict {
            Verdict::Agreed => comparison.executed.push((kind, real.outcome)),
            Verdict::Parted => return Ok(comparison),
            Verdict::Disagreed(differences) => {
                comparison.disagreement = Some(Disagreement {
                    after: at + 1,
                    kind,
                    differences,
                });
                return Ok(comparison);
            }
        }
    }
    let (simulated, real) = pair.end()?;
    let verdict = judge::<P>(END, differences(&simulated, &real), &mut comparison);
    if let Verdict::Disagreed(differences) = verdict {
        comparison.disagreement = Some(Disagreement {
            after: operations.len(),
            kind: END,
            differences,
        });
    }
    Ok(comparison)
}

enum Verdict {
    Agreed,
    /// For a known reason, after which nothing can be compared.
    Parted,
    Disagreed(Vec<Difference>),
}

fn judge<P: Pair>(
    kind: &'static str,
    mut differences: Vec<Difference>,
    comparison: &mut Comparison,
) -> Verdict {
    let mut parted = false;
    differences.retain(|difference| {
        let known = P::known().iter().find(|it| it.covers(kind, difference));
        if let Some(known) = known {
            comparison.known.insert(known.name);
            parted |= known.parts;
        }
        known.is_none()
    });
    // Where the states part, the views differ in more than the table can say.
    if parted {
        Verdict::Parted
    } else if differences.is_empty() {
        Verdict::Agreed
    } else {
        Verdict::Disagreed(differences)
    }
}
