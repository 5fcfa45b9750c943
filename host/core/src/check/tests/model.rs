//! The rules once more, as plainly as they can be said and without regard to
//! time, and random situations in which both have to agree.

use proptest::prelude::*;

use super::*;
use crate::observation::{
    Budget, Connection, Drift, HealPolicy, Health, Member, Operation, Parking, Phase, PowerState,
    UpdatePolicy,
};
use crate::time::Timestamp;

/// The rules that a plan breaks, but for `size`.
#[allow(
    clippy::too_many_lines,
    reason = "the rules in a row, to be read beside the specification"
)]
fn broken(o: &Observation, p: &Plan) -> BTreeSet<Rule> {
    let mut rules = BTreeSet::new();
    let d = &o.desired;
    let effects: Vec<&Effect> = p.actions.iter().map(|action| &action.effect).collect();
    for effect in &effects {
        let Some(m) = target(o, effect) else {
            if effect.member().is_some() {
                rules.insert(Rule::Ownership);
            }
            continue;
        };
        let deletion_only = [
            Hold::ForeignDisk,
            Hold::ForeignSnapshot,
            Hold::DestroyDisabled,
        ];
        if m.connection != Connection::Connected
            || m.holds.iter().any(|hold| !deletion_only.contains(hold))
        {
            rules.insert(Rule::HandsOff);
        }
        let deletes = matches!(effect, Effect::Delete(_));
        if deletes && m.holds.iter().any(|hold| deletion_only.contains(hold)) {
            rules.insert(Rule::Disks);
        }
        if !wanted(o, effect, m) {
            rules.insert(Rule::Disruption);
        }
    }

    let clones: BTreeSet<u32> = effects.iter().filter_map(|effect| cloned(effect)).collect();
    if clones
        .iter()
        .any(|slot| o.members.iter().any(|m| m.slot == *slot))
    {
        rules.insert(Rule::EmptyByProof);
    }
    let coming: BTreeSet<u32> = o
        .operations
        .iter()
        .filter(|op| matches!(op.kind, OperationKind::Clone | OperationKind::Unknown))
        .map(|op| op.slot)
        .filter(|slot| o.members.iter().all(|m| m.slot != *slot))
        .collect();
    let vms = o.members.len() + coming.len() + clones.len();
    let surge = if o.members.iter().any(|m| replaceable(o, m)) {
        d.max_surge
    } else {
        0
    };
    let numbers = d.replicas + d.max_surge + d.spares;
    if !clones.is_empty()
        && (o.context.phase == Phase::Deleting
            || vms > (d.replicas + surge + d.spares) as usize
            || clones.iter().any(|slot| *slot >= numbers))
    {
        rules.insert(Rule::Bounds);
    }

    let deletes: Vec<&Member> = o.members.iter().filter(|m| is_deleted(p, m)).collect();
    let left = o
        .members
        .iter()
        .filter(|m| is_live(o, m) && !is_deleted(p, m))
        .count();
    if o.context.phase != Phase::Deleting
        && left < d.replicas as usize
        && deletes.iter().any(|m| !replaceable(o, m))
    {
        rules.insert(Rule::JustifiedDelete);
    }

    if o.context.phase != Phase::Deleting {
        let off = matches!(d.power.state, PowerState::Off | PowerState::Suspended);
        let lost = |m: &Member| {
            if off {
                is_deleted(p, m)
            } else {
                is_taken(o, p, m)
            }
        };
        let serving = o.members.iter().filter(|m| serves(o, m));
        let left = serving.clone().filter(|m| !lost(m)).count();
        let needed = d.replicas.saturating_sub(d.max_unavailable) as usize;
        if left < needed && serving.clone().any(lost) {
            rules.insert(Rule::Disruption);
        }
        let up = o.members.iter().filter(|m| is_up(o, m));
        let left = up.clone().filter(|m| !is_taken(o, p, m)).count();
        if left < d.min_alive as usize && up.clone().any(|m| is_taken(o, p, m)) {
            rules.insert(Rule::Disruption);
        }
    }

    let old = o.context.now.0 > o.as_of.0 + VIEW_AGE_MS_MAX;
    let takes = o.members.iter().any(|m| is_taken(o, p, m)) || !clones.is_empty();
    let strange = effects.iter().any(|e| matches!(e, Effect::Delete(_)));
    if (old || !o.complete || o.context.phase == Phase::Unknown) && (takes || strange) {
        rules.insert(Rule::Evidence);
    }

    let places: Vec<u32> = effects
        .iter()
        .filter_map(|effect| place(o, effect))
        .collect();
    let twice = places
        .iter()
        .any(|slot| places.iter().filter(|other| *other == slot).count() > 1);
    let busy = |op: &Operation| {
        let on_member = |e: &&Effect| op.member.is_some() && e.member() == op.member.as_deref();
        places.contains(&op.slot)
            || effects
                .iter()
                .any(|e| on_member(e) && target(o, e).is_some())
    };
    if twice || o.operations.iter().any(busy) {
        rules.insert(Rule::OneAtATime);
    }
    rules
}

