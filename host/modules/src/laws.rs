//! Law cases: what holds for every module, tried before it decides.

use std::collections::BTreeSet;

use vmgroup_core::case::{Case, CaseError};
use vmgroup_core::check::Circumstances;

use crate::limits::{LATE_CASES_MAX, MISMATCHES_MAX};
use crate::loader::{Candidate, Loader, Refusal, stage};

const TEXTS: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/laws.rs"));

/// What a group says that has no settings.
const NO_SETTINGS: &str = "{}";

/// A law case by name.
#[derive(Debug, Clone)]
pub struct LawCase {
    /// Name of its file in `guest/cases/laws`, without the ending.
    pub name: &'static str,
    /// The case.
    pub case: Case,
}

/// All law cases, sorted by name.
///
/// # Errors
/// Name and error of the first one that cannot be read; a test proves that
/// there is none.
pub fn law_cases() -> Result<Vec<LawCase>, (&'static str, CaseError)> {
    TEXTS
        .iter()
        .map(|(name, text)| match Case::parse(text) {
            Ok(case) => Ok(LawCase { name, case }),
            Err(error) => Err((*name, error)),
        })
        .collect()
}

/// Tries a candidate on all of them, with the settings that it calls its defaults and with none,
/// as most groups have: what a case says of settings is meant for no module in particular.
pub(crate) fn try_laws<L: Loader>(
    loader: &L,
    candidate: &Candidate<L::Module>,
    laws: &[LawCase],
) -> Result<(), Refusal> {
    let codes: BTreeSet<String> = candidate.description.reason_codes.iter().cloned().collect();
    let circumstances = Circumstances {
        reason_codes: Some(codes),
        ..Circumstances::default()
    };
    let (mut broken, mut late) = (Vec::new(), Vec::new());
    let defaults = candidate.description.default_settings.as_str();
    let mut settings = vec![NO_SETTINGS, defaults];
    settings.dedup();
    let tries = laws
        .iter()
        .flat_map(|law| settings.iter().map(move |it| (law, *it)));
    for (LawCase { name, case }, settings) in tries {
        let mut case = case.clone();
        settings.clone_into(&mut case.input.context.settings);
        let name = match settings {
            NO_SETTINGS => (*name).to_owned(),
            _ => format!("{name} with its default settings"),
        };
        match loader.decide(&candidate.module, &case.input) {
            Err(refusal) if refusal.late => {
                late.push(format!("{name}: {}", refusal.message));
                // The others take as long.
                if late.len() == LATE_CASES_MAX {
                    break;
                }
            }
            Err(refusal) => broken.push(format!("{name}: {}", refusal.message)),
            Ok(answer) => {
                if let Err(mismatches) = case.judge(&answer, &circumstances) {
                    let texts: Vec<String> = mismatches
                        .iter()
                        .take(MISMATCHES_MAX)
                        .map(ToString::to_string)
                        .collect();
                    broken.push(format!("{name}: {}", texts.join("; ")));
                }
            }
        }
    }
    // One that was not decided in time proves nothing beside one that is broken.
    let is_late = broken.is_empty();
    let (verb, cases) = match is_late {
        true => ("does not finish", late),
        false => ("breaks", broken),
    };
    let Some(first) = cases.first() else {
        return Ok(());
    };
    let message = match cases.len() - 1 {
        0 => format!("{verb} the law case {first}"),
        more => format!("{verb} the law case {first} (and {more} more)"),
    };
    Err(Refusal::new(stage::LAW_CASES, &message).if_late(is_late))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_law_case_can_be_read_and_there_are_some() {
        let laws = law_cases().expect("law cases");
        assert!(!laws.is_empty(), "guest/cases/laws has no case");
    }
}
