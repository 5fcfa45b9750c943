//! `PlanApproval`: a person lets held effects proceed, once.

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
use serde::{Deserialize, Serialize};

/// Which effects of which group are approved. The object's namespace is the group's.
#[derive(Debug, Clone, PartialEq, Eq, CustomResource, KubeSchema, Serialize, Deserialize)]
#[kube(
    group = "vm.codeconnect.vmworld.com",
    version = "v1alpha1",
    kind = "PlanApproval",
    plural = "planapprovals",
    singular = "planapproval",
    namespaced,
    doc = "A person's approval of effects that the operator holds. It is used once.",
    printcolumn(name = "Group", type_ = "string", json_path = ".spec.group"),
    printcolumn(name = "Effects", type_ = "string", json_path = ".spec.effectsDigest"),
    printcolumn(name = "Expires", type_ = "string", json_path = ".spec.expiresAt"),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = unchangeable())]
pub struct PlanApprovalSpec {
    /// Name of the VmGroup, in the same namespace.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = names_a_group())]
    pub group: String,
    /// What `status.held.effectsDigest` of the group says: the effects approved.
    #[schemars(length(min = 1, max = 128))]
    #[x_kube(validation = is_a_digest())]
    pub effects_digest: String,
    /// The approval counts for nothing from then on, RFC 3339.
    #[schemars(extend("format" = "date-time"), length(max = 64))]
    pub expires_at: String,
}

fn unchangeable() -> Rule {
    Rule::new("self == oldSelf")
        .message("an approval cannot be changed: delete it and create another one")
}

fn names_a_group() -> Rule {
    Rule::new("!format.dns1123Subdomain().validate(self).hasValue()")
        .message("group is the name of a VmGroup in the same namespace, without the namespace")
}

fn is_a_digest() -> Rule {
    Rule::new("self.matches('^[A-Za-z0-9][A-Za-z0-9:_.-]*$')")
        .message("effectsDigest is copied from status.held.effectsDigest of the group")
}
