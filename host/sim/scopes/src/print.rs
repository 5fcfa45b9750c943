//! What makes two states the same. A part of the world is printed by its
//! `Debug`, which shows every field that it has, and hashed; the numbers in it
//! that mean something only beside one another stay open and are filled in when
//! all parts of the world stand side by side:
//!
//! - request ids are renamed in the order of their first use,
//! - resource versions become their rank,
//! - times become the distance to this moment; what is longer ago than anything
//!   that looks at it, and the number of the next request, do not count.
//!
//! Whatever this file does not know stays literal: a field that is added to the
//! machine makes states finer, never coarser, so no state is taken for another
//! one that could behave otherwise.

use std::collections::BTreeSet;
use std::fmt::{Debug, Write};
use std::hash::{BuildHasher, Hash, Hasher};

use foldhash::quality::{FixedState, FoldHasher};

use vmgroup_reconcile::limits::{
    FEED_SILENCE_MS, LEASE_DURATION_MS, LEASE_RENEW_DEADLINE_MS, LOGIN_MS_MAX, LOOK_MS_MAX,
    MASS_LOSS_WINDOW_MS, MEMO_GAP_MS, RELIST_GAP_MS, REPORT_GAP_MS, RIVAL_MS, SETTLE_MS,
};

/// A part of the world with its print.
#[derive(Debug)]
pub(crate) struct Printed<T> {
    pub(crate) value: T,
    pub(crate) print: Print,
}

impl<T: Debug> Printed<T> {
    pub(crate) fn new(value: T) -> Printed<T> {
        let print = Print::of(&value);
        Printed { value, print }
    }
}

/// A part of the world, hashed but for its open numbers.
#[derive(Debug)]
pub(crate) struct Print {
    /// Hash of everything, open numbers included.
    pub(crate) exact: u64,
    /// Hash of everything but the open numbers.
    pub(crate) fixed: u64,
    pub(crate) open: Vec<Open>,
    /// Requests that the machine waits for, and the hash of who asked.
    pub(crate) askers: Vec<(u64, u64)>,
    /// Tasks that an operation follows, or is told to follow.
    pub(crate) tasks: BTreeSet<String>,
}

/// A number that is filled in later.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Open {
    Request(u64),
    Version(u64),
    Time(u64, Age),
}

/// How much of a time that has passed can still be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Age {
    /// All of it.
    Exact,
    /// Up to so many milliseconds.
    UpTo(u64),
    /// Up to so many milliseconds, and whether it was ever.
    UpToOrNever(u64),
    /// Up to so many milliseconds, and its order among its like.
    Ordered(u64),
    /// As `Ordered`, and up to the next complete view that comes in any case, in
    /// scopes that have these.
    Listed(u64),
}

/// The machine's fields that hold a time, by name, and what looks at them.
const AGES: &[(&str, Age)] = &[
    // Compared with one another by `is_certain`, and with this moment. What was
    // asked for then becomes what was listed then.
    ("listed_at", Age::Listed(RELIST_GAP_MS)),
    ("relisting", Age::Listed(RELIST_GAP_MS)),
    ("asked_at", Age::Listed(LOGIN_MS_MAX)),
    ("arrived_at", Age::UpTo(LOGIN_MS_MAX)),
    ("heard_at", Age::Ordered(SETTLE_MS)),
    ("acted_at", Age::Ordered(RIVAL_MS)),
    ("begun_at", Age::UpTo(LOOK_MS_MAX + 1)),
    ("fresh_at", Age::UpTo(FEED_SILENCE_MS)),
    ("reported_at", Age::UpToOrNever(REPORT_GAP_MS)),
    ("memo_written_at", Age::UpTo(MEMO_GAP_MS)),
    ("renewed_at", Age::UpTo(LEASE_RENEW_DEADLINE_MS)),
    ("writing", Age::UpTo(LEASE_RENEW_DEADLINE_MS)),
    // When the lease was seen stands behind the lease, whose last field this is.
    ("refused", Age::UpTo(LEASE_DURATION_MS)),
    ("lost_at", Age::UpTo(MASS_LOSS_WINDOW_MS)),
    // Due at that time or later.
    ("try_at", Age::UpTo(0)),
    ("retry_at", Age::UpTo(0)),
    ("not_before", Age::UpTo(0)),
    ("again_at", Age::UpTo(0)),
    ("first_until", Age::UpTo(0)),
    ("spared_until", Age::UpTo(0)),
    ("asking_since", Age::UpTo(RIVAL_MS)),
    ("refused_until", Age::UpTo(0)),
    ("idles_until", Age::UpTo(0)),
    ("state", Age::UpTo(0)),
    // The agenda: its order is the order in which it is printed.
    ("at", Age::UpTo(0)),
    ("by_time", Age::UpTo(0)),
    ("name", Age::UpTo(0)),
];

