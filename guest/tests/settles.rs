//! In a world in which every action succeeds, the logic comes to rest, and the
//! group is then as its owner wants it.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use vmgroup_default_reconciler::DefaultReconciler;
use vmgroup_sdk::testing::{NOW, member, observation};
use vmgroup_sdk::{
    Drift, Effect, HealPolicy, Health, Member, Observation, Plan, PowerState, Reconciler,
    UpdatePolicy,
};

fn plan(seen: &Observation) -> Plan {
    DefaultReconciler::reconcile(seen).expect("the settings are the default ones")
}

/// Carries a plan out, and lets the time pass that it asks for.
fn carry_out(world: &mut Observation, plan: Plan) {
    let wished = world.desired.power.state;
    let after_ms = plan.next_look.map_or(60_000, |look| look.after_ms);
    world.context.now += if plan.actions.is_empty() {
        after_ms
    } else {
        60_000
    };
    world.as_of = world.context.now;
    world.context.memo = plan.memo;
    let now = world.context.now;
    let set_power = |world: &mut Observation, id: &str, power: PowerState| {
        for member in world.members.iter_mut().filter(|m| m.id == id) {
            (member.power, member.power_since, member.health_since) = (power, now, now);
            member.health = match member.health {
                Health::Failed => Health::Failed,
                Health::Starting if power != wished => Health::Starting,
                _ if power == wished => Health::Ready,
                _ => Health::Unready,
            };
        }
    };
    for action in plan.actions {
        match action.effect {
            Effect::Clone(slot) => world.members.push(Member {
                id: format!("vm-{slot}-{now}"),
                power: PowerState::Off,
                power_since: now,
                health: if wished == PowerState::Off {
                    Health::Ready
                } else {
                    Health::Starting
                },
                health_since: now,
                created_at: Some(now),
                ..member(slot)
            }),
            Effect::Delete(id) => world.members.retain(|m| m.id != id),
            Effect::PowerOn(id) => set_power(world, &id, PowerState::On),
            Effect::PowerOff(off) => set_power(world, &off.member, PowerState::Off),
            Effect::Suspend(id) => set_power(world, &id, PowerState::Suspended),
            Effect::Reconfigure(id) => {
                let mut members = world.members.iter_mut();
                let member = members.find(|m| m.id == id).expect("a member");
                let hot = member.drift == Drift::InPlace;
                assert!(
                    hot || member.power == PowerState::Off,
                    "not hot: {member:?}"
                );
                member.drift = Drift::None;
            }
        }
    }
    world
        .members
        .sort_by(|a, b| (a.slot, &a.id).cmp(&(b.slot, &b.id)));
}

fn a_world() -> impl Strategy<Value = Observation> {
    let a_member = (
        select(vec![
            Health::Ready,
            Health::Ready,
            Health::Unready,
            Health::Failed,
        ]),
        select(vec![
            Drift::None,
            Drift::InPlace,
            Drift::PowerCycle,
            Drift::Replace,
        ]),
        select(vec![
            PowerState::On,
            PowerState::On,
            PowerState::Off,
            PowerState::Suspended,
        ]),
    );
    let policies = (
        select(vec![
            UpdatePolicy::InPlace,
            UpdatePolicy::PowerCycle,
            UpdatePolicy::RollingReplace,
        ]),
        select(vec![HealPolicy::Never, HealPolicy::Replace]),
        select(vec![PowerState::On, PowerState::Off]),
    );
    let numbers = (0..6_u32, 0..3_u32, 0..3_u32, 0..2_u32);
    (vec(proptest::option::of(a_member), 0..8), policies, numbers)
        .prop_filter(
            "neither surge nor unavailability: nothing can be replaced",
            |(_, _, n)| n.1 + n.2 > 0,
        )
        .prop_map(|(slots, policies, numbers)| {
            let mut world = observation(numbers.0);
            let desired = &mut world.desired;
            (desired.max_unavailable, desired.max_surge, desired.spares) =
                (numbers.1, numbers.2, numbers.3);
            (desired.update, desired.heal, desired.power.state) = policies;
            (desired.budget.deletes, desired.budget.disruptions) = (1_000, 1_000);
            for (slot, filled) in (0..).zip(slots) {
                world
                    .members
                    .extend(filled.map(|(health, drift, power)| Member {
                        // A sound member in another power state is not as it should be.
                        health: if health == Health::Ready && power != policies.2 {
                            Health::Unready
                        } else {
                            health
                        },
                        drift,
                        power,
                        power_since: NOW - 1_000,
                        health_since: NOW - 1_000,
                        ..member(slot)
                    }));
            }
            world
        })
}

/// What is left to be done, in the words of the owner's policies.
fn open(world: &Observation) -> Vec<String> {
    let desired = &world.desired;
    let mut open = Vec::new();
    let (wanted, members) = (
        desired.replicas + desired.spares,
        world.members.len() as u32,
    );
    // The surge of a replacement that is halted stays.
    let halted = world.members.iter().any(|m| is_stuck(world, m));
    let surge = if halted { desired.max_surge } else { 0 };
    if !(wanted..=wanted + surge).contains(&members) {
        open.push(format!("{members} members"));
    }
    for member in &world.members {
        let outdated = match desired.update {
            UpdatePolicy::InPlace => matches!(member.drift, Drift::InPlace),
            UpdatePolicy::PowerCycle => {
                matches!(member.drift, Drift::InPlace | Drift::PowerCycle)
            }
            _ => member.drift != Drift::None,
        };
        let broken = desired.heal == HealPolicy::Replace && member.health == Health::Failed;
        let elsewhere = member.power != desired.power.state;
        if (outdated || broken || elsewhere) && !is_stuck(world, member) {
            open.push(format!("{member:?}"));
        }
    }
    open
}

/// Broken members that nobody may heal keep the others from being taken down,
/// and so does a max-unavailable of none where only a restart would help.
fn is_stuck(world: &Observation, member: &Member) -> bool {
    let desired = &world.desired;
    let sound = |m: &&Member| m.health == Health::Ready;
    let ready = world.members.iter().filter(sound).count() as u32;
    let may_fall = ready > desired.replicas.saturating_sub(desired.max_unavailable);
    let needs_a_fall = matches!(member.drift, Drift::PowerCycle | Drift::Replace)
        || member.health == Health::Failed;
    let held_up = desired.heal == HealPolicy::Never || desired.max_unavailable == 0;
    needs_a_fall && held_up && !may_fall && member.power == desired.power.state
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_group_becomes_what_the_owner_wants_and_stays_so(mut world in a_world()) {
        let mut still = 0;
        for _ in 0..200 {
            let plan = plan(&world);
            still = if plan.actions.is_empty() { still + 1 } else { 0 };
            carry_out(&mut world, plan);
        }
        prop_assert!(still > 50, "still acting: {:?}", plan(&world).actions);
        prop_assert_eq!(open(&world), Vec::<String>::new());
    }
}
