//! What people write: the `VmGroup`s and `PlanApproval`s of a YAML file.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use serde_json::Value;
use uuid::Uuid;
use vmgroup_core::group::{
    ADOPTION_ANNOTATION, Adoption, GroupKey, IDENTITY_ANNOTATION, Spec, VCENTER_ANNOTATION,
};
use vmgroup_core::text::one_line;
use vmgroup_reconcile::event::Approval;

use crate::error::Problem;
use crate::limits::{FILE_BYTES_MAX, NAME_CHARS_MAX, NAMESPACE_CHARS_MAX, PROBLEM_CHARS_MAX};
use crate::schema::Schema;
use crate::yaml::{Place, Yaml};

const API_VERSION: &str = "vm.codeconnect.vmworld.com/v1alpha1";
const NAMESPACE: &str = "default";

/// One document of a file.
#[derive(Debug, Clone, PartialEq)]
pub enum Document {
    /// A `VmGroup`.
    Group(GroupDocument),
    /// A `PlanApproval`.
    Approval(Approval),
}

/// A `VmGroup` as somebody wrote it.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupDocument {
    /// Namespace (`default` if none is written) and name.
    pub key: GroupKey,
    /// Where it begins, such as `groups/web.yaml:12`.
    pub place: String,
    /// The identity annotation.
    pub identity: Option<String>,
    /// What its owner says about left-overs.
    pub adoption: Option<Adoption>,
    /// The vCenter that it belongs to from now on, as its owner says.
    pub vcenter: Option<String>,
    /// What stands under `spec`.
    pub written: Value,
    /// The spec, or what is wrong with it.
    pub spec: Result<Spec, Problem>,
}

/// All documents of a file; one that cannot be understood does not hide the others.
pub fn read_documents(file: &Path, schema: &Schema) -> Vec<Result<Document, Problem>> {
    match read_text(file) {
        Ok(text) => documents_in(file, &text, schema),
        Err(problem) => vec![Err(problem)],
    }
}

/// All documents of a text that stands in `file`.
pub fn documents_in(file: &Path, text: &str, schema: &Schema) -> Vec<Result<Document, Problem>> {
    match parse(file, text) {
        Ok(all) => all
            .iter()
            .map(|yaml| Reader { file, yaml, schema }.document())
            .collect(),
        Err(problem) => vec![Err(problem)],
    }
}

const ALL_FIELDS: &str = "`vmgroup crd` prints every field and what it may be";

fn read_text(file: &Path) -> Result<String, Problem> {
    let whole = |message: String, hint: &str| Problem {
        file: file.to_owned(),
        line: 0,
        column: 0,
        message,
        hint: Some(hint.into()),
    };
    let failed = |error: std::io::Error| {
        let message = format!("it cannot be read: {error}");
        whole(message, "name a file with VmGroup objects in YAML")
    };
    // A pipe would block whoever opens it.
    if !fs::metadata(file).map_err(failed)?.is_file() {
        let hint = "name the files in it one by one";
        return Err(whole("it is not a file".into(), hint));
    }
    let mut bytes = Vec::new();
    let opened = File::open(file).map_err(failed)?;
    opened
        .take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        let message = format!("it has more than {FILE_BYTES_MAX} bytes");
        return Err(whole(message, "split it"));
    }
    String::from_utf8(bytes)
        .map_err(|error| whole(format!("it is not UTF-8: {error}"), "save it as UTF-8"))
}

fn parse(file: &Path, text: &str) -> Result<Vec<Yaml>, Problem> {
    Yaml::parse_all(text).map_err(|error| Problem {
        file: file.to_owned(),
        line: error.place.0,
        column: error.place.1,
        message: one_line(
            &format!("not valid YAML: {}", error.message),
            PROBLEM_CHARS_MAX,
        ),
        hint: Some("indent with spaces, two a level, and write `key: value` with a space".into()),
    })
}

struct Reader<'a> {
    file: &'a Path,
    yaml: &'a Yaml,
    schema: &'a Schema,
}

