//! Uploads: bytes that say that they are a module.

use std::sync::LazyLock;

use vmgroup_engine::{CallError, Engine, Inspection, Kind, Limits, LoadError, Stage, inspect};

use crate::rewrite::RECIPE;
use crate::{Target, Verdict, seeds, wit_result};

/// The target.
pub const TARGET: Target = Target {
    name: "component",
    about: "modules as they are uploaded: inspected, compiled, asked who they are",
    run,
    seeds: seeds::components,
    words: &[
        "\0asm\r\0\u{1}\0",
        "\0asm\u{1}\0\0\0",
        "vmgroup:operator/logic@0.1.0",
        "recipe:",
    ],
    bytes_max: 12_288,
    bounded: 1_500,
};

/// With a tenth of the fuel, so that an endless loop costs milliseconds.
static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    Engine::new(Limits {
        fuel: 2_000_000,
        ..Limits::default()
    })
});

fn run(bytes: &[u8]) -> Verdict {
    match bytes.strip_prefix(RECIPE) {
        Some(recipe) => {
            wit_result::rewritten(recipe).map_or(Verdict::Refused, |module| upload(&module))
        }
        None => upload(bytes),
    }
}

fn upload(bytes: &[u8]) -> Verdict {
    let inspection = inspect(bytes);
    says_what_it_is(&inspection, bytes);
    match ENGINE.load(bytes) {
        Ok(module) => {
            assert_eq!(inspection.kind, Kind::Component);
            assert_eq!(inspection.problem, None);
            let functions = inspection
                .imports
                .iter()
                .flat_map(|import| &import.functions);
            assert!(
                functions.into_iter().all(|function| function == "log"),
                "{inspection:?}"
            );
            assert!(inspection.imports.iter().all(|import| !import.bare));
            assert_eq!(module.digest(), inspection.digest);
            decides(&module.attempt(&seeds::observation()).result.err());
            Verdict::Accepted
        }
        Err(error) => {
            is_explained(&error);
            Verdict::Refused
        }
    }
}

fn says_what_it_is(inspection: &Inspection, bytes: &[u8]) {
    assert_eq!(inspection.size, bytes.len());
    assert_eq!(inspection.digest.len(), "sha256:".len() + 64);
    assert_eq!(
        inspection.kind == Kind::NotWasm,
        !bytes.starts_with(b"\0asm") || bytes.len() < 8 || !matches!(bytes[6..8], [0 | 1, 0])
    );
    if let Some(problem) = &inspection.problem {
        crate::assert_one_line(problem, 500);
        assert!(!problem.contains("the validator failed"), "{problem}");
    }
    let items = inspection.imports.iter().chain(&inspection.exports);
    items.for_each(|item| crate::assert_one_line(&item.name, 200));
}

fn is_explained(error: &LoadError) {
    assert!(!error.to_string().is_empty() && !error.class().is_empty());
    match error {
        LoadError::Internal { .. } => panic!("{error}"),
        LoadError::Describe { source } | LoadError::ValidateSettings { source } => {
            decides(&Some(source.clone()));
        }
        LoadError::Compile { .. } => assert_eq!(error.stage(), Stage::Compile),
        _ => {}
    }
}

/// A bug of the engine is no outcome.
fn decides(error: &Option<CallError>) {
    if let Some(error @ (CallError::Internal { .. } | CallError::Observation { .. })) = error {
        panic!("{error}");
    }
}
