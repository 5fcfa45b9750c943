//! The two sides as a pair.

use anyhow::{Context as _, Result};
use vmgroup_rig::{Options, Rig};
use vmgroup_sim::random::Random;

use super::draw::draw;
use super::known::KNOWN;
use super::operation::{KINDS, Operation};
use super::real::Real;
use super::simulated::Simulated;
use crate::answer::{Answer, Outcome};
use crate::known::Known;
use crate::pair::Pair;

/// vcsim gets slower with all that it remembers: it begins anew after so many
/// sequences.
const SEQUENCES_OF_A_RIG: u64 = 60;

/// Both vCenters.
#[derive(Debug, Default)]
pub struct Vcenters {
    // In the order of ending: the adapter before the server.
    real: Option<Real>,
    simulated: Option<Simulated>,
    rig: Option<Rig>,
    sequence: u64,
}

impl Vcenters {
    fn real_side(&mut self) -> Result<&mut Real> {
        self.real.as_mut().context("no sequence has begun")
    }
}

impl Pair for Vcenters {
    type Operation = Operation;

    const NAME: &'static str = "vcenter";

    const KINDS: &'static [&'static str] = KINDS;

    fn kind(operation: &Operation) -> &'static str {
        operation.what.kind()
    }

    fn draw(random: &mut Random, length: usize) -> Vec<Operation> {
        draw(random, length)
    }

    fn known() -> &'static [Known] {
        KNOWN
    }

    fn begin(&mut self) -> Result<()> {
        if let Some(mut real) = self.real.take() {
            real.clear_away()?;
        }
        if self.sequence.is_multiple_of(SEQUENCES_OF_A_RIG) {
            self.rig = None;
        }
        self.sequence += 1;
        if self.rig.is_none() {
            self.rig = Some(Rig::start(&Options::vcenter_only())?);
        }
        let rig = self.rig.as_ref().context("there is no rig")?;
        self.real = Some(Real::new(rig, self.sequence)?);
        self.simulated = Some(Simulated::new(self.sequence));
        Ok(())
    }

    fn simulated(&mut self, operation: &Operation) -> Answer {
        match &mut self.simulated {
            Some(simulated) => simulated.execute(operation),
            None => Answer {
                outcome: Outcome::Senseless,
                shown: std::collections::BTreeMap::new(),
            },
        }
    }

    fn real(&mut self, operation: &Operation, expected: &Answer) -> Result<Answer> {
        self.real_side()?.execute(operation, expected)
    }

    fn end(&mut self) -> Result<(Answer, Answer)> {
        let simulated = self.simulated.as_ref().context("no sequence has begun")?;
        let expected = simulated.truth();
        Ok((expected, self.real_side()?.truth()?))
    }
}
