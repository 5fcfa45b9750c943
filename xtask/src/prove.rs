//! `cargo xtask prove`: the long runs, in pieces that go on where the last one
//! stopped, added up in a record that is committed.

mod page;
mod piece;
mod pieces;
mod record;

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::voice::{print, say, took};
use crate::workspace::Workspace;
use crate::{Verdict, child, guests};
use piece::Piece;
use pieces::PIECES;
use record::Record;

pub(crate) use page::PAGE;

/// Run the long proofs for some minutes, and add what they found to the record.
///
/// Simulation, exhaustive search, seeded bugs, clones with lost answers, kill points, soak,
/// generated modules, honest simulators, fuzzing: each piece gets its share of the time and goes on
/// where it last stopped. The record stands in docs/reference/proof.json, each piece keyed by a
/// hash of the sources that it speaks of: a piece whose sources have changed begins anew.
/// docs/reference/proof.md is made from it.
///
/// Exit code 1 if anything broke; what did is shown with its seed.
#[derive(Args)]
pub(crate) struct Prove {
    /// How long, builds aside; shared by the pieces.
    #[arg(long, value_name = "N", default_value_t = 10)]
    minutes: u64,
    /// Only this piece; can be repeated.
    #[arg(long, value_name = "PIECE")]
    only: Vec<String>,
    /// Say what each piece has shown so far, and whether of these very sources.
    #[arg(long)]
    status: bool,
    /// Print the page that the record makes, and run nothing.
    #[arg(long, conflicts_with = "status")]
    page: bool,
}

impl Prove {
    pub(crate) fn run(self, workspace: &Workspace) -> Result<Verdict> {
        if self.page {
            print(page::render(&Record::read(workspace)?).trim_end());
            return Ok(Verdict::Fine);
        }
        for name in &self.only {
            let names: Vec<&str> = PIECES.iter().map(|piece| piece.name).collect();
            ensure!(
                names.contains(&name.as_str()),
                "there is no piece `{name}`\nhint: one of {}",
                names.join(", ")
            );
        }
        let chosen: Vec<&Piece> = PIECES
            .iter()
            .filter(|piece| self.only.is_empty() || self.only.iter().any(|it| it == piece.name))
            .collect();
        if self.status {
            let record = Record::read(workspace)?;
            for piece in chosen {
                print(status(piece, &record, workspace)?);
            }
            return Ok(Verdict::Fine);
        }
        let shares: u64 = chosen.iter().map(|piece| piece.share).sum();
        let mut verdict = Verdict::Fine;
        for piece in chosen {
            let seconds = self.minutes * 60 * piece.share / shares.max(1);
            if prove(piece, seconds.max(piece.seconds_min), workspace)? {
                say(format_args!("{}: nothing broke", piece.name));
            } else {
                verdict = Verdict::Failed;
            }
        }
        Ok(verdict)
    }
}

/// How often a piece's program ended badly.
const FAILED: &str = "runs that failed";

/// Runs one piece for so long; false if it broke something. The record is read again
/// before it is written: another piece may have run meanwhile.
fn prove(piece: &Piece, seconds: u64, workspace: &Workspace) -> Result<bool> {
    let sources = record::digest(workspace, piece.sources)?;
    let next = Record::read(workspace)?.entry(piece.name, &sources).next;
    say(format_args!(
        "{}: {}, for {} from {next} on",
        piece.name,
        piece.about,
        took(Duration::from_secs(seconds)),
    ));
    if piece.needs_guests {
        guests::build(workspace, guests::Way::Auto, false)?;
    }
    if piece.needs_rig {
        vmgroup_rig::build(&mut |line| say(line))?;
    }
    for arguments in piece.program.builds() {
        child::run_shown(child::cargo().args(arguments).current_dir(workspace.root()))?;
    }
    let mut command = child::cargo();
    command
        .args(piece.program.run())
        .args((piece.bounds)(next, seconds))
        // What it says is said of these sources, and of no other binary.
        .env_remove("VMGROUP_BINARY")
        .current_dir(workspace.root())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit());
    let begun = Instant::now();
    let mut program = command
        .spawn()
        .with_context(|| format!("failed to start `{}`", child::line(&command)))?;
    let mut said = String::new();
    let stdout = program.stdout.take().context("its output is not there")?;
    for line in BufReader::new(stdout).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        say(format_args!("  {line}"));
        said.push_str(&line);
        said.push('\n');
    }
    let status = program.wait()?;
    ensure!(
        record::digest(workspace, piece.sources)? == sources,
        "the sources of {} changed while it ran: what it told is of no sources that there are, \
         and not recorded",
        piece.name
    );
    let mut figures = piece.figures(&said);
    if figures.is_empty() {
        bail!("`{}` ({status}) told no figures", child::line(&command));
    }
    figures.insert(FAILED.to_owned(), u64::from(!status.success()));
    let broke = piece.broke(&figures);
    let mut record = Record::read(workspace)?;
    let entry = record.entry(piece.name, &sources);
    entry.add(&figures, piece, begun.elapsed());
    record.write(workspace)?;
    std::fs::write(workspace.path(PAGE), page::render(&record))
        .with_context(|| format!("failed to write {PAGE}"))?;
    for (name, figure) in &figures {
        print(format_args!("{}: {name}: {figure}", piece.name));
    }
    if broke {
        say(format_args!("{}: something broke, see above", piece.name));
    }
    Ok(!broke)
}

fn status(piece: &Piece, record: &Record, workspace: &Workspace) -> Result<String> {
    let now = record::digest(workspace, piece.sources)?;
    Ok(match record.of(piece.name) {
        None => format!("{}: never run", piece.name),
        Some(entry) => {
            let whose = if entry.sources == now {
                "of these sources"
            } else {
                "of earlier sources"
            };
            format!("{}: {whose}: {}", piece.name, entry.summary())
        }
    })
}