/// What the budget holds, of a plan that breaks no rule.
fn beyond_budget(o: &Observation, p: &Plan) -> BTreeSet<Effect> {
    let d = &o.desired;
    let free = scaled_down(o, p);
    let (mut deletes, mut disruptions) = (d.budget.deletes, d.budget.disruptions);
    let mut held = BTreeSet::new();
    let mut actions: Vec<_> = p.actions.iter().map(|action| &action.effect).collect();
    actions.sort_by_key(|effect| place(o, effect));
    for effect in actions {
        let Some(m) = target(o, effect) else { continue };
        let left = match effect {
            _ if o.context.phase == Phase::Deleting => continue,
            Effect::Delete(id) if free.contains(id) => continue,
            Effect::Delete(_) => &mut deletes,
            Effect::PowerOff(_) if d.power.state == PowerState::Off => continue,
            Effect::Suspend(_) if d.power.state == PowerState::Suspended => continue,
            Effect::PowerOff(_) | Effect::Suspend(_) | Effect::Reconfigure(_)
                if interrupts(m, effect) && m.power != PowerState::Off =>
            {
                &mut disruptions
            }
            _ => continue,
        };
        if *left == 0 {
            held.insert(effect.clone());
        } else {
            *left -= 1;
        }
    }
    held
}

fn target<'a>(o: &'a Observation, effect: &Effect) -> Option<&'a Member> {
    o.members
        .iter()
        .find(|m| Some(m.id.as_str()) == effect.member())
}

fn cloned(effect: &Effect) -> Option<u32> {
    if let Effect::Clone(slot) = effect {
        Some(*slot)
    } else {
        None
    }
}

fn place(o: &Observation, effect: &Effect) -> Option<u32> {
    cloned(effect).or_else(|| target(o, effect).map(|m| m.slot))
}

fn is_deleted(p: &Plan, m: &Member) -> bool {
    p.actions
        .iter()
        .any(|action| action.effect == Effect::Delete(m.id.clone()))
}

fn interrupts(m: &Member, effect: &Effect) -> bool {
    match effect {
        Effect::PowerOff(_) | Effect::Suspend(_) => true,
        Effect::Reconfigure(_) => m.drift == Drift::PowerCycle && m.power != PowerState::Off,
        _ => false,
    }
}

fn is_taken(_: &Observation, p: &Plan, m: &Member) -> bool {
    let own = p
        .actions
        .iter()
        .filter(|action| action.effect.member() == Some(&m.id));
    is_deleted(p, m) || own.clone().any(|action| interrupts(m, &action.effect))
}

fn operated(o: &Observation, m: &Member, kinds: &[OperationKind]) -> bool {
    let own = |op: &&Operation| op.slot == m.slot || op.member.as_ref() == Some(&m.id);
    o.operations
        .iter()
        .filter(own)
        .any(|op| kinds.contains(&op.kind))
}

