//! What is done to both API servers.

use std::fmt;

use vmgroup_core::group::Adoption;

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Unique in its sequence.
    pub number: u32,
    /// The name of the group that it is about.
    pub group: &'static str,
    /// What.
    pub what: What,
}

/// A spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// How many; none for an object without a spec.
    pub replicas: Option<u32>,
    /// Of which template.
    pub template: &'static str,
}

/// Which version of an object a write names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// The last one that was told.
    Current,
    /// One that was told so many versions before.
    Older(usize),
    /// The last one, of another object of that name.
    OtherUid,
    /// None that ever was.
    Invented,
}

/// Who writes the lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replica {
    /// This one.
    Own,
    /// The other one.
    Other,
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A person creates the group.
    Create(Wish),
    /// The same with the demo's finalizer on it.
    CreateOfDemo(Wish),
    /// A person applies it, whether or not it is there.
    Apply(Wish),
    /// A person replaces the spec.
    Edit(Wish),
    /// A person scales.
    Scale(u32),
    /// A person scales so many times without a pause.
    Flurry(Vec<u32>),
    /// A person deletes it.
    Delete,
    /// A person says what becomes of left-overs.
    Adopt(Option<Adoption>),
    /// A person adds a finalizer or removes it.
    Finalizer(bool),
    /// A person takes every finalizer away.
    Strip,
    /// A person approves effects; the number names the approval.
    Approve(u32),
    /// A person takes an approval back.
    Withdraw(u32),
    /// Reads the object.
    Read,
    /// Writes a status, one of a few.
    WriteStatus(Version, u32),
    /// Takes the group over under an identity, one of a few.
    Claim(Version, u32, bool),
    /// Lets it go.
    Release(Version),
    /// Writes the lease.
    WriteLease(Replica, Version),
    /// Creates the lease.
    CreateLease(Replica),
    /// The watch begins anew.
    Rewatch,
}

/// Every kind of operation.
pub const KINDS: &[&str] = &[
    "create",
    "create-of-demo",
    "apply",
    "edit",
    "scale",
    "flurry",
    "delete",
    "adopt",
    "finalizer",
    "strip",
    "approve",
    "withdraw",
    "read",
    "write-status",
    "claim",
    "release",
    "write-lease",
    "create-lease",
    "rewatch",
];

impl What {
    /// Its kind.
    pub fn kind(&self) -> &'static str {
        match self {
            What::Create(_) => "create",
            What::CreateOfDemo(_) => "create-of-demo",
            What::Apply(_) => "apply",
            What::Edit(_) => "edit",
            What::Scale(_) => "scale",
            What::Flurry(_) => "flurry",
            What::Delete => "delete",
            What::Adopt(_) => "adopt",
            What::Finalizer(_) => "finalizer",
            What::Strip => "strip",
            What::Approve(_) => "approve",
            What::Withdraw(_) => "withdraw",
            What::Read => "read",
            What::WriteStatus(..) => "write-status",
            What::Claim(..) => "claim",
            What::Release(_) => "release",
            What::WriteLease(..) => "write-lease",
            What::CreateLease(_) => "create-lease",
            What::Rewatch => "rewatch",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{} {}", self.number, self.what.kind())?;
        match &self.what {
            What::Rewatch => return Ok(()),
            What::WriteLease(replica, version) => return write!(f, " {replica:?} {version:?}"),
            What::CreateLease(replica) => return write!(f, " {replica:?}"),
            _ => write!(f, " {}", self.group)?,
        }
        match &self.what {
            What::Create(wish)
            | What::CreateOfDemo(wish)
            | What::Apply(wish)
            | What::Edit(wish) => {
                write!(f, " {wish}")
            }
            What::Scale(replicas) => write!(f, " to {replicas}"),
            What::Flurry(all) => write!(f, " to {all:?}"),
            What::Adopt(adoption) => write!(f, " {adoption:?}"),
            What::Finalizer(present) => write!(f, " {present}"),
            What::Approve(number) | What::Withdraw(number) => write!(f, " approval {number}"),
            What::WriteStatus(version, status) => write!(f, " {version:?} status {status}"),
            What::Claim(version, identity, replace) => {
                let demo = if *replace { " from the demo" } else { "" };
                write!(f, " {version:?} as identity {identity}{demo}")
            }
            What::Release(version) => write!(f, " {version:?}"),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.replicas {
            Some(replicas) => write!(f, "with {replicas} of `{}`", self.template),
            None => f.write_str("without a spec"),
        }
    }
}
