//! Puts the default reconciler, as WebAssembly, and the law cases into the
//! crate. The component is built by `cargo xtask guests`, not here: a build
//! script that starts another cargo would wait for the lock of its own build.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

const MODULE: &str = "target/guests/default.wasm";
const LAWS: &str = "guest/cases/laws";

fn main() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());

    let module = root.join(MODULE);
    tell(format_args!("rerun-if-changed={}", module.display()));
    if !module.is_file() {
        tell(format_args!(
            "error=the built-in module is not built yet: run `cargo xtask guests`"
        ));
        return Ok(());
    }
    fs::copy(&module, out.join("default.wasm"))?;

    let laws = root.join(LAWS);
    tell(format_args!("rerun-if-changed={}", laws.display()));
    fs::write(out.join("laws.rs"), law_table(&laws)?)
}

/// The source of a table of names and texts, sorted by name.
fn law_table(folder: &Path) -> io::Result<String> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<_>>()?;
    files.retain(|file| file.extension().is_some_and(|ending| ending == "json"));
    files.sort();
    let mut table = String::from("&[\n");
    for file in files {
        let file = file.canonicalize()?;
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let path = file.to_string_lossy();
        writeln!(table, "({name:?}, include_str!({path:?})),").map_err(io::Error::other)?;
    }
    table.push_str("]\n");
    Ok(table)
}

#[allow(
    clippy::print_stdout,
    reason = "this is how a build script talks to cargo"
)]
fn tell(instruction: std::fmt::Arguments<'_>) {
    println!("cargo::{instruction}");
}