fn is_live(o: &Observation, m: &Member) -> bool {
    let doubts = [
        Hold::Unknown,
        Hold::Unreachable,
        Hold::Failover,
        Hold::Duplicate,
    ];
    m.connection == Connection::Connected
        && m.power != PowerState::Unknown
        && doubts.iter().all(|hold| !m.holds.contains(hold))
        && !operated(o, m, &[OperationKind::Delete, OperationKind::Unknown])
}

fn stays_on(o: &Observation, m: &Member) -> bool {
    m.power == PowerState::On
        && !m.holds.contains(&Hold::Question)
        && !operated(o, m, &[OperationKind::PowerOff, OperationKind::Suspend])
}

fn serves(o: &Observation, m: &Member) -> bool {
    let off = matches!(
        o.desired.power.state,
        PowerState::Off | PowerState::Suspended
    );
    is_live(o, m)
        && (m.health == Health::Ready || m.health == Health::Unknown)
        && (off || stays_on(o, m))
}

fn is_up(o: &Observation, m: &Member) -> bool {
    let off = matches!(
        o.desired.power.state,
        PowerState::Off | PowerState::Suspended
    );
    let sound = if off {
        m.health != Health::Failed
    } else {
        serves(o, m)
    };
    is_live(o, m) && stays_on(o, m) && sound
}

fn replaceable(o: &Observation, m: &Member) -> bool {
    let d = &o.desired;
    let differs =
        m.drift == Drift::Replace || (m.drift == Drift::PowerCycle && d.max_unavailable == 0);
    let outdated = d.update == UpdatePolicy::RollingReplace && differs;
    let sick = m.health == Health::Failed || m.health == Health::Unready;
    let long = o.context.now.0 >= m.health_since.0 + d.heal_after_ms;
    outdated || (d.heal == HealPolicy::Replace && sick && long)
}

fn scaled_down(o: &Observation, p: &Plan) -> BTreeSet<String> {
    let live = o.members.iter().filter(|m| is_live(o, m)).count();
    let kept = (o.desired.replicas + o.desired.spares) as usize;
    let mut deletes: Vec<_> = o
        .members
        .iter()
        .filter(|m| is_live(o, m) && is_deleted(p, m))
        .collect();
    deletes.sort_by_key(|m| (replaceable(o, m), m.slot, m.id.clone()));
    let free = live.saturating_sub(kept);
    let free = free.min(o.desired.budget.scaled_down as usize);
    deletes
        .into_iter()
        .take(free)
        .map(|m| m.id.clone())
        .collect()
}

fn wanted(o: &Observation, effect: &Effect, m: &Member) -> bool {
    let (d, deleting) = (&o.desired, o.context.phase == Phase::Deleting);
    let cycling = [UpdatePolicy::PowerCycle, UpdatePolicy::RollingReplace].contains(&d.update)
        && m.drift == Drift::PowerCycle;
    match effect {
        Effect::Clone(_) | Effect::Delete(_) => true,
        Effect::PowerOn(_) if deleting || m.power == PowerState::On => false,
        Effect::PowerOn(_) => match d.power.state {
            PowerState::On => true,
            PowerState::Suspended => m.power == PowerState::Off,
            _ => false,
        },
        Effect::PowerOff(_) if m.power == PowerState::Off => false,
        Effect::PowerOff(_) => {
            deleting
                || d.power.state == PowerState::Off
                || d.parking == Parking::PowerOff
                || cycling
                || replaceable(o, m)
        }
        Effect::Suspend(_) if [PowerState::Off, PowerState::Suspended].contains(&m.power) => false,
        Effect::Suspend(_) => {
            deleting || d.power.state == PowerState::Suspended || d.parking == Parking::Suspend
        }
        Effect::Reconfigure(_) if deleting => false,
        Effect::Reconfigure(_) if [Drift::None, Drift::Replace].contains(&m.drift) => false,
        Effect::Reconfigure(_) if interrupts(m, effect) => cycling,
        Effect::Reconfigure(_) => {
            d.update != UpdatePolicy::OnDelete && d.update != UpdatePolicy::Unknown
        }
    }
}

