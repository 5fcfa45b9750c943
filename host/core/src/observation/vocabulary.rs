//! The enums of the contract, word for word.

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$case_doc:meta])* $case:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash,
            serde::Serialize, serde::Deserialize,
        )]
        pub enum $name { $($(#[$case_doc])* #[serde(rename = $text)] $case),+ }

        impl $name {
            /// Every case, in the order of the contract.
            pub const ALL: &'static [$name] = &[$($name::$case),+];

            /// The word of the contract.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$case => $text),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use words;

words!(
    /// Whether the group is wanted.
    Phase { /// Cannot be told.
        Unknown = "unknown", /// Wanted.
        Normal = "normal", /// Being deleted.
        Deleting = "deleting" });
words!(
    /// Why the host looks at a group.
    WakeReason { /// Cannot be told.
        Unknown = "unknown", /// The host started or took over.
        Started = "started", /// The object changed.
        ObjectChanged = "object-changed", /// A VM changed.
        VmChanged = "vm-changed", /// An operation ended.
        OperationEnded = "operation-ended", /// A time came.
        TimeCame = "time-came", /// Another module decides.
        ModuleChanged = "module-changed", /// Held effects were approved.
        Approved = "approved" });
words!(
    /// Power state of a VM.
    PowerState { /// Cannot be told.
        Unknown = "unknown", /// Running.
        On = "on", /// Powered off.
        Off = "off", /// Suspended.
        Suspended = "suspended" });
words!(
    /// Which members go first.
    RemovalPolicy { /// Cannot be told.
        Unknown = "unknown", /// Youngest first.
        Newest = "newest", /// Oldest first.
        Oldest = "oldest", /// Highest slot first.
        HighestSlot = "highest-slot" });
words!(
    /// What may be done about drift.
    UpdatePolicy { /// Cannot be told.
        Unknown = "unknown", /// Hot reconfiguration.
        InPlace = "in-place", /// Reconfiguration, powered off if need be.
        PowerCycle = "power-cycle", /// Replacement in steps.
        RollingReplace = "rolling-replace", /// Nothing.
        OnDelete = "on-delete" });
words!(
    /// What may be done about failure.
    HealPolicy { /// Cannot be told.
        Unknown = "unknown", /// Nothing.
        Never = "never", /// Delete and clone anew.
        Replace = "replace" });
words!(
    /// What to do about a foreign change of power.
    PowerDriftPolicy { /// Cannot be told.
        Unknown = "unknown", /// Bring it back after the grace period.
        Enforce = "enforce", /// Leave it alone.
        Report = "report" });
words!(
    /// How members may be parked.
    Parking { /// Cannot be told.
        Unknown = "unknown", /// Not at all.
        Forbidden = "forbidden", /// Powered off.
        PowerOff = "power-off", /// Suspended.
        Suspend = "suspend" });
words!(
    /// Whether vCenter reaches the VM.
    Connection { /// Cannot be told.
        Unknown = "unknown", /// Reached.
        Connected = "connected", /// Its host is not reached.
        Disconnected = "disconnected", /// Its files are not reached.
        Inaccessible = "inaccessible" });
words!(
    /// Health of a member.
    Health { /// Cannot be told.
        Unknown = "unknown", /// Not yet once as the group wants it.
        Starting = "starting", /// As it should be.
        Ready = "ready", /// Not as it should be.
        Unready = "unready", /// Broken.
        Failed = "failed" });
words!(
    /// The least that would bring a member to the spec.
    Drift { /// Cannot be told.
        Unknown = "unknown", /// Nothing.
        None = "none", /// A hot reconfiguration.
        InPlace = "in-place", /// A reconfiguration while powered off.
        PowerCycle = "power-cycle", /// A new VM.
        Replace = "replace" });
words!(
    /// Why nothing may be done to a member.
    Hold { /// Cannot be told.
        Unknown = "unknown", /// An administrator's wish.
        Administrator = "administrator", /// Not reached.
        Unreachable = "unreachable", /// In a failover.
        Failover = "failover", /// Waits for an answer.
        Question = "question", /// Somebody else's task.
        ForeignTask = "foreign-task", /// Deletion only: a foreign disk.
        ForeignDisk = "foreign-disk", /// Deletion only: a foreign snapshot.
        ForeignSnapshot = "foreign-snapshot", /// Deletion only: Destroy disabled.
        DestroyDisabled = "destroy-disabled", /// Two VMs claim the slot.
        Duplicate = "duplicate" });
words!(
    /// What an operation does.
    OperationKind { /// Cannot be told.
        Unknown = "unknown", /// Clone.
        Clone = "clone", /// Power on.
        PowerOn = "power-on", /// Power off.
        PowerOff = "power-off", /// Suspend.
        Suspend = "suspend", /// Reconfigure.
        Reconfigure = "reconfigure", /// Delete.
        Delete = "delete" });
words!(
    /// How far an operation is.
    OperationStage { /// Cannot be told.
        Unknown = "unknown", /// Waiting for its turn.
        Queued = "queued", /// vCenter has it, or may have it.
        Started = "started" });
words!(
    /// What kind of failure.
    FailureClass { /// Cannot be told.
        Unknown = "unknown", /// Something the spec names is missing.
        NotFound = "not-found", /// A stranger has the name.
        NameTaken = "name-taken", /// A privilege is missing.
        NoPermission = "no-permission", /// Not enough capacity.
        InsufficientResources = "insufficient-resources", /// Values refused.
        Invalid = "invalid", /// Will likely pass.
        Transient = "transient" });
