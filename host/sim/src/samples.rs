//! Specs to begin with, for tests and the demo.

use vmgroup_core::group::{Amount, DeletionPolicy, Mode, Spec};
use vmgroup_core::observation::{
    HealPolicy, Parking, PowerDriftPolicy, PowerState, RemovalPolicy, UpdatePolicy,
};

/// `replicas` running VMs of one CPU and 1 GiB, cloned from `template`;
/// everything else as an owner gets it who does not ask for anything.
pub fn small_spec(replicas: u32, template: &str) -> Spec {
    Spec {
        cpus: 1,
        memory_mib: 1024,
        replicas,
        template: template.to_owned(),
        power_state: PowerState::On,
        power_drift: PowerDriftPolicy::Enforce,
        power_grace_ms: 300_000,
        update: UpdatePolicy::InPlace,
        max_unavailable: Amount::Count(1),
        max_surge: Amount::Count(0),
        min_alive: 0,
        spares: 0,
        removal: RemovalPolicy::Newest,
        heal: HealPolicy::Never,
        heal_after_ms: 600_000,
        parking: Parking::Forbidden,
        deletion: DeletionPolicy::Delete,
        suspend: false,
        mode: Mode::Apply,
        settings: "{}".to_owned(),
        allow: std::collections::BTreeSet::new(),
        module: None,
    }
}
