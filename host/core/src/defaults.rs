//! What an observation says where a case leaves something out: the defaults of
//! the VmGroup resource, and members as they mostly are.

use crate::limits::INTEGER_MAX;
use crate::observation::{
    Budget, Connection, Drift, HealPolicy, Health, Parking, Phase, PowerDriftPolicy, PowerState,
    PowerWish, RemovalPolicy, UpdatePolicy, WakeReason,
};
use crate::time::Timestamp;

pub(crate) fn complete() -> bool {
    true
}

pub(crate) fn phase() -> Phase {
    Phase::Normal
}

pub(crate) fn woken() -> WakeReason {
    WakeReason::TimeCame
}

pub(crate) fn settings() -> String {
    "{}".to_owned()
}

pub(crate) fn zero() -> u32 {
    0
}

pub(crate) fn one() -> u32 {
    1
}

pub(crate) fn start() -> Timestamp {
    Timestamp(0)
}

pub(crate) fn never() -> Timestamp {
    Timestamp(INTEGER_MAX)
}

pub(crate) fn power_wish() -> PowerWish {
    PowerWish {
        state: power_on(),
        drift: power_drift(),
        grace_ms: grace_ms(),
        since: start(),
    }
}

pub(crate) fn power_on() -> PowerState {
    PowerState::On
}

pub(crate) fn power_drift() -> PowerDriftPolicy {
    PowerDriftPolicy::Enforce
}

pub(crate) fn grace_ms() -> u64 {
    5 * 60 * 1_000
}

pub(crate) fn removal() -> RemovalPolicy {
    RemovalPolicy::Newest
}

pub(crate) fn update() -> UpdatePolicy {
    UpdatePolicy::InPlace
}

pub(crate) fn heal() -> HealPolicy {
    HealPolicy::Never
}

pub(crate) fn heal_after_ms() -> u64 {
    10 * 60 * 1_000
}

pub(crate) fn parking() -> Parking {
    Parking::Forbidden
}

pub(crate) fn budget() -> Budget {
    Budget {
        deletes: budget_count(),
        disruptions: budget_count(),
        scaled_down: scaled_down(),
        window_ends: never(),
    }
}

/// Whatever is too many is so by the owner's scale-down.
pub(crate) fn scaled_down() -> u32 {
    u32::MAX
}

pub(crate) fn budget_count() -> u32 {
    10
}

pub(crate) fn max_actions() -> u32 {
    50
}

pub(crate) fn connection() -> Connection {
    Connection::Connected
}

pub(crate) fn health() -> Health {
    Health::Ready
}

pub(crate) fn drift() -> Drift {
    Drift::None
}

pub(crate) fn memory_mib() -> u64 {
    1_024
}
