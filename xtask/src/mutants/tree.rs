//! A copy of the sources that stays at its place, so that what was built of it stays useful, and so
//! that nobody meets a mutant in a file that they edit.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::workspace::Workspace;

/// Hidden files that the copy needs beside the sources.
const HIDDEN: [&str; 2] = [".cargo/config.toml", ".cargo/mutants.toml"];

/// The copy.
pub(super) struct Tree {
    copy: PathBuf,
}

impl Tree {
    /// Makes the copy the same as the workspace. A file that is the same already is not written, so
    /// that cargo does not build it again; a mutant that a broken-off run left behind is not.
    pub(super) fn of(workspace: &Workspace) -> Result<Self> {
        let copy = workspace.target("mutants/tree");
        let mut files: BTreeSet<PathBuf> = workspace.files()?.into_iter().collect();
        files.extend(HIDDEN.iter().map(PathBuf::from));
        for file in &files {
            let bytes = fs::read(workspace.path(file))
                .with_context(|| format!("failed to read {}", file.display()))?;
            let to = copy.join(file);
            if fs::read(&to).is_ok_and(|old| old == bytes) {
                continue;
            }
            if let Some(folder) = to.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(&to, bytes).with_context(|| format!("failed to write {}", to.display()))?;
        }
        for old in Workspace::at(&copy)?.files()? {
            if !files.contains(&old) {
                fs::remove_file(copy.join(&old))
                    .with_context(|| format!("failed to remove {}", old.display()))?;
            }
        }
        Ok(Tree { copy })
    }

    pub(super) fn root(&self) -> &Path {
        &self.copy
    }

    /// The text of a source file.
    pub(super) fn text(&self, file: &str) -> Result<String> {
        fs::read_to_string(self.copy.join(file)).with_context(|| format!("failed to read {file}"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_copy_loses_what_the_sources_lost_and_mutants_that_were_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        for file in HIDDEN.into_iter().chain(["Cargo.toml", "a.rs", "b.rs"]) {
            write(file, "sound");
        }
        let workspace = Workspace::at(folder.path()).unwrap();
        let tree = Tree::of(&workspace).unwrap();
        write("target/mutants/tree/a.rs", "mutant");
        fs::remove_file(folder.path().join("b.rs")).unwrap();
        Tree::of(&workspace).unwrap();
        assert_eq!(tree.text("a.rs").unwrap(), "sound");
        assert!(tree.text("b.rs").is_err());
        assert_eq!(tree.text(".cargo/mutants.toml").unwrap(), "sound");
    }
}
