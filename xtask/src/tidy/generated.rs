//! Generated files are committed, so that they can be read and applied without building anything;
//! this proves that they are what their generator says.

use std::path::Path;

use anyhow::Result;

use super::Violation;
use crate::child;
use crate::workspace::Workspace;

/// A committed file, and the arguments of cargo that print it.
struct Generated {
    file: &'static str,
    command: &'static [&'static str],
}

const GENERATED: &[Generated] = &[Generated {
    file: crate::prove::PAGE,
    command: &["xtask", "prove", "--page"],
}];

pub(super) fn check(workspace: &Workspace) -> Result<Vec<Violation>> {
    let mut violations = Vec::new();
    for generated in GENERATED {
        let mut command = child::cargo();
        command
            .args(generated.command)
            .current_dir(workspace.root());
        let line = child::line(&command);
        let fresh = child::output(&mut command)?;
        let file = Path::new(generated.file);
        let committed = std::fs::read_to_string(workspace.path(file)).unwrap_or_default();
        violations.extend(stale(file, &committed, &fresh, &line));
    }
    Ok(violations)
}

fn stale(file: &Path, committed: &str, fresh: &str, command: &str) -> Option<Violation> {
    let mut pairs = committed.lines().zip(fresh.lines());
    let same = pairs.by_ref().take_while(|(old, new)| old == new).count();
    (committed != fresh).then(|| {
        Violation::new(
            file,
            same + 1,
            "is not what its generator says",
            format!("{command} > {}", file.display()),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_file_is_named_with_the_first_line_that_differs() {
        let check = |committed| stale(Path::new("a.yaml"), committed, "one\ntwo\n", "cargo run");
        assert_eq!(check("one\ntwo\n"), None);
        for (committed, line) in [("one\n2\n", 2), ("", 1), ("one\n", 2), ("one\ntwo", 3)] {
            assert_eq!(
                check(committed).map(|violation| violation.line),
                Some(line),
                "{committed}"
            );
        }
    }
}
