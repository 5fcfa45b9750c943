//! Whatever the observation, the plan breaks none of the host's rules. The
//! rules are written down here once more, in the plainest way.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use vmgroup_default_reconciler::DefaultReconciler;
use vmgroup_sdk::testing::{NOW, member, observation, operation};
use vmgroup_sdk::{
    Connection, Drift, Effect, HealPolicy, Health, Hold, Member, Observation, Operation,
    OperationKind, Phase, Plan, PowerDriftPolicy, PowerState, Reconciler, RemovalPolicy,
    UpdatePolicy,
};

const POWER: [PowerState; 4] = [
    PowerState::Unknown,
    PowerState::On,
    PowerState::Off,
    PowerState::Suspended,
];

fn a_hold() -> impl Strategy<Value = Hold> {
    select(vec![
        Hold::Unknown,
        Hold::Administrator,
        Hold::Unreachable,
        Hold::Failover,
        Hold::Question,
        Hold::ForeignTask,
        Hold::ForeignDisk,
        Hold::ForeignSnapshot,
        Hold::DestroyDisabled,
        Hold::Duplicate,
    ])
}

fn a_time() -> impl Strategy<Value = u64> {
    select(vec![
        0,
        NOW - 600_000,
        NOW - 300_000,
        NOW - 10_000,
        NOW + 10_000,
    ])
}

fn a_member(slot: u32) -> impl Strategy<Value = Member> {
    let connection = prop_oneof![
        12 => Just(Connection::Connected),
        1 => Just(Connection::Unknown),
        1 => Just(Connection::Disconnected),
        1 => Just(Connection::Inaccessible),
    ];
    let power = prop_oneof![8 => Just(PowerState::On), 4 => select(POWER.to_vec())];
    let health = select(vec![
        Health::Ready,
        Health::Ready,
        Health::Ready,
        Health::Unknown,
        Health::Starting,
        Health::Unready,
        Health::Failed,
    ]);
    let drift = select(vec![
        Drift::None,
        Drift::None,
        Drift::Unknown,
        Drift::InPlace,
        Drift::PowerCycle,
        Drift::Replace,
    ]);
    let holds = prop_oneof![8 => Just(Vec::new()), 1 => vec(a_hold(), 1..3)];
    let times = (a_time(), a_time(), proptest::option::of(0..9_u64));
    (connection, power, health, drift, holds, times).prop_map(
        move |(connection, power, health, drift, holds, times)| Member {
            connection,
            power,
            health,
            drift,
            holds,
            power_since: times.0,
            health_since: times.1,
            created_at: times.2,
            ..member(slot)
        },
    )
}

/// What a slot holds: nothing, a member, an operation, or both.
fn a_slot(slot: u32) -> impl Strategy<Value = (Option<Member>, Option<Operation>)> {
    let kind = select(vec![
        OperationKind::Unknown,
        OperationKind::PowerOn,
        OperationKind::PowerOff,
        OperationKind::Suspend,
        OperationKind::Reconfigure,
        OperationKind::Delete,
    ]);
    prop_oneof![
        2 => Just((None, None)),
        1 => Just((None, Some(operation(OperationKind::Clone, slot)))),
        8 => a_member(slot).prop_map(|m| (Some(m), None)),
        1 => (a_member(slot), kind)
            .prop_map(move |(m, kind)| (Some(m), Some(operation(kind, slot)))),
    ]
}

fn slots() -> impl Strategy<Value = Vec<(Option<Member>, Option<Operation>)>> {
    (0..9_u32).prop_flat_map(|slots| (0..slots).map(a_slot).collect::<Vec<_>>())
}

