//! Every limit of the objects, each with the reason for its value. The schema
//! and the conversion take them from here.

/// Virtual CPUs of one VM: vSphere 8's maximum.
pub const CPUS_MAX: u32 = 768;

/// GiB of memory of one VM: vSphere 8's maximum of 24 TiB.
pub const MEMORY_GIB_MAX: u32 = 24_576;

/// Slots of a group: the status has a record of each.
pub const SLOTS_MAX: u32 = vmgroup_core::limits::SLOTS_MAX;

/// Characters of a template: a path of ten folders of 80 characters each, and
/// some room for escaped slashes.
pub const TEMPLATE_CHARS_MAX: u32 = 1_024;

/// Seconds for which a foreign change of power may be left alone: a week.
pub const POWER_GRACE_S_MAX: u32 = 7 * 24 * 60 * 60;

/// Seconds of failure before healing, at least: a guest operating system that
/// boots looks failed for about so long.
pub const HEAL_AFTER_S_MIN: u32 = 60;

/// Seconds of failure before healing, at most: a week.
pub const HEAL_AFTER_S_MAX: u32 = 7 * 24 * 60 * 60;

/// Characters of a module's name: what Kubernetes allows an object's name.
pub const MODULE_NAME_CHARS_MAX: u32 = 253;

/// Labels that a module may see: they are read for every VM.
pub const ALLOWED_LABELS_MAX: u32 = 16;

/// Characters of a label: a DNS prefix, a slash and a name, as in Kubernetes.
pub const LABEL_CHARS_MAX: u32 = 253 + 1 + 63;

/// Keys at the top of the settings; the schema can bound no more.
pub const SETTINGS_KEYS_MAX: u32 = 64;

/// Bytes of the settings as canonical JSON: they are handed to the module with
/// every decision.
pub const SETTINGS_BYTES_MAX: usize = 16 * 1_024;

/// Characters of the digest that an approval names.
pub const DIGEST_CHARS_MAX: u32 = 128;

/// Characters of a group's name, as Kubernetes has it.
pub const GROUP_NAME_CHARS_MAX: u32 = 253;

/// Entries of a list or map in the status of which the operator writes at most
/// `SLOTS_MAX`: slots above the bound may outlive a scale-down for a while.
pub const STATUS_ENTRIES_MAX: i64 = 4 * SLOTS_MAX as i64;

/// Characters of any text in the status: what metav1.Condition allows a message.
pub const STATUS_TEXT_MAX: i64 = 32_768;
