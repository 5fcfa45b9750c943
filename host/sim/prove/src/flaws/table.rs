//! The bugs, what each is modelled on, and who is to catch it.

use vmgroup_sim::schedule::Profile;

/// One way in which an operator is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flaw {
    /// The bug.
    pub bug: Bug,
    /// Its name, as the command line takes it.
    pub name: &'static str,
    /// What it is modelled on.
    pub after: &'static str,
    /// What is drawn to find it.
    pub profile: &'static Profile,
    /// The oracles of which one has to catch it: any other breach may be chance.
    by: &'static str,
}

macro_rules! flaws {
    ($($bug:ident $name:literal $profile:ident $by:literal $after:literal;)+) => {
        /// A bug. What it does stands in `hear` and `ask`.
        #[allow(missing_docs, reason = "the table says what each is modelled on")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Bug { $($bug),+ }

        /// Every seeded bug.
        pub const FLAWS: &[Flaw] = &[$(Flaw {
            bug: Bug::$bug,
            name: $name,
            after: $after,
            profile: &Profile::$profile,
            by: $by,
        }),+];
    };
}

// MAO: openshift/machine-api-operator. CAPV: cluster-api-provider-vsphere. CPV:
// cloud-provider-vsphere. D: a defect of the demo. Sieve: a pattern of OSDI '22.
flaws! {
    LostCloneIsRetried "lost-clone-is-retried" USUAL "S1 S2 S7" "MAO #1535, D2, D3: a clone whose answer was lost is made again under a new name";
    RepeatsLostCalls "repeats-lost-calls" USUAL "S1 S2 S7" "a client library that repeats writes after a time-out";
    CallsTwice "calls-twice" USUAL "S1 S2 S7" "CAPV #139: one decision carried out twice";
    MarkerlessClones "markerless-clones" USUAL "S1 S12 L1" "MAO #703: a VM that its owner does not recognise";
    InheritedMarker "inherited-marker" USUAL "S2 L1" "a clone that keeps the marker of what it was cloned from";
    WrongSlot "wrong-slot" USUAL "S2 L1" "two members numbered alike";
    ForgetsIntent "forgets-intent" USUAL "S1 S2 S4 S7 S10" "D3: a restart forgets what is in flight";
    ConflictCountsAsDone "conflict-counts-as-done" RIVALS "S10" "Sieve: a write that lost against another one is taken for done";
    LostWriteCountsAsDone "lost-write-counts-as-done" USUAL "S10" "a commit without an answer is acted on";
    UnreadableIsGone "unreadable-is-gone" USUAL "S1 S2 S5 L1 L2" "CPV #479: not readable taken for not found";
    StaleLook "stale-look" USUAL "S3 S4" "Sieve, stale state: an action on what a cache shows";
    UnreachableIsAbsent "unreachable-is-absent" USUAL "S1 S2 S5 S13 L1" "a second fleet after an unreadable host";
    LeftIsDestroyed "left-is-destroyed" USUAL "S1 S2 S5 L1" "D11: a VM moved out of its folder counts as gone";
    CopiesAreMembers "copies-are-members" USUAL "S1 S3 S13" "a restored or copied VM counts as a member";
    AdoptsByName "adopts-by-name" USUAL "S3" "D11: whatever is named alike is taken over";
    FinalizerTooEarly "finalizer-too-early" USUAL "S5" "the object goes before its VMs";
    SuspendedActs "suspended-acts" USUAL "S4" "suspend is not looked at";
    ObserveActs "observe-acts" USUAL "S4" "Observe is not looked at";
    OrphanDeletes "orphan-deletes" USUAL "S4" "the deletion policy is not looked at";
    HoldIsIgnored "hold-is-ignored" USUAL "S4" "an administrator's hold is not looked at";
    DisksAreIgnored "disks-are-ignored" USUAL "S4" "OCPBUGS-6063: Destroy_Task takes foreign disks along";
    DeafToDeletion "deaf-to-deletion" USUAL "L2" "Sieve, unobserved state: a deletion is never seen";
    DeafToEdits "deaf-to-edits" USUAL "L1 L2" "D: a spec edit never reaches VMs that exist";
    DeafToModules "deaf-to-modules" SWAPS "L5" "a swap that nobody hears of";
    StaleRelist "stale-relist" USUAL "L1 L4 S15" "ManageIQ #780: an inventory that is stuck for hours";
    NeverLogsInAgain "never-logs-in-again" USUAL "L1 L4" "D6: a session that ended is never renewed";
    LoginStorm "login-storm" USUAL "S14 S15" "CAPV #1569: refused credentials are tried until the account is locked";
    KeepsSession "keeps-session" USUAL "S14" "CAPV #1818: a session is left behind at each restart";
    ActsWithoutLease "acts-without-lease" LEASED "S6" "an operator without leader election beside one that has it";
    DeafToRivals "deaf-to-rivals" RIVALS "S1 S4" "two operators without leader election, neither of which heeds the other's commits";
    LeaseLapsesAtOnce "lease-lapses-at-once" LEASED "S6 S15" "another holder's clock is believed";
    LostLeaseCountsAsWon "lost-lease-counts-as-won" LEASED "S6" "a lease write that lost against another one is taken for done";
    PanicsOnFailure "panics-on-failure" USUAL "S9" "D1: the process ends with a failed call";
    HotLoop "hot-loop" USUAL "S15" "D4: a message that changes with every look";
    ChattyEvents "chatty-events" USUAL "S15" "an event each time that nothing happened";
    IdleReads "idle-reads" USUAL "S15" "D21: an idle group costs calls";
    CountsUnknownAsZero "counts-unknown-as-zero" USUAL "S13" "D15: replicas reported that were not counted";
    GenerationAhead "generation-ahead" USUAL "S13" "D15: a generation reported that was not looked at";
    AlwaysReady "always-ready" USUAL "S13" "D15: RUNNING does not mean that VMs are up";
    SaysSecrets "says-secrets" USUAL "S11" "a credential in a status";
    FoldersOfOthers "folders-of-others" USUAL "S12" "D8: one folder for two groups";
    UncommittedPowerOff "uncommitted-power-off" USUAL "S4 S10" "D13: a power fight that no spec asks for";
    WrongPower "wrong-power" USUAL "S4 S10 L1" "off for on";
    IgnoresOthers "ignores-others" USUAL "L1 L3" "D7: one group keeps all others waiting";
}

impl Flaw {
    /// The oracle is one that has to catch it.
    pub fn is_for(&self, oracle: &str) -> bool {
        self.by.split(' ').any(|it| it == oracle)
    }

    /// By the name that the command line takes.
    pub fn named(name: &str) -> Option<&'static Flaw> {
        FLAWS.iter().find(|flaw| flaw.name == name)
    }
}
