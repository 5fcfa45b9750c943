//! Draws sequences. What is drawn does not depend on what came of it before:
//! whatever fits a fleet is likely, and enough else is tried to be refused.

use vmgroup_core::observation::{Connection, PowerState};
use vmgroup_sim::random::Random;

use super::operation::{Folder, Hardware, Identity, NewVm, Operation, Source, Vm, What};

/// Few names, so that they meet. None has letters that paths escape: vcsim cannot
/// make their files.
const VM_NAMES: &[&str] = &["a", "b", "c", "d", "e", "f", "web-replica-1", "other"];
const FOLDER_NAMES: &[&str] = &["n-g", "n-h", "n-i", "n-j"];
/// Many instanceUuids: vcsim takes one twice, and the states part there.
const IDENTITIES: u64 = 64;

/// How likely each is.
const WEIGHTS: &[(u64, Draw)] = &[
    (20, |d| d.login()),
    (15, |d| d.logged_out(What::LoginRefused)),
    (15, |d| d.logged_out(What::Logout)),
    (15, |d| d.logged_out(What::Expire)),
    (20, |_| What::Relist),
    (45, Drawing::track),
    (35, |d| What::ReadVm(d.vm())),
    (30, |d| What::ReadIdentity(d.known_identity())),
    (25, |d| What::ReadFolder(d.folder())),
    (20, |d| What::ReadFolderNamed(d.folder_name())),
    (35, Drawing::create_folder),
    (140, Drawing::clone),
    (70, |d| What::PowerOn(d.vm())),
    (50, |d| What::PowerOff(d.vm())),
    (35, |d| What::ShutdownGuest(d.made())),
    (40, |d| What::Suspend(d.made())),
    (50, |d| What::Reconfigure(d.made(), d.hardware())),
    (35, Drawing::mark),
    (50, |d| What::Destroy(d.made())),
    (20, |d| What::DestroyFolder(d.destroyed_folder())),
    (60, Drawing::hand_makes),
    (80, |d| {
        let power = d.one_of(&[PowerState::On, PowerState::Off, PowerState::Suspended]);
        What::HandPower(d.made(), power)
    }),
    (30, |d| What::HandDestroys(d.made())),
    (45, |d| What::HandRenames(d.made(), d.vm_name())),
    (60, |d| What::HandMoves(d.made(), d.place())),
    (60, Drawing::hand_copies),
    (60, Drawing::connects),
    (40, |d| What::HandHolds(d.made(), d.half())),
    (40, |d| What::HandUnmarks(d.made())),
];

type Draw = fn(&mut Drawing) -> What;

/// So many operations.
pub(super) fn draw(random: &mut Random, length: usize) -> Vec<Operation> {
    let mut drawing = Drawing {
        random: random.fork(),
        number: 0,
        in_session: false,
        vms: Vec::new(),
        folders: Vec::new(),
        identities: Vec::new(),
        lost: Vec::new(),
    };
    (0..length).map(|_| drawing.next()).collect()
}

struct Drawing {
    random: Random,
    number: u32,
    in_session: bool,
    /// Operations that may have made a VM.
    vms: Vec<u32>,
    folders: Vec<u32>,
    identities: Vec<Identity>,
    /// VMs that are likely out of reach.
    lost: Vec<Vm>,
}

impl Drawing {
    fn next(&mut self) -> Operation {
        self.number += 1;
        let what = match self.number {
            1 => What::HotAdd(self.half()),
            2 => self.login(),
            _ if !self.in_session && self.random.per_mille(350) => self.login(),
            _ => {
                let all: u64 = WEIGHTS.iter().map(|(weight, _)| weight).sum();
                let mut left = self.random.below(all);
                let drawn = WEIGHTS.iter().find(|(weight, _)| {
                    let hit = left < *weight;
                    left = left.saturating_sub(*weight);
                    hit
                });
                drawn.map_or(What::Relist, |(_, draw)| draw(self))
            }
        };
        Operation {
            number: self.number,
            what,
        }
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        let at = self.random.below(all.len() as u64);
        all[usize::try_from(at).unwrap_or_default()]
    }

