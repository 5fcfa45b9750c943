//! What the person in front of the demo sees, and how fast.

use std::time::Duration;

use vmgroup_core::text::one_line;
use vmgroup_core::time::Monotonic;

use crate::voice;

/// Longest wait before one line.
const WAIT_MS_MAX: f64 = 250.0;
/// After a table, a person reads.
const READING_MS: f64 = 700.0;
/// So many times faster than the simulated world's own clock.
const HASTE: f64 = 25.0;

/// Characters of a line behind the group: a terminal of 140 columns.
const TEXT_CHARS_MAX: usize = 115;

/// Who does something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Actor {
    /// The person at the keyboard.
    Person,
    /// The module.
    Module,
    /// The operator around it.
    Operator,
    /// vCenter.
    VCenter,
}

impl Actor {
    fn word(self) -> &'static str {
        match self {
            Actor::Person => "you",
            Actor::Module => "module",
            Actor::Operator => "operator",
            Actor::VCenter => "vcenter",
        }
    }

    /// An SGR code; the word says the same.
    fn colour(self) -> &'static str {
        match self {
            Actor::Person => "1",
            Actor::Module => "36",
            Actor::Operator => "33",
            Actor::VCenter => "32",
        }
    }
}

/// One thing that happened.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// When, in virtual time.
    pub(crate) at: Monotonic,
    /// Who did it.
    pub(crate) actor: Actor,
    /// Name of the group.
    pub(crate) group: Option<String>,
    /// What.
    pub(crate) text: String,
}

/// Prints lines at the speed of a reader.
pub(crate) struct Screen {
    colour: bool,
    speed: Option<f64>,
    last: Monotonic,
}

impl Screen {
    /// A screen for somebody who reads at that speed; none if nobody does.
    pub(crate) fn new(speed: Option<f64>) -> Screen {
        Screen {
            colour: voice::in_colour(),
            speed,
            last: Monotonic(0),
        }
    }

    /// The title of an act.
    pub(crate) fn title(&self, number: u32, title: &str, remark: &str) {
        voice::print("");
        voice::print(self.paint("1", &format!("{number}. {title}")));
        for line in remark.lines() {
            voice::print(format_args!("   {line}"));
        }
        voice::print("");
        self.wait(READING_MS / 2.0);
    }

    /// Something happened.
    pub(crate) fn line(&mut self, line: &Line) {
        #[expect(clippy::cast_precision_loss, reason = "a wait is never exact")]
        let passed = line.at.since(self.last) as f64;
        self.wait((passed / HASTE).min(WAIT_MS_MAX));
        self.last = line.at;
        let seconds = format!("{:>5}.{}s", line.at.0 / 1_000, line.at.0 % 1_000 / 100);
        let actor = format!("{:<8}", line.actor.word());
        let actor = self.paint(line.actor.colour(), &actor);
        let group = line.group.as_deref().unwrap_or("");
        let text = match line.actor {
            Actor::Person => self.paint("1", &line.text),
            _ => format!("{group:<5} {}", one_line(&line.text, TEXT_CHARS_MAX)),
        };
        voice::print(format_args!("{seconds}  {actor}  {}", text.trim_end()));
    }

    /// Text that a person takes time to read.
    pub(crate) fn text(&self, text: &str) {
        voice::print("");
        for line in text.lines() {
            voice::print(format_args!("   {line}"));
        }
        self.wait(READING_MS);
    }

    fn wait(&self, ms: f64) {
        if let Some(speed) = self.speed {
            std::thread::sleep(Duration::from_secs_f64(ms / speed / 1_000.0));
        }
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}
