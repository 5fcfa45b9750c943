//! One table a rule. A row: what the owner asks for, what there is, the effects
//! planned, and the rules that have to report. What is left out of a row is as
//! in a case.

mod model;

use serde_json::{Value, json};

use super::*;
use crate::limits::VIEW_AGE_MS_MAX;
use crate::observation::{Hold, OperationKind, OperationStage};
use crate::plan::{Action, Effect, NextLook, PowerOff, PowerOffMode, Reason};

const NOW: u64 = 10_000_000;

fn observation(desired: Value, members: Value) -> Observation {
    let mut wanted = json!({ "replicas": 3 });
    merge(&mut wanted, desired);
    let Value::Array(members) = members else {
        panic!("members are a list")
    };
    let members: Vec<Value> = members
        .into_iter()
        .enumerate()
        .map(|(slot, member)| {
            let mut whole = json!({ "id": format!("vm-{slot}"), "slot": slot });
            merge(&mut whole, member);
            whole
        })
        .collect();
    let context = json!({ "now": NOW });
    serde_json::from_value(json!({ "context": context, "desired": wanted, "members": members }))
        .expect("it is an observation")
}

fn merge(into: &mut Value, from: Value) {
    let into = into.as_object_mut().expect("an object");
    let Value::Object(from) = from else {
        panic!("an object")
    };
    into.extend(from);
}

fn ready(count: usize) -> Value {
    Value::Array(vec![json!({}); count])
}

fn action(effect: Effect) -> Action {
    Action {
        effect,
        reason: Reason {
            code: "test".into(),
            message: "because".into(),
        },
    }
}

fn plan(effects: &[Effect]) -> Plan {
    Plan {
        actions: effects.iter().cloned().map(action).collect(),
        ..Plan::default()
    }
}

fn delete(slot: u32) -> Effect {
    Effect::Delete(format!("vm-{slot}"))
}

fn on(slot: u32) -> Effect {
    Effect::PowerOn(format!("vm-{slot}"))
}

fn off(slot: u32) -> Effect {
    Effect::PowerOff(PowerOff {
        member: format!("vm-{slot}"),
        mode: PowerOffMode::Soft,
    })
}

fn suspend(slot: u32) -> Effect {
    Effect::Suspend(format!("vm-{slot}"))
}

fn reconfigure(slot: u32) -> Effect {
    Effect::Reconfigure(format!("vm-{slot}"))
}

fn verdict(observation: &Observation, effects: &[Effect]) -> Verdict {
    check(observation, &plan(effects), &Circumstances::default())
}

#[track_caller]
fn expect(observation: &Observation, effects: &[Effect], rules: &[Rule]) {
    let verdict = verdict(observation, effects);
    let found = verdict.rules();
    let expected: BTreeSet<String> = rules.iter().map(ToString::to_string).collect();
    assert_eq!(found, expected, "{effects:?}: {verdict:#?}");
}

fn with_operation(mut observation: Observation, kind: OperationKind, slot: u32) -> Observation {
    let member = observation
        .members
        .iter()
        .find(|member| member.slot == slot);
    let member = member.map(|member| member.id.clone());
    let stage = OperationStage::Queued;
    let since = crate::time::Timestamp(NOW);
    observation.operations.push(crate::observation::Operation {
        kind,
        slot,
        member,
        stage,
        since,
    });
    observation
}

fn deleting(mut observation: Observation) -> Observation {
    observation.context.phase = crate::observation::Phase::Deleting;
    observation
}

#[test]
fn an_empty_plan_breaks_no_rule() {
    for observation in [
        observation(json!({}), ready(0)),
        observation(json!({ "replicas": 0, "minAlive": 5 }), ready(9)),
        observation(
            json!({}),
            json!([{ "holds": ["unknown"], "connection": "unknown" }]),
        ),
    ] {
        expect(&observation, &[], &[]);
    }
}

#[test]
fn ownership() {
    let three = observation(json!({}), json!([{}, {}, { "power": "off" }]));
    expect(
        &three,
        &[Effect::PowerOn("stranger".into())],
        &[Rule::Ownership],
    );
    expect(
        &three,
        &[Effect::Delete("stranger".into())],
        &[Rule::Ownership],
    );
    expect(&three, &[on(2)], &[]);
}

#[test]
fn empty_by_proof() {
    let two = observation(json!({}), ready(2));
    expect(&two, &[Effect::Clone(2)], &[]);
    expect(&two, &[Effect::Clone(1)], &[Rule::EmptyByProof]);
    let unknown = json!([{ "power": "unknown", "connection": "unknown", "health": "unknown" }]);
    expect(
        &observation(json!({}), unknown),
        &[Effect::Clone(0)],
        &[Rule::EmptyByProof],
    );
    // A delete in the same plan does not free the slot.
    let surplus = observation(json!({ "replicas": 1, "spares": 2 }), ready(2));
    let rules = [Rule::EmptyByProof, Rule::OneAtATime];
    expect(&surplus, &[delete(1), Effect::Clone(1)], &rules);
}

