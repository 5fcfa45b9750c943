//! What the owner of a group asks for, parsed: nothing here can be half right.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::observation::{
    HealPolicy, Parking, PowerDriftPolicy, PowerState, RemovalPolicy, UpdatePolicy, words,
};

/// Namespace and name of a group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GroupKey {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl GroupKey {
    /// The key of `namespace/name`.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        GroupKey {
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

impl std::fmt::Display for GroupKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// A number of members, absolute or in percent of the replicas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// So many.
    Count(u32),
    /// So many percent.
    Percent(u32),
}

impl Amount {
    /// Absolute number, percentages rounded up (Kubernetes does so for surge).
    pub fn rounded_up(self, replicas: u32) -> u32 {
        match self {
            Amount::Count(count) => count,
            Amount::Percent(percent) => {
                let exact = u64::from(replicas) * u64::from(percent);
                u32::try_from(exact.div_ceil(100)).unwrap_or(u32::MAX)
            }
        }
    }

    /// Absolute number, percentages rounded down (Kubernetes does so for unavailable).
    pub fn rounded_down(self, replicas: u32) -> u32 {
        match self {
            Amount::Count(count) => count,
            Amount::Percent(percent) => {
                let exact = u64::from(replicas) * u64::from(percent);
                u32::try_from(exact / 100).unwrap_or(u32::MAX)
            }
        }
    }
}

words!(
    /// What happens to the VMs when the group's object is deleted.
    DeletionPolicy { /// They are deleted.
        Delete = "Delete", /// Their markers are removed, nothing else is touched.
        Orphan = "Orphan" });
words!(
    /// Whether the operator acts.
    Mode { /// It does.
        Apply = "Apply", /// It only says what it would do.
        Observe = "Observe" });

/// The spec of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// Virtual CPUs of a member.
    pub cpus: u32,
    /// Memory of a member, in MiB.
    pub memory_mib: u64,
    /// Filled slots wanted.
    pub replicas: u32,
    /// Name or inventory path of the VM that members are cloned from.
    pub template: String,
    /// Power state wanted.
    pub power_state: PowerState,
    /// What to do about a foreign change of power.
    pub power_drift: PowerDriftPolicy,
    /// Milliseconds for which a foreign change of power is left alone.
    pub power_grace_ms: u64,
    /// What may be done about drift.
    pub update: UpdatePolicy,
    /// Members that may be down at a time.
    pub max_unavailable: Amount,
    /// Members above the replicas during a replacement.
    pub max_surge: Amount,
    /// Members that must stay up.
    pub min_alive: u32,
    /// Members kept in reserve.
    pub spares: u32,
    /// Which members go first.
    pub removal: RemovalPolicy,
    /// What may be done about failure.
    pub heal: HealPolicy,
    /// Milliseconds of failure before healing.
    pub heal_after_ms: u64,
    /// How the module may park members.
    pub parking: Parking,
    /// What happens to the VMs when the object is deleted.
    pub deletion: DeletionPolicy,
    /// Nothing is done while set, deletion apart.
    pub suspend: bool,
    /// Whether the operator acts.
    pub mode: Mode,
    /// Settings for the module, canonical JSON.
    pub settings: String,
    /// Names of labels that the module may see.
    pub allow: BTreeSet<String>,
    /// Named module; none for the operator's own choice.
    pub module: Option<String>,
}

/// Finalizer of this operator.
pub const FINALIZER: &str = "vm.codeconnect.vmworld.com/vmgroup";
/// Finalizer that the Go demo left behind.
pub const DEMO_FINALIZER: &str = "vm-operator";
/// Annotation that holds the group's identity.
pub const IDENTITY_ANNOTATION: &str = "vm.codeconnect.vmworld.com/identity";
/// Annotation by which a person says what becomes of the demo's left-overs.
pub const ADOPTION_ANNOTATION: &str = "vm.codeconnect.vmworld.com/adoption";
/// Annotation by which a person says that a group belongs to another vCenter from now on: that
/// one's instanceUuid.
pub const VCENTER_ANNOTATION: &str = "vm.codeconnect.vmworld.com/vcenter";

words!(
    /// What becomes of VMs that look like the group's but are not marked so.
    Adoption { /// They become members.
        Adopt = "adopt", /// They are strangers.
        Ignore = "ignore" });

impl Spec {
    /// What a group that is being deleted asks for when its spec cannot be
    /// understood: no members, and the default way to get there.
    pub fn nothing() -> Self {
        Spec {
            cpus: 1,
            memory_mib: 1024,
            replicas: 0,
            template: String::new(),
            power_state: PowerState::On,
            power_drift: PowerDriftPolicy::Report,
            power_grace_ms: 0,
            update: UpdatePolicy::OnDelete,
            max_unavailable: Amount::Count(1),
            max_surge: Amount::Count(0),
            min_alive: 0,
            spares: 0,
            removal: RemovalPolicy::Newest,
            heal: HealPolicy::Never,
            heal_after_ms: 0,
            parking: Parking::Forbidden,
            deletion: DeletionPolicy::Delete,
            suspend: false,
            mode: Mode::Apply,
            settings: "{}".into(),
            allow: BTreeSet::new(),
            module: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_rounded_to_the_side_that_kubernetes_rounds_to() {
        let table = [
            // (amount, replicas, up, down)
            (Amount::Count(7), 3, 7, 7),
            (Amount::Count(0), 3, 0, 0),
            (Amount::Percent(0), 10, 0, 0),
            (Amount::Percent(25), 10, 3, 2),
            (Amount::Percent(30), 10, 3, 3),
            (Amount::Percent(1), 3, 1, 0),
            (Amount::Percent(99), 3, 3, 2),
            (Amount::Percent(250), 4, 10, 10),
            (Amount::Percent(50), 0, 0, 0),
            (Amount::Percent(u32::MAX), u32::MAX, u32::MAX, u32::MAX),
        ];
        for (amount, replicas, up, down) in table {
            let rounded = (amount.rounded_up(replicas), amount.rounded_down(replicas));
            assert_eq!(rounded, (up, down), "{amount:?} of {replicas}");
        }
    }

    #[test]
    fn a_key_is_shown_as_kubectl_shows_it() {
        assert_eq!(GroupKey::new("default", "web").to_string(), "default/web");
    }
}
