//! Dependencies point one way:
//! `bin → {kubernetes(+api), files, vcenter → vim, engine, modules, sim} → reconcile → core`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use super::Violation;
use crate::child;
use crate::workspace::Workspace;

/// What each crate of this workspace may depend on, tests aside.
const DIRECTIONS: &[(&str, &[&str])] = &[
    ("vmgroup-core", &[]),
    ("vmgroup-reconcile", &["vmgroup-core"]),
    ("vmgroup-engine", &["vmgroup-core", "vmgroup-reconcile"]),
    ("vmgroup-modules", &["vmgroup-core", "vmgroup-reconcile"]),
    ("vmgroup-files", &["vmgroup-core", "vmgroup-reconcile"]),
    ("vmgroup-sim", &["vmgroup-core", "vmgroup-reconcile"]),
    (
        "vmgroup-scopes",
        &["vmgroup-core", "vmgroup-reconcile", "vmgroup-sim"],
    ),
    ("vmgroup-vim", &[]),
    (
        "vmgroup-vcenter",
        &["vmgroup-core", "vmgroup-reconcile", "vmgroup-vim"],
    ),
    ("vmgroup-api", &["vmgroup-core"]),
    (
        "vmgroup-kubernetes",
        &["vmgroup-core", "vmgroup-reconcile", "vmgroup-api"],
    ),
    (
        "vmgroup",
        &[
            "vmgroup-core",
            "vmgroup-reconcile",
            "vmgroup-engine",
            "vmgroup-modules",
            "vmgroup-files",
            "vmgroup-sim",
            "vmgroup-vcenter",
            "vmgroup-api",
            "vmgroup-kubernetes",
        ],
    ),
    ("vmgroup-sdk", &[]),
    ("vmgroup-default-reconciler", &["vmgroup-sdk"]),
    ("vmgroup-one-by-one", &["vmgroup-sdk"]),
    ("vmgroup-hostile", &["vmgroup-sdk"]),
    (
        "vmgroup-native",
        &[
            "vmgroup-core",
            "vmgroup-default-reconciler",
            "vmgroup-one-by-one",
            "vmgroup-sdk",
        ],
    ),
    (
        "vmgroup-prove",
        &[
            "vmgroup-core",
            "vmgroup-engine",
            "vmgroup-native",
            "vmgroup-reconcile",
            "vmgroup-sim",
        ],
    ),
    (
        "vmgroup-bench",
        &["vmgroup-core", "vmgroup-engine", "vmgroup-native"],
    ),
    ("vmgroup-rig", &[]),
    ("vmgroup-faults", &[]),
    (
        "vmgroup-e2e",
        &["vmgroup-faults", "vmgroup-rig", "vmgroup-vim"],
    ),
    (
        "vmgroup-fuzz-targets",
        &[
            "vmgroup-api",
            "vmgroup-core",
            "vmgroup-engine",
            "vmgroup-files",
            "vmgroup-native",
            "vmgroup-vim",
        ],
    ),
    // What is simulated stands beside what is real in one crate, to be compared.
    (
        "vmgroup-honest",
        &[
            "vmgroup-core",
            "vmgroup-reconcile",
            "vmgroup-sim",
            "vmgroup-vcenter",
            "vmgroup-kubernetes",
            "vmgroup-rig",
        ],
    ),
    ("xtask", &["vmgroup-rig"]),
];

/// Guest code is beside host code in one crate alone; tests reach it through that one.
const GUEST_BESIDE_HOST: &str = "vmgroup-native";
const GUEST_CODE: &[&str] = &[
    "vmgroup-sdk",
    "vmgroup-default-reconciler",
    "vmgroup-one-by-one",
    "vmgroup-hostile",
];

/// Crates from elsewhere that only these may depend on, tests aside.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("wasmtime", &["vmgroup-engine"]),
    ("wasmparser", &["vmgroup-engine"]),
    ("kube", &["vmgroup-api", "vmgroup-kubernetes"]),
    ("k8s-openapi", &["vmgroup-api", "vmgroup-kubernetes"]),
    ("reqwest", &["vmgroup-vim"]),
    ("roxmltree", &["vmgroup-faults", "vmgroup-vim"]),
    ("quick-xml", &["vmgroup-vim"]),
    // Libraries have an error type of their own.
    (
        "anyhow",
        &[
            "vmgroup",
            "vmgroup-rig",
            "vmgroup-e2e",
            "vmgroup-bench",
            "vmgroup-prove",
            "vmgroup-honest",
            "xtask",
        ],
    ),
];