#[test]
fn bounds() {
    let clones = |slots: &[u32]| -> Vec<_> { slots.iter().copied().map(Effect::Clone).collect() };
    let two = observation(json!({}), ready(2));
    expect(&two, &clones(&[2]), &[]);
    expect(&two, &clones(&[3]), &[]);
    expect(&two, &clones(&[2, 3]), &[Rule::Bounds]);
    expect(&two, &clones(&[4]), &[Rule::Bounds]);
    expect(&two, &clones(&[u32::MAX]), &[Rule::Bounds]);
    expect(
        &observation(json!({ "spares": 1 }), ready(2)),
        &clones(&[2, 3]),
        &[],
    );
    // Clones in flight count; one whose VM is a member already counts once.
    let in_flight = with_operation(two.clone(), OperationKind::Clone, 2);
    expect(&in_flight, &clones(&[3]), &[Rule::Bounds]);
    let seen = with_operation(two.clone(), OperationKind::Clone, 1);
    expect(&seen, &clones(&[2]), &[]);
    // What cannot be read counts.
    let unknown = json!([{}, {}, { "connection": "unknown" }]);
    expect(
        &observation(json!({}), unknown),
        &clones(&[3]),
        &[Rule::Bounds],
    );
    // The surge is for replacements.
    let rolling = json!({ "update": "rolling-replace" });
    expect(
        &observation(rolling.clone(), ready(3)),
        &clones(&[3]),
        &[Rule::Bounds],
    );
    let outdated = json!([{ "drift": "replace" }, {}, {}]);
    expect(&observation(rolling, outdated.clone()), &clones(&[3]), &[]);
    expect(
        &observation(json!({}), outdated),
        &clones(&[3]),
        &[Rule::Bounds],
    );
    let failed = json!([{ "health": "failed" }, {}, {}]);
    expect(
        &observation(json!({ "heal": "replace" }), failed),
        &clones(&[3]),
        &[],
    );
    // So it is for changes that take a member down where none may be down.
    for (unavailable, rules) in [(0, &[][..]), (1, &[Rule::Bounds][..])] {
        let rolling = json!({ "update": "rolling-replace", "maxUnavailable": unavailable });
        let differing = json!([{ "drift": "power-cycle" }, {}, {}]);
        expect(&observation(rolling, differing), &clones(&[3]), rules);
    }
    // A group that goes gets no new members; nor does one slot more than there can be.
    expect(&deleting(two), &clones(&[2]), &[Rule::Bounds]);
    let huge = observation(json!({ "replicas": 5_000 }), ready(0));
    expect(&huge, &clones(&[999]), &[]);
    expect(&huge, &clones(&[1_000]), &[Rule::Bounds]);
}

#[test]
#[allow(clippy::too_many_lines, reason = "one table of cases")]
fn justified_delete() {
    let unjustified = &[Rule::JustifiedDelete];
    expect(
        &observation(json!({}), ready(5)),
        &[delete(0), delete(4)],
        &[],
    );
    expect(
        &observation(json!({}), ready(5)),
        &[delete(0), delete(1), delete(2)],
        unjustified,
    );
    expect(&observation(json!({}), ready(3)), &[delete(0)], unjustified);
    expect(
        &deleting(observation(json!({}), ready(3))),
        &[delete(0), delete(1), delete(2)],
        &[],
    );
    // What cannot be read, or goes already, does not make others superfluous.
    for (doubtful, doubtless) in [
        (json!({ "connection": "disconnected" }), false),
        (json!({ "connection": "unknown" }), false),
        (json!({ "power": "unknown" }), false),
        (json!({ "holds": ["unreachable"] }), false),
        (json!({ "holds": ["failover"] }), false),
        (json!({ "holds": ["duplicate"] }), false),
        (json!({ "holds": ["unknown"] }), false),
        (json!({ "holds": ["administrator"] }), true),
        (json!({ "power": "off" }), true),
        (json!({ "health": "unknown" }), true),
    ] {
        let four = observation(json!({}), json!([{}, {}, {}, doubtful]));
        let expected = if doubtless { &[][..] } else { unjustified };
        expect(&four, &[delete(0)], expected);
    }
    let four = observation(json!({}), ready(4));
    expect(
        &with_operation(four.clone(), OperationKind::Delete, 3),
        &[delete(0)],
        unjustified,
    );
    expect(
        &with_operation(four, OperationKind::PowerOff, 3),
        &[delete(0)],
        &[],
    );

    // Drift, by update policy.
    for update in crate::observation::UpdatePolicy::ALL {
        for drift in crate::observation::Drift::ALL {
            let members = json!([{ "drift": drift }, {}, {}]);
            let allowed = update.as_str() == "rolling-replace" && drift.as_str() == "replace";
            let expected = if allowed { &[][..] } else { unjustified };
            expect(
                &observation(json!({ "update": update }), members),
                &[delete(0)],
                expected,
            );
        }
    }
    // Failure, by heal policy and age.
    for heal in crate::observation::HealPolicy::ALL {
        for health in crate::observation::Health::ALL {
            for age_ms in [599_999, 600_000] {
                let members = json!([{ "health": health, "healthSince": NOW - age_ms }, {}, {}]);
                let broken = matches!(health.as_str(), "failed" | "unready");
                let allowed = broken && heal.as_str() == "replace" && age_ms == 600_000;
                let expected = if allowed { &[][..] } else { unjustified };
                expect(
                    &observation(json!({ "heal": heal }), members),
                    &[delete(0)],
                    expected,
                );
            }
        }
    }
}

