//! Draws sequences.

use vmgroup_core::group::Adoption;
use vmgroup_sim::random::Random;

use super::operation::{Operation, Replica, Version, What, Wish};

/// Few names, so that they meet.
pub(super) const GROUPS: &[&str] = &["web", "db", "a.b-c"];
/// Numbers of approvals that are tried.
pub(super) const APPROVALS: u64 = 6;

type Draw = fn(&mut Random) -> What;

/// How likely each is.
const WEIGHTS: &[(u64, Draw)] = &[
    (60, |r| What::Create(wish(r))),
    (20, |r| What::CreateOfDemo(wish(r))),
    (30, |r| What::Apply(whole_wish(r))),
    (45, |r| What::Edit(wish(r))),
    (40, |r| What::Scale(replicas(r))),
    (20, flurry),
    (45, |_| What::Delete),
    (30, adopt),
    (40, |r| What::Finalizer(r.per_mille(500))),
    (20, |_| What::Strip),
    (25, |r| What::Approve(small(r, APPROVALS))),
    (25, |r| What::Withdraw(small(r, APPROVALS))),
    (30, |_| What::Read),
    (130, |r| What::WriteStatus(version(r), small(r, 5))),
    (100, |r| {
        What::Claim(version(r), small(r, 3), r.per_mille(300))
    }),
    (90, |r| What::Release(version(r))),
    (50, |r| What::WriteLease(replica(r), version(r))),
    (20, |r| What::CreateLease(replica(r))),
    (15, |_| What::Rewatch),
];

/// So many operations.
pub(super) fn draw(random: &mut Random, length: usize) -> Vec<Operation> {
    let all: u64 = WEIGHTS.iter().map(|(weight, _)| weight).sum();
    let mut operations = Vec::new();
    for number in 0..u32::try_from(length).unwrap_or(u32::MAX) {
        let mut left = random.below(all);
        let drawn = WEIGHTS.iter().find(|(weight, _)| {
            let hit = left < *weight;
            left = left.saturating_sub(*weight);
            hit
        });
        let what = drawn.map_or(What::Read, |(_, draw)| draw(random));
        let group = one_of(random, GROUPS);
        operations.push(Operation {
            number: number + 1,
            group,
            what,
        });
    }
    operations
}

fn one_of<T: Copy>(random: &mut Random, all: &[T]) -> T {
    let at = random.below(all.len() as u64);
    all[usize::try_from(at).unwrap_or_default()]
}

fn small(random: &mut Random, end: u64) -> u32 {
    u32::try_from(random.below(end)).unwrap_or_default()
}

/// Many: a scale to what is there already is of little use.
fn replicas(random: &mut Random) -> u32 {
    small(random, 800)
}

fn wish(random: &mut Random) -> Wish {
    Wish {
        replicas: (!random.per_mille(80)).then(|| small(random, 4)),
        template: one_of(random, &["base", "other"]),
    }
}

/// What somebody applies is whole: an apply leaves what others wrote and it does
/// not name.
fn whole_wish(random: &mut Random) -> Wish {
    Wish {
        replicas: Some(small(random, 4)),
        ..wish(random)
    }
}

fn flurry(random: &mut Random) -> What {
    let count = random.below(4) + 2;
    What::Flurry((0..count).map(|_| replicas(random)).collect())
}

fn adopt(random: &mut Random) -> What {
    What::Adopt(one_of(
        random,
        &[None, Some(Adoption::Adopt), Some(Adoption::Ignore)],
    ))
}

fn version(random: &mut Random) -> Version {
    match random.below(20) {
        0..=3 => Version::Older(usize::try_from(random.below(4)).unwrap_or_default()),
        4 => Version::OtherUid,
        5 => Version::Invented,
        _ => Version::Current,
    }
}

fn replica(random: &mut Random) -> Replica {
    one_of(random, &[Replica::Own, Replica::Own, Replica::Other])
}
