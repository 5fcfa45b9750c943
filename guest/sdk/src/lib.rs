//! What the author of a vmgroup module needs: the types of the contract
//! (`wit/reconciler.wit` documents every one of them), the [`Reconciler`]
//! trait, and [`export!`].
//!
//! ```
//! use vmgroup_sdk::{Description, Effect, Observation, Plan, Reconciler, Refusal, SettingsError};
//!
//! struct FirstSlotOnly;
//!
//! impl Reconciler for FirstSlotOnly {
//!     fn describe() -> Description {
//!         Description {
//!             name: "first-slot-only".into(),
//!             version: "0.1.0".into(),
//!             reason_codes: vec!["fill".into()],
//!             settings_schema: r#"{"type": "object"}"#.into(),
//!             default_settings: "{}".into(),
//!         }
//!     }
//!
//!     fn validate_settings(_settings: &str) -> Result<(), Vec<SettingsError>> {
//!         Ok(())
//!     }
//!
//!     fn reconcile(observation: &Observation) -> Result<Plan, Refusal> {
//!         let mut plan = Plan::default();
//!         if observation.complete && observation.slot_is_free(0) {
//!             plan.actions.push(Effect::Clone(0).because("fill", "slot 0 is empty"));
//!         }
//!         Ok(plan)
//!     }
//! }
//!
//! vmgroup_sdk::export!(FirstSlotOnly);
//! # fn main() {}
//! ```
//!
//! On `wasm32` the macro exports the functions of the contract. Anywhere else
//! it only checks types, so that logic is tested as ordinary Rust;
//! [`testing`] builds observations for such tests.

mod answer;
pub mod log;
mod look;
mod reconciler;
mod settings;
pub mod testing;

pub use bindings::vmgroup::operator::types::{
    Action, Budget, Connection, Context, Description, Desired, Drift, Effect, Failure,
    FailureClass, HealPolicy, Health, Hold, Member, NextLook, Observation, Operation,
    OperationKind, OperationStage, Parking, Phase, Plan, PowerDriftPolicy, PowerOff, PowerOffMode,
    PowerState, PowerWish, Reason, Refusal, RemovalPolicy, SettingsError, UpdatePolicy, Violation,
    WakeReason, Zone,
};
pub use look::FreeSlots;
#[doc(hidden)]
pub use reconciler::Exported;
pub use reconciler::Reconciler;
pub use settings::parse_settings;

/// Code generated from the contract.
#[doc(hidden)]
#[allow(
    unsafe_code,
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic
)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "reconciler",
        pub_export_macro: true,
        export_macro_name: "export_exported",
        default_bindings_module: "vmgroup_sdk::bindings",
        additional_derives: [PartialEq, Eq],
    });
}