impl Print {
    pub(crate) fn of(value: &impl Debug) -> Print {
        let mut text = String::with_capacity(16 * 1024);
        write!(text, "{value:?}").expect("a string takes all that is written to it");
        let mut scan = Scan {
            text: &text,
            at: 0,
            field: "",
            before: "",
            fixed: hasher(),
            exact: hasher(),
            literal_from: 0,
            open: Vec::new(),
            askers: Vec::new(),
            tasks: BTreeSet::new(),
        };
        scan.run();
        let fixed = scan.fixed.finish();
        scan.exact.write_u64(fixed);
        Print {
            exact: scan.exact.finish(),
            fixed,
            open: scan.open,
            askers: scan.askers,
            tasks: scan.tasks,
        }
    }
}

pub(crate) fn hash(value: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = hasher();
    value.hash(&mut hasher);
    hasher.finish()
}

/// The same numbers in every run.
pub(crate) fn hasher() -> FoldHasher<'static> {
    FixedState::default().build_hasher()
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
    /// The field that was named last, and the one before.
    field: &'a str,
    before: &'a str,
    fixed: FoldHasher<'static>,
    /// Takes the numbers alone, those too that do not count.
    exact: FoldHasher<'static>,
    literal_from: usize,
    open: Vec<Open>,
    askers: Vec<(u64, u64)>,
    tasks: BTreeSet<String>,
}

