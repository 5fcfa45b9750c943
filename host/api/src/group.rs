//! `VmGroup`, version v1alpha1: what the demo's users know, and more.
//!
//! The four fields of the demo are required; every other one has a default
//! that does nothing which the demo did not do.

#![allow(
    unreachable_pub,
    reason = "the derived schema repeats the structs inside a function"
)]
#![allow(
    clippy::duplicated_attributes,
    reason = "columns of one type are no duplicates"
)]

use kube::core::Rule;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vmgroup_core::group as core;
use vmgroup_core::observation as seen;
use vmgroup_core::status::Status;

use crate::amount::IntOrPercent;

/// API group of all objects.
pub const API_GROUP: &str = "vm.codeconnect.vmworld.com";

/// What the owner of a group asks for.
#[derive(Debug, Clone, PartialEq, CustomResource, KubeSchema, Serialize, Deserialize)]
#[kube(
    group = "vm.codeconnect.vmworld.com",
    version = "v1alpha1",
    kind = "VmGroup",
    plural = "vmgroups",
    singular = "vmgroup",
    shortname = "vg",
    namespaced,
    status = "Status",
    doc = "A number of vSphere VMs that are alike.",
    scale(
        spec_replicas_path = ".spec.replicas",
        status_replicas_path = ".status.currentReplicas",
        label_selector_path = ".status.selector"
    ),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(
        name = "Current",
        type_ = "integer",
        json_path = ".status.currentReplicas"
    ),
    printcolumn(name = "Desired", type_ = "integer", json_path = ".spec.replicas"),
    printcolumn(name = "CPU", type_ = "integer", json_path = ".spec.cpu"),
    printcolumn(name = "Memory", type_ = "integer", json_path = ".spec.memory"),
    printcolumn(name = "Template", type_ = "string", json_path = ".spec.template"),
    printcolumn(
        name = "Last_Message",
        type_ = "string",
        json_path = ".status.lastMessage"
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = alive_within_replicas(), validation = slots_within_limit())]
pub struct VmGroupSpec {
    /// Virtual CPUs of each VM.
    #[schemars(range(min = 1, max = 768))]
    pub cpu: u32,
    /// Memory of each VM, in GiB.
    #[schemars(range(min = 1, max = 24576))]
    pub memory: u32,
    /// How many VMs.
    #[schemars(range(min = 0, max = 1000))]
    pub replicas: u32,
    /// Name or inventory path of the VM or template that the VMs are cloned from.
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(validation = template_names_something(), validation = template_is_printable())]
    pub template: String,
    /// Power state of each VM: On, Off or Suspended.
    #[serde(default)]
    pub power_state: PowerState,
    /// What to do when somebody else changes a VM.
    #[serde(default)]
    pub drift: Drift,
    /// How VMs come to follow a changed spec.
    #[serde(default)]
    #[x_kube(validation = replacing_has_room())]
    pub update_strategy: UpdateStrategy,
    /// Which VMs go first when there are too many: Newest, Oldest or HighestSlot.
    #[serde(default)]
    pub removal_policy: RemovalPolicy,
    /// What to do with a VM that has failed.
    #[serde(default)]
    pub heal_policy: HealPolicy,
    /// What becomes of the VMs when this object is deleted: Delete destroys
    /// them, Orphan lets go of them and changes nothing else.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// While true nothing is done to the VMs, unless this object is deleted.
    #[serde(default)]
    pub suspend: bool,
    /// Apply acts; Observe only says what would be done.
    #[serde(default)]
    pub mode: Mode,
    /// How the reconcile logic may park VMs that are not needed: Forbidden,
    /// PowerOff or Suspend.
    #[serde(default)]
    pub parking: Parking,
    /// Which reconcile logic decides, and with what.
    #[serde(default)]
    pub reconciler: Reconciler,
}

/// What to do when somebody else changes a VM.
#[derive(Debug, Clone, Default, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Drift {
    /// When somebody else changes its power state.
    #[serde(default)]
    pub power: PowerDrift,
}

