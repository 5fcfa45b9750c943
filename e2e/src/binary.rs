//! What the tests run: the operator's binary and the modules, as built.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The top folder of the repository.
pub fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map_or_else(PathBuf::new, PathBuf::from)
}

/// Names another binary to test, such as one of a release.
const OTHER_BINARY: &str = "VMGROUP_BINARY";

/// The operator's binary, built once; cargo itself knows whether that takes time.
pub fn operator_binary() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let find = || std::env::var_os(OTHER_BINARY).map_or_else(build, PathBuf::from);
    BUILT.get_or_init(find).clone()
}

/// A module that `cargo xtask guests` made, such as `default` or `one-by-one`.
pub fn guest(name: &str) -> PathBuf {
    let path = vmgroup_rig::target_directory().join(format!("guests/{name}.wasm"));
    assert!(
        path.is_file(),
        "{} is missing: run `cargo xtask guests`",
        path.display()
    );
    path
}

/// The digest of a file as the operator names it.
///
/// # Panics
/// When it cannot be read.
pub fn digest(file: &Path) -> String {
    let bytes = std::fs::read(file).expect("a file");
    let mut text = "sha256:".to_owned();
    for byte in Sha256::digest(&bytes) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn build() -> PathBuf {
    let output = Command::new(env!("CARGO"))
        .args(["build", "--package", "vmgroup", "--bin", "vmgroup"])
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(repository())
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "the operator does not build:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find_map(|message| {
            let is_it = message["target"]["name"] == "vmgroup";
            let path = message["executable"].as_str().filter(|_| is_it)?;
            Some(PathBuf::from(path))
        })
        .expect("cargo names the binary that it built")
}
