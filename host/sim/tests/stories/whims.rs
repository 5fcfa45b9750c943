//! A module that wants whatever the rules leave it, drawn from a seed: what no rule forbids must
//! do no harm.

use std::collections::VecDeque;

use vmgroup_core::check::{Circumstances, Verdict, check};
use vmgroup_core::group::{Amount, Spec};
use vmgroup_core::observation::{
    Drift, HealPolicy, Observation, Parking, PowerDriftPolicy, PowerState, UpdatePolicy,
};
use vmgroup_core::plan::{Action, Answer, Effect, NextLook, Plan, PowerOff, PowerOffMode, Reason};
use vmgroup_core::time::Monotonic;
use vmgroup_reconcile::limits::{BUDGET_OF_GROUP, BUDGET_WINDOW_MS};
use vmgroup_sim::deed::Deed;
use vmgroup_sim::history::Fact;
use vmgroup_sim::kind::Kind;
use vmgroup_sim::random::Random;
use vmgroup_sim::vcenter::VmTruth;

use crate::stage::{Stage, spec};

const REPLICAS: u32 = 4;

const SEEDS: u64 = 30;

/// What the module draws from, and how much it likes each kind of effect: on members as they are
/// specified, and on others. What it never wants makes what it does worse.
struct Whims {
    random: Random,
    likes: [[u64; KINDS]; 2],
    clones: u64,
    asked: u32,
}

const KINDS: usize = 5;

impl Whims {
    /// A plan that breaks no rule; the longest try of a few.
    fn plan(&mut self, seen: &Observation) -> Answer {
        self.asked += 1;
        assert!(self.asked < 5_000, "it is asked without end");
        let reason = || Reason {
            code: "scale-up".into(),
            message: "on a whim".into(),
        };
        let mut best = Plan {
            next_look: Some(NextLook {
                after_ms: 1_000 + self.random.below(60_000),
                reason: reason(),
            }),
            ..Plan::default()
        };
        for _ in 0..20 {
            let effects = self.effects(seen);
            let actions = effects.into_iter().map(|effect| Action {
                effect,
                reason: reason(),
            });
            let plan = Plan {
                actions: actions.collect(),
                ..best.clone()
            };
            let verdict = check(seen, &plan, &Circumstances::default());
            let is_lawful = matches!(verdict, Verdict::Clear(_));
            if is_lawful && plan.actions.len() > best.actions.len() {
                best = plan;
            }
        }
        Answer::Plan(best)
    }

    fn new(mut random: Random) -> Self {
        let mut like = || [0, 100, 800][usize::try_from(random.below(3)).unwrap()];
        let likes = [(); 2].map(|()| [(); KINDS].map(|()| like()));
        let clones = like();
        Whims {
            random,
            likes,
            clones,
            asked: 0,
        }
    }

    fn effects(&mut self, seen: &Observation) -> Vec<Effect> {
        let mut effects = Vec::new();
        let is_busy = |slot| seen.operations.iter().any(|it| it.slot == slot);
        for member in seen.members.iter().filter(|it| !is_busy(it.slot)) {
            let id = member.id.clone();
            let kind = usize::try_from(self.random.below(KINDS as u64)).unwrap();
            let likes = self.likes[usize::from(member.drift == Drift::None)];
            if !self.random.per_mille(likes[kind]) {
                continue;
            }
            let mode = match self.random.per_mille(500) {
                true => PowerOffMode::Soft,
                false => PowerOffMode::Hard,
            };
            effects.push(match kind {
                0 => Effect::Delete(id),
                1 => Effect::PowerOn(id),
                2 => Effect::PowerOff(PowerOff { member: id, mode }),
                3 => Effect::Suspend(id),
                _ => Effect::Reconfigure(id),
            });
        }
        let slots = seen.desired.replicas + seen.desired.max_surge + seen.desired.spares;
        let is_empty = |slot: &u32| seen.members.iter().all(|member| member.slot != *slot);
        let slots = (0..slots).filter(is_empty).filter(|slot| !is_busy(*slot));
        let slots = slots.filter(|_| self.random.per_mille(self.clones));
        effects.extend(slots.map(Effect::Clone));
        effects
    }
}