#[test]
#[allow(clippy::too_many_lines, reason = "one table of cases")]
fn power_follows_the_owners_wish_or_leave() {
    use crate::observation::{Drift, Parking, PowerState, UpdatePolicy};
    let loose = json!({ "replicas": 3, "maxUnavailable": 3 });
    for wish in PowerState::ALL {
        for parking in Parking::ALL {
            for power in [PowerState::On, PowerState::Off] {
                let mut desired = loose.clone();
                merge(
                    &mut desired,
                    json!({ "power": { "state": wish }, "parking": parking }),
                );
                let there = observation(desired, json!([{ "power": power }, {}, {}]));
                let is_off = power == PowerState::Off;
                let up = [PowerState::On, PowerState::Suspended].contains(wish);
                let down = *wish == PowerState::Off || *parking == Parking::PowerOff;
                let rests = *wish == PowerState::Suspended || *parking == Parking::Suspend;
                let allowed = [
                    (on(0), up && is_off),
                    (off(0), down && !is_off),
                    (suspend(0), rests && !is_off),
                ];
                for (effect, allowed) in allowed {
                    let rules = if allowed {
                        &[][..]
                    } else {
                        &[Rule::Disruption]
                    };
                    expect(&there, std::slice::from_ref(&effect), rules);
                    let rules = if matches!(effect, Effect::PowerOn(_)) || is_off {
                        &[Rule::Disruption][..]
                    } else {
                        &[]
                    };
                    expect(&deleting(there.clone()), &[effect], rules);
                }
            }
        }
    }
    for update in UpdatePolicy::ALL {
        for drift in Drift::ALL {
            let mut desired = loose.clone();
            merge(&mut desired, json!({ "update": update }));
            let there = observation(desired, json!([{ "drift": drift }, {}, {}]));
            let cycles = matches!(
                update,
                UpdatePolicy::PowerCycle | UpdatePolicy::RollingReplace
            ) && *drift == Drift::PowerCycle;
            let replaces = *update == UpdatePolicy::RollingReplace && *drift == Drift::Replace;
            let changes = !matches!(update, UpdatePolicy::OnDelete | UpdatePolicy::Unknown);
            let there_already = matches!(drift, Drift::None | Drift::Replace);
            let hot = changes && !there_already && (*drift != Drift::PowerCycle || cycles);
            for (effect, allowed) in [
                (off(0), cycles || replaces),
                (suspend(0), false),
                (reconfigure(0), hot),
            ] {
                expect(
                    &there,
                    &[effect],
                    if allowed { &[] } else { &[Rule::Disruption] },
                );
            }
        }
    }
    // Hardware of a member that is off is changed under any policy that changes it.
    let stopped = json!([{ "drift": "power-cycle", "power": "off" }]);
    expect(
        &observation(json!({ "update": "in-place" }), stopped),
        &[reconfigure(0)],
        &[],
    );
}

