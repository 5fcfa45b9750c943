//! The one table from where a group stands to what its status says.
//!
//! | standing    | phase   | Ready   | Reconciling | Stalled |
//! |-------------|---------|---------|-------------|---------|
//! | Ready       | RUNNING | True    | False       | False   |
//! | Progressing | PENDING | False   | True        | False   |
//! | Suspended   | PENDING | Unknown | False       | False   |
//! | Observing   | PENDING | False   | False       | False   |
//! | Deleting    | PENDING | False   | True        | False   |
//! | Unknown     | PENDING | Unknown | True        | False   |
//! | Failing     | PENDING | False   | True        | False   |
//! | Stalled     | ERROR   | False   | False       | True    |
//! | Refused     | ERROR   | False   | False       | True    |
//! | Held        | ERROR   | False   | False       | True    |
//!
//! ERROR means that a person is needed, RUNNING that all is as asked for.
//! Reconciling and Stalled stand there when they are True, as kstatus reads them:
//! <https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md>.

use crate::limits::{IDS_NAMED_MAX, STATUS_MESSAGE_CHARS_MAX};
use crate::plan::{Effect, Violation};
use crate::render;
use crate::status::{Condition, Phase, Standing};
use crate::text::one_line;
use crate::time::Timestamp;

/// What the status says about where a group stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// RUNNING, PENDING or ERROR.
    pub phase: Phase,
    /// One CamelCase word for machines.
    pub reason: &'static str,
    /// One sentence for people; says what to do where a person is needed.
    pub message: String,
    /// Ready, Reconciling and Stalled.
    pub conditions: Vec<Condition>,
}

/// A row of the table.
struct Row {
    phase: Phase,
    ready: Truth,
    reconciling: Truth,
    stalled: Truth,
}

/// Status of a condition.
#[derive(Clone, Copy)]
enum Truth {
    True,
    False,
    Unknown,
}

impl Truth {
    fn as_str(self) -> &'static str {
        match self {
            Truth::True => "True",
            Truth::False => "False",
            Truth::Unknown => "Unknown",
        }
    }
}

impl Standing {
    /// What the status says. A condition whose status is the same as in
    /// `previous` keeps the time since when it is.
    pub fn summary(&self, generation: i64, previous: &[Condition], now: Timestamp) -> Summary {
        let Row {
            phase,
            ready,
            reconciling,
            stalled,
        } = self.row();
        let (reason, message) = self.reason_and_message();
        let message = one_line(&message, STATUS_MESSAGE_CHARS_MAX);
        let condition = |kind: &str, status: Truth| {
            let status = status.as_str().to_owned();
            let same = previous
                .iter()
                .find(|before| before.kind == kind && before.status == status);
            Condition {
                kind: kind.to_owned(),
                status,
                reason: reason.to_owned(),
                message: message.clone(),
                last_transition_time: same.map_or_else(
                    || now.to_rfc3339(),
                    |same| same.last_transition_time.clone(),
                ),
                observed_generation: Some(generation),
            }
        };
        let conditions = vec![
            condition("Ready", ready),
            condition("Reconciling", reconciling),
            condition("Stalled", stalled),
        ];
        Summary {
            phase,
            reason,
            message,
            conditions,
        }
    }

    fn row(&self) -> Row {
        use Truth::{False, True, Unknown};
        let (phase, ready, reconciling, stalled) = match self {
            Standing::Ready => (Phase::Running, True, False, False),
            Standing::Suspended => (Phase::Pending, Unknown, False, False),
            Standing::Observing(_) => (Phase::Pending, False, False, False),
            Standing::Unknown { .. } => (Phase::Pending, Unknown, True, False),
            Standing::Progressing(_) | Standing::Deleting(_) | Standing::Failing { .. } => {
                (Phase::Pending, False, True, False)
            }
            Standing::Stalled { .. } | Standing::Refused(_) | Standing::Held { .. } => {
                (Phase::Error, False, False, True)
            }
        };
        Row {
            phase,
            ready,
            reconciling,
            stalled,
        }
    }

    fn reason_and_message(&self) -> (&'static str, String) {
        match self {
            Standing::Ready => ("Succeeded", "successfully reconciled VmGroup".to_owned()),
            Standing::Progressing(message) => ("Progressing", message.clone()),
            Standing::Suspended => (
                "Suspended",
                "suspended by its owner; set spec.suspend to false to go on".to_owned(),
            ),
            Standing::Observing(planned) => (
                "Observing",
                format!(
                    "only observing: {planned} action(s) would be taken, see status.lastDecision; \
                     set spec.mode to Apply to have them taken"
                ),
            ),
            Standing::Deleting(left) => ("Deleting", format!("being deleted, {left} VM(s) left")),
            Standing::Unknown { reason, message }
            | Standing::Failing { reason, message }
            | Standing::Stalled { reason, message } => (*reason, message.clone()),
            Standing::Refused(violations) => ("PlanRefused", refused(violations)),
            Standing::Held {
                effects_digest,
                effects,
            } => ("ApprovalRequired", held(effects_digest, effects)),
        }
    }
}

fn refused(violations: &[Violation]) -> String {
    // What to do comes first, since the end may be cut.
    let mut message = "plan refused, nothing was done; use another module or tell its author: "
        .to_owned()
        + &violations
            .iter()
            .take(3)
            .map(render::violation)
            .collect::<Vec<_>>()
            .join("; ");
    if let Some(more @ 1..) = violations.len().checked_sub(3) {
        message += &format!("; and {more} more");
    }
    message
}

