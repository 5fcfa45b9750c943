//! An image is built from what its Containerfile copies: all of the workspace, since cargo reads
//! every member's manifest, and whatever the sources read beyond their own folders.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use super::{Source, Sources, Violation};
use crate::child;
use crate::workspace::Workspace;

const CONTAINERFILE: &str = "deploy/Containerfile";
/// What is compiled for the image, the modules and the task that builds them included.
const COMPILED: &[&str] = &["guest", "host", "xtask"];
/// Read by every cargo, and by `cargo xtask`.
const READ_BY_CARGO: &[&str] = &["Cargo.toml", "Cargo.lock", ".cargo"];
/// Made in the image itself.
const MADE: &str = "target";

pub(super) fn check(workspace: &Workspace, sources: &Sources) -> Result<Vec<Violation>> {
    let mut metadata = child::cargo();
    metadata.args(["metadata", "--format-version", "1", "--no-deps"]);
    let metadata = child::output(metadata.current_dir(workspace.root()))?;
    let members = members(&serde_json::from_str(&metadata)?, workspace.root())?;
    let exists = |path: &Path| workspace.path(path).exists();
    Ok(gaps(&members, sources, &exists))
}

/// The folders of the workspace's members, relative to the root.
fn members(metadata: &Value, root: &Path) -> Result<Vec<PathBuf>> {
    let packages = metadata["packages"]
        .as_array()
        .context("cargo metadata has no packages")?;
    let folder = |package: &Value| {
        let manifest = Path::new(package["manifest_path"].as_str()?);
        Some(manifest.strip_prefix(root).ok()?.parent()?.to_path_buf())
    };
    Ok(packages.iter().filter_map(folder).collect())
}

/// What the build needs and the Containerfile does not copy.
fn gaps(members: &[PathBuf], sources: &Sources, exists: &impl Fn(&Path) -> bool) -> Vec<Violation> {
    let containerfile = Path::new(CONTAINERFILE);
    let text = sources
        .0
        .iter()
        .find(|source| source.path == containerfile)
        .map_or("", |source| &source.text);
    let copied = copied(text);
    let mut needed: BTreeMap<PathBuf, String> = BTreeMap::new();
    for path in READ_BY_CARGO {
        needed.insert(path.into(), "every build".to_owned());
    }
    for member in members {
        needed.insert(member.clone(), "the list of members".to_owned());
    }
    for source in &sources.0 {
        for path in read_by(source, members, exists) {
            needed
                .entry(path)
                .or_insert_with(|| source.path.display().to_string());
        }
    }
    let is_copied = |path: &Path| copied.iter().any(|from| path.starts_with(from));
    let line = text
        .lines()
        .take_while(|line| !line.starts_with("RUN cargo"));
    let line = line.count() + 1;
    needed
        .iter()
        .filter(|(path, _)| !is_copied(path))
        .map(|(path, reader)| {
            let top = path.iter().next().unwrap_or_default().display();
            Violation::new(
                containerfile,
                line,
                format!("`{}`, which {reader} names, is not copied", path.display()),
                format!("COPY {top} {top}, before cargo runs"),
            )
        })
        .collect()
}

/// Sources of the `COPY` lines that take from the repository, up to the first run of cargo.
fn copied(containerfile: &str) -> Vec<PathBuf> {
    let mut copied = Vec::new();
    for line in containerfile.lines() {
        if line.starts_with("RUN cargo") {
            break;
        }
        let Some(words) = line.strip_prefix("COPY ") else {
            continue;
        };
        let mut words: Vec<&str> = words.split_whitespace().collect();
        words.pop();
        copied.extend(words.iter().map(|word| normal(Path::new(word))));
    }
    copied
}

