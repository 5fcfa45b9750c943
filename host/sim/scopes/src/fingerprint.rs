//! A world as one number: equal for worlds that differ in names, in the order
//! of what is under way, or in times that nobody can tell apart. `print` says
//! what becomes of each open number.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use foldhash::quality::FoldHasher;

use vmgroup_reconcile::limits::RELIST_EVERY_MS;

use crate::host::Host;
use crate::print::{Age, Open, Print, hasher};
use crate::world::World;

impl World {
    /// Of n worlds two different ones have the same number with a probability of
    /// n²/2⁶⁵ at most: 3 in a million for ten million worlds.
    pub(crate) fn fingerprint(&self) -> u64 {
        let versions = self.versions();
        let mut hasher = hasher();
        for host in &self.hosts {
            let mut filled = Filled {
                hasher: &mut hasher,
                now: self.now.0,
                relists: self.scope.relists,
                versions: &versions,
                ids: BTreeMap::new(),
                order: order(host, self.now.0),
            };
            filled.host(host);
        }
        let mut filled = Filled {
            hasher: &mut hasher,
            now: self.now.0,
            relists: self.scope.relists,
            versions: &versions,
            ids: BTreeMap::new(),
            order: Vec::new(),
        };
        for stored in self.cluster.groups.values() {
            filled.print(&stored.print);
        }
        if let Some(lease) = &self.cluster.lease {
            filled.print(&lease.print);
        }
        for vm in self.vcenter.vms.values() {
            filled.print(&vm.print);
        }
        for (id, job) in &self.vcenter.tasks {
            id.hash(filled.hasher);
            filled.print(&job.print);
        }
        self.vcenter.folders.hash(&mut hasher);
        self.vcenter.born.hash(&mut hasher);
        (self.faults, self.deeds_done, self.module, self.excused).hash(&mut hasher);
        self.effects.hash(&mut hasher);
        hasher.finish()
    }

    /// All versions of objects that are known to anybody, in their order.
    fn versions(&self) -> Vec<u64> {
        let hosts = self.hosts.iter().flat_map(|host| {
            let letters = host.letters.iter().map(|letter| &letter.print);
            let watch = host.watch.iter().map(|news| &news.object().print);
            [&host.seat.print].into_iter().chain(letters).chain(watch)
        });
        let groups = self.cluster.groups.values().map(|stored| &stored.print);
        let lease = self.cluster.lease.iter().map(|lease| &lease.print);
        let mut versions: Vec<u64> = hosts
            .chain(groups)
            .chain(lease)
            .flat_map(|print| &print.open)
            .filter_map(|open| match open {
                Open::Version(version) => Some(*version),
                _ => None,
            })
            .collect();
        versions.sort_unstable();
        versions.dedup();
        versions
    }
}

/// The past times of a machine whose order counts.
fn order(host: &Host, now: u64) -> Vec<u64> {
    let open = host.seat.print.open.iter();
    let mut times: Vec<u64> = open
        .filter_map(|open| match open {
            Open::Time(at, Age::Ordered(_) | Age::Listed(_)) if *at <= now => Some(*at),
            _ => None,
        })
        .collect();
    times.sort_unstable();
    times.dedup();
    times
}

struct Filled<'a> {
    hasher: &'a mut FoldHasher<'static>,
    now: u64,
    relists: bool,
    versions: &'a [u64],
    /// Requests by the order in which they were first met.
    ids: BTreeMap<u64, usize>,
    order: Vec<u64>,
}

impl Filled<'_> {
    fn host(&mut self, host: &Host) {
        let seat = &host.seat.print;
        // What is under way comes first, in an order of its own, and names the
        // requests.
        let mut letters: Vec<(u64, u64, &Print)> = host
            .letters
            .iter()
            .map(|letter| {
                let (fixed, asker) = host.place(letter);
                (fixed, asker, &letter.print)
            })
            .collect();
        letters.sort_by_key(|(fixed, asker, _)| (*fixed, *asker));
        for (_, asker, print) in letters {
            asker.hash(self.hasher);
            self.print(print);
        }
        self.print(seat);
        let mut unanswered: Vec<(Option<usize>, u64)> = seat
            .askers
            .iter()
            .filter(|(id, _)| {
                !host
                    .letters
                    .iter()
                    .any(|it| it.value.id().is_some_and(|it| it.0 == *id))
            })
            .map(|(id, asker)| (self.ids.get(id).copied(), *asker))
            .collect();
        unanswered.sort_unstable();
        unanswered.hash(self.hasher);
        (host.frozen, host.watch.len()).hash(self.hasher);
        for news in &host.watch {
            std::mem::discriminant(news).hash(self.hasher);
            self.print(&news.object().print);
        }
        let shown = host.lease_shown.parse().ok();
        shown
            .and_then(|version: u64| self.versions.binary_search(&version).ok())
            .hash(self.hasher);
        if let Some(session) = &host.session {
            (session.feeds, &session.changed).hash(self.hasher);
            if let Some(reset) = session.reset {
                self.fill(&Open::Request(reset.0));
            }
        }
        host.session.is_some().hash(self.hasher);
    }

    fn print(&mut self, print: &Print) {
        self.hasher.write_u64(print.fixed);
        for open in &print.open {
            self.fill(open);
        }
    }

    fn fill(&mut self, open: &Open) {
        match *open {
            Open::Request(id) => {
                let next = self.ids.len();
                self.ids.entry(id).or_insert(next).hash(self.hasher);
            }
            Open::Version(version) => {
                let rank = self.versions.binary_search(&version);
                rank.expect("all versions are known").hash(self.hasher);
            }
            Open::Time(at, _) if at > self.now => {
                (true, at - self.now).hash(self.hasher);
            }
            Open::Time(at, age) => {
                let passed = self.now - at;
                let age = match age {
                    Age::Listed(_) if self.relists => Age::Ordered(RELIST_EVERY_MS),
                    Age::Listed(most) => Age::Ordered(most),
                    age => age,
                };
                match age {
                    Age::Exact => (false, passed).hash(self.hasher),
                    Age::UpTo(most) => (false, passed.min(most)).hash(self.hasher),
                    Age::UpToOrNever(most) => {
                        (false, at == 0, passed.min(most)).hash(self.hasher);
                    }
                    Age::Ordered(most) | Age::Listed(most) => {
                        let rank = self.order.binary_search(&at).unwrap_or_default();
                        (false, rank, passed.min(most)).hash(self.hasher);
                    }
                }
            }
        }
    }
}
