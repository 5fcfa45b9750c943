//! A module's answer, in the shape of the contract.

use serde::{Deserialize, Serialize};

use crate::observation::{MemberId, OperationKind, Slot};

/// A plan: nothing in it is done before it has passed the rules in `check`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// In any order.
    #[serde(default)]
    pub actions: Vec<Action>,
    /// When to look again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_look: Option<NextLook>,
    /// What to remember.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memo: Option<String>,
    /// Remarks for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// One effect that a module wants, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Action {
    /// What.
    pub effect: Effect,
    /// Why.
    pub reason: Reason,
}

/// What a module may want.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Fill an empty slot.
    Clone(Slot),
    /// Power a member on.
    PowerOn(MemberId),
    /// Power a member off.
    PowerOff(PowerOff),
    /// Suspend a member.
    Suspend(MemberId),
    /// Bring a member's hardware to the spec.
    Reconfigure(MemberId),
    /// Power off and destroy a member.
    Delete(MemberId),
}

impl Effect {
    /// The member concerned; none for a clone.
    pub fn member(&self) -> Option<&str> {
        match self {
            Effect::Clone(_) => None,
            Effect::PowerOff(power_off) => Some(&power_off.member),
            Effect::PowerOn(id)
            | Effect::Suspend(id)
            | Effect::Reconfigure(id)
            | Effect::Delete(id) => Some(id),
        }
    }

    /// The kind of operation that carries it out.
    pub fn kind(&self) -> OperationKind {
        match self {
            Effect::Clone(_) => OperationKind::Clone,
            Effect::PowerOn(_) => OperationKind::PowerOn,
            Effect::PowerOff(_) => OperationKind::PowerOff,
            Effect::Suspend(_) => OperationKind::Suspend,
            Effect::Reconfigure(_) => OperationKind::Reconfigure,
            Effect::Delete(_) => OperationKind::Delete,
        }
    }
}

/// Whom to power off, and how.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PowerOff {
    /// The member.
    pub member: MemberId,
    /// How.
    pub mode: PowerOffMode,
}

/// How to power off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PowerOffMode {
    /// Ask the guest operating system.
    Soft,
    /// Cut the power.
    Hard,
}

/// Why, for people and for machines.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Reason {
    /// One of the module's reason codes.
    pub code: String,
    /// Text for people.
    pub message: String,
}

/// When to look again, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NextLook {
    /// Milliseconds from the decision.
    pub after_ms: u64,
    /// Why.
    pub reason: Reason,
}

/// The module will not decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// When to ask again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_look: Option<NextLook>,
}

/// What `reconcile` returns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// A plan.
    Plan(Plan),
    /// No plan.
    Refusal(Refusal),
}

/// One way in which a plan breaks a rule of the host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Violation {
    /// Rule id.
    pub rule: String,
    /// What was wrong, with the ids concerned.
    pub message: String,
}

/// Who a module says it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Description {
    /// Name.
    pub name: String,
    /// Version of the logic.
    pub version: String,
    /// Reason codes it may emit.
    pub reason_codes: Vec<String>,
    /// JSON Schema of its settings.
    pub settings_schema: String,
    /// Settings it accepts.
    pub default_settings: String,
}

/// Why settings are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SettingsError {
    /// JSON Pointer into the settings.
    pub pointer: String,
    /// What is wrong.
    pub message: String,
}
