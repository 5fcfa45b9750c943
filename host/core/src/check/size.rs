//! Numbers and lengths. Texts are counted in characters, the memo in bytes.

use super::situation::{Situation, listed};
use super::{Circumstances, Rule};
use crate::limits::{ACTIONS_MAX, CODE_CHARS_MAX, MEMO_BYTES_MAX, MESSAGE_CHARS_MAX, NOTES_MAX};
use crate::plan::{Reason, Violation};
use crate::text::one_line;

pub(super) fn check(
    situation: &Situation<'_>,
    circumstances: &Circumstances,
    found: &mut Vec<Violation>,
) {
    let plan = situation.plan;
    let mut too_large = |what: &str, figure: usize, limit: usize| {
        if figure > limit {
            found.push(Rule::Size.violation(format!(
                "the plan has {figure} {what}, the limit is {limit}"
            )));
        }
    };
    let actions_max = situation.observation.desired.max_actions.min(ACTIONS_MAX);
    too_large("actions", plan.actions.len(), actions_max as usize);
    too_large(
        "bytes of memo",
        plan.memo.as_ref().map_or(0, String::len),
        MEMO_BYTES_MAX,
    );
    too_large("notes", plan.notes.len(), NOTES_MAX);
    let note_chars = plan.notes.iter().map(|note| note.chars().count()).max();
    too_large(
        "characters in a note",
        note_chars.unwrap_or(0),
        MESSAGE_CHARS_MAX,
    );
    let reasons = || {
        let next_look = plan.next_look.iter().map(|next_look| &next_look.reason);
        plan.actions
            .iter()
            .map(|action| &action.reason)
            .chain(next_look)
    };
    let message_chars = reasons().map(|reason| reason.message.chars().count()).max();
    too_large(
        "characters in a message",
        message_chars.unwrap_or(0),
        MESSAGE_CHARS_MAX,
    );

    let mut bad: Vec<_> = reasons().filter(|reason| !is_code(reason)).collect();
    bad.sort();
    bad.dedup_by_key(|reason| &reason.code);
    if !bad.is_empty() {
        let codes = listed(bad.into_iter().map(shown));
        found.push(Rule::Size.violation(format!(
            "reason code {codes}: a code has 1 to {CODE_CHARS_MAX} lower-case letters, digits and \
             hyphens"
        )));
    }
    let Some(known) = &circumstances.reason_codes else {
        return;
    };
    let mut unknown: Vec<_> = reasons()
        .filter(|reason| is_code(reason) && !known.contains(&reason.code))
        .collect();
    unknown.sort();
    unknown.dedup_by_key(|reason| &reason.code);
    if !unknown.is_empty() {
        let codes = listed(unknown.into_iter().map(shown));
        found.push(Rule::Size.violation(format!(
            "reason code {codes}: not among the codes of `describe`; add it there"
        )));
    }
}

fn is_code(reason: &Reason) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=CODE_CHARS_MAX).contains(&reason.code.len()) && reason.code.bytes().all(allowed)
}

fn shown(reason: &Reason) -> String {
    format!("`{}`", one_line(&reason.code, CODE_CHARS_MAX))
}
