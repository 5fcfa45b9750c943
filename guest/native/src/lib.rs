//! The logic of this repository's modules, run natively on the host's types:
//! the same source, the same conversion, no WebAssembly. Tests and benchmarks
//! compare a module with it.

use vmgroup_core::observation::Observation;
use vmgroup_core::plan::Answer;
use vmgroup_default_reconciler::DefaultReconciler;
use vmgroup_one_by_one::OneByOne;
use vmgroup_sdk::Reconciler;

/// The generated types, under the name that the conversion expects.
mod bindings {
    pub(crate) use vmgroup_sdk::bindings::vmgroup::operator::types;
}

#[path = "../../../host/engine/src/convert.rs"]
mod convert;

/// What the built-in module decides.
pub fn decide(observation: &Observation) -> Answer {
    decide_with::<DefaultReconciler>(observation)
}

/// What the example that fills one slot at a time decides.
pub fn decide_one_by_one(observation: &Observation) -> Answer {
    decide_with::<OneByOne>(observation)
}

/// What any logic decides.
pub fn decide_with<T: Reconciler>(observation: &Observation) -> Answer {
    convert::answer(T::reconcile(&convert::observation(observation)))
}

/// Who the built-in module says it is.
pub fn built_in_description() -> vmgroup_core::plan::Description {
    describe::<DefaultReconciler>()
}

/// Who the example that fills one slot at a time says it is.
pub fn one_by_one_description() -> vmgroup_core::plan::Description {
    describe::<OneByOne>()
}

/// Who any logic says it is.
pub fn describe<T: Reconciler>() -> vmgroup_core::plan::Description {
    convert::description(T::describe())
}

/// What the built-in module has against settings.
///
/// # Errors
/// As the contract's `validate-settings`.
pub fn validate_built_in_settings(
    settings: &str,
) -> Result<(), Vec<vmgroup_core::plan::SettingsError>> {
    validate_settings::<DefaultReconciler>(settings)
}

/// What any logic has against settings.
///
/// # Errors
/// As the contract's `validate-settings`.
pub fn validate_settings<T: Reconciler>(
    settings: &str,
) -> Result<(), Vec<vmgroup_core::plan::SettingsError>> {
    T::validate_settings(settings)
        .map_err(|errors| errors.into_iter().map(convert::settings_error).collect())
}
