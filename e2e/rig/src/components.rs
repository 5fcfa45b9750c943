//! Builds the components with Go and remembers of which sources.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use sha2::{Digest as _, Sha256};

const KUBERNETES_VERSION: &str = "v1.35.4";

struct Component {
    name: &'static str,
    packages: &'static [&'static str],
    binaries: &'static [&'static str],
    flags: fn() -> String,
    about: &'static str,
}

const COMPONENTS: [Component; 4] = [
    Component {
        name: "steward",
        packages: &["."],
        binaries: &["steward"],
        flags: String::new,
        about: "seconds",
    },
    Component {
        name: "vcsim",
        packages: &["."],
        binaries: &["vcsim"],
        flags: String::new,
        about: "half a minute the first time",
    },
    Component {
        name: "etcd",
        packages: &["go.etcd.io/etcd/server/v3"],
        binaries: &["etcd"],
        flags: String::new,
        about: "half a minute the first time",
    },
    Component {
        name: "kubernetes",
        packages: &[
            "k8s.io/kubernetes/cmd/kube-apiserver",
            "k8s.io/kubernetes/cmd/kubectl",
        ],
        binaries: &["kube-apiserver", "kubectl"],
        flags: kubernetes_flags,
        about: "four to five minutes the first time",
    },
];

/// The built components.
#[derive(Debug, Clone)]
pub struct Binaries {
    directory: PathBuf,
}

impl Binaries {
    /// The folder that holds all of them.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The path of one of `etcd`, `kube-apiserver`, `kubectl`, `vcsim`, `steward`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

/// Cargo's target folder of this workspace.
pub fn target_directory() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| manifest_directory().join("../../target"), PathBuf::from)
}

/// Builds what is missing or was built of other sources, in the order of cost.
/// `progress` gets a line before each step that takes time. Several processes may
/// call this at once; they build one after another.
pub fn build(progress: &mut dyn FnMut(&str)) -> Result<Binaries> {
    let root = target_directory().join("rig");
    let directory = root.join("bin");
    fs::create_dir_all(&directory)
        .with_context(|| format!("failed to create {}", directory.display()))?;
    let directory = directory.canonicalize()?;
    let lock = File::create(root.join("build.lock"))?;
    if lock.try_lock().is_err() {
        progress("waiting for another build of the rig");
        lock.lock().context("failed to lock the build of the rig")?;
    }
    for component in &COMPONENTS {
        build_component(component, &directory, progress)?;
    }
    Ok(Binaries { directory })
}

fn manifest_directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn kubernetes_flags() -> String {
    // kubectl cannot parse the version of a server that was built without one.
    let package = "k8s.io/component-base/version";
    let numbers: Vec<&str> = KUBERNETES_VERSION
        .trim_start_matches('v')
        .split('.')
        .collect();
    format!(
        "-X {package}.gitVersion={KUBERNETES_VERSION} -X {package}.gitMajor={} -X {package}.gitMinor={} -X {package}.gitTreeState=clean",
        numbers[0], numbers[1]
    )
}

fn build_component(
    component: &Component,
    directory: &Path,
    progress: &mut dyn FnMut(&str),
) -> Result<()> {
    let name = component.name;
    let sources = manifest_directory().join("../components").join(name);
    let flags = format!("-s -w {}", (component.flags)());
    let digest = digest(&sources, component, &flags)?;
    let stamp = directory.join(format!("{name}.digest"));
    let built = component
        .binaries
        .iter()
        .all(|binary| directory.join(binary).is_file());
    if built && fs::read_to_string(&stamp).is_ok_and(|found| found == digest) {
        return Ok(());
    }
    progress(&format!(
        "building {} ({})",
        component.binaries.join(" and "),
        component.about
    ));
    // The target ends in a slash when several packages are built into a folder.
    let target = match component.binaries {
        [single] => directory.join(single),
        _ => directory.join(""),
    };
    let output = Command::new("go")
        .args(["build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", &flags, "-o"])
        .arg(target)
        .args(component.packages)
        .current_dir(&sources)
        .env("CGO_ENABLED", "0")
        .env("GOWORK", "off")
        .output()
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => anyhow::anyhow!(
                "the rig is built with Go, which is not on the PATH: install Go 1.25 or newer (package `golang` or `go` of most distributions)"
            ),
            _ => anyhow::Error::new(error).context("failed to run go"),
        })?;
    if !output.status.success() {
        bail!(
            "failed to build {name} with `go build` in {}:\n{}",
            sources.display(),
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
    }
    fs::write(&stamp, digest).with_context(|| format!("failed to write {}", stamp.display()))
}

/// The digest of what decides a component's binaries: its sources, its pinned
/// modules and the flags.
fn digest(sources: &Path, component: &Component, flags: &str) -> Result<String> {
    let mut paths: Vec<PathBuf> = fs::read_dir(sources)
        .with_context(|| format!("failed to read {}", sources.display()))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| ["go", "mod", "sum"].iter().any(|e| extension == *e))
    });
    paths.sort();
    let mut hash = Sha256::new();
    hash.update(flags);
    for package in component.packages {
        hash.update(package);
    }
    for path in paths {
        hash.update(
            path.file_name()
                .map(std::ffi::OsStr::as_encoded_bytes)
                .unwrap_or_default(),
        );
        let text = fs::read(&path).with_context(|| format!("failed to read {}", path.display()))?;
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    let mut text = String::new();
    for byte in hash.finalize() {
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}