fn held(effects_digest: &str, effects: &[Effect]) -> String {
    let named: Vec<_> = effects
        .iter()
        .take(IDS_NAMED_MAX)
        .map(render::effect)
        .collect();
    let more = match effects.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!(
        "{} effect(s) wait for a PlanApproval that names {effects_digest}: {}{more}",
        effects.len(),
        named.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Standing> {
        let (reason, message) = ("SomeReason", "some message".to_owned());
        vec![
            Standing::Ready,
            Standing::Progressing("2 of 3 members are ready".into()),
            Standing::Suspended,
            Standing::Observing(3),
            Standing::Deleting(2),
            Standing::Unknown {
                reason,
                message: message.clone(),
            },
            Standing::Failing {
                reason,
                message: message.clone(),
            },
            Standing::Stalled { reason, message },
            Standing::Refused(vec![
                Violation {
                    rule: "bounds".into(),
                    message: "too many".into()
                };
                5
            ]),
            Standing::Held {
                effects_digest: "sha256:00".into(),
                effects: vec![Effect::Delete("vm-1".into()); 12],
            },
        ]
    }

    #[test]
    fn the_table_is_the_one_in_the_documentation() {
        let lines = include_str!("standing.rs").lines();
        let documented: Vec<Vec<_>> = lines
            .filter_map(|line| line.strip_prefix("//! |")?.strip_suffix('|'))
            .map(|line| line.split('|').map(str::trim).collect())
            .skip(2)
            .collect();
        assert_eq!(documented.len(), all().len());
        for (row, standing) in documented.iter().zip(all()) {
            let name = format!("{standing:?}");
            assert!(
                name.starts_with(row[0]),
                "{name} stands in the row of {}",
                row[0]
            );
            let summary = standing.summary(1, &[], Timestamp(0));
            let statuses = summary
                .conditions
                .iter()
                .map(|condition| condition.status.as_str());
            let said: Vec<_> = [summary.phase.as_str()]
                .into_iter()
                .chain(statuses)
                .collect();
            assert_eq!(row[1..], said, "{name}");
        }
    }

    #[test]
    fn error_means_stalled_and_running_means_ready() {
        for standing in all() {
            let summary = standing.summary(1, &[], Timestamp(0));
            let [ready, reconciling, stalled] =
                [0, 1, 2].map(|at| summary.conditions[at].status == "True");
            assert_eq!(summary.phase == Phase::Error, stalled);
            assert_eq!(summary.phase == Phase::Running, ready);
            assert!(!(stalled && reconciling));
        }
    }

    #[test]
    fn every_standing_says_why() {
        let messages: Vec<_> = all()
            .iter()
            .map(|standing| {
                let Summary {
                    reason, message, ..
                } = standing.summary(1, &[], Timestamp(0));
                format!("{reason}: {message}")
            })
            .collect();
        let expected = [
            "Succeeded: successfully reconciled VmGroup",
            "Progressing: 2 of 3 members are ready",
            "Suspended: suspended by its owner; set spec.suspend to false to go on",
            "Observing: only observing: 3 action(s) would be taken, see status.lastDecision; set \
             spec.mode to Apply to have them taken",
            "Deleting: being deleted, 2 VM(s) left",
            "SomeReason: some message",
            "SomeReason: some message",
            "SomeReason: some message",
            "PlanRefused: plan refused, nothing was done; use another module or tell its author: \
             bounds: too many; bounds: too many; bounds: too many; and 2 more",
            "ApprovalRequired: 12 effect(s) wait for a PlanApproval that names sha256:00: \
             delete vm-1, delete vm-1, delete vm-1, delete vm-1, delete vm-1, delete vm-1, \
             delete vm-1, delete vm-1, delete vm-1, delete vm-1 and 2 more",
        ];
        assert_eq!(messages, expected);
    }

    #[test]
    fn an_endless_message_is_cut() {
        let summary = Standing::Progressing("x".repeat(100_000)).summary(1, &[], Timestamp(0));
        assert_eq!(summary.message.chars().count(), STATUS_MESSAGE_CHARS_MAX);
    }

    #[test]
    fn a_condition_keeps_its_time_while_its_status_is_the_same() {
        let at = |seconds: u64| Timestamp(seconds * 1_000);
        let failing = Standing::Failing {
            reason: "CloneFailed",
            message: "no space".into(),
        };
        let first = Standing::Progressing("0 of 1".into())
            .summary(1, &[], at(1))
            .conditions;
        let second = failing.summary(2, &first, at(2)).conditions;
        let third = Standing::Ready.summary(2, &second, at(3)).conditions;

        let times = |conditions: &[Condition]| -> Vec<_> {
            let seconds = conditions
                .iter()
                .map(|found| found.last_transition_time[17..19].into());
            seconds.collect::<Vec<String>>()
        };
        assert_eq!(times(&first), ["01", "01", "01"]);
        assert_eq!(times(&second), ["01", "01", "01"]);
        assert_eq!(second[0].reason, "CloneFailed");
        assert_eq!(second[0].observed_generation, Some(2));
        assert_eq!(times(&third), ["03", "03", "01"]);
        let kinds: Vec<_> = third
            .iter()
            .map(|condition| condition.kind.as_str())
            .collect();
        assert_eq!(kinds, ["Ready", "Reconciling", "Stalled"]);
    }
}
