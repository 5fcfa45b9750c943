//! Every limit on a module, with the reason for its value.

use vmgroup_core::limits as core;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Bytes of a memory whose pages stay with the process for the next call: about
/// what a decision about a thousand members touches.
pub(crate) const KEPT_BYTES: usize = 512 * KIB;

/// Tables of a core module: what WebAssembly itself allows, so that the pool
/// refuses none that would run without it.
pub(crate) const TABLES_OF_A_MODULE_MAX: u32 = 100;

/// Elements of a table, for the pool: as [`TABLES_OF_A_MODULE_MAX`].
pub(crate) const TABLE_ELEMENTS_MAX: usize = 10_000_000;

/// Characters of what is wrong with a module: a compiler's message in full, and
/// not the page that some have.
pub(crate) const PROBLEM_CHARS_MAX: usize = 500;

/// Characters of a panic's message: as [`PROBLEM_CHARS_MAX`].
pub(crate) const PANIC_CHARS_MAX: usize = PROBLEM_CHARS_MAX;

/// Characters of the name of an import or export that is shown: WASI's longest
/// have fewer than 100.
pub(crate) const NAME_CHARS_MAX: usize = 200;

/// Characters of what a description is refused for: enough to know it again.
pub(crate) const QUOTED_CHARS_MAX: usize = 80;

/// Interfaces inside interfaces that are looked into: the contract has none,
/// WASI none.
pub(crate) const DEPTH_MAX: usize = 8;

/// Functions of an interface that are listed: WASI's largest has fewer than 100.
pub(crate) const FUNCTIONS_LISTED_MAX: usize = 1_000;

/// Names in the text of one error; the rest is counted.
pub(crate) const LISTED_MAX: usize = core::IDS_NAMED_MAX;

/// What a module may take. One value for the whole engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a module: the largest toolchain that is known to work (Python)
    /// makes 18 MiB, and four are held while one is replaced by another.
    pub module_bytes: usize,
    /// Functions of a module, all core modules together: compilation takes about
    /// as long as there are functions, and Python's interpreter has 20,000.
    pub functions: usize,
    /// Globals of a module, all core modules together: each instance has room for its own, which
    /// counts as none of its memory. Toolchains that link at run time import one for each symbol.
    pub globals: usize,
    /// Instantiations of nested components. They multiply along the nesting, so
    /// that 20 make 1,500 at worst; toolchains make one per exported interface.
    pub nested_instances: usize,
    /// Fuel of one call, about one unit an instruction: 200 ms of the dearest
    /// loop on the machine where it was measured. The default module uses
    /// less than a twentieth of it for 1,000 members. It runs out before the
    /// deadline does, so that the verdict is the same on every machine.
    pub fuel: u64,
    /// Milliseconds between two looks at the clock: a hundredth of the deadline.
    pub tick_ms: u64,
    /// Milliseconds of one call, for what fuel does not see: a slow machine, and
    /// time spent in the host on the module's behalf.
    pub deadline_ms: u64,
    /// Bytes of all linear memories together: an interpreter with 1,000 members
    /// needs 20 MiB, and a few calls run at a time.
    pub memory_bytes: usize,
    /// Elements of all tables together: Python's interpreter has 8,000.
    pub table_elements: usize,
    /// Core instances, memories and tables of a component, each. Python's has
    /// 30 of its libraries.
    pub core_instances: usize,
    /// Bytes of the native stack. Threads have 2 MiB, a quarter is ample.
    pub stack_bytes: usize,
    /// Bytes that the host copies out of a module at a time: above the output
    /// limits, below what would hurt.
    pub hostcall_bytes: usize,
    /// Actions in one plan: a group has at most 1,000 slots, and a slot takes
    /// one action at a time.
    pub actions: usize,
    /// Bytes of a member id in an action; vCenter's have fewer than 80.
    pub member_id_bytes: usize,
    /// Bytes of all strings of an answer: a thousand actions with full messages.
    pub answer_bytes: usize,
    /// Bytes of a memo. It is stored with the group.
    pub memo_bytes: usize,
    /// Remarks in a plan; more are dropped.
    pub notes: usize,
    /// Characters of a message or remark; more are cut.
    pub message_chars: usize,
    /// Characters of a reason code.
    pub code_chars: usize,
    /// Reason codes of a module: each is a metric label.
    pub reason_codes: usize,
    /// Characters of a module's name: a label value of Kubernetes.
    pub name_chars: usize,
    /// Bytes of a settings schema.
    pub schema_bytes: usize,
    /// Bytes of settings.
    pub settings_bytes: usize,
    /// Log lines kept of one call; more are dropped.
    pub log_lines: usize,
    /// Bytes kept of a log line; more are cut.
    pub log_line_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        let (actions, member_id_bytes) = (core::ACTIONS_MAX as usize, 255);
        let (message_chars, code_chars) = (core::MESSAGE_CHARS_MAX, core::CODE_CHARS_MAX);
        let deadline_ms = 1_000;
        Limits {
            module_bytes: 32 * MIB,
            functions: 50_000,
            globals: 50_000,
            nested_instances: 20,
            fuel: 200_000_000,
            tick_ms: deadline_ms / 100,
            deadline_ms,
            memory_bytes: 32 * MIB,
            table_elements: 10_000,
            core_instances: 64,
            stack_bytes: 512 * KIB,
            hostcall_bytes: 4 * MIB,
            actions,
            member_id_bytes,
            answer_bytes: actions * (member_id_bytes + 4 * message_chars + code_chars),
            memo_bytes: core::MEMO_BYTES_MAX,
            notes: core::NOTES_MAX,
            message_chars,
            code_chars,
            reason_codes: 100,
            name_chars: 63,
            schema_bytes: 64 * KIB,
            settings_bytes: 16 * KIB,
            log_lines: 64,
            log_line_bytes: KIB,
        }
    }
}