#[test]
#[allow(clippy::too_many_lines, reason = "one table of cases")]
fn enough_members_stay_up() {
    let rolling = |more: Value| {
        let mut desired = json!({ "update": "rolling-replace" });
        merge(&mut desired, more);
        desired
    };
    let old = json!({ "drift": "replace" });
    let short = &[Rule::Disruption][..];
    let table = [
        // (desired, members, slots deleted, rules)
        (json!({}), json!([old, old, old]), vec![0], &[][..]),
        (json!({}), json!([old, old, old]), vec![0, 1], short),
        (
            json!({ "maxUnavailable": 2 }),
            json!([old, old, old]),
            vec![0, 1],
            &[],
        ),
        (
            json!({ "maxUnavailable": 0 }),
            json!([old, old, old]),
            vec![0],
            short,
        ),
        (
            json!({ "maxUnavailable": 0 }),
            json!([old, old, old, {}]),
            vec![0],
            &[],
        ),
        // The new one is not ready yet.
        (
            json!({ "maxUnavailable": 0 }),
            json!([old, old, old, { "health": "starting" }]),
            vec![0],
            short,
        ),
        (
            json!({ "maxUnavailable": 0 }),
            json!([old, old, old, { "power": "off" }]),
            vec![0],
            short,
        ),
        // One is down already: another one may not go, but that one may.
        (
            json!({}),
            json!([old, old, { "power": "off", "drift": "replace" }]),
            vec![0],
            short,
        ),
        (
            json!({}),
            json!([old, old, { "health": "failed", "drift": "replace" }]),
            vec![0],
            short,
        ),
        (
            json!({}),
            json!([old, { "connection": "disconnected" }, {}]),
            vec![0],
            short,
        ),
        (
            json!({}),
            json!([old, { "holds": ["question"] }, {}]),
            vec![0],
            short,
        ),
        (
            json!({}),
            json!([old, old, { "power": "off", "drift": "replace" }]),
            vec![2],
            &[],
        ),
        (
            json!({ "minAlive": 3 }),
            json!([old, {}, {}]),
            vec![0],
            short,
        ),
        (
            json!({ "minAlive": 3 }),
            json!([{ "health": "failed", "drift": "replace" }, {}, {}]),
            vec![0],
            &[],
        ),
        (
            json!({ "minAlive": 3, "maxSurge": 1 }),
            json!([old, {}, {}, {}]),
            vec![0],
            &[],
        ),
        // A group that is wanted down loses members by deletes alone.
        (
            json!({ "power": { "state": "off" } }),
            json!([{ "drift": "replace", "power": "off" }, old, old]),
            vec![0],
            &[],
        ),
        (
            json!({ "power": { "state": "off" } }),
            json!([old, old, old]),
            vec![0, 1],
            short,
        ),
    ];
    for (desired, members, slots, rules) in table {
        let effects: Vec<_> = slots.into_iter().map(delete).collect();
        expect(&observation(rolling(desired), members), &effects, rules);
    }

    // Going down already.
    let three = observation(rolling(json!({})), json!([old, {}, {}]));
    for kind in [
        OperationKind::PowerOff,
        OperationKind::Suspend,
        OperationKind::Delete,
    ] {
        expect(&with_operation(three.clone(), kind, 1), &[delete(0)], short);
    }
    let reconfigured = with_operation(three, OperationKind::Reconfigure, 1);
    expect(&reconfigured, &[delete(0)], &[]);

    // Parking is the module's doing, too.
    let parked = |more: Value| {
        let mut desired = json!({ "parking": "power-off" });
        merge(&mut desired, more);
        observation(desired, ready(3))
    };
    expect(&parked(json!({})), &[off(0)], &[]);
    expect(&parked(json!({})), &[off(0), off(1)], short);
    expect(
        &parked(json!({ "maxUnavailable": 3, "minAlive": 2 })),
        &[off(0), off(1)],
        short,
    );
    expect(
        &parked(json!({ "maxUnavailable": 3, "minAlive": 1 })),
        &[off(0), off(1)],
        &[],
    );

    // The owner's wish takes all down, but for what must stay up.
    let wished = |min_alive: u32| {
        observation(
            json!({ "power": { "state": "off" }, "minAlive": min_alive }),
            ready(3),
        )
    };
    expect(&wished(0), &[off(0), off(1), off(2)], &[]);
    expect(&wished(1), &[off(0), off(1), off(2)], short);
    expect(&wished(1), &[off(0), off(1)], &[]);
}

#[test]
fn a_scale_down_leaves_what_must_stay_up() {
    let broken = json!({ "health": "failed" });
    let members = json!([{}, {}, broken, broken, broken]);
    let scaled = observation(json!({ "minAlive": 2 }), members.clone());
    expect(&scaled, &[delete(0), delete(1)], &[Rule::Disruption]);
    expect(&scaled, &[delete(2), delete(3)], &[]);
    // With a replacement under way one above the replicas may be the surge, for
    // which another member has to stay until the new one is ready.
    let members = json!([{}, {}, { "drift": "replace" }, broken, broken]);
    let rolling = observation(
        json!({ "minAlive": 2, "update": "rolling-replace" }),
        members,
    );
    expect(&rolling, &[delete(0)], &[]);
    expect(&rolling, &[delete(0), delete(1)], &[Rule::Disruption]);
}

