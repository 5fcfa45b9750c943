//! What owners want, drawn.

use vmgroup_core::group::{Amount, DeletionPolicy, Mode, Spec};
use vmgroup_core::observation::{
    HealPolicy, PowerDriftPolicy, PowerState, RemovalPolicy, UpdatePolicy,
};

use super::{Draw, NEXT_TEMPLATE, TEMPLATE};
use crate::samples::small_spec;

impl Draw {
    pub(super) fn spec(&mut self) -> Spec {
        let meddled = !self.profile.objects_only;
        let replicas = self.small(5);
        let update = self.one_of(&UpdatePolicy::ALL[1..]);
        let (max_unavailable, max_surge) = self.room(update);
        // A share that comes to nobody leaves a power cycle no room.
        let shares: &[u32] = match update {
            UpdatePolicy::PowerCycle => &[100],
            _ => &[25, 50, 100],
        };
        let max_unavailable = self.amount(max_unavailable, shares);
        let max_surge = self.amount(max_surge, shares);
        let power_state = self.power_state();
        Spec {
            cpus: 1 + self.small(2),
            memory_mib: 1024 * (1 + self.random.below(2)),
            template: if meddled && self.random.per_mille(80) {
                "missing".into()
            } else if self.random.per_mille(200) {
                NEXT_TEMPLATE.into()
            } else {
                TEMPLATE.into()
            },
            power_state,
            power_drift: if meddled && self.random.per_mille(80) {
                PowerDriftPolicy::Report
            } else {
                PowerDriftPolicy::Enforce
            },
            power_grace_ms: 2_000,
            settings: if self.random.per_mille(100) {
                r#"{"powerOff":"soft"}"#.into()
            } else {
                "{}".into()
            },
            update,
            max_surge,
            max_unavailable,
            // Who wants all of them down, and some of them up, gets that.
            min_alive: if power_state == PowerState::On && self.random.per_mille(100) {
                self.small(u64::from(replicas.max(1)))
            } else {
                0
            },
            spares: u32::from(self.random.per_mille(100)),
            removal: self.one_of(&RemovalPolicy::ALL[1..]),
            heal: if meddled && self.random.per_mille(300) {
                HealPolicy::Replace
            } else {
                HealPolicy::Never
            },
            heal_after_ms: self.one_of(&[60_000, 60_000, 60_000, 600_000]),
            deletion: if meddled && self.random.per_mille(80) {
                DeletionPolicy::Orphan
            } else {
                DeletionPolicy::Delete
            },
            suspend: meddled && self.random.per_mille(30),
            mode: if meddled && self.random.per_mille(30) {
                Mode::Observe
            } else {
                Mode::Apply
            },
            ..small_spec(replicas, TEMPLATE)
        }
    }

    /// How many may be unavailable, and how many more there may be: room for what the policy
    /// does, so that the group comes to an end.
    fn room(&mut self, update: UpdatePolicy) -> (u32, u32) {
        let surge = self.small(2);
        match update {
            _ if !self.random.per_mille(100) => (1 + self.small(2), surge),
            UpdatePolicy::PowerCycle => (1, surge),
            UpdatePolicy::RollingReplace => (0, 1 + surge),
            _ => (0, surge),
        }
    }

    /// So many, or one of these shares.
    fn amount(&mut self, count: u32, shares: &[u32]) -> Amount {
        if count > 0 && self.random.per_mille(200) {
            Amount::Percent(self.one_of(shares))
        } else {
            Amount::Count(count)
        }
    }

    fn power_state(&mut self) -> PowerState {
        if self.profile.rare && self.random.per_mille(150) {
            PowerState::Suspended
        } else if self.random.per_mille(150) {
            PowerState::Off
        } else {
            PowerState::On
        }
    }
}
