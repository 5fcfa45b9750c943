//! What a side says to an operation, in words that mean the same on both:
//! ids that a side makes up are named after the operation that made them, texts
//! for people are left out.

use std::collections::BTreeMap;
use std::fmt;

/// One side's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The answer itself.
    pub outcome: Outcome,
    /// What can be seen afterwards, by what it is about.
    pub shown: BTreeMap<String, String>,
}

/// How an operation came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// As asked for.
    Fine(String),
    /// Not: a fault, a conflict, something missing.
    Fault(String),
    /// Nobody could do that as things stand; it was not tried.
    Senseless,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Fine(words) | Outcome::Fault(words) => f.write_str(words),
            Outcome::Senseless => f.write_str("senseless"),
        }
    }
}

impl Outcome {
    /// Its class for totals: the words without particulars.
    pub fn class(&self) -> String {
        let words = self.to_string();
        let end = words.find([',', '(']).unwrap_or(words.len());
        words[..end].trim_end().to_owned()
    }
}

/// One thing in which two answers differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// `answer`, or what the view is about.
    pub about: String,
    /// The simulation's words; empty if it shows no such thing.
    pub simulated: String,
    /// The real side's.
    pub real: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = |text: &str| match text {
            "" => "nothing".to_owned(),
            text => text.to_owned(),
        };
        writeln!(f, "  {}", self.about)?;
        writeln!(f, "    simulated: {}", words(&self.simulated))?;
        write!(f, "    real:      {}", words(&self.real))
    }
}

/// How an answer itself is called among the differences.
pub const ANSWER: &str = "answer";

/// All in which the answers differ.
pub fn differences(simulated: &Answer, real: &Answer) -> Vec<Difference> {
    let mut found = Vec::new();
    if simulated.outcome != real.outcome {
        found.push(Difference {
            about: ANSWER.to_owned(),
            simulated: simulated.outcome.to_string(),
            real: real.outcome.to_string(),
        });
    }
    let names = simulated.shown.keys().chain(real.shown.keys());
    let names: std::collections::BTreeSet<&String> = names.collect();
    for name in names {
        let of = |answer: &Answer| answer.shown.get(name).cloned().unwrap_or_default();
        let (simulated, real) = (of(simulated), of(real));
        if simulated != real {
            found.push(Difference {
                about: name.clone(),
                simulated,
                real,
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(outcome: &str, shown: &[(&str, &str)]) -> Answer {
        let shown = shown.iter();
        Answer {
            outcome: Outcome::Fine(outcome.into()),
            shown: shown.map(|(k, v)| ((*k).into(), (*v).into())).collect(),
        }
    }

    #[test]
    fn what_only_one_side_shows_is_a_difference() {
        let one = answer("done", &[("vm #1", "on"), ("vm #2", "off")]);
        let other = answer("done", &[("vm #2", "off"), ("vm #3", "off")]);
        let found = differences(&one, &other);
        let about: Vec<&str> = found.iter().map(|it| it.about.as_str()).collect();
        assert_eq!(about, ["vm #1", "vm #3"]);
        assert_eq!(differences(&one, &one), []);
    }

    #[test]
    fn a_class_leaves_particulars_out() {
        let outcome = Outcome::Fault("task failed: DuplicateName (of vm #3)".into());
        assert_eq!(outcome.class(), "task failed: DuplicateName");
    }
}
