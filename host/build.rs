//! Embeds the example module of the demo, which `cargo xtask guests` builds.

use std::path::{Path, PathBuf};

fn main() {
    let manifest = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let out = PathBuf::from(std::env::var("OUT_DIR").expect("cargo sets OUT_DIR"));
    let module = Path::new(&manifest).join("../target/guests/one-by-one.wasm");
    println!("cargo::rerun-if-changed={}", module.display());
    match std::fs::read(&module) {
        Ok(bytes) => {
            std::fs::write(out.join("one-by-one.wasm"), bytes).expect("OUT_DIR can be written");
        }
        Err(error) => {
            println!(
                "cargo::error=target/guests/one-by-one.wasm, which the demo carries, cannot be \
                 read ({error}): run `cargo xtask guests`"
            );
        }
    }
}
