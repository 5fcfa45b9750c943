//! The reason codes of this module: people filter by them.

/// A slot is filled because fewer are filled than wanted.
pub(crate) const SCALE_UP: &str = "scale-up";
/// A slot above the wanted number is filled while others are replaced.
pub(crate) const SURGE: &str = "surge";
/// A member is deleted because there are more than wanted.
pub(crate) const SCALE_DOWN: &str = "scale-down";
/// A member is deleted because its group is.
pub(crate) const GROUP_DELETED: &str = "group-deleted";
/// A member is deleted because it was broken for too long.
pub(crate) const HEAL: &str = "heal";
/// A member's hardware is brought to the spec without a restart.
pub(crate) const UPDATE_IN_PLACE: &str = "update-in-place";
/// A member's hardware is brought to the spec with a restart.
pub(crate) const UPDATE_POWER_CYCLE: &str = "update-power-cycle";
/// A member is deleted because it differs from the spec.
pub(crate) const UPDATE_REPLACE: &str = "update-replace";
/// A new member gets its first power state.
pub(crate) const POWER_FIRST: &str = "power-first";
/// The group's owner wants another power state.
pub(crate) const POWER_WISH: &str = "power-wish";
/// Somebody else changed the power state, and the grace period is over.
pub(crate) const POWER_DRIFT: &str = "power-drift";
/// A member that was powered off for its update comes back.
pub(crate) const POWER_BACK: &str = "power-back";
/// Next look: the grace period of a foreign change of power ends.
pub(crate) const GRACE_ENDS: &str = "grace-ends";
/// Next look: a broken member may be healed.
pub(crate) const HEAL_DUE: &str = "heal-due";
/// Next look: the budget is renewed.
pub(crate) const BUDGET_RENEWS: &str = "budget-renews";
/// Next look: the view should be complete and new.
pub(crate) const VIEW_INCOMPLETE: &str = "view-incomplete";
/// Refusal: the settings cannot be worked with.
pub(crate) const SETTINGS_INVALID: &str = "settings-invalid";

/// All of them.
pub(crate) const ALL: &[&str] = &[
    SCALE_UP,
    SURGE,
    SCALE_DOWN,
    GROUP_DELETED,
    HEAL,
    UPDATE_IN_PLACE,
    UPDATE_POWER_CYCLE,
    UPDATE_REPLACE,
    POWER_FIRST,
    POWER_WISH,
    POWER_DRIFT,
    POWER_BACK,
    GRACE_ENDS,
    HEAL_DUE,
    BUDGET_RENEWS,
    VIEW_INCOMPLETE,
    SETTINGS_INVALID,
];
