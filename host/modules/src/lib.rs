//! Where modules come from, and which one decides: bytes pass
//!
//! ```text
//! fetch → digest → size → inspect → compile → link → describe → validate settings → law cases → active
//! ```
//!
//! and are refused at the first stage that finds something; the module that was
//! active stays so. Everything between size and law cases is the engine's work:
//! it is handed in as a [`Loader`], because this crate knows no WebAssembly.

mod loader;

mod intake;

mod laws;

mod store;

mod file;

mod built_in;

pub mod limits;

pub use built_in::built_in;
pub use file::{FileWatch, watch_file};
pub use intake::{Intake, Taken};
pub use laws::{LawCase, law_cases};
pub use loader::{Candidate, Loader, Refusal, Wanted, digest, stage};
pub use store::{Loaded, Name, Store};

#[cfg(test)]
mod fake;
