//! The scopes: each a tiny world and what may go wrong in it.

/// A tiny world, and what may go wrong in it.
#[derive(Debug, Clone)]
pub struct Scope {
    /// Its name.
    pub name: &'static str,
    /// What it is about, in a line.
    pub about: &'static str,
    /// Replicas of each group at its beginning.
    pub groups: &'static [u32],
    /// Hosts, and whether they share a lease.
    pub hosts: usize,
    /// One host acts at a time, by a lease.
    pub lease: bool,
    /// The search begins when the groups have been made, not before.
    pub settled_first: bool,
    /// What people do, in this order, each at any moment.
    pub deeds: &'static [Deed],
    /// So many faults strike, at any moment.
    pub faults: u8,
    /// Of these kinds.
    pub kinds: &'static [FaultKind],
    /// Complete views are asked for every quarter of an hour, too.
    pub relists: bool,
    /// Everything that is on its way can overtake everything else; otherwise
    /// what `World::urgent` names comes first.
    pub loose: bool,
    /// How much of a machine its search needs.
    pub size: Size,
}

/// When a scope is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// In every run of the tests.
    Small,
    /// In the long runs.
    Large,
    /// Only by name: no search of it has come to its end on a machine with 24 GiB, or the
    /// fingerprint is not sharp enough for it. What is known stands in docs/testing.md.
    Open,
}

/// What a person does. The numbers are those of a group and of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Asks for so many replicas.
    Scale(usize, u32),
    /// Deletes the object.
    Delete(usize),
    /// Powers the VM of a slot off, in vCenter.
    PowerOff(usize, u32),
    /// Destroys the VM of a slot, in vCenter.
    Destroy(usize, u32),
    /// Has another module of the same meaning decide.
    Swap,
}

/// What may go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// A host ends, with whatever had not been sent or heard, and starts anew.
    Crash,
    /// A request to vCenter or API server is executed or not, and nobody says.
    LoseAnswer,
    /// The session with vCenter ends.
    EndSession,
    /// The feed breaks.
    LoseFeed,
    /// A task fails half way, without an effect.
    FailTask,
    /// A host stands still for as long as it likes.
    Freeze,
    /// Time passes although something is on its way.
    Delay,
}