    fn half(&mut self) -> bool {
        self.random.per_mille(500)
    }

    fn login(&mut self) -> What {
        self.in_session = true;
        What::Login
    }

    fn logged_out(&mut self, what: What) -> What {
        self.in_session = false;
        what
    }

    fn vm_name(&mut self) -> &'static str {
        self.one_of(VM_NAMES)
    }

    fn folder_name(&mut self) -> &'static str {
        self.one_of(FOLDER_NAMES)
    }

    fn identity(&mut self) -> Identity {
        let drawn = Identity(u32::try_from(self.random.below(IDENTITIES)).unwrap_or_default());
        self.identities.push(drawn);
        drawn
    }

    /// One that somebody may have.
    fn known_identity(&mut self) -> Identity {
        if self.identities.is_empty() || self.random.per_mille(200) {
            return self.identity();
        }
        let of = self.identities.clone();
        self.one_of(&of)
    }

    fn hardware(&mut self) -> Hardware {
        Hardware {
            cpus: self.one_of(&[1, 2, 4]),
            memory_mib: self.one_of(&[1024, 2048, 4096]),
        }
    }

    /// One of the last VMs most often: earlier ones are likely gone.
    fn made(&mut self) -> Vm {
        if self.vms.is_empty() || self.random.per_mille(30) {
            return Vm::Nobody;
        }
        let all = self.vms.len();
        let from = if self.half() {
            all.saturating_sub(6)
        } else {
            0
        };
        let of = self.vms[from..].to_vec();
        Vm::Of(self.one_of(&of))
    }

    fn vm(&mut self) -> Vm {
        if self.random.per_mille(20) {
            Vm::Template
        } else {
            self.made()
        }
    }

    fn folder(&mut self) -> Folder {
        match self.random.below(12) {
            0 => Folder::Nobody,
            1..=4 => Folder::Root,
            _ if self.folders.is_empty() => Folder::Root,
            _ => {
                let of = self.folders.clone();
                Folder::Of(self.one_of(&of))
            }
        }
    }

    fn destroyed_folder(&mut self) -> Folder {
        match self.folder() {
            Folder::Root | Folder::Elsewhere => Folder::Nobody,
            other => other,
        }
    }

    fn place(&mut self) -> Folder {
        if self.random.per_mille(250) {
            Folder::Elsewhere
        } else {
            self.folder()
        }
    }

    fn track(&mut self) -> What {
        let count = self.random.below(4);
        What::Track((0..count).map(|_| self.made()).collect())
    }

    fn create_folder(&mut self) -> What {
        self.folders.push(self.number);
        What::CreateFolder(self.folder_name())
    }

    fn clone(&mut self) -> What {
        self.vms.push(self.number);
        let source = match self.random.below(40) {
            0 | 1 => Source::Named("doesNotExist"),
            2 => Source::NoPath,
            3 | 4 => Source::Named(self.vm_name()),
            5..=8 => Source::TemplatePath,
            _ => Source::Template,
        };
        What::Clone(Box::new(NewVm {
            source,
            folder: self.folder(),
            name: self.vm_name(),
            identity: self.identity(),
            hardware: self.hardware(),
        }))
    }

    fn mark(&mut self) -> What {
        let vm = self.made();
        let marker = self.half().then(|| self.known_identity());
        let own = self.random.per_mille(300).then(|| self.identity());
        What::Mark(vm, marker, own)
    }

    fn hand_makes(&mut self) -> What {
        self.vms.push(self.number);
        What::HandMakes(self.vm_name(), self.place())
    }

    fn hand_copies(&mut self) -> What {
        let vm = self.made();
        self.vms.push(self.number);
        What::HandCopies(vm, self.vm_name(), self.place(), self.random.per_mille(300))
    }

    /// What was lost is found again more often than not.
    fn connects(&mut self) -> What {
        if !self.lost.is_empty() && self.random.per_mille(600) {
            let vm = self.lost.remove(0);
            return What::Connects(vm, Connection::Connected);
        }
        let vm = self.made();
        self.lost.push(vm);
        let lost = [Connection::Disconnected, Connection::Inaccessible];
        What::Connects(vm, self.one_of(&lost))
    }
}
