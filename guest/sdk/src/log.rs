//! Lines for the operator's log. Natively they go nowhere: what a test must
//! see belongs into the plan.

#[cfg(target_arch = "wasm32")]
use crate::bindings::vmgroup::operator::log::{Level, log};

macro_rules! levels {
    ($($(#[$doc:meta])* $function:ident = $level:ident),+ $(,)?) => {
        $($(#[$doc])*
        pub fn $function(message: &str) {
            #[cfg(target_arch = "wasm32")]
            log(Level::$level, message);
            #[cfg(not(target_arch = "wasm32"))]
            let _ = message;
        })+
    };
}

levels!(
    /// For who debugs the module.
    debug = Debug,
    /// For who wonders what the module does.
    info = Info,
    /// For who should look when there is time.
    warn = Warn,
    /// For who must act.
    error = Error,
);
