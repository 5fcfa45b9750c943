//! One effect by itself, held against rules: what a whole plan was allowed may have changed
//! since, and what no module plans has its reasons.

use vmgroup_core::check::{self, Circumstances, Rule, Verdict};
use vmgroup_core::observation::{Hold, Member, Observation};
use vmgroup_core::plan::{Action, Effect, Plan, Reason};

/// How the effect breaks the first of these rules that it breaks.
pub(crate) fn broken(observation: &Observation, effect: Effect, rules: &[Rule]) -> Option<String> {
    let reason = Reason {
        code: "by-itself".into(),
        message: String::new(),
    };
    let plan = Plan {
        actions: vec![Action { effect, reason }],
        ..Plan::default()
    };
    let Verdict::Refused(violations) = check::check(observation, &plan, &Circumstances::default())
    else {
        return None;
    };
    let mut violations = violations.into_iter();
    let concerns = |rule: &str| rules.iter().any(|it| it.as_str() == rule);
    violations
        .find(|violation| concerns(&violation.rule))
        .map(|violation| violation.message)
}

/// Why what is to be done to a member cannot be, and what to do about it, where nothing is under
/// way. Not what passes by itself.
pub(crate) fn held_member(
    observation: &Observation,
    wanted: impl Fn(&Member) -> Option<Effect>,
) -> Option<String> {
    let members = observation.members.iter();
    let lasts = |hold: &Hold| !matches!(hold, Hold::ForeignTask | Hold::Failover);
    let held = members.filter(|member| member.holds.iter().any(lasts));
    let why = |member: &Member| {
        let effect = wanted(member)?;
        broken(observation, effect, &[Rule::HandsOff, Rule::Disks])
    };
    let idle = observation.operations.is_empty();
    held.filter(|_| idle).find_map(why)
}
