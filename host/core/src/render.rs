//! Plans and verdicts as text for people.

use crate::check::{CheckedAction, CheckedPlan, Verdict};
use crate::limits::MESSAGE_CHARS_MAX;
use crate::observation::{OperationKind, Slot};
use crate::plan::{Effect, PowerOffMode, Reason, Refusal, Violation};
use crate::text::one_line;

/// "clone slot 3", "delete vm-12".
pub fn effect(effect: &Effect) -> String {
    match effect {
        Effect::Clone(slot) => format!("clone slot {slot}"),
        Effect::PowerOff(power_off) => {
            let mode = match power_off.mode {
                PowerOffMode::Soft => "soft",
                PowerOffMode::Hard => "hard",
            };
            format!("power-off {} ({mode})", one_line(&power_off.member, 80))
        }
        Effect::PowerOn(id)
        | Effect::Suspend(id)
        | Effect::Reconfigure(id)
        | Effect::Delete(id) => format!("{} {}", effect.kind(), one_line(id, 80)),
    }
}

/// "clone slot 3", "delete vm-12 in slot 3".
pub fn effect_in_slot(of: &Effect, slot: Slot) -> String {
    match of {
        Effect::Clone(_) => effect(of),
        _ => format!("{} in slot {slot}", effect(of)),
    }
}

/// "clone slot 3 (scale-up: 2 of 3 slots are filled)".
pub fn action(checked: &CheckedAction) -> String {
    let effect = effect_in_slot(&checked.action.effect, checked.slot);
    format!("{effect} ({})", reason(&checked.action.reason))
}

/// "bounds: …".
pub fn violation(violation: &Violation) -> String {
    format!("{}: {}", violation.rule, violation.message)
}

/// "the module will not decide (bad-settings: …)".
pub fn refusal(refusal: &Refusal) -> String {
    format!("the module will not decide ({})", reason(&refusal.reason))
}

/// One line for each action, remark and violation.
pub fn verdict(verdict: &Verdict) -> Vec<String> {
    match verdict {
        Verdict::Clear(plan) => checked_plan(plan),
        Verdict::Held { now, held } => {
            let mut lines = checked_plan(now);
            let rules: Vec<_> = held.rules.iter().map(|rule| rule.as_str()).collect();
            let rules = rules.join(", ");
            lines.extend(
                held.actions
                    .iter()
                    .map(|held| format!("held by {rules}: {}", action(held))),
            );
            lines.push(format!(
                "hint: create a PlanApproval that names {} to let the held effects go on",
                held.effects_digest
            ));
            lines
        }
        Verdict::Refused(violations) => violations
            .iter()
            .map(|found| format!("refused by {}", violation(found)))
            .collect(),
    }
}

/// The same in one line: "2 clone, 1 delete; 3 held by budget".
pub fn summary(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Clear(plan) => counts(plan.actions()),
        Verdict::Held { now, held } => {
            let rules: Vec<_> = held.rules.iter().map(|rule| rule.as_str()).collect();
            let (now, held) = (counts(now.actions()), held.actions.len());
            format!("{now}; {held} held by {}", rules.join(", "))
        }
        Verdict::Refused(_) => {
            let rules: Vec<_> = verdict.rules().into_iter().collect();
            format!("refused by {}", rules.join(", "))
        }
    }
}

fn checked_plan(plan: &CheckedPlan) -> Vec<String> {
    let mut lines: Vec<_> = plan.actions().iter().map(action).collect();
    if lines.is_empty() {
        lines.push("nothing to do".to_owned());
    }
    let notes = plan.notes().iter();
    lines.extend(notes.map(|note| format!("note: {}", one_line(note, MESSAGE_CHARS_MAX))));
    lines.extend(plan.next_look().map(|look| {
        format!(
            "next look in {} s ({})",
            look.after_ms.div_ceil(1_000),
            reason(&look.reason)
        )
    }));
    lines
}

fn counts(actions: &[CheckedAction]) -> String {
    let count = |kind: &OperationKind| {
        let of_kind = actions
            .iter()
            .filter(|checked| checked.action.effect.kind() == *kind);
        match of_kind.count() {
            0 => None,
            some => Some(format!("{some} {kind}")),
        }
    };
    let counts: Vec<_> = OperationKind::ALL.iter().filter_map(count).collect();
    if counts.is_empty() {
        "nothing to do".to_owned()
    } else {
        counts.join(", ")
    }
}

