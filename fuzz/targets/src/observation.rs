//! Observations: what a module reads. The built-in one and the example decide natively, so that their
//! own code is searched, too.

use serde_json::Value;
use vmgroup_core::limits::INTEGER_MAX;
use vmgroup_core::observation::Observation;
use vmgroup_core::plan::{Answer, Reason};

use crate::{Target, Verdict, seeds, text};

/// The target.
pub const TARGET: Target = Target {
    name: "observation",
    about: "observations, and what the modules of this repository make of them",
    run,
    seeds: seeds::observations,
    words: &[
        "\"deleting\"",
        "\"replace\"",
        "\"rolling-replace\"",
        "\"unknown\"",
        "1000",
        "\"memo\":",
    ],
    bytes_max: 4_096,
    bounded: 12_000,
};

fn run(bytes: &[u8]) -> Verdict {
    let Some(text) = text(bytes) else {
        return Verdict::Refused;
    };
    // Strictly from the text: by way of a value, a field that stands twice would pass.
    let Ok(observation) = serde_json::from_str::<Observation>(text) else {
        return Verdict::Refused;
    };
    let written = serde_json::to_string(&observation).expect("an observation has only plain data");
    let again: Observation = serde_json::from_str(&written).expect("what is written is read");
    assert_eq!(again, observation);
    if !keeps_the_promises(&observation) {
        return Verdict::Refused;
    }
    let description = vmgroup_native::built_in_description();
    let answer = vmgroup_native::decide(&observation);
    assert_eq!(
        vmgroup_native::decide(&observation),
        answer,
        "the same in, the same out"
    );
    describes_itself(&answer, &description.reason_codes);
    reads_back(&answer);
    reads_back(&vmgroup_native::decide_one_by_one(&observation));
    Verdict::Accepted
}

/// What the contract promises a module: integers that JSON holds, and groups of a size that exists.
fn keeps_the_promises(observation: &Observation) -> bool {
    let value = serde_json::to_value(observation).expect("an observation has only plain data");
    let desired = &observation.desired;
    let sizes = [
        desired.replicas,
        desired.max_surge,
        desired.spares,
        desired.max_unavailable,
    ];
    let slots = observation.members.iter().map(|member| member.slot);
    let slots = slots.chain(
        observation
            .operations
            .iter()
            .map(|operation| operation.slot),
    );
    let slots = slots.chain(observation.failures.iter().map(|failure| failure.slot));
    small(&value) && sizes.into_iter().chain(slots).all(|figure| figure <= 1_000)
}

fn small(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_u64().is_none_or(|number| number <= INTEGER_MAX),
        Value::Array(items) => items.iter().all(small),
        Value::Object(fields) => fields.values().all(small),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

fn describes_itself(answer: &Answer, codes: &[String]) {
    let known = |reason: &Reason| assert!(codes.contains(&reason.code), "{reason:?}");
    match answer {
        Answer::Plan(plan) => {
            plan.actions.iter().for_each(|action| known(&action.reason));
            plan.next_look.iter().for_each(|look| known(&look.reason));
        }
        Answer::Refusal(refusal) => {
            known(&refusal.reason);
            refusal
                .next_look
                .iter()
                .for_each(|look| known(&look.reason));
        }
    }
}

fn reads_back(answer: &Answer) {
    let written = serde_json::to_string(answer).expect("an answer has only plain data");
    let again: Answer = serde_json::from_str(&written).expect("what is written is read");
    assert_eq!(again, *answer);
}