#[test]
fn holds() {
    let wide = json!({ "replicas": 0, "parking": "power-off", "maxUnavailable": 9 });
    for hold in Hold::ALL {
        let deletion_only = matches!(
            hold,
            Hold::ForeignDisk | Hold::ForeignSnapshot | Hold::DestroyDisabled
        );
        let held = deleting(observation(wide.clone(), json!([{ "holds": [hold] }, {}])));
        let rule = if deletion_only {
            Rule::Disks
        } else {
            Rule::HandsOff
        };
        expect(&held, &[delete(0)], &[rule]);
        expect(&held, &[delete(1)], &[]);
        for effect in [off(0), suspend(0)] {
            expect(
                &held,
                &[effect],
                if deletion_only {
                    &[]
                } else {
                    &[Rule::HandsOff]
                },
            );
        }
    }
    for connection in crate::observation::Connection::ALL {
        let there = deleting(observation(
            wide.clone(),
            json!([{ "connection": connection }]),
        ));
        let reached = connection.as_str() == "connected";
        expect(
            &there,
            &[delete(0)],
            if reached { &[] } else { &[Rule::HandsOff] },
        );
    }
}

#[test]
fn evidence() {
    let there = observation(
        json!({ "replicas": 3, "parking": "power-off", "update": "power-cycle", "maxUnavailable": 3 }),
        json!([{}, { "drift": "power-cycle" }, { "drift": "in-place", "power": "off" }]),
    );
    let mut small = there.clone();
    small.desired.replicas = 2;
    let mut incomplete = there.clone();
    incomplete.complete = false;
    let mut stale = there.clone();
    stale.as_of = crate::time::Timestamp(NOW - VIEW_AGE_MS_MAX - 1);
    let mut unclear = there.clone();
    unclear.context.phase = crate::observation::Phase::Unknown;
    let mut fresh = there.clone();
    fresh.as_of = crate::time::Timestamp(NOW - VIEW_AGE_MS_MAX);
    for doubtful in [&incomplete, &stale, &unclear] {
        expect(doubtful, &[off(0)], &[Rule::Evidence]);
        expect(doubtful, &[reconfigure(1)], &[Rule::Evidence]);
        expect(doubtful, &[reconfigure(2)], &[]);
        expect(doubtful, &[on(2)], &[]);
        let room = Observation {
            members: vec![],
            ..(*doubtful).clone()
        };
        expect(&room, &[Effect::Clone(0)], &[Rule::Evidence]);
        let mut surplus = (*doubtful).clone();
        surplus.desired.replicas = 2;
        expect(&surplus, &[delete(2)], &[Rule::Evidence]);
    }
    expect(&fresh, &[off(0)], &[]);
    // A clock that was set back does not make a view old.
    fresh.as_of = crate::time::Timestamp(NOW + 999_999_999);
    expect(&fresh, &[off(0)], &[]);
    expect(&small, &[delete(2)], &[]);
}

#[test]
fn one_at_a_time() {
    let stopped = json!([{ "power": "off", "drift": "in-place" }, { "power": "off" }]);
    let there = observation(json!({}), stopped);
    expect(&there, &[on(0), reconfigure(0)], &[Rule::OneAtATime]);
    expect(&there, &[on(0), on(0)], &[Rule::OneAtATime]);
    expect(
        &there,
        &[Effect::Clone(2), Effect::Clone(2)],
        &[Rule::OneAtATime],
    );
    expect(&there, &[on(0), Effect::Clone(2)], &[]);
    for kind in OperationKind::ALL {
        expect(
            &with_operation(there.clone(), *kind, 0),
            &[on(0)],
            &[Rule::OneAtATime],
        );
        expect(&with_operation(there.clone(), *kind, 0), &[on(1)], &[]);
    }
    let cloning = with_operation(there.clone(), OperationKind::Clone, 2);
    expect(
        &cloning,
        &[Effect::Clone(2)],
        &[Rule::OneAtATime, Rule::Bounds],
    );
    // An operation on the member counts in whichever slot it stands.
    let mut moved = with_operation(there, OperationKind::PowerOn, 0);
    moved.operations[0].slot = 7;
    expect(&moved, &[on(0)], &[Rule::OneAtATime]);
}

