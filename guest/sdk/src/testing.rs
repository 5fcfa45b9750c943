//! Observations for tests: everything is as wanted until the test changes it.
//!
//! ```
//! use vmgroup_sdk::testing::{member, observation};
//!
//! let mut seen = observation(3);
//! seen.members = vec![member(0), member(1)];
//! assert_eq!(seen.free_slots().next(), Some(2));
//! ```

use crate::{
    Budget, Connection, Context, Desired, Drift, HealPolicy, Health, Member, Observation,
    Operation, OperationKind, OperationStage, Parking, Phase, PowerDriftPolicy, PowerState,
    PowerWish, RemovalPolicy, UpdatePolicy, WakeReason,
};

/// The time in [`observation`].
pub const NOW: u64 = 1_000_000_000_000;

/// A complete view of a group without members; all else as the custom
/// resource's defaults have it.
pub fn observation(replicas: u32) -> Observation {
    Observation {
        context: Context {
            phase: Phase::Normal,
            now: NOW,
            zone: None,
            woken: WakeReason::TimeCame,
            settings: "{}".into(),
            memo: None,
            violations: Vec::new(),
        },
        desired: Desired {
            replicas,
            max_unavailable: 1,
            max_surge: 0,
            min_alive: 0,
            spares: 0,
            power: PowerWish {
                state: PowerState::On,
                drift: PowerDriftPolicy::Enforce,
                grace_ms: 300_000,
                since: 0,
            },
            removal: RemovalPolicy::Newest,
            update: UpdatePolicy::InPlace,
            heal: HealPolicy::Never,
            heal_after_ms: 600_000,
            parking: Parking::Forbidden,
            budget: Budget {
                deletes: 10,
                disruptions: 10,
                scaled_down: u32::MAX,
                window_ends: NOW + 3_600_000,
            },
            max_actions: 50,
        },
        members: Vec::new(),
        operations: Vec::new(),
        failures: Vec::new(),
        complete: true,
        as_of: NOW,
    }
}

/// A member that is on, ready and like the spec; its id is `vm-<slot>`.
pub fn member(slot: u32) -> Member {
    Member {
        id: format!("vm-{slot}"),
        slot,
        power: PowerState::On,
        power_since: 0,
        connection: Connection::Connected,
        health: Health::Ready,
        health_since: 0,
        drift: Drift::None,
        cpus: 1,
        memory_mib: 1024,
        created_at: Some(u64::from(slot)),
        labels: Vec::new(),
        holds: Vec::new(),
    }
}

/// An operation that has started; all but clones concern the member `vm-<slot>`.
pub fn operation(kind: OperationKind, slot: u32) -> Operation {
    Operation {
        kind,
        slot,
        member: (kind != OperationKind::Clone).then(|| format!("vm-{slot}")),
        stage: OperationStage::Started,
        since: NOW - 1_000,
    }
}
