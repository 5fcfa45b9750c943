//! Answers of a vCenter, or of whoever answers in its place.

use vmgroup_vim::{
    Certainty, Error, Fault, Limits, RetrievedPage, TaskInfo, TaskState, UpdateSet, Value, offline,
};

use crate::{Target, Verdict, seeds};

/// The target.
pub const TARGET: Target = Target {
    name: "soap",
    about: "answers of vCenter: updates, properties, tasks and faults",
    run,
    seeds: seeds::answers,
    words: &[
        "<returnval>",
        "</returnval>",
        "xsi:type=\"ArrayOfTaskInfo\"",
        "<![CDATA[",
        "]]>",
        "&#x41;",
        "<!-- -->",
        "xmlns=\"urn:vim25\"",
        "<propSet>",
        "<missingSet>",
        "<!DOCTYPE x>",
        "<?x y?>",
    ],
    bytes_max: 6_144,
    bounded: 15_000,
};

/// Lower than the usual ones, so that short inputs meet them. Times count for nothing here.
const LIMITS: Limits = Limits {
    connect_timeout: std::time::Duration::ZERO,
    request_timeout: std::time::Duration::ZERO,
    wait_slack: std::time::Duration::ZERO,
    body_bytes_max: 1 << 20,
    depth_max: 40,
    nodes_max: 600,
    tag_bytes_max: 512,
};

fn run(body: &[u8]) -> Verdict {
    let says = |word: &[u8]| body.windows(word.len()).any(|part| part == word);
    if says(b"Fault") {
        offline::fault(body, &LIMITS).iter().for_each(is_printable);
    }
    let updates = says(b"WaitForUpdatesEx");
    let verdict = if updates {
        offline::updates(body, &LIMITS).map(|set| set.iter().for_each(check_updates))
    } else {
        offline::properties(body, &LIMITS).map(|page| check_page(&page))
    };
    match verdict {
        Ok(()) => Verdict::Accepted,
        Err(error) => {
            says_what_is_unknown(&error);
            Verdict::Refused
        }
    }
}

fn check_updates(set: &UpdateSet) {
    for filter in &set.filters {
        filter
            .missing
            .iter()
            .for_each(|missing| is_printable(&missing.fault));
        for object in &filter.objects {
            object
                .missing
                .iter()
                .for_each(|missing| is_printable(&missing.fault));
            let values = object
                .changes
                .iter()
                .filter_map(|change| change.value.as_ref());
            values.for_each(check_value);
        }
    }
}

fn check_page(page: &RetrievedPage) {
    assert_ne!(
        page.token.as_deref(),
        Some(""),
        "an empty token asks for a page for ever"
    );
    for object in &page.objects {
        object
            .missing
            .iter()
            .for_each(|missing| is_printable(&missing.fault));
        for (path, value) in &object.properties {
            check_value(value);
            assert!(object.get(path).is_some());
        }
    }
}

fn check_value(value: &Value) {
    let mut nodes = 0;
    assert!(depth(value, &mut nodes) <= LIMITS.depth_max);
    assert!(nodes <= LIMITS.nodes_max as usize, "{nodes} nodes");
    if let Ok(task) = TaskInfo::from_value(value) {
        check_task(&task);
    }
    value
        .items()
        .iter()
        .filter_map(|item| TaskInfo::from_value(item).ok())
        .for_each(|task| check_task(&task));
}

fn check_task(task: &TaskInfo) {
    assert!(
        task.state != TaskState::Error || task.error.is_some(),
        "failed, and no fault"
    );
    task.error.iter().for_each(is_printable);
}

fn depth(value: &Value, nodes: &mut usize) -> usize {
    *nodes += 1;
    match value {
        Value::Text(_) | Value::Ref(_) => 1,
        Value::Array(items) => {
            1 + items
                .iter()
                .map(|item| depth(item, nodes))
                .max()
                .unwrap_or(0)
        }
        Value::Object { fields, .. } => {
            let below = fields.iter().map(|(_, field)| depth(field, nodes));
            1 + below.max().unwrap_or(0)
        }
    }
}

fn is_printable(fault: &Fault) {
    assert!(!fault.name.is_empty());
    crate::assert_one_line(&fault.name, 1_000);
    crate::assert_one_line(&fault.message, 1_000);
}

/// The request was sent: only a fault that refuses can say that nothing was done.
fn says_what_is_unknown(error: &Error) {
    match error {
        Error::Fault { fault, .. } => {
            is_printable(fault);
            assert_eq!(error.certainty(), fault.certainty());
        }
        Error::Malformed { source, .. } => {
            assert!(!source.to_string().is_empty());
            assert_eq!(error.certainty(), Certainty::Unknown);
        }
        other => panic!("there was no connection: {other:?}"),
    }
}