fn drawn(random: &mut Random) -> Spec {
    let update = match random.below(3) {
        0 => UpdatePolicy::PowerCycle,
        _ => UpdatePolicy::RollingReplace,
    };
    let parking = match random.below(4) {
        0 => Parking::PowerOff,
        1 => Parking::Suspend,
        _ => Parking::Forbidden,
    };
    let small = |random: &mut Random, end| u32::try_from(random.below(end)).unwrap();
    Spec {
        update,
        parking,
        heal: match random.per_mille(500) {
            true => HealPolicy::Replace,
            false => HealPolicy::Never,
        },
        heal_after_ms: 60_000,
        power_drift: PowerDriftPolicy::Report,
        max_unavailable: Amount::Count(small(random, 3)),
        max_surge: Amount::Count(small(random, 4)),
        min_alive: small(random, 4),
        spares: small(random, 2),
        ..spec(REPLICAS)
    }
}

fn count(amount: Amount) -> usize {
    match amount {
        Amount::Count(count) => count as usize,
        Amount::Percent(_) => unreachable!("only counts are drawn"),
    }
}

/// How many such effects there were within an hour at most.
fn most_in_an_hour(stage: &Stage, kinds: &[Kind]) -> usize {
    let mut most = 0;
    let mut hour: VecDeque<Monotonic> = VecDeque::new();
    for fact in stage.world.facts() {
        if let Fact::Effect(effect) = fact
            && kinds.contains(&effect.kind)
        {
            hour.push_back(effect.at);
            while hour
                .front()
                .is_some_and(|first| effect.at.since(*first) >= BUDGET_WINDOW_MS)
            {
                hour.pop_front();
            }
            most = most.max(hour.len());
        }
    }
    most
}

/// What becomes of a group that follows a new spec by such a module; how many of its members are
/// destroyed within an hour.
fn live_with(mut whims: Whims, wanted: &Spec, newer: Spec, told: &str) -> usize {
    let mut stage = Stage::new(Vec::new());
    stage.act(Deed::AddTemplate("newer".into()));
    stage.settle(wanted.clone());
    stage.world.decide_mut().planner = Some(Box::new(move |seen| whims.plan(seen)));
    stage.edit("web", newer);
    let needed = (REPLICAS as usize).saturating_sub(count(wanted.max_unavailable));
    let needed = needed.max(wanted.min_alive as usize);
    let is_up = |vm: &&VmTruth| vm.power == PowerState::On;
    let fell = stage.world.run_to(2 * BUDGET_WINDOW_MS, |world| {
        world.vcenter().vms().filter(is_up).count() < needed
    });
    assert!(
        !fell,
        "{told}: too few are up\n{wanted:#?}\n{}",
        stage.story()
    );
    let destroyed = most_in_an_hour(&stage, &[Kind::Destroy]);
    let allowed = BUDGET_OF_GROUP.deletes as usize;
    assert!(
        destroyed <= allowed,
        "{told}: {destroyed} destroyed\n{wanted:#?}"
    );
    let down = [Kind::PowerOff, Kind::ShutdownGuest, Kind::Suspend];
    let taken_down = most_in_an_hour(&stage, &down);
    let allowed = (BUDGET_OF_GROUP.deletes + BUDGET_OF_GROUP.disruptions) as usize;
    assert!(
        taken_down <= allowed,
        "{told}: {taken_down} taken down\n{wanted:#?}"
    );
    stage.assert_safe();
    destroyed
}

fn of_the_newer_template(wanted: &Spec) -> Spec {
    Spec {
        template: "newer".into(),
        ..wanted.clone()
    }
}

#[test]
fn what_no_rule_forbids_does_no_harm() {
    let mut deleted = 0;
    for seed in 0..SEEDS {
        let mut random = Random::new(seed);
        let wanted = drawn(&mut random);
        let newer = match random.per_mille(500) {
            true => of_the_newer_template(&wanted),
            false => Spec {
                cpus: 4,
                ..wanted.clone()
            },
        };
        deleted += live_with(Whims::new(random), &wanted, newer, &format!("seed {seed}"));
    }
    assert!(deleted > 30, "the module does something: {deleted}");
}

/// It leaves what is to be replaced alone, so that it may go on making the surge for it.
#[test]
fn a_surge_is_not_made_and_deleted_past_the_budget() {
    let mut whims = Whims::new(Random::new(0));
    whims.likes = [[0; KINDS], [800, 800, 0, 0, 0]];
    whims.clones = 800;
    let wanted = Spec {
        update: UpdatePolicy::RollingReplace,
        max_surge: Amount::Count(3),
        ..spec(REPLICAS)
    };
    let newer = of_the_newer_template(&wanted);
    let destroyed = live_with(whims, &wanted, newer, "a surge");
    assert!(destroyed > 0, "it does so");
}
