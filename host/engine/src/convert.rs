//! Between the types of the core and those of the contract: observations go
//! out, everything else comes in.
//!
//! The same file serves the generated types of the host and those of a guest
//! that is tested natively: whoever includes it has them at
//! `crate::bindings::types`.

use vmgroup_core::observation as core;
use vmgroup_core::plan;

use crate::bindings::types as wit;

/// The observation as a module sees it.
pub(crate) fn observation(from: &core::Observation) -> wit::Observation {
    wit::Observation {
        context: context(&from.context),
        desired: desired(&from.desired),
        members: from.members.iter().map(member).collect(),
        operations: from.operations.iter().map(operation).collect(),
        failures: from.failures.iter().map(failure).collect(),
        complete: from.complete,
        as_of: from.as_of.0,
    }
}

/// What `reconcile` returned.
pub(crate) fn answer(from: Result<wit::Plan, wit::Refusal>) -> plan::Answer {
    match from {
        Ok(plan) => plan::Answer::Plan(plan::Plan {
            actions: plan.actions.into_iter().map(action).collect(),
            next_look: plan.next_look.map(next_look),
            memo: plan.memo,
            notes: plan.notes,
        }),
        Err(refusal) => plan::Answer::Refusal(plan::Refusal {
            reason: reason(refusal.reason),
            next_look: refusal.next_look.map(next_look),
        }),
    }
}

/// What `describe` returned.
pub(crate) fn description(from: wit::Description) -> plan::Description {
    plan::Description {
        name: from.name,
        version: from.version,
        reason_codes: from.reason_codes,
        settings_schema: from.settings_schema,
        default_settings: from.default_settings,
    }
}

/// One of the errors that `validate-settings` returned.
pub(crate) fn settings_error(from: wit::SettingsError) -> plan::SettingsError {
    plan::SettingsError {
        pointer: from.pointer,
        message: from.message,
    }
}

fn context(from: &core::Context) -> wit::Context {
    wit::Context {
        phase: phase(from.phase),
        now: from.now.0,
        zone: from.zone.map(|zone| wit::Zone {
            offset_minutes: zone.offset_minutes,
            next_transition: zone.next_transition.map(|time| time.0),
        }),
        woken: wake_reason(from.woken),
        settings: from.settings.clone(),
        memo: from.memo.clone(),
        violations: from.violations.iter().map(violation).collect(),
    }
}

fn violation(from: &plan::Violation) -> wit::Violation {
    wit::Violation {
        rule: from.rule.clone(),
        message: from.message.clone(),
    }
}

fn desired(from: &core::Desired) -> wit::Desired {
    wit::Desired {
        replicas: from.replicas,
        max_unavailable: from.max_unavailable,
        max_surge: from.max_surge,
        min_alive: from.min_alive,
        spares: from.spares,
        power: wit::PowerWish {
            state: power_state(from.power.state),
            drift: power_drift_policy(from.power.drift),
            grace_ms: from.power.grace_ms,
            since: from.power.since.0,
        },
        removal: removal_policy(from.removal),
        update: update_policy(from.update),
        heal: heal_policy(from.heal),
        heal_after_ms: from.heal_after_ms,
        parking: parking(from.parking),
        budget: wit::Budget {
            deletes: from.budget.deletes,
            disruptions: from.budget.disruptions,
            scaled_down: from.budget.scaled_down,
            window_ends: from.budget.window_ends.0,
        },
        max_actions: from.max_actions,
    }
}

fn member(from: &core::Member) -> wit::Member {
    wit::Member {
        id: from.id.clone(),
        slot: from.slot,
        power: power_state(from.power),
        power_since: from.power_since.0,
        connection: connection(from.connection),
        health: health(from.health),
        health_since: from.health_since.0,
        drift: drift(from.drift),
        cpus: from.cpus,
        memory_mib: from.memory_mib,
        created_at: from.created_at.map(|time| time.0),
        labels: from.labels.clone(),
        holds: from.holds.iter().copied().map(hold).collect(),
    }
}

fn operation(from: &core::Operation) -> wit::Operation {
    wit::Operation {
        kind: operation_kind(from.kind),
        slot: from.slot,
        member: from.member.clone(),
        stage: operation_stage(from.stage),
        since: from.since.0,
    }
}

fn failure(from: &core::Failure) -> wit::Failure {
    wit::Failure {
        slot: from.slot,
        class: failure_class(from.class),
        count: from.count,
        last: from.last.0,
    }
}

fn action(from: wit::Action) -> plan::Action {
    plan::Action {
        effect: effect(from.effect),
        reason: reason(from.reason),
    }
}

fn effect(from: wit::Effect) -> plan::Effect {
    match from {
        wit::Effect::Clone(slot) => plan::Effect::Clone(slot),
        wit::Effect::PowerOn(member) => plan::Effect::PowerOn(member),
        wit::Effect::PowerOff(power_off) => plan::Effect::PowerOff(plan::PowerOff {
            member: power_off.member,
            mode: match power_off.mode {
                wit::PowerOffMode::Soft => plan::PowerOffMode::Soft,
                wit::PowerOffMode::Hard => plan::PowerOffMode::Hard,
            },
        }),
        wit::Effect::Suspend(member) => plan::Effect::Suspend(member),
        wit::Effect::Reconfigure(member) => plan::Effect::Reconfigure(member),
        wit::Effect::Delete(member) => plan::Effect::Delete(member),
    }
}

fn reason(from: wit::Reason) -> plan::Reason {
    plan::Reason {
        code: from.code,
        message: from.message,
    }
}

fn next_look(from: wit::NextLook) -> plan::NextLook {
    plan::NextLook {
        after_ms: from.after_ms,
        reason: reason(from.reason),
    }
}

/// Enums whose cases have the same names on both sides; the compiler refuses a
/// case that one side lacks.
macro_rules! same_cases {
    ($($function:ident: $name:ident { $($case:ident),+ })+) => {
        $(fn $function(from: core::$name) -> wit::$name {
            match from { $(core::$name::$case => wit::$name::$case),+ }
        })+
    };
}

same_cases! {
    phase: Phase { Unknown, Normal, Deleting }
    wake_reason: WakeReason { Unknown, Started, ObjectChanged, VmChanged, OperationEnded, TimeCame, ModuleChanged, Approved }
    power_state: PowerState { Unknown, On, Off, Suspended }
    removal_policy: RemovalPolicy { Unknown, Newest, Oldest, HighestSlot }
    update_policy: UpdatePolicy { Unknown, InPlace, PowerCycle, RollingReplace, OnDelete }
    heal_policy: HealPolicy { Unknown, Never, Replace }
    power_drift_policy: PowerDriftPolicy { Unknown, Enforce, Report }
    parking: Parking { Unknown, Forbidden, PowerOff, Suspend }
    connection: Connection { Unknown, Connected, Disconnected, Inaccessible }
    health: Health { Unknown, Starting, Ready, Unready, Failed }
    drift: Drift { Unknown, None, InPlace, PowerCycle, Replace }
    hold: Hold { Unknown, Administrator, Unreachable, Failover, Question, ForeignTask, ForeignDisk, ForeignSnapshot, DestroyDisabled, Duplicate }
    operation_kind: OperationKind { Unknown, Clone, PowerOn, PowerOff, Suspend, Reconfigure, Delete }
    operation_stage: OperationStage { Unknown, Queued, Started }
    failure_class: FailureClass { Unknown, NotFound, NameTaken, NoPermission, InsufficientResources, Invalid, Transient }
}
