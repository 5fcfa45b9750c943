//! Why a module was refused, and why a call was discarded.

use vmgroup_core::outcome::Outcome;
use vmgroup_core::plan::SettingsError;

use crate::limits::LISTED_MAX;
use crate::{CONTRACT_VERSION, LOGIC};

/// A step of taking a module in, in the order of the steps here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Is it small enough?
    Size,
    /// Is it a component of the contract?
    Inspect,
    /// Does it compile?
    Compile,
    /// Do its functions have the types of the contract?
    Link,
    /// Does it say who it is?
    Describe,
    /// Does it accept its own settings?
    ValidateSettings,
}

impl Stage {
    /// The word for people and machines.
    pub fn as_str(self) -> &'static str {
        match self {
            Stage::Size => "size",
            Stage::Inspect => "inspect",
            Stage::Compile => "compile",
            Stage::Link => "link",
            Stage::Describe => "describe",
            Stage::ValidateSettings => "validate-settings",
        }
    }
}

/// Why a module was refused.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Too many bytes.
    #[error("module has {figure} bytes, the limit is {limit}")]
    TooLarge {
        /// Bytes.
        figure: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// No WebAssembly at all.
    #[error("not a WebAssembly file ({figure} bytes)")]
    NotWasm {
        /// Bytes.
        figure: usize,
    },
    /// WebAssembly, but not a component.
    #[error("a core WebAssembly module, not a component")]
    CoreModule,
    /// A component that is damaged or not valid.
    #[error("not a valid component: {problem}")]
    Invalid {
        /// What the validator found.
        problem: String,
    },
    /// Imports that the host does not give.
    #[error("imports what no module may have: {}", listed(.imports))]
    ForbiddenImports {
        /// Interface and function of each.
        imports: Vec<String>,
    },
    /// The contract, but not in a version that is spoken here.
    #[error("wrong version: exports {}, this operator speaks {CONTRACT_VERSION}", listed(.found))]
    WrongVersion {
        /// The exports.
        found: Vec<String>,
    },
    /// Another world.
    #[error("does not export {LOGIC}@{CONTRACT_VERSION}; it exports {}", listed(.found))]
    NoLogic {
        /// The exports.
        found: Vec<String>,
    },
    /// Too much of something to be compiled.
    #[error("module has {figure} {what}, the limit is {limit}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        figure: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// The compiler refused it.
    #[error("failed to compile: {problem}")]
    Compile {
        /// What the compiler said.
        problem: String,
    },
    /// Its functions do not have the types of the contract.
    #[error("failed to link: {problem}")]
    Link {
        /// What the linker said.
        problem: String,
    },
    /// `describe` did not answer.
    #[error("failed to ask the module who it is")]
    Describe {
        /// Why.
        source: CallError,
    },
    /// `describe` answered nonsense.
    #[error("description not accepted: {problem}")]
    Description {
        /// What is wrong.
        problem: String,
    },
    /// `validate-settings` did not answer.
    #[error("failed to ask the module about its default settings")]
    ValidateSettings {
        /// Why.
        source: CallError,
    },
    /// The module refuses its own defaults.
    #[error("module refuses its own default settings: {}", errors_listed(.errors))]
    DefaultSettings {
        /// Why.
        errors: Vec<SettingsError>,
    },
    /// A bug of ours.
    #[error("the engine failed at stage {}: {problem}", .stage.as_str())]
    Internal {
        /// Where.
        stage: Stage,
        /// What it said.
        problem: String,
    },
}

impl LoadError {
    /// The step that refused.
    pub fn stage(&self) -> Stage {
        match self {
            LoadError::TooLarge { .. } => Stage::Size,
            LoadError::NotWasm { .. }
            | LoadError::CoreModule
            | LoadError::Invalid { .. }
            | LoadError::ForbiddenImports { .. }
            | LoadError::WrongVersion { .. }
            | LoadError::NoLogic { .. }
            | LoadError::TooMany { .. } => Stage::Inspect,
            LoadError::Compile { .. } => Stage::Compile,
            LoadError::Link { .. } => Stage::Link,
            LoadError::Describe { .. } | LoadError::Description { .. } => Stage::Describe,
            LoadError::ValidateSettings { .. } | LoadError::DefaultSettings { .. } => {
                Stage::ValidateSettings
            }
            LoadError::Internal { stage, .. } => *stage,
        }
    }

    /// It may be the machine's fault, as in [`CallError::is_late`].
    pub fn is_late(&self) -> bool {
        match self {
            LoadError::Describe { source } | LoadError::ValidateSettings { source } => {
                source.is_late()
            }
            _ => false,
        }
    }

