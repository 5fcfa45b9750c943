//! Everything that can happen to the operator. Adapters make these; they
//! translate and never decide.

use vmgroup_core::group::{Adoption, GroupKey, Spec};
use vmgroup_core::plan::{Answer, Description};
use vmgroup_core::status::Status;
use vmgroup_core::time::Timestamp;

use crate::inventory::{Fault, FolderId, Task, TaskId, Vm, VmId};
use crate::request::RequestId;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A time came that `Machine::deadline` named, or nothing at all.
    Time,
    /// All groups, by a list that began after the previous event of this kind.
    GroupsListed(Vec<GroupObject>),
    /// A group was created or changed.
    GroupChanged(Box<GroupObject>),
    /// A group's object is gone.
    GroupGone {
        /// Which.
        key: GroupKey,
        /// Its UID, so that a namesake is not meant.
        uid: String,
    },
    /// All approvals.
    ApprovalsListed(Vec<Approval>),
    /// An approval was created or changed.
    ApprovalChanged(Approval),
    /// An approval is gone.
    ApprovalGone {
        /// Namespace and name of the approval itself.
        key: GroupKey,
    },
    /// Answer to `WriteStatus`, `WriteMeta` or `ReadGroup`.
    GroupAnswered {
        /// The request.
        id: RequestId,
        /// What came of it.
        result: WriteResult,
    },
    /// The lease as the API server has it, by watch, read or answered write.
    LeaseSeen {
        /// None if the object does not exist.
        lease: Option<LeaseRecord>,
        /// The answered `WriteLease`, if this is one's answer.
        id: Option<RequestId>,
    },
    /// `WriteLease` or reading the lease failed.
    LeaseFailed {
        /// The request.
        id: RequestId,
        /// Why.
        message: String,
    },
    /// The secret with the credentials has this version from here on.
    CredentialsChanged {
        /// Hash over the credentials, useless to anybody who reads it.
        version: String,
    },
    /// There are no credentials that could be tried.
    CredentialsMissing {
        /// What is missing, and where.
        message: String,
    },
    /// Answer to `Login`.
    LoginAnswered {
        /// The request.
        id: RequestId,
        /// What came of it.
        result: LoginResult,
    },
    /// The feed of the session shows everything anew: replace all VMs and tasks.
    FeedReset {
        /// The `Login` or `Relist` that began it.
        id: RequestId,
        /// All VMs in view.
        vms: Vec<Vm>,
        /// All running tasks of our user, and those that ended lately.
        tasks: Vec<Task>,
    },
    /// Changes since the previous update of the feed. A VM stands here whole.
    FeedChanged {
        /// VMs that entered or changed.
        vms: Vec<Vm>,
        /// VMs that left the view. That is not absence.
        left: Vec<VmId>,
        /// Tasks that started or changed.
        tasks: Vec<Task>,
    },
    /// The feed waited its turn and nothing changed: the view is fresh.
    FeedIdle,
    /// A part of what the feed tells next has arrived: it works, and the view is as old as it was.
    FeedProgress,
    /// The feed, or the session with it, is lost.
    FeedLost {
        /// What vCenter or the network said.
        reason: String,
        /// The session has ended: a login is needed.
        session_ended: bool,
    },
    /// Answer to `Call`.
    Called {
        /// The request.
        id: RequestId,
        /// What came of it.
        result: CallResult,
    },
    /// Answer to `Read`.
    Read {
        /// The request.
        id: RequestId,
        /// What came of it.
        result: ReadResult,
    },
    /// Answer to `Decide`.
    Decided {
        /// The request.
        id: RequestId,
        /// Digest of the module that decided.
        module: String,
        /// What came of it.
        result: DecideResult,
    },
    /// This module decides from here on for the groups that name it.
    ModuleActive(ActiveModule),
    /// The module of that name cannot be had: its groups are held.
    ModuleMissing {
        /// None for the operator's default module.
        name: Option<String>,
        /// Why, and what to do.
        message: String,
    },
    /// A newer module was refused: the one that is active stays so.
    ModuleRefused {
        /// None for the operator's default module.
        name: Option<String>,
        /// The stage that refused it.
        stage: String,
        /// Why.
        message: String,
    },
    /// The process is asked to end.
    Stop,
}

