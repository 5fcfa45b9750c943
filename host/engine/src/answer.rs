//! The bounds of what goes in and comes out, where the types leave room.
//!
//! Text for people is made harmless and cut. What the host acts on is refused
//! as a whole when it is out of bounds.

use vmgroup_core::limits::INTEGER_MAX;
use vmgroup_core::observation::Observation;
use vmgroup_core::plan::{Answer, Description, NextLook, Plan, Reason, Refusal};
use vmgroup_core::text::one_line;

use crate::Limits;
use crate::description::is_label;
use crate::error::CallError;

/// The promise of the contract about integers.
pub(crate) fn check_observation(observation: &Observation) -> Result<(), CallError> {
    let context = &observation.context;
    let desired = &observation.desired;
    let of_context = [
        ("context.now", Some(context.now.0)),
        (
            "context.zone.nextTransition",
            context.zone.and_then(|z| z.next_transition).map(|t| t.0),
        ),
        ("desired.power.graceMs", Some(desired.power.grace_ms)),
        ("desired.power.since", Some(desired.power.since.0)),
        ("desired.healAfterMs", Some(desired.heal_after_ms)),
        (
            "desired.budget.windowEnds",
            Some(desired.budget.window_ends.0),
        ),
        ("asOf", Some(observation.as_of.0)),
    ];
    let of_members = observation.members.iter().flat_map(|member| {
        [
            ("members.powerSince", Some(member.power_since.0)),
            ("members.healthSince", Some(member.health_since.0)),
            ("members.memoryMib", Some(member.memory_mib)),
            ("members.createdAt", member.created_at.map(|t| t.0)),
        ]
    });
    let of_operations = observation
        .operations
        .iter()
        .map(|o| ("operations.since", Some(o.since.0)));
    let of_failures = observation
        .failures
        .iter()
        .map(|f| ("failures.last", Some(f.last.0)));
    let mut all = of_context
        .into_iter()
        .chain(of_members)
        .chain(of_operations)
        .chain(of_failures);
    match all.find(|(_, figure)| figure.is_some_and(|figure| figure > INTEGER_MAX)) {
        None => Ok(()),
        Some((field, _)) => Err(CallError::Observation {
            problem: format!("{field} is above 2^53 - 1"),
        }),
    }
}

/// The answer within the limits, or the first one that it breaks.
pub(crate) fn checked(
    answer: Answer,
    description: &Description,
    limits: &Limits,
) -> Result<Answer, CallError> {
    let bounds = Bounds {
        codes: &description.reason_codes,
        limits,
    };
    match answer {
        Answer::Plan(plan) => bounds.plan(plan).map(Answer::Plan),
        Answer::Refusal(refusal) => bounds.refusal(refusal).map(Answer::Refusal),
    }
}

struct Bounds<'a> {
    codes: &'a [String],
    limits: &'a Limits,
}

impl Bounds<'_> {
    fn plan(&self, mut plan: Plan) -> Result<Plan, CallError> {
        let limits = self.limits;
        at_most("actions", plan.actions.len(), limits.actions)?;
        let ids = plan
            .actions
            .iter()
            .filter_map(|action| action.effect.member());
        let id_bytes = ids.map(str::len).max().unwrap_or(0);
        at_most("bytes of a member id", id_bytes, limits.member_id_bytes)?;
        at_most(
            "bytes of memo",
            plan.memo.as_ref().map_or(0, String::len),
            limits.memo_bytes,
        )?;
        at_most("bytes of text", text_bytes(&plan), limits.answer_bytes)?;
        for action in &mut plan.actions {
            self.reason(&mut action.reason)?;
        }
        self.next_look(plan.next_look.as_mut())?;
        plan.notes.truncate(limits.notes);
        for note in &mut plan.notes {
            *note = one_line(note, limits.message_chars);
        }
        Ok(plan)
    }

    fn refusal(&self, mut refusal: Refusal) -> Result<Refusal, CallError> {
        self.reason(&mut refusal.reason)?;
        self.next_look(refusal.next_look.as_mut())?;
        Ok(refusal)
    }

    fn next_look(&self, next_look: Option<&mut NextLook>) -> Result<(), CallError> {
        let Some(next_look) = next_look else {
            return Ok(());
        };
        if next_look.after_ms > INTEGER_MAX {
            return Err(malformed("next look is after more than 2^53 - 1 ms"));
        }
        self.reason(&mut next_look.reason)
    }

    fn reason(&self, reason: &mut Reason) -> Result<(), CallError> {
        let code = one_line(&reason.code, self.limits.code_chars);
        if !is_label(&reason.code, self.limits.code_chars) {
            return Err(malformed(&format!(
                "reason code {code:?} is not lower case, digits and hyphens"
            )));
        }
        if !self.codes.contains(&reason.code) {
            return Err(malformed(&format!(
                "reason code {code:?} is not in the description"
            )));
        }
        reason.message = one_line(&reason.message, self.limits.message_chars);
        Ok(())
    }
}

fn text_bytes(plan: &Plan) -> usize {
    let of_reason = |reason: &Reason| reason.code.len() + reason.message.len();
    let actions = plan
        .actions
        .iter()
        .map(|action| action.effect.member().map_or(0, str::len) + of_reason(&action.reason));
    let notes = plan.notes.iter().map(String::len);
    let next_look = plan
        .next_look
        .as_ref()
        .map_or(0, |next_look| of_reason(&next_look.reason));
    actions.chain(notes).sum::<usize>() + next_look
}

fn at_most(what: &'static str, figure: usize, limit: usize) -> Result<(), CallError> {
    if figure > limit {
        Err(CallError::Output {
            what,
            figure,
            limit,
        })
    } else {
        Ok(())
    }
}

fn malformed(problem: &str) -> CallError {
    CallError::Malformed {
        problem: problem.into(),
    }
}
