//! The reconcile logic that the operator has built in.
//!
//! One file a concern, in the order in which they get to choose; whoever
//! chooses a slot first keeps it:
//!
//! 1. [`deletion`]: the group is going, so is every member
//! 2. [`scale_down`]: more members than wanted
//! 3. [`heal`]: members that have been broken for too long
//! 4. [`update`]: members that differ from the spec
//! 5. [`power`]: members in another power state than wanted
//! 6. [`scale_up`]: fewer members than wanted
//!
//! They share the [`draft`] of the plan, the [`headroom`] that says what may
//! still be taken down, and the [`surge`] that a replacement may use. All of
//! it is pure; the host checks every plan once more.

mod deletion;
mod draft;
mod headroom;
mod heal;
mod memory;
mod power;
mod reasons;
mod scale_down;
mod scale_up;
mod settings;
mod surge;
mod update;

use vmgroup_sdk::{
    Description, Observation, Phase, Plan, Reason, Reconciler, Refusal, SettingsError, log,
};

use crate::draft::Draft;
use crate::headroom::Headroom;
use crate::memory::Memory;
use crate::settings::Settings;

/// A view older than this is as good as one with holes: the host lets nothing
/// follow from it either.
const VIEW_AGE_MAX_MS: u64 = 120_000;

/// How soon to look again when the view lacks VMs.
const INCOMPLETE_VIEW_LOOK_MS: u64 = 5_000;

/// The built-in logic.
pub struct DefaultReconciler;

vmgroup_sdk::export!(DefaultReconciler);

impl Reconciler for DefaultReconciler {
    fn describe() -> Description {
        Description {
            name: "default".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            reason_codes: reasons::ALL.iter().map(|&code| code.into()).collect(),
            settings_schema: settings::SCHEMA.into(),
            default_settings: "{}".into(),
        }
    }

    fn validate_settings(settings: &str) -> Result<(), Vec<SettingsError>> {
        Settings::parse(settings).map(|_| ())
    }

    fn reconcile(observation: &Observation) -> Result<Plan, Refusal> {
        let settings = Settings::parse(&observation.context.settings).map_err(|errors| {
            let all: Vec<String> = errors
                .iter()
                .map(|error| format!("{}: {}", error.pointer, error.message))
                .collect();
            Refusal::new(reasons::SETTINGS_INVALID, all.join("; "))
        })?;
        for violation in &observation.context.violations {
            log::warn(&format!(
                "the previous plan broke the rule {}: {}",
                violation.rule, violation.message
            ));
        }
        Ok(decide(observation, &settings))
    }
}

fn decide(seen: &Observation, settings: &Settings) -> Plan {
    let mut draft = Draft::new(seen);
    let mut memory = Memory::recall(seen);
    let age_ms = seen.context.now.saturating_sub(seen.as_of);
    let fit = seen.complete && age_ms <= VIEW_AGE_MAX_MS;
    match (seen.context.phase, fit) {
        (Phase::Unknown, _) => draft.note("the host cannot tell whether the group is wanted"),
        (Phase::Deleting, true) => deletion::delete_members(&mut draft),
        (Phase::Deleting, false) => wait_for_a_better_view(&mut draft),
        (Phase::Normal, true) => {
            let mut headroom = Headroom::new(seen);
            let surge = surge::wanted(seen, &headroom);
            let kept = surge::kept(seen, &headroom);
            scale_down::remove_surplus(&mut draft, &mut headroom, kept);
            heal::replace_broken(&mut draft, &mut headroom);
            update::follow_spec(&mut draft, &mut headroom, &mut memory, settings);
            power::raise(&mut draft, &memory);
            power::lower(&mut draft, &mut headroom, settings);
            scale_up::fill_slots(&mut draft, surge, settings);
        }
        (Phase::Normal, false) => {
            power::raise(&mut draft, &memory);
            wait_for_a_better_view(&mut draft);
        }
    }
    let mut plan = draft.into_plan();
    plan.memo = memory.memo();
    plan
}

fn wait_for_a_better_view(draft: &mut Draft<'_>) {
    draft.note("the view may lack VMs or is old: nothing is cloned or taken down on it");
    draft.look_within(
        INCOMPLETE_VIEW_LOOK_MS,
        Reason::new(reasons::VIEW_INCOMPLETE, "the view may lack VMs or is old"),
    );
}

#[cfg(test)]
mod tests {
    use vmgroup_sdk::testing::{member, observation};

    use super::*;

    fn reconcile(seen: &Observation) -> Result<Plan, Refusal> {
        DefaultReconciler::reconcile(seen)
    }

    #[test]
    fn the_default_settings_are_valid() {
        let description = DefaultReconciler::describe();
        assert!(DefaultReconciler::validate_settings(&description.default_settings).is_ok());
    }

    #[test]
    fn settings_that_are_not_understood_are_refused() {
        let mut seen = observation(1);
        seen.context.settings = r#"{"maxClones": 1}"#.into();
        let refusal = reconcile(&seen).expect_err("a misspelt key");
        assert_eq!(refusal.reason.code, reasons::SETTINGS_INVALID);
    }

    #[test]
    fn a_phase_that_the_host_cannot_tell_is_left_alone() {
        let mut seen = observation(3);
        seen.context.phase = Phase::Unknown;
        seen.members = vec![member(0)];
        assert!(reconcile(&seen).expect("a plan").actions.is_empty());
    }

    #[test]
    fn an_incomplete_view_is_looked_at_again_soon() {
        let mut seen = observation(3);
        seen.complete = false;
        let plan = reconcile(&seen).expect("a plan");
        assert!(plan.actions.is_empty());
        assert_eq!(plan.next_look.map(|look| look.after_ms), Some(5_000));
    }

    #[test]
    fn a_group_that_is_as_wanted_gets_the_empty_plan() {
        let mut seen = observation(2);
        seen.members = vec![member(0), member(1)];
        assert_eq!(reconcile(&seen).expect("a plan"), Plan::default());
    }
}