fn an_observation() -> impl Strategy<Value = Observation> {
    let numbers = (0..7_u32, 0..3_u32, 0..3_u32, 0..3_u32, 0..2_u32);
    let limits = (
        0..4_u32,
        0..4_u32,
        prop_oneof![4 => Just(50_u32), 1 => 0..4_u32],
        0..4_u32,
    );
    let wish = (
        prop_oneof![4 => Just(PowerState::On), 2 => select(POWER.to_vec())],
        select(vec![
            PowerDriftPolicy::Unknown,
            PowerDriftPolicy::Enforce,
            PowerDriftPolicy::Report,
        ]),
        a_time(),
    );
    let policies = (
        select(vec![
            RemovalPolicy::Unknown,
            RemovalPolicy::Newest,
            RemovalPolicy::Oldest,
            RemovalPolicy::HighestSlot,
        ]),
        select(vec![
            UpdatePolicy::Unknown,
            UpdatePolicy::InPlace,
            UpdatePolicy::PowerCycle,
            UpdatePolicy::RollingReplace,
            UpdatePolicy::RollingReplace,
            UpdatePolicy::OnDelete,
        ]),
        select(vec![
            HealPolicy::Unknown,
            HealPolicy::Never,
            HealPolicy::Replace,
        ]),
    );
    let phase = prop_oneof![
        8 => Just(Phase::Normal),
        1 => Just(Phase::Deleting),
        1 => Just(Phase::Unknown),
    ];
    let view = (prop::bool::weighted(0.9), prop::bool::weighted(0.9));
    (numbers, limits, wish, policies, phase, view, slots()).prop_map(
        |(numbers, limits, wish, policies, phase, view, slots)| {
            let mut seen = observation(numbers.0);
            let desired = &mut seen.desired;
            (desired.max_unavailable, desired.max_surge) = (numbers.1, numbers.2);
            (desired.min_alive, desired.spares) = (numbers.3, numbers.4);
            (desired.budget.deletes, desired.budget.disruptions) = (limits.0, limits.1);
            desired.budget.scaled_down = limits.3;
            desired.max_actions = limits.2;
            (
                desired.power.state,
                desired.power.drift,
                desired.power.since,
            ) = wish;
            (desired.removal, desired.update, desired.heal) = policies;
            seen.context.phase = phase;
            seen.complete = view.0;
            seen.as_of = if view.1 { NOW } else { NOW - 600_000 };
            for (member, operation) in slots {
                seen.members.extend(member);
                seen.operations.extend(operation);
            }
            seen
        },
    )
}

fn plan(seen: &Observation) -> Plan {
    DefaultReconciler::reconcile(seen).expect("the settings are the default ones")
}

fn id(effect: &Effect) -> Option<&str> {
    match effect {
        Effect::Clone(_) => None,
        Effect::PowerOff(power_off) => Some(&power_off.member),
        Effect::PowerOn(id)
        | Effect::Suspend(id)
        | Effect::Reconfigure(id)
        | Effect::Delete(id) => Some(id),
    }
}

/// The actions on members, each with its member.
fn on_members<'a>(seen: &'a Observation, plan: &'a Plan) -> Vec<(&'a Effect, &'a Member)> {
    let member = |id| seen.members.iter().find(|m| m.id == id).expect("ownership");
    let effects = plan.actions.iter().map(|a| &a.effect);
    effects
        .filter_map(|e| id(e).map(|id| (e, member(id))))
        .collect()
}

fn clones(plan: &Plan) -> Vec<u32> {
    let slot = |effect: &Effect| match effect {
        Effect::Clone(slot) => Some(*slot),
        _ => None,
    };
    plan.actions
        .iter()
        .filter_map(|a| slot(&a.effect))
        .collect()
}

fn is_delete(effect: &Effect) -> bool {
    matches!(effect, Effect::Delete(_))
}

fn takes_down(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::Delete(_) | Effect::PowerOff(_) | Effect::Suspend(_)
    )
}

fn is_live(seen: &Observation, member: &Member) -> bool {
    let going = seen.operations.iter().any(|o| {
        o.slot == member.slot && matches!(o.kind, OperationKind::Delete | OperationKind::Unknown)
    });
    let doubtful = [
        Hold::Unknown,
        Hold::Unreachable,
        Hold::Failover,
        Hold::Duplicate,
    ];
    member.connection == Connection::Connected
        && member.power != PowerState::Unknown
        && !going
        && !member.holds.iter().any(|hold| doubtful.contains(hold))
}

fn may_be_replaced(seen: &Observation, member: &Member) -> bool {
    let desired = &seen.desired;
    let differs = member.drift == Drift::Replace
        || (member.drift == Drift::PowerCycle && desired.max_unavailable == 0);
    let outdated = desired.update == UpdatePolicy::RollingReplace && differs;
    let broken = desired.heal == HealPolicy::Replace
        && matches!(member.health, Health::Failed | Health::Unready)
        && NOW.saturating_sub(member.health_since) >= desired.heal_after_ms;
    outdated || broken
}