    /// The label of metrics and conditions.
    pub fn class(&self) -> &'static str {
        match self {
            LoadError::TooLarge { .. } => "too-large",
            LoadError::NotWasm { .. } => "not-wasm",
            LoadError::CoreModule => "core-module",
            LoadError::Invalid { .. } => "invalid",
            LoadError::ForbiddenImports { .. } => "forbidden-imports",
            LoadError::WrongVersion { .. } => "wrong-version",
            LoadError::NoLogic { .. } => "no-logic",
            LoadError::TooMany { .. } => "too-many",
            LoadError::Compile { .. } => "compile",
            LoadError::Link { .. } => "link",
            LoadError::Describe { .. } => "describe",
            LoadError::Description { .. } => "description",
            LoadError::ValidateSettings { .. } => "validate-settings",
            LoadError::DefaultSettings { .. } => "default-settings",
            LoadError::Internal { .. } => "internal",
        }
    }

    /// What its author can do, where that is not plain from the text.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            LoadError::CoreModule => {
                Some("turn it into a component with `wasm-tools component new`")
            }
            LoadError::ForbiddenImports { .. } => Some(
                "a module decides by its input alone: build for wasm32-unknown-unknown, \
                 or stub out WASI",
            ),
            LoadError::NotWasm { .. } => Some(
                "a module is a WebAssembly component, built by \
                 `cargo xtask guests` for the examples",
            ),
            _ => None,
        }
    }
}

/// In which way a module trapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrapKind {
    /// Too deep a recursion.
    StackOverflow,
    /// A panic or abort, as most languages compile it.
    Unreachable,
    /// Read or wrote outside its memory.
    MemoryOutOfBounds,
    /// Divided by zero or overflowed.
    Arithmetic,
    /// Called through a bad table entry.
    BadCall,
    /// Anything else.
    Other,
}

impl TrapKind {
    /// The word for people and machines.
    pub fn as_str(self) -> &'static str {
        match self {
            TrapKind::StackOverflow => "stack-overflow",
            TrapKind::Unreachable => "unreachable",
            TrapKind::MemoryOutOfBounds => "memory-out-of-bounds",
            TrapKind::Arithmetic => "arithmetic",
            TrapKind::BadCall => "bad-call",
            TrapKind::Other => "other",
        }
    }
}

/// Why a call was discarded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Too many instructions. The same on every machine.
    #[error("module used up its fuel of {limit} units")]
    Fuel {
        /// Units allowed.
        limit: u64,
    },
    /// Too long by the wall clock, which may be the machine's fault.
    #[error("module ran {figure_ms} ms, the limit is {limit_ms} ms")]
    Deadline {
        /// Milliseconds.
        figure_ms: u64,
        /// Milliseconds allowed.
        limit_ms: u64,
    },
    /// Too much memory, all memories together.
    #[error("module asked for {asked} bytes of memory, the limit is {limit}")]
    Memory {
        /// Bytes.
        asked: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// Too many table elements, all tables together.
    #[error("module asked for {asked} table elements, the limit is {limit}")]
    Table {
        /// Elements.
        asked: usize,
        /// Elements allowed.
        limit: usize,
    },
    /// Too much data handed to the host at once.
    #[error("module handed more than {limit} bytes to the host at once")]
    HostCall {
        /// Bytes allowed.
        limit: usize,
    },
    /// Too much of something in the answer.
    #[error("answer has {figure} {what}, the limit is {limit}")]
    Output {
        /// Of what.
        what: &'static str,
        /// How many.
        figure: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// The module gave up, or did what no program may.
    #[error("module trapped ({}): {message}", .kind.as_str())]
    Trap {
        /// How.
        kind: TrapKind,
        /// In the runtime's words.
        message: String,
    },
    /// An answer that is none.
    #[error("answer is malformed: {problem}")]
    Malformed {
        /// What is wrong.
        problem: String,
    },
    /// No instance could be made of it.
    #[error("failed to instantiate: {problem}")]
    Instantiate {
        /// In the runtime's words.
        problem: String,
    },
    /// The observation breaks a promise of the contract. No module is to blame.
    #[error("observation breaks the contract: {problem}")]
    Observation {
        /// What is wrong.
        problem: String,
    },
    /// A bug of ours.
    #[error("the engine failed: {problem}")]
    Internal {
        /// What it said.
        problem: String,
    },
}

impl CallError {
    /// Its row in the table of outcomes, which says who is to blame.
    pub fn outcome(&self) -> Outcome {
        match self {
            CallError::Fuel { .. } => Outcome::Fuel,
            CallError::Deadline { .. } => Outcome::Deadline,
            CallError::Memory { .. } => Outcome::Memory,
            CallError::Table { .. } => Outcome::Table,
            CallError::HostCall { .. } => Outcome::HostCall,
            CallError::Output { .. } => Outcome::Output,
            CallError::Trap { .. } => Outcome::Trap,
            CallError::Malformed { .. } => Outcome::Malformed,
            CallError::Instantiate { .. } => Outcome::Instantiate,
            CallError::Observation { .. } => Outcome::Observation,
            CallError::Internal { .. } => Outcome::Internal,
        }
    }

    /// It may be the machine's fault, which had no time or no memory to spare: the same call may
    /// pass later.
    pub fn is_late(&self) -> bool {
        matches!(
            self,
            CallError::Deadline { .. } | CallError::Internal { .. }
        )
    }

    /// The word of that row, which is a metric label.
    pub fn class(&self) -> &'static str {
        self.outcome().as_str()
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        return "nothing".into();
    }
    let shown = names[..names.len().min(LISTED_MAX)].join(", ");
    match names.len().saturating_sub(LISTED_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn errors_listed(errors: &[SettingsError]) -> String {
    let lines: Vec<_> = errors
        .iter()
        .map(|error| format!("{:?}: {}", error.pointer, error.message))
        .collect();
    listed(&lines)
}
