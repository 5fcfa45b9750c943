//! The two sides as a pair.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use tokio::runtime::Runtime;
use vmgroup_kubernetes::connect;
use vmgroup_rig::{Options, Rig};
use vmgroup_sim::random::Random;

use super::draw::draw;
use super::known::KNOWN;
use super::operation::{KINDS, Operation};
use super::person::Person;
use super::real::{Client, Real};
use super::simulated::Simulated;
use crate::answer::{Answer, Outcome};
use crate::known::Known;
use crate::pair::Pair;

/// Definitions of our kinds.
const CRDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../crds");

/// Both API servers.
#[derive(Debug, Default)]
pub struct Clusters {
    // In the order of ending: clients before the server.
    real: Option<Real>,
    standing: Option<Standing>,
    simulated: Option<Simulated>,
    sequence: u64,
}

/// A running API server and ways to it.
#[derive(Debug)]
struct Standing {
    person: Person,
    client: Client,
    runtime: Arc<Runtime>,
    _rig: Rig,
}

impl Standing {
    fn new() -> Result<Self> {
        let rig = Rig::start(&Options::default())?;
        rig.kubectl(&["apply", "--kustomize", CRDS])?;
        for kind in ["vmgroups", "planapprovals"] {
            let crd = format!("crd/{kind}.vm.codeconnect.vmworld.com");
            rig.kubectl(&["wait", "--for=condition=Established", "--timeout=60s", &crd])?;
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let client = runtime.block_on(connect(Some(&rig.kubeconfig())))?;
        Ok(Standing {
            person: Person::new(&rig)?,
            client: Client(client),
            runtime: Arc::new(runtime),
            _rig: rig,
        })
    }
}

impl Pair for Clusters {
    type Operation = Operation;

    const NAME: &'static str = "cluster";

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
        self.real = None;
        self.sequence += 1;
        if self.standing.is_none() {
            self.standing = Some(Standing::new()?);
        }
        let standing = self.standing.as_ref().context("there is no API server")?;
        let namespace = format!("honest-{}", self.sequence);
        let runtime = Arc::clone(&standing.runtime);
        let real = Real::new(runtime, &standing.client, &standing.person, &namespace)?;
        self.real = Some(real);
        self.simulated = Some(Simulated::new(&namespace, self.sequence));
        Ok(())
    }

    fn simulated(&mut self, operation: &Operation) -> Answer {
        match &mut self.simulated {
            Some(simulated) => simulated.execute(operation),
            None => Answer {
                outcome: Outcome::Senseless,
                shown: BTreeMap::new(),
            },
        }
    }

    fn real(&mut self, operation: &Operation, expected: &Answer) -> Result<Answer> {
        let standing = self.standing.as_ref().context("there is no API server")?;
        let real = self.real.as_mut().context("no sequence has begun")?;
        real.execute(&standing.person, operation, expected)
    }

    fn end(&mut self) -> Result<(Answer, Answer)> {
        let simulated = self.simulated.as_mut().context("no sequence has begun")?;
        let expected = simulated.truth();
        let real = self.real.as_mut().context("no sequence has begun")?;
        Ok((expected, real.truth()?))
    }
}