impl Reader<'_> {
    fn document(&self) -> Result<Document, Problem> {
        let text = |path: &str| self.text(path);
        match text("apiVersion")? {
            Some(API_VERSION) => {}
            other => {
                let other = other.unwrap_or("nothing");
                let message = format!("apiVersion is {other}: it has to be {API_VERSION}");
                return Err(self.problem("apiVersion", &message));
            }
        }
        let key = GroupKey::new(
            self.name("metadata.namespace", NAMESPACE_CHARS_MAX)?
                .unwrap_or(NAMESPACE),
            self.name("metadata.name", NAME_CHARS_MAX)?
                .ok_or_else(|| self.problem("metadata", "metadata.name is missing"))?,
        );
        match text("kind")? {
            Some("VmGroup") => Ok(Document::Group(self.group(key))),
            Some("PlanApproval") => self.approval(key).map(Document::Approval),
            other => {
                let other = other.unwrap_or("nothing");
                let message = format!("kind is {other}: it has to be VmGroup or PlanApproval");
                Err(self.problem("kind", &message))
            }
        }
    }

    fn group(&self, key: GroupKey) -> GroupDocument {
        let annotation = |name: &str| {
            let annotations = self.yaml.value.pointer("/metadata/annotations")?;
            annotations.get(name)?.as_str()
        };
        let adoption = annotation(ADOPTION_ANNOTATION).and_then(|word| {
            let mut all = Adoption::ALL.iter().copied();
            all.find(|adoption| adoption.as_str() == word.trim())
        });
        GroupDocument {
            key,
            place: format!("{}:{}", self.file.display(), self.yaml.place_of("").0),
            identity: annotation(IDENTITY_ANNOTATION).map(str::to_owned),
            adoption,
            vcenter: annotation(VCENTER_ANNOTATION).map(str::to_owned),
            written: self.yaml.value.get("spec").cloned().unwrap_or_default(),
            spec: self.spec(),
        }
    }

    fn spec(&self) -> Result<Spec, Problem> {
        let unknown = (self.schema.unknown_fields)(&self.yaml.value);
        if let Some((first, meant)) = unknown.first() {
            let paths: Vec<&str> = unknown.iter().map(|(path, _)| path.as_str()).collect();
            let mut problem = self.problem(first, &format!("unknown field {}", paths.join(", ")));
            problem.hint = Some(match meant {
                Some(meant) => format!("did you mean {meant}? {ALL_FIELDS}"),
                None => format!("look for a slip of the pen; {ALL_FIELDS}"),
            });
            return Err(problem);
        }
        (self.schema.spec)(self.yaml.value.get("spec")).map_err(|message| {
            let mut problem = self.problem_at(self.yaml.place_named_by(&message), &message);
            problem.hint = Some(ALL_FIELDS.into());
            problem
        })
    }

    /// Its UID follows from all that it says: used once, it can be used again
    /// only when it says something else.
    fn approval(&self, key: GroupKey) -> Result<Approval, Problem> {
        let approved = (self.schema.approval)(self.yaml.value.get("spec"))
            .map_err(|message| self.problem_at(self.yaml.place_named_by(&message), &message))?;
        let content = format!("{key} {}", self.yaml.value["spec"]);
        Ok(Approval {
            uid: Uuid::new_v5(&Uuid::NAMESPACE_OID, content.as_bytes()).to_string(),
            key,
            group: approved.group,
            effects_digest: approved.effects_digest,
            expires_at: Some(approved.expires_at),
        })
    }

    /// A name as Kubernetes allows it; it is part of a file's name in the state.
    fn name(&self, path: &str, chars_max: usize) -> Result<Option<&str>, Problem> {
        let name = self.text(path)?;
        match name {
            Some(name) if !is_name(name, chars_max) => {
                let message = format!(
                    "{path} is {name:?}: a name has at most {chars_max} lower-case letters, \
                     digits, '-' and '.', and begins and ends with a letter or digit"
                );
                Err(self.problem(path, &message))
            }
            _ => Ok(name),
        }
    }

    fn text(&self, path: &str) -> Result<Option<&str>, Problem> {
        let pointer = format!("/{}", path.replace('.', "/"));
        match self.yaml.value.pointer(&pointer) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => {
                let message = format!("{path} is {other}: it has to be a text; write it in quotes");
                Err(self.problem(path, &message))
            }
        }
    }

    fn problem(&self, path: &str, message: &str) -> Problem {
        self.problem_at(self.yaml.place_of(path), message)
    }

    fn problem_at(&self, (line, column): Place, message: &str) -> Problem {
        Problem {
            file: self.file.to_owned(),
            line,
            column,
            message: one_line(message, PROBLEM_CHARS_MAX),
            hint: None,
        }
    }
}

/// A namespace, which is shorter, has no dots either.
pub(crate) fn is_name(name: &str, chars_max: usize) -> bool {
    let dots = chars_max == NAME_CHARS_MAX;
    let word = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    name.len() <= chars_max
        && (dots || !name.contains('.'))
        && name.split('.').all(|part| {
            let bytes = part.as_bytes();
            bytes.first().is_some_and(word)
                && bytes.last().is_some_and(word)
                && bytes.iter().all(|byte| word(byte) || *byte == b'-')
        })
}

#[cfg(test)]
mod tests;
