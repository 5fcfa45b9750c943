//! A module that misbehaves in the way its settings name, for tests of the
//! host: `{"behaviour": "endless-loop"}`. A table bomb cannot be written in
//! Rust; the engine's tests have it as WebAssembly text.

mod exhaust;
mod mislead;

use serde::Deserialize;
use vmgroup_sdk::{
    Description, Observation, Plan, Reconciler, Refusal, SettingsError, log, parse_settings,
};

/// The misbehaving module.
pub struct Hostile;

vmgroup_sdk::export!(Hostile);

/// The settings of the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What it does.
    #[serde(default)]
    pub behaviour: Behaviour,
}

/// What the module does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Behaviour {
    /// Nothing: the empty plan.
    #[default]
    WellBehaved,
    /// Never returns.
    EndlessLoop,
    /// Calls itself until the stack is full.
    DeepRecursion,
    /// Takes memory until it gets no more.
    MemoryBomb,
    /// A plan of a million actions.
    ManyActions,
    /// A plan with a note of 100 MiB.
    GiantText,
    /// Executes `unreachable`.
    Trap,
    /// A million lines of log.
    LogFlood,
    /// One line of log of 16 MiB.
    GiantLogLine,
    /// Deletes a VM that is not in the observation.
    ForeignMember,
    /// Deletes every member.
    DeleteAll,
    /// Clones as many as the group has slots, and three more.
    CloneBeyondBounds,
    /// Powers every member on and deletes it.
    Contradictory,
    /// A reason with control characters and a message of a megabyte.
    NonsenseReasons,
    /// Deletes the first member on every second call, and clones on the others.
    FlipFlop,
    /// Refuses to decide.
    Refuse,
    /// A memo larger than the contract allows.
    GiantMemo,
}

/// JSON Schema of [`Settings`].
const SCHEMA: &str = r#"{
  "type": "object", "additionalProperties": false,
  "properties": {"behaviour": {"type": "string"}}
}"#;

impl Reconciler for Hostile {
    fn describe() -> Description {
        Description {
            name: "hostile".into(),
            version: "0.1.0".into(),
            reason_codes: vec!["hostile".into()],
            settings_schema: SCHEMA.into(),
            default_settings: "{}".into(),
        }
    }

    fn validate_settings(settings: &str) -> Result<(), Vec<SettingsError>> {
        parse_settings::<Settings>(settings).map(|_| ())
    }

    fn reconcile(seen: &Observation) -> Result<Plan, Refusal> {
        let settings = parse_settings::<Settings>(&seen.context.settings)
            .map_err(|_| Refusal::new("hostile", "settings that are not understood"))?;
        Ok(match settings.behaviour {
            Behaviour::WellBehaved => Plan::default(),
            Behaviour::EndlessLoop => exhaust::fuel(),
            Behaviour::DeepRecursion => exhaust::stack(),
            Behaviour::MemoryBomb => exhaust::memory(),
            Behaviour::ManyActions => mislead::many_actions(),
            Behaviour::GiantText => exhaust::output(),
            Behaviour::Trap => exhaust::trap(),
            Behaviour::LogFlood => exhaust::log(),
            Behaviour::GiantLogLine => exhaust::log_line(),
            Behaviour::ForeignMember => mislead::foreign_member(),
            Behaviour::DeleteAll => mislead::delete_all(seen),
            Behaviour::CloneBeyondBounds => mislead::clone_beyond_bounds(seen),
            Behaviour::Contradictory => mislead::contradictory(seen),
            Behaviour::NonsenseReasons => mislead::nonsense_reasons(seen),
            Behaviour::FlipFlop => mislead::flip_flop(seen),
            Behaviour::Refuse => {
                log::info("will not decide");
                return Err(Refusal::new("hostile", "will not decide"));
            }
            Behaviour::GiantMemo => mislead::giant_memo(),
        })
    }
}
