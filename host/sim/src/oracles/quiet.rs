//! S15 and L5: what happens when nothing happens, and after a swap.

use std::collections::BTreeMap;

use vmgroup_core::group::GroupKey;
use vmgroup_core::time::Monotonic;

use super::{Breach, Quiet};
use crate::cluster::Cluster;
use crate::history::{Arrival, Fact};
use crate::kind::Kind;

/// A full relist in any case.
const RELIST_MS: u64 = 15 * 60 * 1_000;
/// In an hour a slot has at most so many calls without an effect: waits double
/// from five seconds to five minutes, so eighteen, and some more after crashes.
const FAILURES_AN_HOUR: usize = 40;
/// In an hour a host is refused a request about one thing at most so often: one about an
/// object every fifteen seconds in the end, and whatever happens is a reason for another.
const REFUSED_AN_HOUR: usize = 360;
const HOUR_MS: u64 = 3_600_000;
/// In a minute a group is decided about at most so often: each operation that
/// ends, fails or changes something is a reason.
const DECISIONS_A_MINUTE: usize = 600;
const MINUTE_MS: u64 = 60_000;

/// S15: in a quiet time there is no request but lease renewals and the relist
/// that comes every quarter of an hour, by design.
pub fn s15_quiet(arrivals: &[Arrival], quiet: Quiet, hosts: usize) -> Vec<Breach> {
    let mut relists = 0;
    let mut texts = Vec::new();
    for arrival in arrivals.iter().rev().take_while(|it| it.at >= quiet.since) {
        match arrival.kind {
            Kind::WriteLease => {}
            Kind::Relist => relists += 1,
            kind => texts.push(format!("{kind} at {} ms, in the quiet time", arrival.at.0)),
        }
    }
    let due = 1 + quiet.now.since(quiet.since) / RELIST_MS;
    if relists > due * hosts as u64 {
        texts.push(format!("{relists} relists in the quiet time"));
    }
    texts
        .into_iter()
        .map(|text| Breach {
            oracle: "S15",
            at: quiet.now,
            text,
        })
        .collect()
}

/// S15, refusals: a request that nobody may make is not made too often.
pub fn s15_refused(arrivals: &[Arrival]) -> Vec<Breach> {
    let mut refused: BTreeMap<(usize, Kind, &str), Vec<Monotonic>> = BTreeMap::new();
    for arrival in arrivals {
        if let Some(about) = &arrival.denied {
            let what = (arrival.host, arrival.kind, about.as_str());
            refused.entry(what).or_default().push(arrival.at);
        }
    }
    let is_hot = |window: &&[Monotonic]| window[REFUSED_AN_HOUR - 1].since(window[0]) < HOUR_MS;
    let hot = refused
        .into_iter()
        .filter_map(|((host, kind, about), times)| {
            let window = times.windows(REFUSED_AN_HOUR).find(is_hot)?;
            let text = format!("host {host} is refused {REFUSED_AN_HOUR} times {kind} of {about}");
            Some(Breach {
                oracle: "S15",
                at: window[REFUSED_AN_HOUR - 1],
                text,
            })
        });
    hot.collect()
}

/// S15, backoff: calls that come to nothing are repeated within bounds.
pub fn s15_backoff(facts: &[Fact]) -> Vec<Breach> {
    let mut calls: BTreeMap<(&str, Kind), Vec<Monotonic>> = BTreeMap::new();
    let mut decisions: BTreeMap<&GroupKey, Vec<Monotonic>> = BTreeMap::new();
    for fact in facts {
        match fact {
            Fact::Decided(decided) => {
                decisions
                    .entry(&decided.group)
                    .or_default()
                    .push(decided.at);
            }
            Fact::Called(called) => {
                let slot = slot_of(&called.operation_id);
                let of = calls
                    .entry((slot, Kind::of_call(&called.call)))
                    .or_default();
                of.push(called.at);
            }
            Fact::Effect(effect) => {
                calls.remove(&(slot_of(&effect.operation_id), effect.kind));
            }
            _ => {}
        }
    }
    let mut breaches = Vec::new();
    for (group, times) in decisions {
        let hot = times
            .windows(DECISIONS_A_MINUTE)
            .find(|window| window[DECISIONS_A_MINUTE - 1].since(window[0]) < MINUTE_MS);
        breaches.extend(hot.map(|window| Breach {
            oracle: "S15",
            at: window[0],
            text: format!("{DECISIONS_A_MINUTE} decisions about {group} within a minute"),
        }));
    }
    for ((slot, kind), times) in calls {
        for window in times.windows(FAILURES_AN_HOUR) {
            let (Some(first), Some(last)) = (window.first(), window.last()) else {
                continue;
            };
            if last.since(*first) < HOUR_MS {
                breaches.push(Breach {
                    oracle: "S15",
                    at: *last,
                    text: format!("{FAILURES_AN_HOUR} times {kind} for {slot} within an hour"),
                });
                break;
            }
        }
    }
    breaches
}

/// `identity/slot` of an operation id.
fn slot_of(operation_id: &str) -> &str {
    operation_id
        .rsplit_once('/')
        .map_or(operation_id, |(slot, _)| slot)
}

/// L5, and S8's one digest per decision: after the last swap every group that
/// runs is decided about by the new module, and by no other one.
///
/// Not covered: rollouts in steps; this version swaps at once.
pub fn l5_swaps(cluster: &Cluster, facts: &[Fact]) -> Vec<Breach> {
    let swapped = facts.iter().rev().find_map(|fact| match fact {
        Fact::Swapped {
            at,
            name: None,
            digest,
        } => Some((*at, digest)),
        _ => None,
    });
    let Some((at, digest)) = swapped else {
        return Vec::new();
    };
    let mut last: BTreeMap<&GroupKey, &String> = BTreeMap::new();
    for fact in facts {
        if let Fact::Decided(decided) = fact {
            last.insert(&decided.group, &decided.digest);
        }
    }
    let mut breaches = Vec::new();
    for object in cluster.groups() {
        let own_module = object.spec.as_ref().is_ok_and(|it| it.module.is_some());
        let runs = object.status.phase.as_deref() == Some("RUNNING");
        if own_module || !runs || object.deleting {
            continue;
        }
        let right = last.get(&object.key).is_some_and(|by| *by == digest);
        if !right {
            breaches.push(Breach {
                oracle: "L5",
                at,
                text: format!("{} was not decided about by {digest}", object.key),
            });
        }
    }
    breaches
}