#[test]
fn size() {
    let stopped = json!({ "power": "off" });
    let three = json!([stopped, stopped, stopped]);
    let there = observation(json!({ "maxActions": 2 }), three);
    expect(&there, &[on(0), on(1)], &[]);
    expect(&there, &[on(0), on(1), on(2)], &[Rule::Size]);

    let size = |change: &dyn Fn(&mut Plan)| {
        let mut plan = plan(&[on(0)]);
        change(&mut plan);
        let codes = ["test".to_owned(), "later".to_owned()];
        let reason_codes = Some(BTreeSet::from(codes));
        let circumstances = Circumstances {
            reason_codes,
            ..Circumstances::default()
        };
        match check(&there, &plan, &circumstances) {
            Verdict::Refused(found) => found.into_iter().map(|found| found.message).collect(),
            _ => Vec::new(),
        }
    };
    let look = |code: &str| {
        let reason = Reason {
            code: code.into(),
            message: String::new(),
        };
        Some(NextLook {
            after_ms: 1,
            reason,
        })
    };
    let ok: Vec<String> = vec![];
    assert_eq!(size(&|plan| plan.memo = Some("m".repeat(4_096))), ok);
    assert_eq!(
        size(&|plan| plan.memo = Some("m".repeat(4_097))),
        ["the plan has 4097 bytes of memo, the limit is 4096"]
    );
    assert_eq!(size(&|plan| plan.notes = vec!["é".repeat(200); 8]), ok);
    assert_eq!(
        size(&|plan| plan.notes = vec!["é".repeat(201); 9]),
        [
            "the plan has 201 characters in a note, the limit is 200",
            "the plan has 9 notes, the limit is 8"
        ]
    );
    assert_eq!(
        size(&|plan| plan.actions[0].reason.message = "é".repeat(201)),
        ["the plan has 201 characters in a message, the limit is 200"]
    );
    for bad in ["", "Test", "a_b", "é", &"x".repeat(41)] {
        let found = size(&|plan| plan.actions[0].reason.code = bad.into());
        assert!(
            found[0].contains("lower-case letters, digits and hyphens"),
            "{bad}: {found:?}"
        );
    }
    assert_eq!(
        size(&|plan| plan.actions[0].reason.code = "other".into()),
        ["reason code `other`: not among the codes of `describe`; add it there"]
    );
    assert_eq!(size(&|plan| plan.next_look = look("later")), ok);
    assert_eq!(size(&|plan| plan.next_look = look("other")).len(), 1);
}

#[test]
fn what_is_beyond_the_budget_waits_and_the_rest_goes_on() {
    let desired = json!({
        "update": "rolling-replace", "maxUnavailable": 9, "parking": "power-off",
        "budget": { "deletes": 1, "disruptions": 1 }
    });
    let members =
        json!([{ "drift": "replace" }, { "drift": "replace" }, {}, {}, { "power": "off" }]);
    let mut there = observation(desired, members);
    there.desired.replicas = 5;
    let effects = [delete(1), delete(0), off(3), off(2), on(4)];
    let Verdict::Held { now, held } = verdict(&there, &effects) else {
        panic!("it is held")
    };
    let shown = |actions: &[CheckedAction]| -> Vec<String> {
        actions
            .iter()
            .map(|checked| crate::render::effect(&checked.action.effect))
            .collect()
    };
    assert_eq!(
        shown(now.actions()),
        ["power-on vm-4", "power-off vm-2 (soft)", "delete vm-0"]
    );
    assert_eq!(
        now.spending(),
        Spending {
            deletes: 1,
            disruptions: 1,
            scaled_down: 0,
        }
    );
    assert_eq!(
        shown(&held.actions),
        ["power-off vm-3 (soft)", "delete vm-1"]
    );
    assert_eq!(held.rules, [Rule::Budget]);

    // An approval lets exactly these effects go.
    let mut circumstances = Circumstances::default();
    circumstances.approved.insert(held.effects_digest.clone());
    let Verdict::Clear(all) = check(&there, &plan(&effects), &circumstances) else {
        panic!("it is approved")
    };
    assert_eq!(all.actions().len(), 5);
    assert_eq!(all.approval(), Some(held.effects_digest.as_str()));
    assert_eq!(
        all.spending(),
        now.spending(),
        "what is approved costs nothing"
    );
    let fewer = check(&there, &plan(&effects[..3]), &circumstances);
    assert!(
        matches!(fewer, Verdict::Held { .. }),
        "other effects need another approval"
    );
    // What time does to the budget does not make the approval void; what the owner does, does.
    let mut later = there.clone();
    later.desired.budget.window_ends = crate::time::Timestamp(NOW + 1);
    later.desired.power.since = crate::time::Timestamp(NOW + 1);
    assert!(matches!(
        check(&later, &plan(&effects), &circumstances),
        Verdict::Clear(_)
    ));
    circumstances.wanted = "another template".into();
    assert!(matches!(
        check(&later, &plan(&effects), &circumstances),
        Verdict::Held { .. }
    ));
    circumstances.wanted = String::new();
    later.desired.replicas = 4;
    assert!(matches!(
        check(&later, &plan(&effects), &circumstances),
        Verdict::Held { .. }
    ));
}