fn allowed_vms(seen: &Observation) -> usize {
    let desired = &seen.desired;
    let replacing = seen.members.iter().any(|m| may_be_replaced(seen, m));
    let surge = if replacing { desired.max_surge } else { 0 };
    (desired.replicas + desired.spares + surge) as usize
}

/// How many of the deletes the owner's scale-down pays for.
fn scaled_down(seen: &Observation) -> usize {
    let live = seen.members.iter().filter(|m| is_live(seen, m)).count();
    let wanted = seen.desired.replicas + seen.desired.spares;
    let paid = seen.desired.budget.scaled_down as usize;
    live.saturating_sub(wanted as usize).min(paid)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_same_observation_gives_the_same_plan(seen in an_observation()) {
        prop_assert_eq!(plan(&seen), plan(&seen));
    }

    #[test]
    fn no_plan_is_longer_than_allowed(seen in an_observation()) {
        let plan = plan(&seen);
        prop_assert!(plan.actions.len() <= seen.desired.max_actions as usize);
        prop_assert!(plan.notes.len() <= 8 && plan.notes.iter().all(|n| n.len() <= 200));
    }

    #[test]
    fn every_reason_is_one_that_describe_lists(seen in an_observation()) {
        let (plan, codes) = (plan(&seen), DefaultReconciler::describe().reason_codes);
        let looks = plan.next_look.iter().map(|look| &look.reason);
        for reason in plan.actions.iter().map(|a| &a.reason).chain(looks) {
            prop_assert!(codes.contains(&reason.code), "{}", reason.code);
            prop_assert!(reason.message.len() <= 200);
        }
    }

    #[test]
    fn a_slot_takes_one_action_and_none_while_an_operation_is_in_flight(seen in an_observation()) {
        let plan = plan(&seen);
        let mut taken: BTreeSet<u32> = seen.operations.iter().map(|o| o.slot).collect();
        let slots = on_members(&seen, &plan).into_iter().map(|(_, m)| m.slot);
        for slot in slots.chain(clones(&plan)) {
            prop_assert!(taken.insert(slot), "slot {slot}");
        }
    }

    #[test]
    fn clones_stay_within_the_bounds_and_go_into_empty_slots(seen in an_observation()) {
        let clones = clones(&plan(&seen));
        let coming = seen.operations.iter().filter(|o| o.kind == OperationKind::Clone).count();
        let vms = seen.members.len() + coming + clones.len();
        prop_assert!(clones.is_empty() || vms <= allowed_vms(&seen));
        for slot in clones {
            prop_assert!(u64::from(slot) < seen.slot_bound());
            prop_assert!(seen.members.iter().all(|m| m.slot != slot));
        }
    }

    #[test]
    fn every_delete_is_justified(seen in an_observation()) {
        let plan = plan(&seen);
        let deletes: Vec<_> =
            on_members(&seen, &plan).into_iter().filter(|(e, _)| is_delete(e)).collect();
        let left = seen.members.iter().filter(|m| is_live(&seen, m)).count() as i64
            - deletes.len() as i64;
        for (_, member) in deletes {
            prop_assert!(
                seen.context.phase == Phase::Deleting
                    || left >= i64::from(seen.desired.replicas)
                    || may_be_replaced(&seen, member)
            );
        }
    }

    #[test]
    fn held_and_unreachable_members_are_left_alone(seen in an_observation()) {
        for (effect, member) in on_members(&seen, &plan(&seen)) {
            prop_assert_eq!(member.connection, Connection::Connected);
            prop_assert!(member.power != PowerState::Unknown);
            let forbidden = |h: &Hold| is_delete(effect) || !matches!(
                h, Hold::ForeignDisk | Hold::ForeignSnapshot | Hold::DestroyDisabled
            );
            prop_assert!(!member.holds.iter().any(forbidden));
        }
    }

    #[test]
    fn nothing_is_cloned_or_taken_down_without_evidence(seen in an_observation()) {
        let evident = seen.complete && seen.as_of == NOW && seen.context.phase != Phase::Unknown;
        let plan = plan(&seen);
        prop_assert!(evident || clones(&plan).is_empty());
        prop_assert!(evident || !plan.actions.iter().any(|a| takes_down(&a.effect)));
    }

    #[test]
    fn enough_members_stay_up(mut seen in an_observation()) {
        seen.context.phase = Phase::Normal;
        let desired = &seen.desired;
        let wants_down = matches!(desired.power.state, PowerState::Off | PowerState::Suspended);
        let going_down = |m: &Member| seen.operations.iter().any(|o| o.slot == m.slot
            && matches!(o.kind, OperationKind::PowerOff | OperationKind::Suspend));
        let up = |m: &Member| m.power == PowerState::On
            && is_live(&seen, m) && !going_down(m) && !m.holds.contains(&Hold::Question);
        let sound = |m: &Member| matches!(m.health, Health::Ready | Health::Unknown);
        let serves = |m: &Member| sound(m) && if wants_down { is_live(&seen, m) } else { up(m) };
        let alive = |m: &Member| up(m)
            && (sound(m) || (wants_down && m.health != Health::Failed));
        let plan = plan(&seen);
        let taken: Vec<_> =
            on_members(&seen, &plan).into_iter().filter(|(e, _)| takes_down(e)).collect();
        let count = |is: &dyn Fn(&Member) -> bool| seen.members.iter().filter(|m| is(m)).count();

        // All that go by the owner's scale-down go without regard to the others.
        if taken.len() > scaled_down(&seen) {
            let going = taken.iter()
                .filter(|(e, m)| serves(m) && (is_delete(e) || !wants_down)).count();
            let needed = desired.replicas.saturating_sub(desired.max_unavailable) as usize;
            prop_assert!(going == 0 || count(&serves) - going >= needed);
        }
        let going = taken.iter().filter(|(_, m)| alive(m)).count();
        prop_assert!(going == 0 || count(&alive) - going >= desired.min_alive as usize);
    }

    #[test]
    fn what_the_owner_did_not_ask_for_stays_within_the_budget(mut seen in an_observation()) {
        seen.context.phase = Phase::Normal;
        let plan = plan(&seen);
        let on_members = on_members(&seen, &plan);
        let deletes = on_members.iter().filter(|(e, _)| is_delete(e)).count();
        let budget = &seen.desired.budget;
        prop_assert!(deletes <= budget.deletes as usize + scaled_down(&seen));
        let wished = |effect: &Effect| match effect {
            Effect::PowerOff(_) => seen.desired.power.state == PowerState::Off,
            Effect::Suspend(_) => seen.desired.power.state == PowerState::Suspended,
            _ => false,
        };
        let disruptions = on_members.iter()
            .filter(|(e, _)| takes_down(e) && !is_delete(e) && !wished(e)).count();
        prop_assert!(disruptions <= budget.disruptions as usize);
    }

    #[test]
    fn members_are_taken_down_only_where_the_owner_allows_it(mut seen in an_observation()) {
        seen.context.phase = Phase::Normal;
        let may_cycle = matches!(
            seen.desired.update,
            UpdatePolicy::PowerCycle | UpdatePolicy::RollingReplace
        );
        for (effect, member) in on_members(&seen, &plan(&seen)) {
            let wish = seen.desired.power.state;
            match effect {
                Effect::PowerOff(_) => prop_assert!(
                    wish == PowerState::Off || (may_cycle && member.drift == Drift::PowerCycle)
                ),
                Effect::Suspend(_) => prop_assert_eq!(wish, PowerState::Suspended),
                Effect::PowerOn(_) => prop_assert!(
                    wish == PowerState::On
                        || (wish == PowerState::Suspended && member.power == PowerState::Off)
                ),
                Effect::Reconfigure(_) => {
                    let allowed = match member.drift {
                        Drift::InPlace => seen.desired.update != UpdatePolicy::OnDelete,
                        Drift::PowerCycle => may_cycle && member.power == PowerState::Off,
                        Drift::None | Drift::Unknown | Drift::Replace => false,
                    };
                    prop_assert!(allowed);
                }
                Effect::Clone(_) | Effect::Delete(_) => {}
            }
        }
    }

    #[test]
    fn a_deleted_group_is_only_ever_deleted(mut seen in an_observation()) {
        seen.context.phase = Phase::Deleting;
        prop_assert!(plan(&seen).actions.iter().all(|a| is_delete(&a.effect)));
    }
}
