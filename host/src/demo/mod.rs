//! The demo: the real state machine and the real modules against a simulated
//! cluster and vCenter in virtual time.

mod acts;

mod keep;

mod stage;

mod operator;

mod sandbox;

mod screen;

mod proof;

use stage::Stage;

/// The example that fills the highest slot first, one at a time.
const ONE_BY_ONE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/one-by-one.wasm"));

/// What a person wants of the demo.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wishes {
    /// Leave the groups running at the end.
    pub(crate) keep: bool,
    /// Fixes every latency.
    pub(crate) seed: u64,
    /// How fast a person reads; none if nobody does.
    pub(crate) speed: Option<f64>,
}

/// Plays the demo; true if everything really converged.
pub(crate) fn run(wishes: &Wishes) -> anyhow::Result<bool> {
    let mut stage = Stage::new(wishes)?;
    Ok(acts::play(&mut stage, wishes.keep))
}
