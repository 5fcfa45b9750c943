//! Schedules drawn from a seed: the same seed, the same schedule.

use std::collections::BTreeMap;

use vmgroup_core::group::{GroupKey, Spec};
use vmgroup_core::observation::PowerState;
use vmgroup_core::time::Monotonic;
use vmgroup_reconcile::inventory;

use super::{Comparison, Item, Profile, Schedule, Ways};
use crate::deed::{Deed, Place};
use crate::faults::{Fault, LossRates, RequestFault, Unsent, WorldFault};
use crate::kind::Kind;
use crate::random::Random;

mod deeds;

mod spec;

/// Faults end, and deeds are done, by then; unless deeds are kept apart.
const TROUBLED_MS: u64 = 60_000;

/// A right is missing for at most so long.
const DENIED_MS_MAX: u64 = 1_200_000;

/// The templates that exist.
pub(super) const TEMPLATE: &str = "base";
const NEXT_TEMPLATE: &str = "next";

/// The group whose module is poison, and that module's name.
pub(super) const POISONED: &str = "bad";
pub(super) const POISON: &str = "poison";

/// The module that most groups name, if they name one.
const NAMES: [&str; 2] = ["web", "db"];

/// The group of that name. Where the second one is, names of folders have two readings.
pub(super) fn key(name: &str) -> GroupKey {
    let namespace = if name == NAMES[1] {
        "team-a"
    } else {
        "default"
    };
    GroupKey::new(namespace, name)
}

impl Schedule {
    /// The schedule of a seed.
    pub fn draw(seed: u64, profile: &Profile) -> Schedule {
        // A stream of its own: what is drawn here does not shift the world's.
        let mut draw = Draw {
            random: Random::new(seed ^ 0x005c_4ed0_1e00),
            profile: *profile,
            hosts: profile.hosts,
        };
        let mut items = vec![
            Item::Deed(Monotonic(0), Deed::AddTemplate(TEMPLATE.into())),
            Item::Deed(Monotonic(0), Deed::AddTemplate(NEXT_TEMPLATE.into())),
            Item::Deed(Monotonic(0), Deed::AddVm("bystander".into(), Place::Root)),
        ];
        let first = Deed::Create(key(NAMES[0]), Box::new(Ok(draw.spec())));
        items.push(Item::Deed(Monotonic(0), first));
        if profile.poison {
            items.extend(draw.poisoned());
        }
        if profile.rare {
            let second = Deed::Create(key(NAMES[1]), Box::new(Ok(draw.spec())));
            items.push(Item::Deed(Monotonic(0), second));
        }
        let deeds = 1 + draw.random.below(profile.deeds);
        for number in 1..=deeds {
            let at = match profile.apart_ms {
                0 => draw.time(),
                apart => number * apart,
            };
            items.push(Item::Deed(Monotonic(at), draw.deed()));
        }
        if profile.faults > 0 {
            for _ in 0..=draw.random.below(profile.faults) {
                let fault = draw.fault(deeds);
                items.push(Item::Fault(fault));
            }
        }
        let losses = draw.losses();
        let deletes_all = profile.comparison != Comparison::Direct && draw.random.per_mille(300);
        let ways = Ways {
            refuses_at_call: draw.random.per_mille(300),
            nameless_tasks: draw.random.per_mille(300),
            hot_add: draw.random.per_mille(500),
            // What an edit brings then is not what is made so; and a restart forgets the
            // refusal, which has a spare be made twice.
            refuses_hot: matches!(
                profile.comparison,
                Comparison::Nothing | Comparison::WithoutSwaps
            ) && draw.random.per_mille(200),
            no_tools: draw.random.per_mille(150),
        };
        Schedule {
            seed,
            profile: *profile,
            hosts: usize::try_from(profile.hosts).unwrap_or(1),
            losses,
            items,
            ways,
            deletes_all,
        }
    }

    /// When the last deed is done and the last thing has gone wrong.
    pub(super) fn troubled_ms(&self) -> u64 {
        // Runs that are compared take the same time, whatever goes wrong.
        let last = self.items.iter().map(|item| match item {
            Item::Deed(at, _) => at.0 + self.profile.apart_ms,
            Item::Fault(Fault::At {
                at,
                what: WorldFault::Deny(_, for_ms),
            }) => at.0 + for_ms,
            Item::Fault(Fault::At { at, .. }) => at.0,
            Item::Fault(_) => 0,
        });
        last.max().unwrap_or(0).max(TROUBLED_MS)
    }
}

struct Draw {
    random: Random,
    profile: Profile,
    hosts: u64,
}

impl Draw {
    fn small(&mut self, end: u64) -> u32 {
        u32::try_from(self.random.below(end)).unwrap_or(0)
    }

    /// Somewhere in the troubled time; rights are missing for longer.
    fn time(&mut self) -> u64 {
        if self.profile.rare && self.random.per_mille(300) {
            return self.random.below(DENIED_MS_MAX);
        }
        self.random.below(TROUBLED_MS)
    }

    fn one_of<T: Clone>(&mut self, all: &[T]) -> T {
        let index = self.random.below(all.len() as u64);
        all[usize::try_from(index).unwrap_or(0)].clone()
    }

    /// A group whose module is poison.
    fn poisoned(&mut self) -> Vec<Item> {
        let spec = Spec {
            module: Some(POISON.into()),
            template: TEMPLATE.into(),
            ..self.spec()
        };
        let logic = self.one_of(&["traps", "deletes-all", "clones-without-end", "refuses"]);
        vec![
            Item::Deed(
                Monotonic(0),
                Deed::Create(key(POISONED), Box::new(Ok(spec))),
            ),
            Item::Deed(
                Monotonic(self.random.below(TROUBLED_MS)),
                Deed::Swap(Some(POISON.into()), logic.into()),
            ),
        ]
    }