/// Crates without I/O, and what proves that they have none, however far away it is.
const PURE: &[&str] = &["vmgroup-core", "vmgroup-reconcile"];
const IMPURE: &[&str] = &[
    "tokio",
    "kube",
    "kube-client",
    "wasmtime",
    "reqwest",
    "hyper",
    "mio",
    "socket2",
    "rand",
];

pub(super) fn check(workspace: &Workspace) -> Result<Vec<Violation>> {
    let mut metadata = child::cargo();
    metadata.args(["metadata", "--format-version", "1", "--no-deps"]);
    let metadata = child::output(metadata.current_dir(workspace.root()))?;
    let edges = edges(&serde_json::from_str(&metadata)?, workspace.root())?;
    let mut violations = wrong_edges(&edges);
    for name in PURE {
        let mut tree = child::cargo();
        tree.args([
            "tree",
            "--package",
            name,
            "--all-features",
            "--edges",
            "normal",
        ]);
        tree.args(["--prefix", "depth", "--format", " {p}"]);
        let tree = child::output(tree.current_dir(workspace.root()))?;
        let manifest = edges.manifest_of(name);
        violations.extend(impure(name, manifest, &tree));
        if !workspace
            .path(manifest)
            .with_file_name("clippy.toml")
            .is_file()
        {
            violations.push(Violation::new(
                manifest,
                1,
                format!("{name} has no clippy.toml: clocks, maps without order and I/O go unseen"),
                "link to host/core/clippy.toml beside the manifest",
            ));
        }
    }
    for violation in &mut violations {
        violation.line = line_of(workspace, violation);
    }
    Ok(violations)
}

/// A violation names its dependency in quotation marks first; its line in the manifest is where a
/// person changes it. A dependency of a dependency has no line of its own.
fn line_of(workspace: &Workspace, violation: &Violation) -> usize {
    let dependency = violation.what.split('`').nth(1).unwrap_or_default();
    let manifest = workspace
        .text(&violation.file)
        .ok()
        .flatten()
        .unwrap_or_default();
    manifest
        .lines()
        .position(|line| {
            line.strip_prefix(dependency)
                .is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
        })
        .map_or(1, |index| index + 1)
}

/// The crates of the workspace with what they depend on directly.
struct Edges(Vec<Package>);

struct Package {
    name: String,
    manifest: PathBuf,
    normal: BTreeSet<String>,
    for_tests: BTreeSet<String>,
}

impl Edges {
    fn manifest_of(&self, name: &str) -> &Path {
        let package = self.0.iter().find(|package| package.name == name);
        package.map_or(Path::new("Cargo.toml"), |package| &package.manifest)
    }
}

fn edges(metadata: &Value, root: &Path) -> Result<Edges> {
    let text = |value: &Value, field: &str| -> Result<String> {
        let text = value[field]
            .as_str()
            .with_context(|| format!("cargo metadata has no {field}"))?;
        Ok(text.to_owned())
    };
    let mut packages = Vec::new();
    for package in metadata["packages"]
        .as_array()
        .context("cargo metadata has no packages")?
    {
        let manifest = PathBuf::from(text(package, "manifest_path")?);
        let manifest = manifest
            .strip_prefix(root)
            .map(Path::to_path_buf)
            .unwrap_or(manifest);
        let (mut normal, mut for_tests) = (BTreeSet::new(), BTreeSet::new());
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let kind = if dependency["kind"] == "dev" {
                &mut for_tests
            } else {
                &mut normal
            };
            kind.insert(text(dependency, "name")?);
        }
        packages.push(Package {
            name: text(package, "name")?,
            manifest,
            normal,
            for_tests,
        });
    }
    Ok(Edges(packages))
}

fn wrong_edges(edges: &Edges) -> Vec<Violation> {
    let own: BTreeSet<&str> = edges
        .0
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    let mut violations = Vec::new();
    for package in &edges.0 {
        let Package {
            name,
            manifest,
            normal,
            for_tests,
        } = package;
        let mut violation =
            |what: String, hint: String| violations.push(Violation::new(manifest, 1, what, hint));
        let Some((_, allowed)) = DIRECTIONS.iter().find(|(crate_name, _)| crate_name == name)
        else {
            violation(
                format!("{name} has no place in the layout"),
                "add it to DIRECTIONS in xtask/src/tidy/directions.rs".to_owned(),
            );
            continue;
        };
        for dependency in normal {
            let dependency = dependency.as_str();
            if own.contains(dependency) && !allowed.contains(&dependency) {
                violation(
                    format!("`{dependency}` must not be known to {name}"),
                    format!("it may depend on: {}", list(allowed)),
                );
            }
            let only = ONLY_IN
                .iter()
                .find(|(restricted, _)| *restricted == dependency);
            if let Some((_, crates)) = only.filter(|(_, crates)| !crates.contains(&name.as_str())) {
                violation(
                    format!("`{dependency}` must not be known to {name}"),
                    format!("only these may depend on it: {}", list(crates)),
                );
            }
        }
        let is_guest = |name: &str| GUEST_CODE.contains(&name) || name == GUEST_BESIDE_HOST;
        if !is_guest(name) {
            for dependency in for_tests
                .iter()
                .filter(|name| GUEST_CODE.contains(&name.as_str()))
            {
                violation(
                    format!("`{dependency}` is guest code beside the tests of {name}"),
                    format!("reach it through {GUEST_BESIDE_HOST}"),
                );
            }
        }
    }
    violations
}