/// What to do when somebody else changes a VM's power state.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PowerDrift {
    /// Enforce brings it back after the grace period; Report leaves it alone.
    pub policy: PowerDriftPolicy,
    /// Seconds for which a change of somebody else is left alone.
    #[schemars(range(min = 0, max = 604800))]
    pub grace_seconds: u32,
}

impl Default for PowerDrift {
    fn default() -> Self {
        PowerDrift {
            policy: PowerDriftPolicy::default(),
            grace_seconds: 300,
        }
    }
}

/// How VMs come to follow a changed spec.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UpdateStrategy {
    /// InPlace changes running VMs where vSphere can, and leaves the others
    /// until they are deleted; PowerCycle also powers them off to change them;
    /// RollingReplace makes others in their place, as many at a time as
    /// maxUnavailable and maxSurge allow; OnDelete changes none.
    #[serde(rename = "type")]
    pub kind: UpdateType,
    /// How many VMs may be down at a time: a number, or a percentage of
    /// replicas (rounded down; one, if that and maxSurge would leave none).
    pub max_unavailable: IntOrPercent,
    /// How many VMs there may be above replicas while others are replaced: a
    /// number, or a percentage of replicas (rounded up).
    pub max_surge: IntOrPercent,
    /// How many VMs must stay up, whatever else is allowed.
    #[schemars(range(min = 0, max = 1000))]
    pub min_alive: u32,
    /// How many VMs the reconcile logic may keep in reserve, above replicas.
    #[schemars(range(min = 0, max = 1000))]
    pub spares: u32,
}

impl Default for UpdateStrategy {
    fn default() -> Self {
        UpdateStrategy {
            kind: UpdateType::default(),
            max_unavailable: IntOrPercent::count(1),
            max_surge: IntOrPercent::count(0),
            min_alive: 0,
            spares: 0,
        }
    }
}

/// What to do with a VM that has failed.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HealPolicy {
    /// Never leaves it; Replace deletes it and clones a new one.
    #[serde(rename = "type")]
    pub kind: HealType,
    /// Seconds for which it must have been failed.
    #[schemars(range(min = 60, max = 604800))]
    pub after_seconds: u32,
}

impl Default for HealPolicy {
    fn default() -> Self {
        HealPolicy {
            kind: HealType::default(),
            after_seconds: 600,
        }
    }
}

/// Which reconcile logic decides, and with what.
#[derive(Debug, Clone, Default, PartialEq, KubeSchema, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reconciler {
    /// Name of the module; without it the operator's own choice decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = module_is_a_name())]
    pub module: Option<String>,
    /// Settings for the module: it says itself which it understands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any_object")]
    pub settings: Option<serde_json::Map<String, serde_json::Value>>,
    /// Names of the VMs' custom attributes in vCenter that the module may see, as labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "label_keys")]
    pub allow: Vec<String>,
}

