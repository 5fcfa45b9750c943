//! S11 and S13: what the operator says.

use std::collections::{BTreeMap, BTreeSet};

use vmgroup_core::observation::Slot;
use vmgroup_core::status::Status;
use vmgroup_core::time::Monotonic;
use vmgroup_reconcile::event::GroupObject;

use super::Breach;
use crate::cluster::Told;
use crate::history::Fact;
use crate::kind::Kind;

/// How every version of the credentials begins in the simulated world.
const SECRET: &str = "credentials-";

/// A number was counted at some time of the last so many milliseconds: a full
/// relist heals a feed that lost an update.
const COUNTED_MS: u64 = 1_000_000;

/// What came between is looked at within this, once somebody looks again.
const AWAY_MS: u64 = 60_000;

/// S11: nothing about credentials is in what a module is given, in a status or
/// in an event. The lease names the version that was refused, by design.
///
/// Not covered: logs and records, which the simulated world does not have.
pub fn s11_secrets(facts: &[Fact], told: &[Told]) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for fact in facts {
        let leaks = match fact {
            Fact::Decided(decided) => decided.words.iter().any(|it| it.contains(SECRET)),
            Fact::Revised { object, .. } => says(&object.status, SECRET),
            _ => false,
        };
        if leaks {
            breaches.push(Breach {
                oracle: "S11",
                at: fact.at(),
                text: "credentials are named in a module's input or a status".into(),
            });
        }
    }
    for event in told.iter().filter(|it| it.message.contains(SECRET)) {
        breaches.push(Breach {
            oracle: "S11",
            at: Monotonic(0),
            text: format!("an event names credentials: {}", event.message),
        });
    }
    breaches
}

fn says(status: &Status, what: &str) -> bool {
    let conditions = status.conditions.iter().map(|it| &it.message);
    let decision = status.last_decision.iter().flat_map(|it| &it.actions);
    let held = status.held.iter().flat_map(|it| &it.effects);
    let memo = status.memo.iter().map(|it| &it.text);
    conditions
        .chain(decision)
        .chain(held)
        .chain(memo)
        .chain(&status.last_message)
        .any(|text| text.contains(what))
}

/// S13: a status speaks of no generation that does not exist, never of an older
/// one than before, and of no number of members that was not true a while ago. One
/// that a backup has brought back is not the operator's, until there is another; and
/// it stays as it is while a person has to act first, when nobody looks at the members,
/// and in the first status after that.
pub fn s13_status(facts: &[Fact]) -> Vec<Breach> {
    let mut spoken: BTreeMap<&str, &Status> = BTreeMap::new();
    let mut brought_back: BTreeMap<&str, &Status> = BTreeMap::new();
    let mut counts = Counts::default();
    let mut breaches = Vec::new();
    for fact in facts {
        match fact {
            Fact::Counted {
                at,
                identity,
                slots,
            } => counts.counted(*at, identity, slots),
            Fact::Parted { identity, .. } => *counts.parted.entry(identity).or_default() += 1,
            Fact::Denied { at, until, kind } if !kind.mutates() || *kind == Kind::Mark => {
                counts.denied.push((*at, *until));
            }
            Fact::Restored { at, objects } => {
                spoken.clear();
                let statuses = objects.iter().map(|it| (it.uid.as_str(), &it.status));
                brought_back = statuses.collect();
                counts.objects.clear();
                objects.iter().for_each(|object| counts.learn(*at, object));
            }
            Fact::Vanished { object, .. } => counts.forget(object),
            Fact::Revised { at, object } => {
                counts.learn(*at, object);
                let status = &object.status;
                let said = status.current_replicas;
                let generation = status.observed_generation.unwrap_or(0);
                let before = spoken.insert(&object.uid, status);
                let said_before = before.and_then(|before| before.current_replicas);
                let older = before.and_then(|before| before.observed_generation);
                let older = older.unwrap_or(0);
                let backup = brought_back.remove(object.uid.as_str());
                let backup = backup.filter(|backup| backup.current_replicas == said);
                brought_back.extend(backup.map(|backup| (object.uid.as_str(), backup)));
                let unseen =
                    before.is_some_and(|it| is_stalled(it) || is_unknown(it)) || is_stalled(status);
                let kept = unseen && said == said_before;
                let wrong =
                    generation > object.generation || (generation != 0 && generation < older);
                let texts = [
                    wrong.then(|| format!("speaks of generation {generation} after {older}")),
                    (before != Some(status))
                        .then(|| uncounted(object, counts.range(object, *at), kept, backup))
                        .flatten(),
                    (is_unknown(status) && said_before.is_some() && said != said_before)
                        .then(|| format!("says {said:?} members, and counted none")),
                ];
                breaches.extend(texts.into_iter().flatten().map(|text| Breach {
                    oracle: "S13",
                    at: *at,
                    text: format!("{} {text}", object.key),
                }));
            }
            _ => {}
        }
    }
    breaches
}

/// How many members there were at a time.
struct Number {
    at: Monotonic,
    /// A second VM in a slot may be out of view.
    slots: usize,
    vms: usize,
}

/// How many members there were, and when.
#[derive(Default)]
struct Counts<'a> {
    /// By identity.
    numbers: BTreeMap<&'a str, Vec<Number>>,
    /// Members that people have unmarked, or made templates: they keep their slots.
    parted: BTreeMap<&'a str, usize>,
    /// The identities that an object has had, by UID, and until when.
    identities: BTreeMap<&'a str, BTreeMap<&'a str, Monotonic>>,
    /// The objects there are that have had an identity.
    objects: BTreeMap<&'a str, BTreeSet<&'a str>>,
    /// When a status last told of members that were looked at, by UID.
    looked_at: BTreeMap<&'a str, Monotonic>,
    /// When nobody looked: a person had to act first, or nothing could be told.
    away: BTreeMap<&'a str, (Monotonic, Monotonic)>,
    /// When requests were refused.
    denied: Vec<(Monotonic, Monotonic)>,
}