impl<'a> Scan<'a> {
    fn run(&mut self) {
        while let Some(byte) = self.peek(0) {
            match byte {
                b'"' => self.string(),
                b'a'..=b'z' | b'A'..=b'Z' | b'_' => self.word(),
                b'0'..=b'9' => self.at = end_of_word(self.text, self.at),
                _ => self.at += 1,
            }
        }
        self.close(self.text.len());
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    /// Everything up to `end` that was not left open is literal.
    fn close(&mut self, end: usize) {
        self.fixed
            .write(&self.text.as_bytes()[self.literal_from..end]);
        self.fixed.write_u8(0xff);
        self.literal_from = end;
    }

    fn string(&mut self) {
        let end = end_of_string(self.text, self.at);
        let content = &self.text[self.at + 1..end - 1];
        if self.field == "resource_version" {
            // An empty one creates the lease.
            if let Ok(version) = content.parse() {
                self.close(self.at + 1);
                self.open.push(Open::Version(version));
                self.exact.write_u64(version);
                self.literal_from = end - 1;
            }
        } else if content.starts_with("task-")
            && matches!(self.field, "stage" | "closing" | "task" | "result")
        {
            self.tasks.insert(content.to_owned());
        }
        self.at = end;
    }

    fn word(&mut self) {
        let end = end_of_word(self.text, self.at);
        let word = &self.text[self.at..end];
        self.at = end;
        match (word, self.peek(0)) {
            (_, Some(b':')) if self.peek(1) == Some(b' ') => {
                self.before = std::mem::replace(&mut self.field, word);
                self.at += 2;
                match word {
                    "next_id" => _ = self.number(),
                    "resource_version" if self.peek(0) != Some(b'"') => {
                        let version = self.number();
                        self.open.push(Open::Version(version));
                    }
                    "asked" => self.asked(),
                    _ => {}
                }
            }
            ("Monotonic", Some(b'(')) => {
                self.at += 1;
                let at = self.number();
                let field = match self.field {
                    "monotonic" => self.before,
                    field => field,
                };
                // The machine's own clock is set again before it is looked at.
                if field != "now" {
                    let known = AGES.iter().find(|(name, _)| *name == field);
                    let age = known.map_or(Age::Exact, |(_, age)| *age);
                    self.open.push(Open::Time(at, age));
                }
            }
            ("RequestId", Some(b'(')) => {
                self.at += 1;
                let id = self.number();
                self.open.push(Open::Request(id));
            }
            ("Rereading", Some(b'(')) => {
                self.at += 1;
                let version = self.number();
                self.open.push(Open::Version(version));
            }
            _ => {}
        }
    }

    /// The number that stands here stays open.
    fn number(&mut self) -> u64 {
        self.close(self.at);
        let end = end_of_word(self.text, self.at);
        let number = self.text[self.at..end].parse();
        let number = number.expect("the field holds a number");
        self.at = end;
        self.literal_from = end;
        self.exact.write_u64(number);
        number
    }

    /// The map from requests to askers stands in the order of the requests: it
    /// is taken apart, and each entry goes with its request.
    fn asked(&mut self) {
        self.close(self.at);
        let mut at = self.at + 1;
        while self.text.as_bytes()[at] != b'}' {
            let id_from = at + "RequestId(".len();
            let id_to = end_of_word(self.text, id_from);
            let from = id_to + "): ".len();
            let to = end_of_value(self.text, from);
            let id = self.text[id_from..id_to].parse().expect("an id");
            let asker = hash(&self.text[from..to]);
            self.exact.write_u64(id);
            self.exact.write_u64(asker);
            self.askers.push((id, asker));
            at = to;
            if self.text[at..].starts_with(", ") {
                at += 2;
            }
        }
        self.at = at;
        self.literal_from = at;
    }
}

fn end_of_word(text: &str, from: usize) -> usize {
    let rest = &text.as_bytes()[from..];
    let length = rest
        .iter()
        .position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
    length.map_or(text.len(), |length| from + length)
}

/// `from` is at the opening quotation mark; the end is behind the closing one.
fn end_of_string(text: &str, from: usize) -> usize {
    let bytes = text.as_bytes();
    let mut at = from + 1;
    while bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

/// Up to the comma or bracket that ends a value in a list.
fn end_of_value(text: &str, from: usize) -> usize {
    let bytes = text.as_bytes();
    let mut depth = 0;
    let mut at = from;
    loop {
        match bytes[at] {
            b'"' => {
                at = end_of_string(text, at);
                continue;
            }
            b'(' | b'{' | b'[' => depth += 1,
            b')' | b'}' | b']' if depth > 0 => depth -= 1,
            b')' | b'}' | b']' | b',' if depth == 0 => return at,
            _ => {}
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use vmgroup_core::time::Monotonic;
    use vmgroup_reconcile::request::RequestId;

    use super::*;

    #[derive(Debug)]
    #[allow(dead_code, reason = "shown by Debug")]
    struct Part {
        next_id: u64,
        resource_version: u64,
        try_at: Monotonic,
        asked: BTreeMap<RequestId, (&'static str, u8)>,
        stage: Option<RequestId>,
        text: &'static str,
        count: u32,
    }

    fn part(number: u64) -> Part {
        Part {
            next_id: number + 1,
            resource_version: number,
            try_at: Monotonic(number * 10),
            asked: BTreeMap::from([(RequestId(number), ("pass (\"a\", b)", 1))]),
            stage: Some(RequestId(number)),
            text: "Monotonic(7), RequestId(8)",
            count: 3,
        }
    }

    #[test]
    fn numbers_that_mean_something_beside_others_only_stay_open() {
        let (one, two) = (Print::of(&part(4)), Print::of(&part(5)));
        assert_eq!(one.fixed, two.fixed);
        assert_ne!(one.exact, two.exact, "they are not the same machine");
        assert_eq!(one.open.len(), 3, "{:?}", one.open);
        assert_eq!(one.askers[0].1, two.askers[0].1);
    }

    #[test]
    fn every_other_number_and_text_counts() {
        let plain = Print::of(&part(4)).fixed;
        let count = Part {
            count: 4,
            ..part(4)
        };
        let text = Part {
            text: "Monotonic(8), RequestId(8)",
            ..part(4)
        };
        assert_ne!(Print::of(&count).fixed, plain);
        assert_ne!(Print::of(&text).fixed, plain, "a text is no number");
    }
}