#[test]
fn what_the_owner_committed_costs_no_budget() {
    let nothing_left = json!({ "deletes": 0, "disruptions": 0 });
    let five = observation(json!({ "budget": nothing_left }), ready(5));
    expect(&five, &[delete(0), delete(1)], &[]);
    let going = deleting(observation(json!({ "budget": nothing_left }), ready(3)));
    expect(&going, &[delete(0), delete(1), off(2)], &[]);
    let wished = json!({ "budget": nothing_left, "power": { "state": "off" } });
    expect(
        &observation(wished, ready(3)),
        &[off(0), off(1), off(2)],
        &[],
    );
    // What a suspended member remembers is gone when it is powered off.
    let rests = json!({
        "budget": nothing_left, "parking": "power-off", "power": { "state": "suspended" }
    });
    let suspended = json!([{ "power": "suspended" }]);
    expect(&observation(rests, suspended), &[off(0)], &[Rule::Budget]);
    let parked = json!({ "budget": nothing_left, "parking": "power-off" });
    expect(&observation(parked, ready(3)), &[off(0)], &[Rule::Budget]);
    let spare = json!({ "budget": nothing_left, "spares": 1 });
    expect(&observation(spare, ready(4)), &[delete(3)], &[Rule::Budget]);
}

/// A surge that nothing needs any more passed for the owner's scale-down, so that a module could
/// make and delete VMs without end, and take good ones down on the way.
#[test]
fn members_that_a_module_made_too_many_are_none_of_the_owners() {
    let four = |scaled_down: u32| {
        let budget = json!({ "deletes": 0, "scaledDown": scaled_down });
        observation(json!({ "budget": budget, "maxSurge": 1 }), ready(4))
    };
    expect(&four(0), &[delete(3)], &[Rule::Budget]);
    expect(&four(1), &[delete(3)], &[]);
    let surged =
        json!([{}, {}, { "power": "off", "health": "starting" }, { "health": "starting" }]);
    let none_down = json!({ "replicas": 2, "maxUnavailable": 0 });
    let there = observation(none_down, surged);
    expect(&there, &[delete(0), delete(1)], &[Rule::Disruption]);
    expect(&there, &[delete(2), delete(3)], &[]);
}

/// Carried out at once, each of these would be planned again at once.
#[test]
fn what_is_there_already_is_not_asked_for() {
    let wished = |state: &str| json!({ "power": { "state": state }, "update": "power-cycle" });
    let refused = &[Rule::Disruption];
    expect(&observation(wished("on"), ready(3)), &[on(0)], refused);
    let off_already = json!([{ "power": "off" }]);
    expect(&observation(wished("off"), off_already), &[off(0)], refused);
    let suspended = json!([{ "power": "suspended" }]);
    let there = observation(wished("suspended"), suspended);
    expect(&there, &[suspend(0)], refused);
    let stopped = json!([{ "power": "off" }]);
    let there = observation(wished("suspended"), stopped);
    expect(&there, &[suspend(0)], refused);
    expect(
        &observation(wished("on"), ready(3)),
        &[reconfigure(0)],
        refused,
    );
    let going = deleting(observation(wished("on"), json!([{ "drift": "in-place" }])));
    expect(&going, &[reconfigure(0)], refused);
}

#[test]
fn after_a_mass_loss_clones_and_deletes_wait() {
    let lost = Circumstances {
        mass_loss: true,
        ..Circumstances::default()
    };
    let there = observation(json!({}), json!([{}, { "power": "off" }]));
    let Verdict::Held { now, held } = check(&there, &plan(&[Effect::Clone(2), on(1)]), &lost)
    else {
        panic!("it is held")
    };
    assert_eq!(
        (now.actions().len(), held.rules.as_slice()),
        (1, &[Rule::MassLoss][..])
    );
    let going = check(&deleting(there), &plan(&[delete(0)]), &lost);
    assert!(
        matches!(going, Verdict::Held { .. }),
        "even while the group is being deleted"
    );
}

#[test]
fn all_violations_are_reported_with_the_ids_concerned() {
    let mut there = observation(json!({}), json!([{ "holds": ["administrator"] }, {}]));
    there.complete = false;
    let effects = [
        delete(0),
        Effect::Clone(1),
        Effect::PowerOn("x\u{1b}[1m".into()),
    ];
    let Verdict::Refused(found) = verdict(&there, &effects) else {
        panic!("it is refused")
    };
    let text: Vec<String> = found.iter().map(crate::render::violation).collect();
    let expected = [
        "disruption: taking down vm-0: 1 members would be available; at least 2 have to be, with \
         max-unavailable 1 of 3 replicas",
        "empty-by-proof: clone slot 1: vm-1 holds the slot; it is free when vm-1 is no longer \
         observed",
        "evidence: delete vm-0, clone slot 1: the view of vCenter is incomplete; wait until it is \
         complete",
        "hands-off: delete vm-0: an administrator holds it, until the hold is taken off the VM",
        "justified-delete: delete vm-0: no surplus (2 live members, 1 after this plan, 3 wanted), \
         and neither drift under update policy in-place nor failure under heal policy never \
         allows to replace them",
        "ownership: power-on x[1m: the group has no such member; use the ids of the observation",
    ];
    assert_eq!(text, expected);
}