/// A group's object, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupObject {
    /// Namespace and name.
    pub key: GroupKey,
    /// UID of the object.
    pub uid: String,
    /// Generation of the spec.
    pub generation: i64,
    /// Version of the object. Comparable, but a restored cluster counts anew.
    pub resource_version: u64,
    /// When the object was created.
    pub created_at: Timestamp,
    /// The object is being deleted.
    pub deleting: bool,
    /// Our finalizer stands on it.
    pub finalizer: bool,
    /// The Go demo's finalizer stands on it.
    pub demo_finalizer: bool,
    /// The identity annotation.
    pub identity: Option<String>,
    /// What its owner says about left-overs.
    pub adoption: Option<Adoption>,
    /// The vCenter that it belongs to from now on, as its owner says.
    pub vcenter: Option<String>,
    /// The spec, or why it cannot be understood.
    pub spec: Result<Spec, String>,
    /// The status that the operator wrote.
    pub status: Status,
}

impl GroupObject {
    /// The identity: the annotation, or what it will be.
    pub fn known_as(&self) -> &str {
        self.identity.as_deref().unwrap_or(&self.uid)
    }
}

/// A person's approval of held effects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// Namespace and name of the approval itself.
    pub key: GroupKey,
    /// UID of the approval: it is used once.
    pub uid: String,
    /// Name of the group, in the same namespace.
    pub group: String,
    /// Digest of the effects that are approved.
    pub effects_digest: String,
    /// It counts for nothing from then on.
    pub expires_at: Option<Timestamp>,
}

/// What came of a write to, or a read of, a group's object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteResult {
    /// Done, or read: the object as it is.
    Done(Box<GroupObject>),
    /// The object has changed since the version that the write names.
    Conflict,
    /// The object does not exist, or is another one of that name.
    Gone,
    /// The write may or may not have been done.
    Lost {
        /// What the network said.
        message: String,
    },
    /// It was refused.
    Failed {
        /// What the API server said.
        message: String,
    },
}

/// The lease's content, as in `coordination.k8s.io/v1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseRecord {
    /// Who holds it; empty if it was given up.
    pub holder: String,
    /// Seconds after which it lapses without renewal.
    pub duration_s: u32,
    /// Counts changes of holder.
    pub transitions: u32,
    /// Version of the lease object.
    pub resource_version: String,
    /// Credentials that vCenter refused, remembered for all replicas.
    pub refused: Option<RefusedCredentials>,
}

/// Credentials that vCenter refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedCredentials {
    /// Version of the secret.
    pub version: String,
    /// When.
    pub at: Timestamp,
}

/// What came of a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginResult {
    /// In; `FeedReset` with the same id follows.
    In {
        /// `about.instanceUuid` of the vCenter.
        vcenter: String,
    },
    /// vCenter refused the credentials.
    Refused {
        /// Version of the credentials that were used. The secret may have changed
        /// since the last version that the machine was told of.
        version: String,
        /// What it said.
        message: String,
    },
    /// vCenter was not reached, or something that is needed is missing there.
    Failed {
        /// What was said, and what to do.
        message: String,
    },
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallResult {
    /// vCenter works on it.
    Started(TaskId),
    /// Done at once; a folder's MoID if one was made.
    Done {
        /// MoID of what was made.
        result: Option<String>,
    },
    /// vCenter refused it: nothing has happened.
    Refused(Fault),
    /// The call was never sent: nothing has happened.
    NotSent {
        /// Why.
        message: String,
    },
    /// No answer came: it may have happened.
    Lost {
        /// What the network said.
        message: String,
    },
}

/// What came of a read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadResult {
    /// Of `Read::Vm`: it exists.
    Vm(Box<Vm>),
    /// Of `Read::Vm` or `Read::Folder`: ManagedObjectNotFound, in a live session.
    Gone,
    /// Of `Read::Identity`: all VMs with that instanceUuid, anywhere in the vCenter.
    Vms(Vec<Vm>),
    /// Of `Read::Folder` and `Read::FolderNamed`.
    Folder {
        /// MoID.
        id: FolderId,
        /// The VMs directly in it.
        vms: Vec<Vm>,
        /// How many folders and other things are directly in it.
        others: u32,
    },
    /// Of `Read::FolderNamed`: the root has no such child.
    NoFolder,
    /// It could not be read.
    Failed {
        /// Why.
        fault: Fault,
    },
}

/// What came of a decision.
#[derive(Debug, Clone, PartialEq)]
pub enum DecideResult {
    /// The module answered.
    Answered(Answer),
    /// It trapped, ran out of a limit or returned something malformed.
    Failed {
        /// Label of the error, such as `out-of-fuel`.
        label: &'static str,
        /// Text of the error, with the figure and the limit.
        message: String,
    },
}

/// A module that decides.
#[derive(Debug, Clone, PartialEq)]
pub struct ActiveModule {
    /// None for the operator's default module.
    pub name: Option<String>,
    /// `sha256:…`.
    pub digest: String,
    /// Who it says it is.
    pub description: Description,
}
