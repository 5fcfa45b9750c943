//! What the group's owner may tell this module.

use std::num::NonZeroU32;

use serde::Deserialize;
use vmgroup_sdk::{Effect, Member, Observation, SettingsError, parse_settings};

/// The settings of a group; `{}` is valid.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// Most clones in one plan.
    pub(crate) max_clones_per_plan: NonZeroU32,
    /// How members are powered off.
    pub(crate) power_off: PowerOff,
}

/// How members are powered off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PowerOff {
    /// By their operating system; the power is never cut, unless no VMware Tools are there to
    /// be asked.
    Soft,
    /// By their operating system; where an operation has failed since one last
    /// succeeded, the power is cut.
    SoftThenHard,
    /// The power is cut.
    Hard,
}

/// JSON Schema of [`Settings`].
pub(crate) const SCHEMA: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "maxClonesPerPlan": {
      "description": "Most clones in one plan.",
      "type": "integer", "minimum": 1, "maximum": 4294967295
    },
    "powerOff": {
      "description": "How members are powered off: by their operating system (soft), by cutting the power (hard), or soft first and hard where an operation has failed.",
      "enum": ["soft", "soft-then-hard", "hard"], "default": "soft-then-hard"
    }
  }
}"#;

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            max_clones_per_plan: NonZeroU32::MAX,
            power_off: PowerOff::SoftThenHard,
        }
    }
}

impl Settings {
    /// Reads the settings of a group.
    pub(crate) fn parse(settings: &str) -> Result<Settings, Vec<SettingsError>> {
        parse_settings(settings)
    }

    /// The effect that powers a running member off.
    pub(crate) fn power_off(&self, seen: &Observation, member: &Member) -> Effect {
        let failed_lately = || seen.failures.iter().any(|f| f.slot == member.slot);
        let hard = match self.power_off {
            PowerOff::Soft => false,
            PowerOff::SoftThenHard => failed_lately(),
            PowerOff::Hard => true,
        };
        if hard {
            Effect::hard_power_off(&member.id)
        } else {
            Effect::soft_power_off(&member.id)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_json() {
        let schema: Result<serde_json::Value, _> = serde_json::from_str(SCHEMA);
        assert!(schema.is_ok());
    }

    #[test]
    fn a_plan_without_clones_cannot_be_asked_for() {
        let errors = Settings::parse(r#"{"maxClonesPerPlan": 0}"#).expect_err("zero");
        assert_eq!(errors[0].pointer, "/maxClonesPerPlan");
    }

    #[test]
    fn the_way_to_power_off_is_a_word() {
        let settings = Settings::parse(r#"{"powerOff": "hard"}"#).expect("valid");
        assert_eq!(settings.power_off, PowerOff::Hard);
        let errors = Settings::parse(r#"{"powerOff": "rude"}"#).expect_err("rude");
        assert_eq!(errors[0].pointer, "/powerOff");
    }
}
