//! Where the repository is, and which files belong to it.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// Folders that hold results, not sources.
const NOT_SOURCES: &[&str] = &["target", "node_modules"];

/// The repository that this task works on.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// Cargo says where `xtask` lies; the binary itself knows no path, so a checkout can be moved.
    pub(crate) fn find() -> Result<Self> {
        let xtask = env::var_os("CARGO_MANIFEST_DIR")
            .context("this is started as `cargo xtask`, which says where the repository is")?;
        let root = Path::new(&xtask)
            .parent()
            .context("xtask has no folder around it")?;
        Self::at(root)
    }

    /// The repository at `root`.
    pub(crate) fn at(root: &Path) -> Result<Self> {
        let manifest = root.join("Cargo.toml");
        ensure!(
            manifest.is_file(),
            "no workspace here: {} is missing",
            manifest.display()
        );
        Ok(Self {
            root: root.to_path_buf(),
        })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join(relative)
    }

    /// Where results go; always below the root, so that every reader finds them without asking.
    pub(crate) fn target(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join("target").join(relative)
    }

    /// The path as a person at the root would type it.
    pub(crate) fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.root)
            .unwrap_or(path)
            .display()
            .to_string()
    }

    /// All source files, relative to the root and sorted. Hidden folders are left out except `.ci`.
    pub(crate) fn files(&self) -> Result<Vec<PathBuf>> {
        self.files_below(Path::new(""))
    }

    /// The source files below one folder, relative to the root and sorted.
    pub(crate) fn files_below(&self, folder: &Path) -> Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        self.walk(folder, &mut found)?;
        found.sort();
        Ok(found)
    }

    fn walk(&self, folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
        let absolute = self.root.join(folder);
        let entries = absolute
            .read_dir()
            .with_context(|| format!("failed to list {}", absolute.display()))?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let relative = folder.join(&name);
            let kind = entry.file_type()?;
            if kind.is_dir() {
                let hidden = name.starts_with('.') && name != ".ci";
                if !hidden && !NOT_SOURCES.contains(&name.as_str()) {
                    self.walk(&relative, found)?;
                }
            } else if kind.is_file() {
                found.push(relative);
            }
        }
        Ok(())
    }

    /// A source file's text, `None` when it is not text.
    pub(crate) fn text(&self, relative: &Path) -> Result<Option<String>> {
        let bytes = std::fs::read(self.root.join(relative))
            .with_context(|| format!("failed to read {}", relative.display()))?;
        Ok(String::from_utf8(bytes).ok())
    }
}
