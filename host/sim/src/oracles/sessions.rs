//! S14 and L4: the session with vCenter, and its return.

use std::collections::BTreeMap;

use vmgroup_core::group::GroupKey;
use vmgroup_core::time::Monotonic;

use super::Breach;
use crate::history::{Arrival, Fact};
use crate::host::Decide;
use crate::kind::Kind;
use crate::world::World;

/// Refused credentials are tried again so seldom.
const REFUSED_MS: u64 = 15 * 60 * 1_000;
/// Work resumes within this after an outage.
const RESUMES_MS: u64 = 30_000;

/// S14: a host has at most one session; credentials that it heard to be refused
/// are tried once in fifteen minutes (whoever heard nothing cannot tell it from
/// an outage, after which L4 wants the next try within thirty seconds; the login of
/// a host that stood still comes beside the next one); after the end no session of
/// a host is left but those whose answers nobody heard.
pub fn s14_sessions<D: Decide>(world: &World<D>) -> Vec<Breach> {
    let now = world.now().monotonic;
    let mut texts: Vec<(Monotonic, String)> = Vec::new();
    for host in 0..world.hosts() {
        let session = world.session(host).filter(|it| world.vcenter().alive(*it));
        if world.is_stopped(host) && session.is_some() && !said_goodbye(world, host) {
            texts.push((now, format!("host {host} ended and left a session")));
        }
    }
    let mut refused: BTreeMap<(usize, u32, &str), Monotonic> = BTreeMap::new();
    for fact in world.facts() {
        let Fact::LoggedIn {
            at,
            host,
            life,
            version,
            accepted: false,
            heard: true,
        } = fact
        else {
            continue;
        };
        if let Some(before) = refused.insert((*host, *life, version), *at)
            && at.since(before) < REFUSED_MS
        {
            texts.push((*at, format!("`{version}` was refused and tried again")));
        }
    }
    breaches("S14", texts)
}

/// The last that it asked of the session was to end: that may not have arrived.
fn said_goodbye<D: Decide>(world: &World<D>, host: usize) -> bool {
    let mut arrivals = world.arrivals().iter().rev().filter(|it| it.host == host);
    let lost = world.counts().contains_key("LostBefore");
    let last = arrivals.find(|it| it.kind.of_session());
    lost || last.is_some_and(|it| it.kind == Kind::Logout)
}

/// L4: whoever asked in vain during an outage asks again, with success, within
/// thirty seconds of its end, unless its group is gone by then. Hosts that were
/// away, answers that got lost and refused credentials have waits of their own:
/// then nothing is said.
pub fn l4_resume<D: Decide>(world: &World<D>) -> Vec<Breach> {
    let mut texts = Vec::new();
    let disturbed = |outage_from: Monotonic, until: Monotonic| {
        world
            .disturbances()
            .iter()
            .any(|(from, to)| *from <= until && *to >= outage_from)
    };
    for outage in world.outages() {
        let until = outage.to.plus(RESUMES_MS);
        let overlaps = world
            .outages()
            .iter()
            .any(|other| other != outage && other.from <= until && other.to >= outage.from);
        if overlaps || disturbed(outage.from, until) || world.now().monotonic < until {
            continue;
        }
        // Another host may have taken over.
        let side = |it: &&Arrival| it.kind.to_cluster() == outage.of_cluster;
        let arrivals = || world.arrivals().iter().filter(side);
        let in_vain = arrivals().any(|it| {
            let during = it.at >= outage.from && it.at < outage.to;
            let group = it.in_vain_for.as_ref();
            let lacks = group.is_some_and(|key| is_missing(world, key, it.at, until));
            during && !it.reached && !lacks
        });
        let resumed = arrivals().any(|it| it.reached && it.at >= outage.to && it.at <= until);
        if in_vain && !resumed {
            let text = format!("no host has resumed since {} ms", outage.to.0);
            texts.push((until, text));
        }
    }
    breaches("L4", texts)
}

/// The group's object was not there at some moment of that time: nobody asks for it again.
fn is_missing<D: Decide>(
    world: &World<D>,
    key: &GroupKey,
    from: Monotonic,
    until: Monotonic,
) -> bool {
    let is_there_since = world.facts().iter().filter_map(|fact| {
        let is_there = match fact {
            Fact::Revised { object, .. } if object.key == *key => true,
            Fact::Vanished { object, .. } if object.key == *key => false,
            Fact::Restored { objects, .. } => objects.iter().any(|it| it.key == *key),
            _ => return None,
        };
        Some((fact.at(), is_there))
    });
    let is_there_since: Vec<(Monotonic, bool)> = is_there_since.collect();
    let before = is_there_since.partition_point(|(at, _)| *at <= from);
    let (before, later) = is_there_since.split_at(before);
    let was_there = before.last().is_some_and(|(_, is_there)| *is_there);
    !was_there || later.iter().any(|(at, is_there)| *at <= until && !is_there)
}

fn breaches(oracle: &'static str, texts: Vec<(Monotonic, String)>) -> Vec<Breach> {
    texts
        .into_iter()
        .map(|(at, text)| Breach { oracle, at, text })
        .collect()
}