fn reason(reason: &Reason) -> String {
    let message = one_line(&reason.message, MESSAGE_CHARS_MAX);
    match (one_line(&reason.code, 40), message.is_empty()) {
        (code, true) => code,
        (code, false) => format!("{code}: {message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Circumstances, check};
    use crate::observation::Observation;
    use crate::plan::Plan;

    fn there() -> Observation {
        let text = r#"{
            "context": { "now": 0 },
            "desired": { "replicas": 3, "update": "rolling-replace", "budget": { "deletes": 0 } },
            "members": [
                { "id": "vm-7", "slot": 0, "drift": "replace" },
                { "id": "vm-8", "slot": 1, "power": "off" },
                { "id": "vm-9", "slot": 2 }
            ]
        }"#;
        serde_json::from_str(text).expect("it is an observation")
    }

    fn of(text: &str, observation: &Observation) -> (Vec<String>, String) {
        let plan: Plan = serde_json::from_str(text).expect("it is a plan");
        let verdict = check(observation, &plan, &Circumstances::default());
        (super::verdict(&verdict), summary(&verdict))
    }

    #[test]
    fn a_clear_plan_shows_actions_remarks_and_the_next_look() {
        let plan = r#"{
            "actions": [
                { "effect": { "clone": 3 }, "reason": { "code": "surge", "message": "" } },
                { "effect": { "power-on": "vm-8" }, "reason": { "code": "start", "message": "off\u001b[1m since 0" } }
            ],
            "nextLook": { "afterMs": 1500, "reason": { "code": "boot", "message": "boots" } },
            "notes": ["one is down"]
        }"#;
        let (lines, summary) = of(plan, &there());
        let expected = [
            "power-on vm-8 in slot 1 (start: off[1m since 0)",
            "clone slot 3 (surge)",
            "note: one is down",
            "next look in 2 s (boot: boots)",
        ];
        assert_eq!(lines, expected);
        assert_eq!(summary, "1 clone, 1 power-on");
        assert_eq!(of("{}", &there()).0, ["nothing to do"]);
        assert_eq!(of("{}", &there()).1, "nothing to do");
    }

    #[test]
    fn a_held_plan_shows_what_waits_and_the_way_out() {
        let plan = r#"{ "actions": [
            { "effect": { "delete": "vm-7" }, "reason": { "code": "outdated", "message": "old" } }
        ] }"#;
        let mut there = there();
        there.desired.max_unavailable = 2;
        let (lines, summary) = of(plan, &there);
        assert_eq!(
            lines[..2],
            [
                "nothing to do",
                "held by budget: delete vm-7 in slot 0 (outdated: old)"
            ]
        );
        assert!(lines[2].starts_with("hint: create a PlanApproval that names sha256:"));
        assert_eq!(summary, "nothing to do; 1 held by budget");
    }

    #[test]
    fn a_refused_plan_shows_every_violation() {
        let plan = r#"{ "actions": [
            { "effect": { "power-off": { "member": "vm-9", "mode": "hard" } },
              "reason": { "code": "why", "message": "" } },
            { "effect": { "clone": 2 }, "reason": { "code": "why", "message": "" } }
        ] }"#;
        let (lines, summary) = of(plan, &there());
        assert!(
            lines.iter().all(|line| line.starts_with("refused by ")),
            "{lines:?}"
        );
        assert_eq!(
            summary,
            "refused by disruption, empty-by-proof, one-at-a-time"
        );
        let expected = "refused by one-at-a-time: slot 2: power-off vm-9 (hard), clone slot 2 in \
                        one plan; plan the next one when the first has ended";
        assert!(lines.iter().any(|line| line == expected), "{lines:?}");
    }

    #[test]
    fn a_refusal_shows_its_code_and_what_there_is_to_say() {
        let of = |message: &str| {
            let reason = Reason {
                code: "bad-settings".into(),
                message: message.into(),
            };
            refusal(&Refusal {
                reason,
                next_look: None,
            })
        };
        assert_eq!(of(""), "the module will not decide (bad-settings)");
        assert_eq!(
            of("no such\u{1b} zone"),
            "the module will not decide (bad-settings: no such zone)"
        );
    }
}
