use std::marker::PhantomData;

use crate::bindings::exports::vmgroup::operator::logic::Guest;
use crate::{Description, Observation, Plan, Refusal, SettingsError};

/// The logic of a module.
pub trait Reconciler {
    /// Says who the module is. Constant.
    fn describe() -> Description;

    /// Refuses settings (canonical JSON) that `reconcile` could not work with.
    ///
    /// # Errors
    /// One error for each place in the settings that is wrong.
    fn validate_settings(settings: &str) -> Result<(), Vec<SettingsError>>;

    /// Decides. Pure: the same observation always gives the same answer.
    ///
    /// # Errors
    /// A refusal when the module will not decide; the host then does nothing.
    fn reconcile(observation: &Observation) -> Result<Plan, Refusal>;
}

/// Fits a [`Reconciler`] to the functions that the contract exports.
pub struct Exported<T>(PhantomData<T>);

impl<T: Reconciler> Guest for Exported<T> {
    fn describe() -> Description {
        T::describe()
    }

    fn validate_settings(settings: String) -> Result<(), Vec<SettingsError>> {
        T::validate_settings(&settings)
    }

    fn reconcile(observation: Observation) -> Result<Plan, Refusal> {
        let answer = T::reconcile(&observation);
        // The instance ends with this call and its memory with it: to free a
        // thousand members one by one would be for nothing.
        std::mem::forget(observation);
        answer
    }
}

/// Makes a [`Reconciler`] the module that this crate is compiled to.
#[macro_export]
macro_rules! export {
    ($logic:ty) => {
        const _: () = {
            type Module = $crate::Exported<$logic>;

            #[cfg(target_arch = "wasm32")]
    $crate::bindings::export_exported!(Module with_types_in $crate::bindings);

            #[cfg(not(target_arch = "wasm32"))]
            const _: fn() -> $crate::Description =
                <Module as $crate::bindings::exports::vmgroup::operator::logic::Guest>::describe;
        };
    };
}
