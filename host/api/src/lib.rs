//! The objects that people write: `VmGroup` and `PlanApproval`, their schemas,
//! and the one place where they become the core's types.

pub mod limits;

pub mod amount;

pub mod group;

pub mod approval;

pub mod settings;

pub mod convert;

pub mod crd;

pub mod reference;

pub mod strict;

pub use approval::{PlanApproval, PlanApprovalSpec};
pub use convert::{SpecError, approval_from_json, spec_from_json};
pub use crd::{crd_yaml, crds};
pub use group::{VmGroup, VmGroupSpec};
pub use reference::reference;
