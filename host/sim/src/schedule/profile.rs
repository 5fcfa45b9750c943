//! What schedules are drawn for: each profile stresses something else, and says
//! what its runs are compared with.

/// What a run is compared with, besides the oracles that always hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Nothing.
    Nothing,
    /// The same deeds without anything that goes wrong: the end is the same, and
    /// so is the number of VMs made, destroyed and powered.
    WithoutFaults,
    /// The same without swaps of modules: the end is the same.
    WithoutSwaps,
    /// The last spec of every group, given at once: the end is the same.
    Direct,
}

/// What schedules are drawn for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// Its name.
    pub name: &'static str,
    /// Most hosts.
    pub hosts: u64,
    /// Several hosts share a lease; otherwise all of them act.
    pub leased: bool,
    /// Hosts may stand still in the middle of a call, while others go on.
    pub freezes: bool,
    /// Most deeds.
    pub deeds: u64,
    /// Most faults.
    pub faults: u64,
    /// Deeds are so far apart; zero for anywhere in the troubled time.
    pub apart_ms: u64,
    /// Only deeds on objects: create, edit, scale, delete.
    pub objects_only: bool,
    /// Modules are swapped.
    pub swaps: bool,
    /// One more group has a module that fails or misleads.
    pub poison: bool,
    /// The API server itself goes back in time.
    pub restores: bool,
    /// Owners write annotations, copy objects, and give specs that nobody
    /// understands; rights are missing for long.
    pub rare: bool,
    /// What a run is compared with.
    pub comparison: Comparison,
}

impl Profile {
    /// People meddle and things go wrong, one host.
    pub const USUAL: Profile = Profile {
        name: "usual",
        hosts: 1,
        leased: true,
        freezes: true,
        deeds: 8,
        faults: 5,
        apart_ms: 0,
        objects_only: false,
        swaps: false,
        poison: false,
        restores: false,
        rare: false,
        comparison: Comparison::Nothing,
    };

    /// Two hosts that share a lease.
    pub const LEASED: Profile = Profile {
        name: "leased",
        hosts: 2,
        ..Profile::USUAL
    };

    /// Two hosts that both act.
    pub const RIVALS: Profile = Profile {
        name: "rivals",
        hosts: 2,
        leased: false,
        ..Profile::USUAL
    };

    /// Modules are swapped while everything runs.
    pub const SWAPS: Profile = Profile {
        name: "swaps",
        swaps: true,
        ..Profile::USUAL
    };

    /// One group's module fails or misleads.
    pub const POISON: Profile = Profile {
        name: "poison",
        poison: true,
        ..Profile::USUAL
    };

    /// Backups of the API server are restored; people empty statuses and take
    /// annotations away.
    pub const RESTORES: Profile = Profile {
        name: "restores",
        restores: true,
        ..Profile::USUAL
    };

    /// What is seldom: annotations by hand, copied objects, left-overs of the demo, specs
    /// that nobody understands, members to be suspended, rights that are missing.
    pub const RARE: Profile = Profile {
        name: "rare",
        rare: true,
        ..Profile::USUAL
    };

    /// Deeds with time between them, and faults in between.
    pub const CALM: Profile = Profile {
        name: "calm",
        deeds: 4,
        apart_ms: 1_800_000,
        objects_only: true,
        comparison: Comparison::WithoutFaults,
        ..Profile::USUAL
    };

    /// Swaps between modules of the same meaning.
    pub const SAME: Profile = Profile {
        name: "same",
        swaps: true,
        faults: 0,
        deeds: 5,
        objects_only: true,
        comparison: Comparison::WithoutSwaps,
        ..Profile::USUAL
    };

    /// Many edits, without faults.
    pub const EDITS: Profile = Profile {
        name: "edits",
        faults: 0,
        deeds: 8,
        objects_only: true,
        comparison: Comparison::Direct,
        ..Profile::USUAL
    };

    /// Every profile.
    pub const ALL: &'static [Profile] = &[
        Profile::USUAL,
        Profile::LEASED,
        Profile::RIVALS,
        Profile::SWAPS,
        Profile::POISON,
        Profile::RESTORES,
        Profile::RARE,
        Profile::CALM,
        Profile::SAME,
        Profile::EDITS,
    ];

    /// The profile of a seed, if all take turns.
    pub fn of(seed: u64) -> &'static Profile {
        let count = Profile::ALL.len() as u64;
        let index = usize::try_from(seed % count).unwrap_or(0);
        &Profile::ALL[index]
    }

    /// The profile of that name.
    pub fn named(name: &str) -> Option<&'static Profile> {
        Profile::ALL.iter().find(|profile| profile.name == name)
    }
}