/// Mostly the first, sometimes any.
fn mostly<T: Copy + std::fmt::Debug + 'static>(
    usual: T,
    all: &'static [T],
) -> impl Strategy<Value = T> {
    prop_oneof![9 => Just(usual), 1 => proptest::sample::select(all)]
}

prop_compose! {
    fn member(slot: u32)(
        slot in prop_oneof![9 => Just(slot), 1 => 0u32..6],
        power in mostly(PowerState::On, PowerState::ALL),
        connection in mostly(Connection::Connected, Connection::ALL),
        health in mostly(Health::Ready, Health::ALL),
        age in prop_oneof![Just(0), Just(599_999), Just(600_000)],
        drift in mostly(Drift::PowerCycle, Drift::ALL),
        held in mostly(None, HELD),
        name in Just(slot),
    ) -> Member {
        let mut there = observation(json!({}), ready(1));
        let mut member = there.members.remove(0);
        member.id = format!("vm-{name}");
        (member.slot, member.power, member.connection) = (slot, power, connection);
        (member.health, member.drift) = (health, drift);
        member.health_since = Timestamp(NOW - age);
        member.holds = held.into_iter().collect();
        member
    }
}

const HELD: &[Option<Hold>] = &[
    Some(Hold::Unknown),
    Some(Hold::Administrator),
    Some(Hold::Unreachable),
    Some(Hold::Question),
    Some(Hold::ForeignDisk),
    Some(Hold::Duplicate),
];

prop_compose! {
    fn operation()(
        kind in proptest::sample::select(OperationKind::ALL), slot in 0u32..6, named: bool,
    ) -> Operation {
        let member = named.then(|| format!("vm-{slot}"));
        Operation { kind, slot, member, stage: OperationStage::Started, since: Timestamp(NOW) }
    }
}

fn members() -> impl Strategy<Value = Vec<Member>> {
    (0u32..6).prop_flat_map(|count| (0..count).map(member).collect::<Vec<_>>())
}

prop_compose! {
    fn desired()(
        replicas in 0u32..6, max_unavailable in 0u32..4, max_surge in 0u32..3,
        min_alive in prop_oneof![3 => Just(0u32), 1 => 1u32..4], spares in 0u32..2,
        state in mostly(PowerState::On, PowerState::ALL),
        parking in mostly(Parking::Forbidden, Parking::ALL),
        update in mostly(UpdatePolicy::RollingReplace, UpdatePolicy::ALL),
        heal in mostly(HealPolicy::Replace, HealPolicy::ALL),
        deletes in 0u32..3, disruptions in 0u32..3, scaled_down in 0u32..3,
    ) -> crate::observation::Desired {
        let mut desired = observation(json!({}), ready(0)).desired;
        desired.replicas = replicas;
        (desired.max_unavailable, desired.max_surge) = (max_unavailable, max_surge);
        (desired.min_alive, desired.spares) = (min_alive, spares);
        desired.power.state = state;
        (desired.parking, desired.update, desired.heal) = (parking, update, heal);
        desired.budget = Budget { deletes, disruptions, scaled_down, window_ends: Timestamp(NOW) };
        desired
    }
}

prop_compose! {
    fn situation()(
        desired in desired(), members in members(),
        operations in prop_oneof![
            4 => Just(vec![]), 1 => proptest::collection::vec(operation(), 1..3)
        ],
        phase in mostly(Phase::Normal, Phase::ALL),
        complete in prop_oneof![9 => Just(true), 1 => Just(false)],
        age in prop_oneof![9 => Just(0), 1 => Just(VIEW_AGE_MS_MAX + 1)],
    ) -> Observation {
        let mut there = observation(json!({}), ready(0));
        there.context.phase = phase;
        there.as_of = Timestamp(NOW - age);
        let mut there = Observation { desired, members, complete, ..there };
        // One operation a slot and member, as the host promises.
        for operation in operations {
            if there.operations.iter().all(|other| other.slot != operation.slot) {
                there.operations.push(operation);
            }
        }
        there.sort();
        there
    }
}

