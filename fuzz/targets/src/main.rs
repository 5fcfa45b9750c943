//! `vmgroup-fuzz-targets FOLDER`: writes each target's seeds into `FOLDER/<target>` and its words into
//! `FOLDER/<target>.dict`, and prints a line for each: name, longest input in bytes, what it reads.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use vmgroup_fuzz_targets::{TARGETS, Target};

fn main() -> io::Result<()> {
    let folder = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "target/fuzz/corpus".to_owned());
    for target in TARGETS {
        write_seeds(target, Path::new(&folder))?;
        let Target {
            name,
            about,
            bytes_max,
            ..
        } = target;
        writeln!(io::stdout(), "{name}\t{bytes_max}\t{about}")?;
    }
    Ok(())
}

fn write_seeds(target: &Target, folder: &Path) -> io::Result<()> {
    let corpus = folder.join(target.name);
    fs::create_dir_all(&corpus)?;
    for (number, seed) in (target.seeds)().iter().enumerate() {
        fs::write(corpus.join(format!("seed-{number:03}")), seed)?;
    }
    let words = target.words.iter().map(|word| {
        let bytes: String = word.bytes().map(|byte| format!("\\x{byte:02x}")).collect();
        format!("\"{bytes}\"\n")
    });
    fs::write(
        folder.join(format!("{}.dict", target.name)),
        words.collect::<String>(),
    )
}
