//! Every limit of the core, each with the reason for its value. What a module
//! may take while it runs is the engine's to limit.

/// Slots of a group: `status.slots` has an entry of at most 60 bytes for each,
/// and an object in etcd has to stay far below 1.5 MiB.
pub const SLOTS_MAX: u32 = 1_000;

/// Actions in one plan: a slot takes one at a time.
pub const ACTIONS_MAX: u32 = SLOTS_MAX;

/// Largest integer of the contract: what a JSON number holds exactly.
pub const INTEGER_MAX: u64 = (1 << 53) - 1;

/// Members listed in the status: what a person reads on two screens.
pub const LISTED_MEMBERS_MAX: usize = 50;

/// Copies listed in the status: their owner removes them one by one, and sees the
/// next ones then.
pub const LISTED_COPIES_MAX: usize = 20;

/// Lines of a decision in the status: the record of what is done already.
pub const DECISION_LINES_MAX: usize = 10;

/// Lines of held effects in the status: whoever approves has to see what, and a
/// plan has no more actions unless its group allows it.
pub const HELD_LINES_MAX: usize = 50;

/// UIDs of used approvals in the status: only those count that exist still.
pub const USED_APPROVALS_MAX: usize = 32;

/// Ids named in the text of one violation or message; the rest is counted.
pub const IDS_NAMED_MAX: usize = 10;

/// Violations handed to the next call and written to the status; the rest is
/// counted. One broken rule can be broken by each of the actions.
pub const VIOLATIONS_KEPT_MAX: usize = 20;

/// Bytes of a memo: it is stored in the status of every group.
pub const MEMO_BYTES_MAX: usize = 4 * 1024;

/// Remarks in a plan.
pub const NOTES_MAX: usize = 8;

/// Characters of a remark or of a reason's message: one line in a terminal of
/// ordinary width, twice folded.
pub const MESSAGE_CHARS_MAX: usize = 200;

/// Characters of a reason code: it is a metric label.
pub const CODE_CHARS_MAX: usize = 40;

/// Characters of a message of ours in the status: metav1.Condition allows
/// 32,768, a person reads far fewer.
pub const STATUS_MESSAGE_CHARS_MAX: usize = 1_024;

/// Characters of a VM's or folder's name: vCenter refuses more.
pub const NAME_CHARS_MAX: usize = 80;

/// Bytes of a marker, as the operator writes it: it is read for every VM.
pub const MARKER_BYTES_MAX: usize = 1_024;

/// Bytes of a marker, as it is read: a VM's `extraConfig` is anybody's to write.
pub const MARKER_BYTES_READ_MAX: usize = 4 * MARKER_BYTES_MAX;

/// Bytes of a group's identity: an object's UID has 36.
pub const IDENTITY_BYTES_MAX: usize = 64;

/// Bytes of a recorded spec hash.
pub const SPEC_HASH_BYTES_MAX: usize = 64;

/// Milliseconds after which a view is stale: an idle feed says every half
/// minute that it lives, and a few of these may be late.
pub const VIEW_AGE_MS_MAX: u64 = 2 * 60 * 1_000;

/// Shortest wait for the next look: one second, so that no module makes the
/// operator spin.
pub const NEXT_LOOK_MS_MIN: u64 = 1_000;

/// Longest wait for the next look: one day, so that no module makes the
/// operator forget a group.
pub const NEXT_LOOK_MS_MAX: u64 = 24 * 60 * 60 * 1_000;

/// Bytes of a case file: an observation of `SLOTS_MAX` members has 400 KiB.
pub const CASE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Characters of what is wrong with a case: enough to quote a long word in full.
pub const PROBLEM_CHARS_MAX: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_are_those_that_the_documentation_names() {
        let table = [
            (
                "a JSON number is exact up to",
                INTEGER_MAX,
                9_007_199_254_740_991,
            ),
            ("bytes of a memo", MEMO_BYTES_MAX as u64, 4_096),
            (
                "bytes read of a marker",
                MARKER_BYTES_READ_MAX as u64,
                4_096,
            ),
            ("ms for which a view is fresh", VIEW_AGE_MS_MAX, 120_000),
            ("ms until the latest look", NEXT_LOOK_MS_MAX, 86_400_000),
            ("bytes of a case", CASE_BYTES_MAX as u64, 4_194_304),
        ];
        for (what, limit, documented) in table {
            assert_eq!(limit, documented, "{what}");
        }
    }
}
