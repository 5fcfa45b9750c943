//! Nothing is taken down, changed or brought up against the owner's wish, and
//! never so much at a time that fewer members are left than the owner demands.

use std::collections::BTreeMap;

use super::Rule;
use super::situation::{Situation, interrupts, is_delete, named};
use crate::observation::{Drift, Member, Parking, PowerState, UpdatePolicy};
use crate::plan::{Effect, Violation};

pub(super) fn check(situation: &Situation<'_>, found: &mut Vec<Violation>) {
    for (action, member) in situation.on_members() {
        if let Some(problem) = unwanted(situation, &action.effect, member) {
            let (kind, id) = (action.effect.kind(), &member.id);
            found.push(Rule::Disruption.violation(format!("{kind} {id}: {problem}")));
        }
    }
    if !situation.is_deleting() {
        keep_enough(situation, found);
    }
}

/// What the effect would bring is there, or cannot be brought: it would be planned again and again.
fn changes_nothing(effect: &Effect, member: &Member) -> bool {
    match effect {
        Effect::PowerOn(_) => member.power == PowerState::On,
        Effect::PowerOff(_) => member.power == PowerState::Off,
        // Only a VM that runs can be suspended.
        Effect::Suspend(_) => matches!(member.power, PowerState::Suspended | PowerState::Off),
        Effect::Reconfigure(_) => matches!(member.drift, Drift::None | Drift::Replace),
        Effect::Clone(_) | Effect::Delete(_) => false,
    }
}

/// Why the owner does not want this; a delete has a rule of its own.
fn unwanted(situation: &Situation<'_>, effect: &Effect, member: &Member) -> Option<String> {
    if changes_nothing(effect, member) {
        let (drift, power) = (member.drift, member.power);
        return Some(format!(
            "the member is {power} and has drift {drift}, which this does not change"
        ));
    }
    let desired = &situation.observation.desired;
    let (wish, parking, update) = (desired.power.state, desired.parking, desired.update);
    let may_cycle = matches!(
        update,
        UpdatePolicy::PowerCycle | UpdatePolicy::RollingReplace
    ) && member.drift == Drift::PowerCycle;
    let wanted = match effect {
        Effect::Clone(_) | Effect::Delete(_) => true,
        Effect::PowerOn(_) => {
            !situation.is_deleting()
                && (wish == PowerState::On
                    // A VM that is off gets suspended only by way of running.
                    || (wish == PowerState::Suspended && member.power == PowerState::Off))
        }
        Effect::PowerOff(_) => {
            situation.is_deleting()
                || wish == PowerState::Off
                || may_cycle
                || situation.may_be_replaced(member)
                || parking == Parking::PowerOff
        }
        Effect::Suspend(_) => {
            situation.is_deleting() || wish == PowerState::Suspended || parking == Parking::Suspend
        }
        Effect::Reconfigure(_) if situation.is_deleting() => false,
        Effect::Reconfigure(_) if interrupts(effect, member) => may_cycle,
        Effect::Reconfigure(_) => allows_reconfigure(update),
    };
    if wanted {
        return None;
    }
    let (drift, power) = (member.drift, member.power);
    Some(match effect {
        Effect::PowerOn(_) | Effect::Reconfigure(_) if situation.is_deleting() => {
            "the group is being deleted, its members only go".to_owned()
        }
        Effect::Reconfigure(_) => format!(
            "drift {drift} of a member that is {power} is not changed under update policy {update}"
        ),
        _ => format!(
            "the power state wanted is {wish}, parking is {parking}, and drift {drift} under \
             update policy {update} does not call for it"
        ),
    })
}

fn allows_reconfigure(update: UpdatePolicy) -> bool {
    matches!(
        update,
        UpdatePolicy::InPlace | UpdatePolicy::PowerCycle | UpdatePolicy::RollingReplace
    )
}

/// A member that the plan takes down.
struct Taken<'a> {
    member: &'a Member,
    deleted: bool,
}

/// `max-unavailable` and `min-alive`. Members that are down already count; to
/// take one of those takes nothing down.
fn keep_enough(situation: &Situation<'_>, found: &mut Vec<Violation>) {
    let desired = &situation.observation.desired;
    let members = &situation.observation.members;
    let taken = taken(situation);

    let replicas = desired.replicas;
    let needed = replicas.saturating_sub(desired.max_unavailable) as usize;
    let serving = members
        .iter()
        .filter(|member| situation.serves(member))
        .count();
    // In a group that is wanted down only a delete takes a member away.
    let stops_serving = |taken: &Taken<'_>| {
        situation.serves(taken.member) && (taken.deleted || !situation.wants_down())
    };
    if let Some((ids, left)) = shortage(serving, &taken, stops_serving, needed) {
        let unavailable = desired.max_unavailable;
        found.push(Rule::Disruption.violation(format!(
            "taking down {ids}: {left} members would be available; at least {needed} have to be, \
             with max-unavailable {unavailable} of {replicas} replicas"
        )));
    }

    let needed = desired.min_alive as usize;
    let alive = members
        .iter()
        .filter(|member| situation.is_alive(member))
        .count();
    let goes_down = |taken: &Taken<'_>| situation.is_alive(taken.member);
    if let Some((ids, left)) = shortage(alive, &taken, goes_down, needed) {
        found.push(Rule::Disruption.violation(format!(
            "taking down {ids}: {left} members would be up, min-alive demands {needed}"
        )));
    }
}

/// The members that the plan takes down, each once, by slot.
fn taken<'a>(situation: &Situation<'a>) -> Vec<Taken<'a>> {
    let mut taken = BTreeMap::new();
    for (action, member) in situation.on_members() {
        let deleted = is_delete(&action.effect);
        if deleted || interrupts(&action.effect, member) {
            let taken = taken.entry((member.slot, &member.id)).or_insert(Taken {
                member,
                deleted: false,
            });
            taken.deleted |= deleted;
        }
    }
    taken.into_values().collect()
}

/// Who must stay, and how many would be left. None as long as enough are left.
fn shortage(
    all: usize,
    taken: &[Taken<'_>],
    counts: impl Fn(&Taken<'_>) -> bool,
    needed: usize,
) -> Option<(String, usize)> {
    let going: Vec<_> = taken.iter().filter(|taken| counts(taken)).collect();
    let left = all - going.len();
    let members = going.iter().map(|taken| taken.member);
    (!going.is_empty() && left < needed).then(|| (named(members), left))
}
