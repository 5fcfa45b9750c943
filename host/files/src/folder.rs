//! Reads: everything that stands in the folder of the groups.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;

use vmgroup_core::group::GroupKey;
use vmgroup_reconcile::event::Approval;

use crate::document::{Document, GroupDocument, read_documents};
use crate::error::Problem;
use crate::limits::{FILES_MAX, QUIET};
use crate::schema::Schema;

/// What people ask for.
#[derive(Debug, Default)]
pub(crate) struct Folder {
    /// Each group with the file it is in.
    pub(crate) groups: BTreeMap<GroupKey, (PathBuf, GroupDocument)>,
    pub(crate) approvals: BTreeMap<GroupKey, Approval>,
    /// What cannot be understood at all: nobody knows which group it would be.
    pub(crate) problems: Vec<Problem>,
    /// It holds no file of ours at all.
    pub(crate) is_bare: bool,
    /// Which folder it is, by device and inode: another one has the same path where a file
    /// system is not mounted.
    pub(crate) itself: (u64, u64),
}

impl Folder {
    pub(crate) fn read(path: &Path, schema: &Schema) -> io::Result<Folder> {
        let files = yaml_files(path)?;
        let itself = fs::metadata(path)?;
        let mut folder = Folder {
            is_bare: files.is_empty(),
            itself: (itself.dev(), itself.ino()),
            ..Folder::default()
        };
        let moving = moving(&files);
        for file in files {
            if moving.contains(&file) {
                folder.problems.push(being_written(&file));
                continue;
            }
            for document in read_documents(&file, schema) {
                match document {
                    Ok(Document::Group(group)) => folder.add(&file, group),
                    Ok(Document::Approval(approval)) => {
                        folder.approvals.insert(approval.key.clone(), approval);
                    }
                    Err(problem) => folder.problems.push(problem),
                }
            }
        }
        Ok(folder)
    }

    /// A group that is written twice is understood in neither way.
    fn add(&mut self, file: &Path, mut group: GroupDocument) {
        if let Some((_, other)) = self.groups.get(&group.key) {
            group.spec = Err(Problem {
                file: file.to_owned(),
                line: 0,
                column: 0,
                message: format!(
                    "{} stands at {} and at {}: remove one of them",
                    group.key, other.place, group.place
                ),
                hint: None,
            });
        }
        self.groups
            .insert(group.key.clone(), (file.to_owned(), group));
    }

    /// The first problem of each file.
    pub(crate) fn broken_files(&self) -> BTreeMap<&Path, &Problem> {
        let all = self.problems.iter().rev();
        all.map(|problem| (problem.file.as_path(), problem))
            .collect()
    }

    /// Keys of all groups.
    pub(crate) fn keys(&self) -> BTreeSet<GroupKey> {
        self.groups.keys().cloned().collect()
    }
}

/// Those that somebody writes at this moment. Half a file may be good YAML, and ask for less.
fn moving(files: &[PathBuf]) -> BTreeSet<PathBuf> {
    let stamp = |file: &PathBuf| {
        let seen = fs::metadata(file).ok()?;
        Some((seen.len(), seen.ino(), seen.modified().ok()?))
    };
    let is_young = |file: &&PathBuf| {
        let written = stamp(file).map(|(_, _, at)| at.elapsed());
        written.is_some_and(|age| age.is_ok_and(|age| age < QUIET))
    };
    let young: Vec<(&PathBuf, _)> = files
        .iter()
        .filter(is_young)
        .map(|file| (file, stamp(file)))
        .collect();
    if young.is_empty() {
        return BTreeSet::new();
    }
    thread::sleep(QUIET);
    let moved = young
        .into_iter()
        .filter(|(file, before)| stamp(file) != *before);
    moved.map(|(file, _)| file.clone()).collect()
}

fn being_written(file: &Path) -> Problem {
    Problem {
        file: file.to_owned(),
        line: 0,
        column: 0,
        message: "it is being written at this moment".into(),
        hint: Some("it is read when nobody has written to it for a moment".into()),
    }
}

/// In the order of their names; hidden files belong to editors and kubelets.
fn yaml_files(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        let file = entry.path();
        let ending = file.extension().and_then(|ending| ending.to_str());
        if !hidden && matches!(ending, Some("yaml" | "yml")) && !file.is_dir() {
            files.push(file);
        }
    }
    if files.len() > FILES_MAX {
        let text = format!(
            "it has {} YAML files, at most {FILES_MAX} are read",
            files.len()
        );
        return Err(io::Error::other(text));
    }
    files.sort();
    Ok(files)
}
