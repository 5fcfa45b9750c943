//! The samples of the CRDs, read from a folder: what the API server takes is
//! taken here too, and what is refused has a place.

use std::path::{Path, PathBuf};

use vmgroup_files::{ApprovedEffects, Document, Schema, read_documents};

const SCHEMA: Schema = Schema {
    spec: |spec| vmgroup_api::spec_from_json(spec).map_err(|error| error.to_string()),
    unknown_fields: vmgroup_api::strict::unknown_fields,
    approval: |spec| {
        let approved = vmgroup_api::approval_from_json(spec).map_err(|error| error.to_string())?;
        Ok(ApprovedEffects {
            group: approved.group,
            effects_digest: approved.effects_digest,
            expires_at: approved.expires_at,
        })
    },
};

fn samples(folder: &str) -> Vec<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../crds")
        .join(folder);
    let entries = std::fs::read_dir(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    let files = entries.map(|entry| entry.expect("an entry").path());
    let files: Vec<PathBuf> = files.filter(|file| file.is_file()).collect();
    assert!(!files.is_empty(), "{path:?} is empty");
    files
}

#[test]
fn every_valid_sample_is_understood() {
    for file in samples("samples/valid") {
        for document in read_documents(&file, &SCHEMA) {
            match document {
                // The API server lets it pass, as it did the demo's; the operator does not.
                Ok(Document::Group(group)) if file.ends_with("without-spec.yaml") => {
                    let problem = group.spec.expect_err("no spec");
                    assert!(
                        problem.message.starts_with("the object has no spec"),
                        "{problem}"
                    );
                }
                Ok(Document::Group(group)) => assert!(group.spec.is_ok(), "{:?}", group.spec),
                Ok(Document::Approval(_)) => {}
                Err(problem) => panic!("{problem}"),
            }
        }
    }
}

#[test]
fn every_invalid_sample_is_refused_with_line_and_column() {
    for file in samples("samples/invalid") {
        let all = read_documents(&file, &SCHEMA);
        let mut problems = all.into_iter().filter_map(|document| match document {
            Ok(Document::Group(group)) => group.spec.err(),
            Ok(Document::Approval(_)) => None,
            Err(problem) => Some(problem),
        });
        let problem = problems
            .next()
            .unwrap_or_else(|| panic!("{file:?} is taken"));
        assert!(problem.line > 0 && problem.column > 0, "{problem}");
    }
}
