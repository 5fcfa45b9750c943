//! S11 and S13: what the operator says.

use std::collections::BTreeMap;

use vmgroup_core::status::Status;
use vmgroup_core::time::Monotonic;
use vmgroup_reconcile::event::GroupObject;

use super::Breach;
use crate::cluster::Told;
use crate::history::Fact;

/// How every version of the credentials begins in the simulated world.
const SECRET: &str = "credentials-";

/// A number was counted at some time of the last so many milliseconds: a full
/// relist heals a feed that lost an update.
const COUNTED_MS: u64 = 1_000_000;

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
/// that a backup has brought back is not the operator's, until there is another.
pub fn s13_status(facts: &[Fact]) -> Vec<Breach> {
    let mut spoken: BTreeMap<&str, (i64, Option<u32>)> = BTreeMap::new();
    let mut brought_back: BTreeMap<&str, &Status> = BTreeMap::new();
    let mut counts: BTreeMap<&str, Vec<(Monotonic, usize)>> = BTreeMap::new();
    let mut breaches = Vec::new();
    for fact in facts {
        match fact {
            Fact::Counted {
                at,
                identity,
                slots,
            } => counts.entry(identity).or_default().push((*at, slots.len())),
            Fact::Restored { objects, .. } => {
                spoken.clear();
                let statuses = objects.iter().map(|it| (it.uid.as_str(), &it.status));
                brought_back = statuses.collect();
            }
            Fact::Revised { at, object } => {
                let identity = object.identity.as_deref().unwrap_or(&object.uid);
                let known = counts.get(identity).map_or(&[][..], Vec::as_slice);
                let generation = object.status.observed_generation.unwrap_or(0);
                let said = object.status.current_replicas;
                let (before, said_before) = spoken
                    .insert(&object.uid, (generation, said))
                    .unwrap_or_default();
                let backup = brought_back.remove(object.uid.as_str());
                let backup = backup.filter(|backup| backup.current_replicas == said);
                brought_back.extend(backup.map(|backup| (object.uid.as_str(), backup)));
                let backwards = generation != 0 && generation < before;
                let texts = [
                    (backwards || generation > object.generation)
                        .then(|| format!("speaks of generation {generation} after {before}")),
                    uncounted(object, known, *at, backup),
                    (is_unknown(object) && said_before.is_some() && said != said_before)
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

/// The group's members cannot be told.
fn is_unknown(object: &GroupObject) -> bool {
    let conditions = &object.status.conditions;
    let ready = conditions.iter().find(|it| it.kind == "Ready");
    ready.is_some_and(|ready| ready.status == "Unknown")
}

/// The number of members, if nobody can have counted it, or if it makes a group
/// ready that has fewer. The status, or the number alone, may be a backup's.
fn uncounted(
    object: &GroupObject,
    counts: &[(Monotonic, usize)],
    at: Monotonic,
    backup: Option<&Status>,
) -> Option<String> {
    let status = &object.status;
    if backup == Some(status) {
        return None;
    }
    let ready = status.conditions.iter().find(|it| it.kind == "Ready")?;
    let current = status.current_replicas?;
    if is_unknown(object) {
        return None;
    }
    let since = Monotonic(at.0.saturating_sub(COUNTED_MS));
    let begin = counts.iter().rposition(|(at, _)| *at < since).unwrap_or(0);
    let numbers: Vec<usize> = counts[begin..].iter().map(|(_, count)| *count).collect();
    let least = match numbers.iter().min() {
        Some(least) if begin > 0 => *least,
        _ => 0,
    };
    // Those that went count until they are proven gone.
    let lost: usize = numbers
        .windows(2)
        .map(|pair| pair[0].saturating_sub(pair[1]))
        .sum();
    let most = numbers.iter().max().map_or(0, |most| most + lost);
    let current = usize::try_from(current).unwrap_or(usize::MAX);
    let desired = status.desired_replicas.unwrap_or(0);
    let desired = usize::try_from(desired).unwrap_or(usize::MAX);
    if ready.status == "True" && desired > most {
        return Some(format!(
            "is ready with {desired} replicas, and had {most} members"
        ));
    }
    let counted = (least..=most).contains(&current);
    (!counted && backup.is_none()).then(|| format!("says that it has {current} members"))
}
