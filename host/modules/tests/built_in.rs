//! The modules of this repository, taken in the way the operator does it, with
//! the real engine.

use std::error::Error;
use std::path::Path;
use std::sync::mpsc::channel;

use vmgroup_core::observation::Observation;
use vmgroup_core::plan::Answer;
use vmgroup_engine::{Engine, Limits, LoadError, Module};
use vmgroup_modules::{
    Candidate, Intake, Loader, Refusal, Taken, Wanted, built_in, digest, law_cases, stage,
};
use vmgroup_reconcile::event::Event;
use vmgroup_reconcile::modules::BUILT_IN;

struct Wasm(Engine);

impl Loader for Wasm {
    type Module = Module;

    fn bytes_max(&self) -> usize {
        self.0.limits().module_bytes
    }

    fn load(&self, bytes: &[u8], _: Wanted<'_>) -> Result<Candidate<Module>, Refusal> {
        let module = self.0.load(bytes).map_err(|error| refusal(&error))?;
        Ok(Candidate {
            description: module.description().clone(),
            module,
        })
    }

    fn decide(&self, module: &Module, observation: &Observation) -> Result<Answer, Refusal> {
        let decision = module.reconcile(observation);
        decision
            .map(|decision| decision.answer)
            .map_err(|error| Refusal::new(stage::LAW_CASES, &error.to_string()))
    }
}

fn refusal(error: &LoadError) -> Refusal {
    let source = error.source().map(|source| format!(": {source}"));
    Refusal::new(
        error.stage().as_str(),
        &format!("{error}{}", source.unwrap_or_default()),
    )
}

fn intake() -> (Intake<Wasm>, std::sync::mpsc::Receiver<Event>) {
    let (sender, events) = channel();
    let laws = law_cases().expect("law cases");
    let tell = move |event| sender.send(event).expect("a receiver");
    let engine = Engine::new(Limits::default());
    (Intake::new(Wasm(engine), laws, tell), events)
}

fn guest(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../target/guests")
        .join(name);
    std::fs::read(&path)
        .unwrap_or_else(|error| panic!("{path:?}: {error}; run `cargo xtask guests` first"))
}

#[test]
fn the_built_in_module_passes_every_stage_and_another_one_takes_its_place_live() {
    let (intake, events) = intake();
    let names = [None, Some(BUILT_IN.to_owned())];
    assert_eq!(intake.take(&names, BUILT_IN, built_in()), Taken::Active);
    let other = guest("one-by-one.wasm");
    assert_eq!(
        intake.take(&[None], "one-by-one.wasm", &other),
        Taken::Active
    );
    let digests: Vec<String> = events
        .try_iter()
        .map(|event| match event {
            Event::ModuleActive(module) => module.digest,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        digests,
        [digest(built_in()), digest(built_in()), digest(&other)]
    );
    let store = intake.store();
    let active = store.get(None).expect("active");
    assert_eq!(
        active.module.digest(),
        active.digest,
        "one digest, whoever computes it"
    );
    assert_eq!(
        store.get(Some(BUILT_IN)).expect("active").digest,
        digest(built_in())
    );
}

#[test]
fn bytes_that_are_no_module_are_refused_by_the_engines_stage() {
    let (intake, _events) = intake();
    let Taken::Refused(refusal) = intake.take(&[None], "no.wasm", b"no module") else {
        panic!("not refused");
    };
    assert_eq!(refusal.stage, "inspect");
}
