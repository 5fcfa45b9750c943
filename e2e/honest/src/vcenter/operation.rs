//! What is done to both vCenters.

use std::fmt;

use vmgroup_core::observation::{Connection, PowerState};

/// One operation. Others name what it made by its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Unique in its sequence.
    pub number: u32,
    /// What.
    pub what: What,
}

/// Which VM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Vm {
    /// The one that the operation of that number made.
    Of(u32),
    /// The template.
    Template,
    /// One that never was.
    Nobody,
}

/// Which folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Folder {
    /// The one that the operation of that number made.
    Of(u32),
    /// The one below which all others are.
    Root,
    /// One outside the root.
    Elsewhere,
    /// One that never was.
    Nobody,
}

/// How a template is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// By the template's name.
    Template,
    /// By its inventory path.
    TemplatePath,
    /// By a name that may be anybody's.
    Named(&'static str),
    /// By a path where there is nothing.
    NoPath,
}

/// One of a few instanceUuids, so that they meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity(pub u32);

/// A VM's processors and its memory in MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hardware {
    /// Processors.
    pub cpus: u32,
    /// Memory in MiB.
    pub memory_mib: u64,
}

/// A call that makes a VM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewVm {
    /// Of what.
    pub source: Source,
    /// Where to.
    pub folder: Folder,
    /// Its name.
    pub name: &'static str,
    /// Its instanceUuid.
    pub identity: Identity,
    /// Its hardware.
    pub hardware: Hardware,
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A session and its feed.
    Login,
    /// The same with a wrong password.
    LoginRefused,
    /// The end of both.
    Logout,
    /// vCenter ends the session.
    Expire,
    /// The feed begins anew.
    Relist,
    /// The feed shows these VMs too.
    Track(Vec<Vm>),
    /// Reads a VM.
    ReadVm(Vm),
    /// Searches an instanceUuid.
    ReadIdentity(Identity),
    /// Reads a folder.
    ReadFolder(Folder),
    /// Looks for a folder below the root.
    ReadFolderNamed(&'static str),
    /// Makes a folder below the root.
    CreateFolder(&'static str),
    /// Clones.
    Clone(Box<NewVm>),
    /// Powers on.
    PowerOn(Vm),
    /// Cuts the power.
    PowerOff(Vm),
    /// Asks the guest to shut down.
    ShutdownGuest(Vm),
    /// Suspends.
    Suspend(Vm),
    /// Changes hardware and spec hash.
    Reconfigure(Vm, Hardware),
    /// Writes a marker of that identity, or blanks it; may change the VM's own.
    Mark(Vm, Option<Identity>, Option<Identity>),
    /// Destroys.
    Destroy(Vm),
    /// Unregisters and destroys a folder.
    DestroyFolder(Folder),
    /// A person makes a VM.
    HandMakes(&'static str, Folder),
    /// A person changes the power.
    HandPower(Vm, PowerState),
    /// A person destroys a VM.
    HandDestroys(Vm),
    /// A person renames a VM.
    HandRenames(Vm, &'static str),
    /// A person moves a VM.
    HandMoves(Vm, Folder),
    /// A person copies a VM, its instanceUuid too if it is a restored backup.
    HandCopies(Vm, &'static str, Folder, bool),
    /// A host or its files are lost or found.
    Connects(Vm, Connection),
    /// A person holds a VM or lets it go.
    HandHolds(Vm, bool),
    /// A person takes a marker away.
    HandUnmarks(Vm),
    /// VMs that are made from here on can be given more while they run, or not.
    HotAdd(bool),
}

/// Every kind of operation.
pub const KINDS: &[&str] = &[
    "login",
    "login-refused",
    "logout",
    "expire",
    "relist",
    "track",
    "read-vm",
    "read-identity",
    "read-folder",
    "read-folder-named",
    "create-folder",
    "clone",
    "power-on",
    "power-off",
    "shutdown-guest",
    "suspend",
    "reconfigure",
    "mark",
    "destroy",
    "destroy-folder",
    "hand-makes",
    "hand-power",
    "hand-destroys",
    "hand-renames",
    "hand-moves",
    "hand-copies",
    "connects",
    "hand-holds",
    "hand-unmarks",
    "hot-add",
];

impl What {
    /// Its kind.
    pub fn kind(&self) -> &'static str {
        match self {
            What::Login => "login",
            What::LoginRefused => "login-refused",
            What::Logout => "logout",
            What::Expire => "expire",
            What::Relist => "relist",
            What::Track(_) => "track",
            What::ReadVm(_) => "read-vm",
            What::ReadIdentity(_) => "read-identity",
            What::ReadFolder(_) => "read-folder",
            What::ReadFolderNamed(_) => "read-folder-named",
            What::CreateFolder(_) => "create-folder",
            What::Clone(_) => "clone",
            What::PowerOn(_) => "power-on",
            What::PowerOff(_) => "power-off",
            What::ShutdownGuest(_) => "shutdown-guest",
            What::Suspend(_) => "suspend",
            What::Reconfigure(..) => "reconfigure",
            What::Mark(..) => "mark",
            What::Destroy(_) => "destroy",
            What::DestroyFolder(_) => "destroy-folder",
            What::HandMakes(..) => "hand-makes",
            What::HandPower(..) => "hand-power",
            What::HandDestroys(_) => "hand-destroys",
            What::HandRenames(..) => "hand-renames",
            What::HandMoves(..) => "hand-moves",
            What::HandCopies(..) => "hand-copies",
            What::Connects(..) => "connects",
            What::HandHolds(..) => "hand-holds",
            What::HandUnmarks(_) => "hand-unmarks",
            What::HotAdd(_) => "hot-add",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{} {} ", self.number, self.what.kind())?;
        match &self.what {
            What::Login | What::LoginRefused | What::Logout | What::Expire | What::Relist => Ok(()),
            What::Track(vms) => {
                let vms: Vec<String> = vms.iter().map(ToString::to_string).collect();
                write!(f, "[{}]", vms.join(", "))
            }
            What::ReadVm(vm)
            | What::PowerOn(vm)
            | What::PowerOff(vm)
            | What::ShutdownGuest(vm)
            | What::Suspend(vm)
            | What::Destroy(vm)
            | What::HandDestroys(vm)
            | What::HandUnmarks(vm) => write!(f, "{vm}"),
            What::ReadIdentity(identity) => write!(f, "{identity}"),
            What::ReadFolder(folder) | What::DestroyFolder(folder) => write!(f, "{folder}"),
            What::ReadFolderNamed(name) | What::CreateFolder(name) => write!(f, "`{name}`"),
            What::Clone(clone) => write!(
                f,
                "{:?} as `{}` into {} as {}, {}",
                clone.source, clone.name, clone.folder, clone.identity, clone.hardware
            ),
            What::Reconfigure(vm, hardware) => write!(f, "{vm} to {hardware}"),
            What::Mark(vm, marker, own) => {
                match marker {
                    Some(marker) => write!(f, "{vm} with {marker}")?,
                    None => write!(f, "{vm} with nothing")?,
                }
                own.map_or(Ok(()), |own| write!(f, ", itself {own}"))
            }
            What::HandMakes(name, folder) => write!(f, "`{name}` in {folder}"),
            What::HandPower(vm, power) => write!(f, "{vm} {power:?}"),
            What::HandRenames(vm, name) => write!(f, "{vm} to `{name}`"),
            What::HandMoves(vm, folder) => write!(f, "{vm} to {folder}"),
            What::HandCopies(vm, name, folder, twin) => {
                let with = if *twin { ", with its UUID" } else { "" };
                write!(f, "{vm} to `{name}` in {folder}{with}")
            }
            What::Connects(vm, connection) => write!(f, "{vm} {connection:?}"),
            What::HandHolds(vm, on) => write!(f, "{vm} {on}"),
            What::HotAdd(on) => write!(f, "{on}"),
        }
    }
}

impl fmt::Display for Vm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Vm::Of(number) => write!(f, "vm #{number}"),
            Vm::Template => f.write_str("the template"),
            Vm::Nobody => f.write_str("no vm"),
        }
    }
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Folder::Of(number) => write!(f, "folder #{number}"),
            Folder::Root => f.write_str("the root"),
            Folder::Elsewhere => f.write_str("elsewhere"),
            Folder::Nobody => f.write_str("no folder"),
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "identity {}", self.0)
    }
}

impl fmt::Display for Hardware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cpus and {} MiB", self.cpus, self.memory_mib)
    }
}