impl<'a> Counts<'a> {
    fn counted(&mut self, at: Monotonic, identity: &'a str, slots: &[Slot]) {
        let filled: BTreeSet<&Slot> = slots.iter().collect();
        self.numbers.entry(identity).or_default().push(Number {
            at,
            slots: filled.len(),
            vms: slots.len(),
        });
    }

    fn learn(&mut self, at: Monotonic, object: &'a GroupObject) {
        let identity = object.known_as();
        let identities = self.identities.entry(&object.uid).or_default();
        for until in identities.values_mut() {
            *until = at.min(*until);
        }
        identities.insert(identity, Monotonic(u64::MAX));
        let objects = self.objects.entry(identity).or_default();
        objects.insert(&object.uid);
        let looked_at = self.looked_at.entry(&object.uid).or_insert(at);
        if is_stalled(&object.status) || is_unknown(&object.status) {
            self.away.insert(&object.uid, (*looked_at, at));
        } else {
            let away = self.away.get_mut(object.uid.as_str());
            if let Some((_, until)) = away.filter(|(begun, _)| begun == looked_at) {
                *until = at;
            }
            *looked_at = at;
        }
    }

    fn forget(&mut self, object: &GroupObject) {
        for objects in self.objects.values_mut() {
            objects.remove(object.uid.as_str());
        }
    }

    /// How many members may have been counted lately, at least and at most.
    fn range(&self, object: &GroupObject, at: Monotonic) -> (usize, usize) {
        let ago = |at: Monotonic| Monotonic(at.0.saturating_sub(COUNTED_MS));
        // What was refused then, or nobody looked at, heals as late as what was lost.
        let denied = self.denied.iter();
        let denied = denied.filter(|(_, until)| *until >= ago(at));
        let away = self.away.get(object.uid.as_str());
        let away = away.filter(|(_, until)| at.since(*until) <= AWAY_MS);
        let begun = denied.chain(away).map(|(begun, _)| ago(*begun));
        let since = begun.fold(ago(at), Monotonic::min);
        let identities = self
            .identities
            .get(object.uid.as_str())
            .into_iter()
            .flatten();
        let numbers = |identity: &str| self.numbers.get(identity).map_or(&[][..], Vec::as_slice);
        let parted = |identity: &str| self.parted.get(identity).copied().unwrap_or_default();
        // Some may have the identity that the group had before.
        let lately = identities.filter_map(|(identity, until)| {
            let (least, most) = range(numbers(identity), since);
            let most = most + parted(identity);
            (most > 0 || *until >= since).then_some((*identity, (least, most)))
        });
        let (lately, ranges): (Vec<&str>, Vec<(usize, usize)>) = lately.unzip();
        let (least, most) = ranges
            .into_iter()
            .reduce(|(least, most), (other, others)| (least.min(other), most + others))
            .unwrap_or_default();
        // They may be the members of another object.
        let is_copied = |it: &&str| self.objects.get(it).is_some_and(|all| all.len() > 1);
        let shared = lately.iter().any(is_copied);
        (if shared { 0 } else { least }, most)
    }
}

fn range(numbers: &[Number], since: Monotonic) -> (usize, usize) {
    let begin = numbers.iter().rposition(|it| it.at < since).unwrap_or(0);
    let least = numbers[begin..].iter().map(|it| it.slots).min();
    let least = least.filter(|_| begin > 0).unwrap_or(0);
    let numbers: Vec<usize> = numbers[begin..].iter().map(|it| it.vms).collect();
    // Those that went count until they are proven gone.
    let lost: usize = numbers
        .windows(2)
        .map(|pair| pair[0].saturating_sub(pair[1]))
        .sum();
    (least, numbers.iter().max().map_or(0, |most| most + lost))
}

/// The group's members cannot be told.
fn is_unknown(status: &Status) -> bool {
    let ready = status.conditions.iter().find(|it| it.kind == "Ready");
    ready.is_some_and(|ready| ready.status == "Unknown")
}

/// A person has to act first, and nobody looks at the members.
fn is_stalled(status: &Status) -> bool {
    const UNSEEN: [&str; 3] = ["InvalidSpec", "IdentityConflict", "AdoptionRequired"];
    let mut conditions = status.conditions.iter();
    conditions.any(|it| UNSEEN.contains(&it.reason.as_str()))
}

/// The number of members, if nobody can have counted it, or if it makes a group
/// ready that has fewer. The status, or the number alone, may be a backup's.
fn uncounted(
    object: &GroupObject,
    (least, most): (usize, usize),
    kept: bool,
    backup: Option<&Status>,
) -> Option<String> {
    let status = &object.status;
    if backup == Some(status) {
        return None;
    }
    let ready = status.conditions.iter().find(|it| it.kind == "Ready")?;
    let current = status.current_replicas?;
    if is_unknown(status) {
        return None;
    }
    let current = usize::try_from(current).unwrap_or(usize::MAX);
    let desired = status.desired_replicas.unwrap_or(0);
    let desired = usize::try_from(desired).unwrap_or(usize::MAX);
    if ready.status == "True" && desired > most {
        return Some(format!(
            "is ready with {desired} replicas, and had {most} members"
        ));
    }
    let counted = (least..=most).contains(&current);
    (!counted && !kept && backup.is_none())
        .then(|| format!("says that it has {current} members, and had {least} to {most}"))
}