/// What compiling a source reads beside itself: what it includes, the contract that it binds, and
/// what a build script names. A macro's path is relative to the file or to its crate, a build
/// script's to whatever it joins it to: each place is tried, and counts where something is.
fn read_by(source: &Source, members: &[PathBuf], exists: &impl Fn(&Path) -> bool) -> Vec<PathBuf> {
    let compiled = COMPILED.iter().any(|top| source.path.starts_with(top));
    if !compiled || !source.has_extension("rs") || source.is_test() {
        return Vec::new();
    }
    let is_script = source
        .path
        .file_name()
        .is_some_and(|name| name == "build.rs");
    let krate = members
        .iter()
        .filter(|member| source.path.starts_with(member))
        .max_by_key(|member| member.iter().count());
    let mut bases: Vec<&Path> = source.path.parent().into_iter().collect();
    bases.extend(krate.map(PathBuf::as_path));
    bases.push(Path::new(""));
    let mut found = Vec::new();
    for line in source.before_tests().lines() {
        let line = line.trim_start();
        let names_files = line.contains("include_str!")
            || line.contains("include_bytes!")
            || line.starts_with("path: \"");
        if line.starts_with("//") || !(is_script || names_files) {
            continue;
        }
        for literal in line.split('"').skip(1).step_by(2) {
            let paths = bases.iter().map(|base| normal(&base.join(literal)));
            found.extend(paths.filter(|path| {
                let is_root = path.as_os_str().is_empty();
                !is_root && !path.starts_with(MADE) && exists(path)
            }));
        }
    }
    found
}

/// Without `.` and `..`, as far as that is possible below the root.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => normal.push(name),
            Component::ParentDir => {
                normal.pop();
            }
            _ => {}
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    const COPIES: &str = "FROM rust AS build\n\
        COPY Cargo.toml Cargo.lock ./\n\
        COPY .cargo .cargo\n\
        COPY host host\n\
        COPY wit wit\n\
        COPY guest guest\n\
        RUN cargo build\n\
        COPY fuzz fuzz\n";

    fn found(members: &[&str], containerfile: &str) -> Vec<String> {
        let script =
            "const LAWS: &str = \"guest/laws\";\n// \"docs\"\nconst OUT: &str = \"target/a\";";
        let binding = "bindgen!({\n    path: \"../../wit\",\n});\n#[cfg(test)]\nmod tests {\n\
                       const A: &str = include_str!(\"../../../docs/a.md\");\n}\n";
        let sources = Sources::of(&[
            (CONTAINERFILE, containerfile),
            ("host/modules/build.rs", script),
            ("host/engine/src/lib.rs", binding),
        ]);
        let members: Vec<PathBuf> = members.iter().map(Into::into).collect();
        let there = ["guest/laws", "wit", "docs", "docs/a.md", "target/a"];
        let exists = |path: &Path| there.iter().any(|it| Path::new(it) == path);
        let gaps = gaps(&members, &sources, &exists);
        gaps.iter().map(ToString::to_string).collect()
    }

    const MEMBERS: [&str; 3] = ["host", "host/engine", "host/modules"];

    #[test]
    fn an_image_that_copies_all_is_fine() {
        assert_eq!(found(&MEMBERS, COPIES), Vec::<String>::new());
    }

    #[test]
    fn a_member_that_is_copied_too_late_or_not_at_all_is_found() {
        let mut members = MEMBERS.to_vec();
        members.push("fuzz/targets");
        let gaps = found(&members, COPIES);
        assert_eq!(gaps.len(), 1, "{gaps:?}");
        let start = "deploy/Containerfile:7: `fuzz/targets`, which the list of members names";
        assert!(gaps[0].starts_with(start), "{gaps:?}");
        assert!(gaps[0].ends_with("COPY fuzz fuzz, before cargo runs"));
    }

    #[test]
    fn what_a_build_reads_and_nobody_copies_is_found() {
        for (without, named) in [
            (
                "COPY wit wit\n",
                "`wit`, which host/engine/src/lib.rs names",
            ),
            (
                "COPY guest guest\n",
                "`guest/laws`, which host/modules/build.rs names",
            ),
            ("COPY .cargo .cargo\n", "`.cargo`, which every build names"),
            (" Cargo.lock", "`Cargo.lock`, which every build names"),
        ] {
            let gaps = found(&MEMBERS, &COPIES.replace(without, ""));
            assert_eq!(gaps.len(), 1, "{without}: {gaps:?}");
            assert!(gaps[0].contains(named), "{gaps:?}");
        }
    }
}