#[test]
fn the_next_look_is_kept_within_limits() {
    for (asked, kept) in [
        (0, 1_000),
        (1_000, 1_000),
        (5_000, 5_000),
        (u64::MAX, 86_400_000),
    ] {
        let reason = Reason {
            code: "later".into(),
            message: String::new(),
        };
        let next_look = Some(NextLook {
            after_ms: asked,
            reason,
        });
        let plan = Plan {
            next_look,
            memo: Some("m".into()),
            notes: vec!["n".into()],
            ..plan(&[])
        };
        let there = observation(json!({}), ready(3));
        let verdict = check(&there, &plan, &Circumstances::default());
        let checked = verdict.checked().expect("it breaks no rule");
        assert_eq!(checked.next_look().map(|look| look.after_ms), Some(kept));
        assert_eq!(
            (checked.memo(), checked.notes()),
            (Some("m"), &["n".to_owned()][..])
        );
    }
}

#[test]
fn every_refused_disruption_says_what_the_owner_wants() {
    let members = json!([{ "drift": "power-cycle" }, {}, { "power": "off" }]);
    let three = observation(json!({ "maxUnavailable": 3 }), members);
    let no_wish = "the power state wanted is on, parking is forbidden, and drift";
    let table = [
        (
            three.clone(),
            reconfigure(0),
            "reconfigure vm-0: drift power-cycle of a member that is on is not changed under \
             update policy in-place"
                .to_owned(),
        ),
        (
            three.clone(),
            off(1),
            format!(
                "power-off vm-1: {no_wish} none under update policy in-place does not call for it"
            ),
        ),
        (
            observation(
                json!({ "power": { "state": "off" } }),
                json!([{ "power": "off" }]),
            ),
            on(0),
            "power-on vm-0: the power state wanted is off, parking is forbidden, and drift none \
             under update policy in-place does not call for it"
                .to_owned(),
        ),
        (
            three.clone(),
            on(1),
            "power-on vm-1: the member is on and has drift none, which this does not change"
                .to_owned(),
        ),
        (
            deleting(three),
            on(2),
            "power-on vm-2: the group is being deleted, its members only go".to_owned(),
        ),
    ];
    for (there, effect, expected) in table {
        let Verdict::Refused(found) = verdict(&there, &[effect]) else {
            panic!("it is refused: {expected}")
        };
        let messages: Vec<_> = found.into_iter().map(|found| found.message).collect();
        assert_eq!(messages, [expected]);
    }
}

#[test]
fn what_is_held_stands_in_the_status_by_slot_and_up_to_fifty_lines() {
    let desired = json!({
        "replicas": 52, "update": "rolling-replace", "maxUnavailable": 52, "maxActions": 52,
        "budget": { "deletes": 0, "disruptions": 0 }
    });
    let there = observation(desired, json!(vec![json!({ "drift": "replace" }); 52]));
    let effects: Vec<Effect> = (0..52).map(delete).collect();
    let Verdict::Held { held, .. } = verdict(&there, &effects) else {
        panic!("it is held")
    };
    assert!(held.effects().eq(&effects));
    let status = held.to_status();
    assert_eq!(status.effects_digest, held.effects_digest);
    assert_eq!(status.rules, ["budget"]);
    let shown: Vec<String> = (0..50)
        .map(|slot| format!("delete vm-{slot} in slot {slot}"))
        .collect();
    assert_eq!((status.effects, status.more), (shown, 2));
}

#[test]
fn a_suspension_that_the_owner_wishes_costs_no_budget() {
    let nothing_left = json!({ "deletes": 0, "disruptions": 0 });
    let wished = json!({ "budget": nothing_left, "power": { "state": "suspended" } });
    expect(
        &observation(wished, ready(3)),
        &[suspend(0), suspend(1), suspend(2)],
        &[],
    );
    let parked = json!({ "budget": nothing_left, "parking": "suspend" });
    expect(
        &observation(parked, ready(3)),
        &[suspend(0)],
        &[Rule::Budget],
    );
}

#[test]
fn only_the_slots_beyond_the_last_are_named() {
    let one = observation(json!({ "replicas": 3, "maxSurge": 0 }), ready(1));
    let Verdict::Refused(found) = verdict(&one, &[Effect::Clone(2), Effect::Clone(3)]) else {
        panic!("it is refused")
    };
    let messages: Vec<_> = found.into_iter().map(|found| found.message).collect();
    let expected = "clone slot 3: slots are numbered below 3 (replicas, surge and spares, at most \
                    1000)";
    assert_eq!(messages, [expected]);
}
