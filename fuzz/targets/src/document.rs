//! YAML documents in the folder of a standalone operator.

use std::path::Path;

use vmgroup_files::{ApprovedEffects, Document, Problem, Schema, documents_in};

use crate::{Target, Verdict, seeds, text};

/// The target.
pub const TARGET: Target = Target {
    name: "document",
    about: "YAML files with groups and approvals",
    run,
    seeds: seeds::documents,
    words: &[
        "---\n",
        "&a ",
        "*a",
        "!!str ",
        "? ",
        "<<: ",
        "|\n  ",
        "spec:\n  ",
        "kind: VmGroup\n",
    ],
    bytes_max: 2_048,
    bounded: 6_000,
};

const FILE: &str = "groups/web.yaml";

fn run(bytes: &[u8]) -> Verdict {
    let Some(text) = text(bytes) else {
        return Verdict::Refused;
    };
    let (file, schema) = (Path::new(FILE), schema());
    let documents = documents_in(file, text, &schema);
    let mut verdict = Verdict::Refused;
    for document in &documents {
        match document {
            Err(problem) => says_where(problem, text),
            Ok(Document::Approval(_)) => verdict = Verdict::Accepted,
            Ok(Document::Group(group)) => {
                assert!(group.place.starts_with(FILE), "{}", group.place);
                is_a_name(&group.key.namespace, 63);
                is_a_name(&group.key.name, 253);
                match &group.spec {
                    Ok(_) => verdict = Verdict::Accepted,
                    Err(problem) => says_where(problem, text),
                }
            }
        }
    }
    if verdict == Verdict::Accepted {
        assert_eq!(documents_in(file, text, &schema), documents);
    }
    verdict
}

/// As the operator has it.
pub(crate) fn schema() -> Schema {
    Schema {
        spec: |spec| vmgroup_api::spec_from_json(spec).map_err(|error| error.to_string()),
        unknown_fields: vmgroup_api::strict::unknown_fields,
        approval: |spec| {
            let approved = vmgroup_api::approval_from_json(spec).map_err(|e| e.to_string())?;
            Ok(ApprovedEffects {
                group: approved.group,
                effects_digest: approved.effects_digest,
                expires_at: approved.expires_at,
            })
        },
    }
}

fn says_where(problem: &Problem, text: &str) {
    assert!(!problem.message.is_empty());
    crate::assert_one_line(&problem.message, vmgroup_files::limits::PROBLEM_CHARS_MAX);
    // What ends a line for YAML: also a lone carriage return.
    let lines = text.matches(['\n', '\r']).count() as u64 + 1;
    assert!(
        problem.line <= lines,
        "line {} of {lines}: {problem}",
        problem.line
    );
}

/// It is a part of a file's name.
fn is_a_name(name: &str, most: usize) {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let fine = name.bytes().all(|byte| word(byte) || b"-.".contains(&byte));
    assert!(fine && !name.is_empty() && name.len() <= most, "{name:?}");
    assert!(!name.contains("..") && !name.starts_with('.'), "{name:?}");
}
