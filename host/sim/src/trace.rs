//! What happened, line by line: the same seed gives the same bytes.

use vmgroup_core::time::Monotonic;

/// How much a line, or a trace, tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// Nothing at all.
    Nothing,
    /// What a person who watches wants to read.
    Story,
    /// Every request and every event.
    Everything,
}

/// One line of the trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceLine {
    /// When.
    pub at: Monotonic,
    /// Who: `operator` (or `operator-1`), `vcenter`, `cluster`, `person`, `fault`.
    pub actor: String,
    /// How deep the line goes.
    pub detail: Detail,
    /// What.
    pub text: String,
}

impl std::fmt::Display for TraceLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Monotonic(ms) = self.at;
        write!(
            f,
            "{:>7}.{:03}  {:<10}  {}",
            ms / 1000,
            ms % 1000,
            self.actor,
            self.text
        )
    }
}

/// All lines so far.
#[derive(Debug, Clone)]
pub struct Trace {
    detail: Detail,
    lines: Vec<TraceLine>,
    drained: usize,
}

impl Trace {
    /// An empty trace that keeps lines up to `detail`.
    pub fn new(detail: Detail) -> Trace {
        Trace {
            detail,
            lines: Vec::new(),
            drained: 0,
        }
    }

    /// That depth, if lines of it are kept.
    pub(crate) fn wants(&self, detail: Detail) -> Option<Detail> {
        (detail <= self.detail).then_some(detail)
    }

    /// Adds a line; `text` is made only if the line is kept.
    pub fn add(
        &mut self,
        at: Monotonic,
        actor: &str,
        detail: Detail,
        text: impl FnOnce() -> String,
    ) {
        if detail <= self.detail {
            self.lines.push(TraceLine {
                at,
                actor: actor.to_owned(),
                detail,
                text: text(),
            });
        }
    }

    /// All lines.
    pub fn lines(&self) -> &[TraceLine] {
        &self.lines
    }

    /// The lines added since the last call.
    pub fn drain(&mut self) -> Vec<TraceLine> {
        let fresh = self.lines[self.drained..].to_vec();
        self.drained = self.lines.len();
        fresh
    }

    /// All lines as text.
    pub fn text(&self) -> String {
        self.lines.iter().map(|line| format!("{line}\n")).collect()
    }
}