    fn losses(&mut self) -> LossRates {
        if self.profile.faults == 0 || self.random.per_mille(600) {
            return LossRates::default();
        }
        LossRates {
            before_per_mille: self.random.below(100),
            after_per_mille: self.random.below(100),
            until_ms: TROUBLED_MS,
        }
    }

    fn fault(&mut self, deeds: u64) -> Fault {
        if self.random.per_mille(450) {
            return self.fault_of_request();
        }
        let host = usize::try_from(self.random.below(self.hosts)).unwrap_or(0);
        let base = match self.profile.apart_ms {
            0 => 0,
            apart => apart * self.random.below(deeds + 1),
        };
        let at = Monotonic(base + self.time());
        if self.random.per_mille(200) {
            return Fault::Crash {
                host,
                after_step: self.random.below(200),
                unsent: self.unsent(),
            };
        }
        let what = self.world_fault(host);
        Fault::At { at, what }
    }

    fn unsent(&mut self) -> Unsent {
        self.one_of(&[Unsent::Dropped, Unsent::Sent])
    }

    fn world_fault(&mut self, host: usize) -> WorldFault {
        let ms = self.random.below(30_000);
        if self.profile.restores && self.random.per_mille(400) {
            return WorldFault::RestoreCluster(ms);
        }
        if self.profile.rare && self.random.per_mille(400) {
            let kinds: Vec<Kind> = Kind::ALL.iter().copied().filter(may_be_denied).collect();
            let ms = 1 + self.random.below(DENIED_MS_MAX);
            return WorldFault::Deny(self.one_of(&kinds), ms);
        }
        match self.random.below(16) {
            0 => WorldFault::Crash(host, self.unsent()),
            1 if self.profile.freezes => WorldFault::Freeze(host, ms),
            1 | 2 => WorldFault::ExpireSession(host),
            3 => WorldFault::DropFeed(host),
            4 => WorldFault::RestartVCenter(ms),
            5 => WorldFault::CutVCenter(ms),
            6 => WorldFault::CutCluster(ms),
            7 => WorldFault::ReconnectWatch(host),
            8 => WorldFault::RepeatWatch(host, 1 + usize::try_from(ms % 6).unwrap_or(0)),
            9 => WorldFault::StallWatch(host, ms),
            10 => WorldFault::OldList(host, ms),
            11 => WorldFault::LoseUpdates(host, ms),
            12 => WorldFault::LagFeed(host, ms),
            13 => WorldFault::PartialFeed(host),
            14 => WorldFault::ClockJump(3_600_000),
            _ => WorldFault::ClockJump(-3_600_000),
        }
    }

    fn fault_of_request(&mut self) -> Fault {
        let of_call = self.random.per_mille(600);
        let kinds: Vec<Kind> = Kind::ALL
            .iter()
            .copied()
            .filter(|kind| !of_call || kind.mutates())
            .collect();
        let kind = self.one_of(&kinds);
        let ms = self.random.below(40_000);
        let what = match self.random.below(if of_call { 13 } else { 6 }) {
            0 => RequestFault::LostBefore,
            1 | 6 => RequestFault::LostAfter,
            2 => RequestFault::Slow(ms),
            3 => RequestFault::CrashBefore,
            4 => RequestFault::CrashAfter,
            5 if self.profile.freezes => RequestFault::FreezeBefore(ms),
            5 | 7 => RequestFault::TaskFails(self.vcenter_fault()),
            8 => RequestFault::Refused(self.vcenter_fault()),
            9 => RequestFault::HalfWay(self.vcenter_fault()),
            10 => RequestFault::Hidden(ms),
            11 => RequestFault::PassedOn(ms),
            _ => RequestFault::Vanishes,
        };
        Fault::Request {
            host: None,
            kind,
            nth: 1 + self.small(5),
            what,
        }
    }

    fn vcenter_fault(&mut self) -> inventory::Fault {
        use inventory::Fault as F;
        let message = || "as drawn".to_owned();
        match self.random.below(7) {
            0 => F::Busy { message: message() },
            1 => F::InsufficientResources { message: message() },
            2 => F::Unavailable { message: message() },
            3 => F::NoPermission {
                privilege: "VirtualMachine.Inventory.Create".into(),
            },
            4 => F::InvalidPowerState {
                existing: PowerState::Off,
            },
            5 => F::DuplicateName { existing: None },
            _ => F::Other {
                name: "SystemError".into(),
                message: message(),
            },
        }
    }
}

/// Requests of sessions and leases are what outages are for.
fn may_be_denied(kind: &Kind) -> bool {
    !kind.of_session() && !matches!(kind, Kind::WriteLease | Kind::Tell)
}

/// The specs that the groups ended with, given at once.
pub(super) fn direct(schedule: &Schedule, specs: BTreeMap<GroupKey, Spec>) -> Schedule {
    let of_objects = |item: &&Item| {
        matches!(
            item,
            Item::Deed(
                _,
                Deed::Create(..) | Deed::Edit(..) | Deed::Scale(..) | Deed::Delete(_)
            )
        )
    };
    let others = schedule.items.iter().filter(|item| !of_objects(item));
    let creations = specs.into_iter().map(|(key, spec)| {
        let create = Deed::Create(key, Box::new(Ok(spec)));
        Item::Deed(Monotonic(0), create)
    });
    Schedule {
        items: others.cloned().chain(creations).collect(),
        ..schedule.clone()
    }
}