macro_rules! choice {
    ($(#[$doc:meta])* $name:ident => $target:ty { $($(#[$case_doc:meta])* $case:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, Default, PartialEq, Eq, JsonSchema, Serialize, Deserialize,
        )]
        pub enum $name { $($(#[$case_doc])* $case),+ }

        impl From<$name> for $target {
            fn from(choice: $name) -> Self {
                match choice { $($name::$case => <$target>::$case),+ }
            }
        }
    };
}

choice!(
    /// Power state wanted.
    PowerState => seen::PowerState {
        /// Running.
        #[default]
        On,
        /// Powered off.
        Off,
        /// Suspended.
        Suspended,
    }
);
choice!(
    /// What to do about a foreign change of power.
    PowerDriftPolicy => seen::PowerDriftPolicy {
        /// Bring it back.
        #[default]
        Enforce,
        /// Leave it alone.
        Report,
    }
);
choice!(
    /// What may be done about drift.
    UpdateType => seen::UpdatePolicy {
        /// Change running VMs.
        #[default]
        InPlace,
        /// Power them off to change them.
        PowerCycle,
        /// Replace them in steps.
        RollingReplace,
        /// Nothing.
        OnDelete,
    }
);
choice!(
    /// Which VMs go first.
    RemovalPolicy => seen::RemovalPolicy {
        /// Youngest first.
        #[default]
        Newest,
        /// Oldest first.
        Oldest,
        /// Highest slot first.
        HighestSlot,
    }
);
choice!(
    /// What may be done about failure.
    HealType => seen::HealPolicy {
        /// Nothing.
        #[default]
        Never,
        /// Delete and clone anew.
        Replace,
    }
);
choice!(
    /// What becomes of the VMs.
    DeletionPolicy => core::DeletionPolicy {
        /// They are destroyed.
        #[default]
        Delete,
        /// They are let go of.
        Orphan,
    }
);
choice!(
    /// Whether the operator acts.
    Mode => core::Mode {
        /// It does.
        #[default]
        Apply,
        /// It only says what it would do.
        Observe,
    }
);
choice!(
    /// How VMs may be parked.
    Parking => seen::Parking {
        /// Not at all.
        #[default]
        Forbidden,
        /// Powered off.
        PowerOff,
        /// Suspended.
        Suspend,
    }
);

fn alive_within_replicas() -> Rule {
    Rule::new("self.updateStrategy.minAlive <= self.replicas").message(
        "updateStrategy.minAlive is more than replicas, so no VM could ever be taken down: lower \
         minAlive or raise replicas",
    )
}

fn slots_within_limit() -> Rule {
    Rule::new(
        "self.replicas + self.updateStrategy.spares + (type(self.updateStrategy.maxSurge) == int \
         ? int(self.updateStrategy.maxSurge) \
         : (self.updateStrategy.maxSurge.matches('^[0-9]{1,3}%$') \
         ? (self.replicas * int(self.updateStrategy.maxSurge.replace('%', '')) + 99) / 100 : 0)) <= 1000",
    )
    .message(
        "replicas, updateStrategy.maxSurge and updateStrategy.spares together are more than the \
         1000 VMs that a group can have: split the group",
    )
}

fn template_names_something() -> Rule {
    Rule::new("self.trim().size() > 0")
        .message("template is blank: name the VM or template to clone, such as ubuntu-24.04")
}

fn template_is_printable() -> Rule {
    Rule::new(r"!self.matches('[\\x00-\\x1f\\x7f]')")
        .message("template has a control character, such as a line end: write the name on one line")
}

fn replacing_has_room() -> Rule {
    Rule::new(
        "self.type != 'RollingReplace' \
         || (type(self.maxUnavailable) == int ? int(self.maxUnavailable) != 0 : self.maxUnavailable != '0%') \
         || (type(self.maxSurge) == int ? int(self.maxSurge) != 0 : self.maxSurge != '0%')",
    )
    .message(
        "RollingReplace needs room: maxUnavailable and maxSurge are both 0, so no VM could ever \
         be replaced; let one of them be at least 1",
    )
}

fn module_is_a_name() -> Rule {
    Rule::new("!format.dns1123Subdomain().validate(self).hasValue()")
        .message("a module's name has lower-case letters, digits, '-' and '.', such as built-in")
}

fn any_object(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "maxProperties": crate::limits::SETTINGS_KEYS_MAX,
        "x-kubernetes-preserve-unknown-fields": true,
    })
}

fn label_keys(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "array",
        "maxItems": crate::limits::ALLOWED_LABELS_MAX,
        "x-kubernetes-list-type": "set",
        "items": {
            "type": "string",
            "minLength": 1,
            "maxLength": crate::limits::LABEL_CHARS_MAX,
            "x-kubernetes-validations": [{
                "rule": "!format.qualifiedName().validate(self).hasValue()",
                "message": "this is no label key: write one such as tier or example.com/tier",
            }],
        },
    })
}