fn effect() -> impl Strategy<Value = Effect> {
    (0u32..7, 0..8).prop_map(|(slot, kind)| match kind {
        0 | 1 => Effect::Clone(slot),
        2 => on(slot),
        3 => off(slot),
        4 => suspend(slot),
        5 => reconfigure(slot),
        _ => delete(slot),
    })
}

fn effects() -> impl Strategy<Value = Vec<Effect>> {
    prop_oneof![
        proptest::collection::vec(effect(), 1),
        proptest::collection::vec(effect(), 0..4),
    ]
}

fn rules_of(verdict: &Verdict) -> BTreeSet<String> {
    match verdict {
        Verdict::Refused(_) => verdict.rules(),
        _ => BTreeSet::new(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_rules_agree_with_the_model(there in situation(), effects in effects()) {
        let expected = broken(&there, &plan(&effects)).iter().map(ToString::to_string).collect();
        let verdict = verdict(&there, &effects);
        prop_assert_eq!(rules_of(&verdict), expected, "{:#?}", verdict);
    }

    #[test]
    fn what_is_held_is_what_the_model_holds(there in situation(), effects in effects()) {
        let verdict = verdict(&there, &effects);
        let held: BTreeSet<Effect> = match &verdict {
            Verdict::Refused(_) => return Ok(()),
            Verdict::Clear(_) => BTreeSet::new(),
            Verdict::Held { held, .. } => held.effects().cloned().collect(),
        };
        prop_assert_eq!(&held, &beyond_budget(&there, &plan(&effects)));
        // Nothing is lost, nothing is done twice.
        let now = verdict.checked().expect("it is not refused").actions().iter();
        let mut all: Vec<_> = now.map(|checked| checked.action.effect.clone()).chain(held).collect();
        all.sort();
        let mut planned = effects;
        planned.sort();
        prop_assert_eq!(all, planned);
    }

    #[test]
    fn the_order_in_a_plan_says_nothing(there in situation(), effects in effects(), turn in 0usize..4) {
        let mut turned = effects.clone();
        turned.rotate_left(turn.min(effects.len()));
        prop_assert_eq!(verdict(&there, &turned).rules(), verdict(&there, &effects).rules());
        if !matches!(verdict(&there, &effects), Verdict::Refused(_)) {
            prop_assert_eq!(verdict(&there, &turned), verdict(&there, &effects));
        }
    }

    #[test]
    fn an_approval_clears_what_it_names(there in situation(), effects in effects(), mass_loss: bool) {
        let mut circumstances = Circumstances { mass_loss, ..Circumstances::default() };
        if let Verdict::Held { held, .. } = check(&there, &plan(&effects), &circumstances) {
            circumstances.approved.insert(held.effects_digest);
            let verdict = check(&there, &plan(&effects), &circumstances);
            let Verdict::Clear(checked) = verdict else { panic!("{verdict:?}") };
            prop_assert_eq!(checked.actions().len(), effects.len());
        }
    }
}

#[test]
fn the_situations_are_of_every_kind() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let (mut clear, mut held) = (0, 0);
    for _ in 0..4_000 {
        let mut draw = |_: ()| {
            (situation(), effects())
                .new_tree(&mut runner)
                .expect("one")
                .current()
        };
        let (there, effects) = draw(());
        match verdict(&there, &effects) {
            Verdict::Refused(violations) => seen.extend(violations.into_iter().map(|v| v.rule)),
            Verdict::Held { .. } => held += 1,
            Verdict::Clear(plan) => clear += usize::from(!plan.actions().is_empty()),
        }
    }
    let all = Rule::ALL.iter().map(ToString::to_string);
    let unseen: Vec<_> = all.filter(|rule| !seen.contains(rule)).collect();
    assert_eq!(
        unseen,
        ["budget", "mass-loss", "size"],
        "these do not refuse, or are not drawn"
    );
    assert!(
        clear > 200 && held > 20,
        "{clear} clear plans with actions, {held} held"
    );
}