/// `tree` is what `cargo tree` says with each line's depth in front: `2 tokio v1.0.0`.
fn impure(name: &str, manifest: &Path, tree: &str) -> Vec<Violation> {
    let mut path: Vec<&str> = Vec::new();
    let mut found: BTreeSet<&str> = BTreeSet::new();
    let mut violations = Vec::new();
    for line in tree.lines() {
        let mut words = line.split_whitespace();
        let (Some(Ok(depth)), Some(dependency)) = (words.next().map(str::parse), words.next())
        else {
            continue;
        };
        path.truncate(depth);
        path.push(dependency);
        if IMPURE.contains(&dependency) && found.insert(dependency) {
            let direct = path.get(1).unwrap_or(&dependency);
            violations.push(Violation::new(
                manifest,
                1,
                format!(
                    "`{direct}` brings {dependency} into {name}: {}",
                    path.join(" → ")
                ),
                "a pure crate returns a request, and an adapter performs it",
            ));
        }
    }
    violations
}

fn list(names: &[&str]) -> String {
    if names.is_empty() {
        "no crate of this workspace".to_owned()
    } else {
        names.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn violations(name: &str, dependencies: &Value) -> Vec<String> {
        let known = DIRECTIONS
            .iter()
            .map(|(known, _)| *known)
            .filter(|known| *known != name);
        let mut packages: Vec<Value> = known
            .map(|name| json!({"name": name, "manifest_path": "/r/c/Cargo.toml", "dependencies": []}))
            .collect();
        packages.push(json!({
            "name": name, "manifest_path": "/r/host/x/Cargo.toml", "dependencies": dependencies
        }));
        let edges =
            edges(&json!({ "packages": packages }), Path::new("/r")).expect("fine metadata");
        wrong_edges(&edges)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn what_points_down_is_fine() {
        let down = json!([{"name": "vmgroup-core", "kind": null}, {"name": "serde", "kind": null}]);
        assert_eq!(violations("vmgroup-reconcile", &down), Vec::<String>::new());
    }

    #[test]
    fn what_points_up_or_sideways_is_named() {
        for (name, dependency) in [
            ("vmgroup-core", "vmgroup-reconcile"),
            ("vmgroup-files", "vmgroup-modules"),
            ("vmgroup", "vmgroup-native"),
            ("vmgroup-vim", "vmgroup-core"),
            ("vmgroup-modules", "wasmtime"),
            ("vmgroup-core", "anyhow"),
        ] {
            let found = violations(name, &json!([{"name": dependency, "kind": null}]));
            let start =
                format!("host/x/Cargo.toml:1: `{dependency}` must not be known to {name}\n");
            assert_eq!(found.len(), 1, "{name} → {dependency}: {found:?}");
            assert!(found[0].starts_with(&start), "{found:?}");
        }
    }

    #[test]
    fn tests_of_the_host_know_guest_code_only_through_the_one_crate() {
        let native = json!([{"name": "vmgroup-native", "kind": "dev"}]);
        assert_eq!(violations("vmgroup-engine", &native), Vec::<String>::new());
        let sdk = json!([{"name": "vmgroup-sdk", "kind": "dev"}]);
        assert_eq!(violations("vmgroup-engine", &sdk).len(), 1);
    }

    #[test]
    fn a_crate_that_the_layout_does_not_know_is_named() {
        let found = violations("vmgroup-extra", &json!([]));
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("vmgroup-extra has no place"), "{found:?}");
    }

    #[test]
    fn a_clock_or_a_socket_is_found_however_far_away() {
        let tree = "0 vmgroup-core v0.1.0\n1 serde v1.0.0\n1 uuid v1.0.0\n2 tokio v1.0.0\n2 tokio v1.0.0 (*)\n";
        let found = impure("vmgroup-core", Path::new("host/core/Cargo.toml"), tree);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].what.ends_with("vmgroup-core → uuid → tokio"),
            "{found:?}"
        );
        assert_eq!(
            impure("vmgroup-core", Path::new(""), "0 vmgroup-core v0.1.0\n"),
            []
        );
    }
}
