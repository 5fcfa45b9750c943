//! What the components in `target/guests` were built from, so that unchanged ones are left alone.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::workspace::Workspace;

/// The stamp's own name in the folder of the components.
pub(super) const FILE: &str = "stamp";

/// All that the bytes of a component depend on.
const SOURCES: &[&str] = &["guest", "wit"];
const MANIFESTS: &[&str] = &["Cargo.toml", "Cargo.lock"];

/// Digest of the inputs, and of each output that was made from them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    inputs: String,
    outputs: BTreeMap<String, String>,
    /// What `fits` compares the outputs with; only a stamp that was read has it.
    on_disk: BTreeMap<String, String>,
}

impl Stamp {
    /// The stamp for the sources as they are, without outputs.
    pub(super) fn of_inputs(workspace: &Workspace, compiler: &str) -> Result<Self> {
        let mut files: Vec<_> = MANIFESTS.iter().map(Into::into).collect();
        for folder in SOURCES {
            files.extend(workspace.files_below(Path::new(folder))?);
        }
        let mut digest = Sha256::new();
        add_framed(&mut digest, compiler.as_bytes());
        for file in files {
            add_framed(&mut digest, file.to_string_lossy().as_bytes());
            let bytes = fs::read(workspace.path(&file))
                .with_context(|| format!("failed to read {}", file.display()))?;
            add_framed(&mut digest, &bytes);
        }
        let inputs = hex(&digest.finalize());
        Ok(Self {
            inputs,
            outputs: BTreeMap::new(),
            on_disk: BTreeMap::new(),
        })
    }

    /// The stamp in `folder`, with the digests of the outputs that are there. A missing or damaged
    /// stamp is none: the components are built again.
    pub(super) fn read(folder: &Path) -> Option<Self> {
        let text = fs::read_to_string(folder.join(FILE)).ok()?;
        let mut lines = text.lines();
        let inputs = lines.next()?.strip_prefix("inputs ")?.to_owned();
        let mut stamp = Self {
            inputs,
            outputs: BTreeMap::new(),
            on_disk: BTreeMap::new(),
        };
        for line in lines {
            let (digest, name) = line.split_once("  ")?;
            stamp.outputs.insert(name.to_owned(), digest.to_owned());
            let bytes = fs::read(folder.join(name)).ok()?;
            stamp
                .on_disk
                .insert(name.to_owned(), hex(&Sha256::digest(bytes)));
        }
        Some(stamp)
    }

    pub(super) fn add_output(&mut self, name: &str, bytes: &[u8]) {
        self.outputs
            .insert(name.to_owned(), hex(&Sha256::digest(bytes)));
    }

    /// Is this stamp, read from disk, one of `wanted`'s inputs with every output untouched?
    pub(super) fn fits(&self, wanted: &Self) -> bool {
        let all = super::GUESTS
            .iter()
            .all(|guest| self.outputs.contains_key(guest.output));
        self.inputs == wanted.inputs && all && self.outputs == self.on_disk
    }

    pub(super) fn to_text(&self) -> String {
        let mut text = format!("inputs {}\n", self.inputs);
        for (name, digest) in &self.outputs {
            let _ = writeln!(text, "{digest}  {name}");
        }
        text
    }
}

/// As much of a component's digest as a person compares.
pub(super) fn short_digest(bytes: &[u8]) -> String {
    format!("sha256:{}…", &hex(&Sha256::digest(bytes))[..12])
}

/// With its length in front, so that no two lists of inputs look the same.
fn add_framed(digest: &mut Sha256, bytes: &[u8]) {
    digest.update((bytes.len() as u64).to_le_bytes());
    digest.update(bytes);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn sources(root: &Path) -> Workspace {
        for folder in SOURCES {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        for file in MANIFESTS {
            fs::write(root.join(file), "").unwrap();
        }
        Workspace::at(root).unwrap()
    }

    fn built(workspace: &Workspace, folder: &Path) -> Stamp {
        let mut stamp = Stamp::of_inputs(workspace, "rustc").unwrap();
        for guest in super::super::GUESTS {
            stamp.add_output(guest.output, b"wasm");
            fs::write(folder.join(guest.output), b"wasm").unwrap();
        }
        fs::write(folder.join(FILE), stamp.to_text()).unwrap();
        Stamp::read(folder).unwrap()
    }

    #[test]
    fn unchanged_sources_fit_and_any_change_does_not() {
        let root = tempfile::tempdir().unwrap();
        let output = tempfile::tempdir().unwrap();
        let workspace = sources(root.path());
        let found = built(&workspace, output.path());
        assert!(found.fits(&Stamp::of_inputs(&workspace, "rustc").unwrap()));
        assert!(!found.fits(&Stamp::of_inputs(&workspace, "another rustc").unwrap()));
        for changed in ["wit/world.wit", "guest/lib.rs", "Cargo.lock", "Cargo.toml"] {
            let before = Stamp::of_inputs(&workspace, "rustc").unwrap();
            fs::write(root.path().join(changed), "changed").unwrap();
            assert_ne!(
                Stamp::of_inputs(&workspace, "rustc").unwrap(),
                before,
                "{changed}"
            );
        }
    }

    #[test]
    fn a_component_that_was_changed_or_removed_is_built_again() {
        let root = tempfile::tempdir().unwrap();
        let output = tempfile::tempdir().unwrap();
        let workspace = sources(root.path());
        built(&workspace, output.path());
        let wanted = Stamp::of_inputs(&workspace, "rustc").unwrap();
        let component = output.path().join(super::super::GUESTS[0].output);
        fs::write(&component, b"other").unwrap();
        assert!(!Stamp::read(output.path()).unwrap().fits(&wanted));
        fs::remove_file(&component).unwrap();
        assert_eq!(Stamp::read(output.path()), None);
    }
}
