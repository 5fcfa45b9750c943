//! The real operator in the simulated world, with a small native logic in the
//! module's place that knows nothing of the default one: the oracles hold
//! through the walk, lost answers, crashes, and schedules drawn at random.

mod schedules;

use vmgroup_core::group::{GroupKey, Spec};
use vmgroup_core::observation::{Observation, Phase, PowerState};
use vmgroup_core::plan::{
    Action, Answer, Description, Effect, NextLook, Plan, PowerOff, PowerOffMode, Reason,
};
use vmgroup_core::time::Monotonic;
use vmgroup_reconcile::Machine;
use vmgroup_reconcile::event::{ActiveModule, DecideResult};
use vmgroup_reconcile::machine::{Caps, Config};
use vmgroup_sim::deed::{Deed, Place, Which};
use vmgroup_sim::faults::{Fault, FaultPlan, LossRates, RequestFault, WorldFault};
use vmgroup_sim::history::Fact;
use vmgroup_sim::host::{Decide, Host};
use vmgroup_sim::kind::Kind;
use vmgroup_sim::options::Options;
use vmgroup_sim::oracles::{liveness, safety};
use vmgroup_sim::samples::small_spec;
use vmgroup_sim::world::World;

const DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000001";

/// Clones what is missing, deletes the highest surplus unless it is held, powers on what is off,
/// deletes all while the group is being deleted.
struct SmallLogic;

impl Decide for SmallLogic {
    fn decide(&mut self, _: Option<&str>, seen: &Observation) -> (String, DecideResult) {
        let wanted = match seen.context.phase {
            Phase::Deleting => 0,
            Phase::Normal | Phase::Unknown => seen.desired.replicas,
        };
        let busy = |slot: u32| seen.operations.iter().any(|it| it.slot == slot);
        let free: Vec<_> = seen.members.iter().filter(|it| !busy(it.slot)).collect();
        let cloning = seen.operations.iter().filter(|it| it.member.is_none());
        let have = seen.members.len() + cloning.count();
        let wanted = usize::try_from(wanted).expect("replicas are few");
        let surplus = have.saturating_sub(wanted);
        let mut effects: Vec<Effect> = (0..)
            .filter(|slot| !busy(*slot) && seen.members.iter().all(|it| it.slot != *slot))
            .take(wanted.saturating_sub(have))
            .map(Effect::Clone)
            .collect();
        effects.extend(
            free.iter()
                .rev()
                .take(surplus)
                .filter(|it| it.holds.is_empty())
                .map(|it| Effect::Delete(it.id.clone())),
        );
        effects.extend(
            free.iter()
                .rev()
                .skip(surplus)
                .filter(|it| it.power != seen.desired.power.state && it.holds.is_empty())
                .map(|it| match seen.desired.power.state {
                    PowerState::Off => Effect::PowerOff(PowerOff {
                        member: it.id.clone(),
                        mode: PowerOffMode::Hard,
                    }),
                    _ => Effect::PowerOn(it.id.clone()),
                }),
        );
        let reason = Reason {
            code: "small".into(),
            message: "as wanted".into(),
        };
        let plan = Plan {
            actions: effects
                .into_iter()
                .map(|effect| Action {
                    effect,
                    reason: reason.clone(),
                })
                .collect(),
            next_look: Some(NextLook {
                after_ms: 60_000,
                reason,
            }),
            ..Plan::default()
        };
        let answer = DecideResult::Answered(Answer::Plan(plan));
        (DIGEST.into(), answer)
    }
}

fn web() -> GroupKey {
    GroupKey::new("shop", "web")
}

fn module() -> ActiveModule {
    ActiveModule {
        name: None,
        digest: DIGEST.into(),
        description: Description {
            name: "small".into(),
            version: "1".into(),
            reason_codes: vec!["small".into()],
            settings_schema: "{}".into(),
            default_settings: "{}".into(),
        },
    }
}

fn world(seed: u64, faults: FaultPlan) -> World<SmallLogic> {
    let options = Options {
        seed,
        modules: vec![module()],
        ..Options::default()
    };
    let factory = Box::new(|_: usize, _: u32, now| -> Box<dyn Host> {
        let config = Config {
            install: "sim".into(),
            run: "run".into(),
            replica: None,
            caps: Caps::default(),
        };
        Box::new(Machine::new(config, now))
    });
    let mut world = World::new(options, faults, SmallLogic, factory);
    let spec = Spec {
        power_grace_ms: 1_000,
        ..small_spec(3, "base")
    };
    for deed in [
        Deed::AddTemplate("base".into()),
        Deed::AddVm("bystander".into(), Place::Root),
        Deed::Create(web(), Box::new(Ok(spec))),
    ] {
        world.act(&deed).expect("the world is empty");
    }
    world
}

fn settle(world: &mut World<SmallLogic>) {
    world.run_for(600_000);
    let breaches = [safety(world), liveness(world, 120_000, 300_000)].concat();
    let trace = world.trace().text();
    assert!(breaches.is_empty(), "{trace}\n{breaches:#?}");
}

fn clones_done(world: &World<SmallLogic>) -> usize {
    let done = |fact: &&Fact| matches!(fact, Fact::Effect(it) if it.kind == Kind::Clone);
    world.facts().iter().filter(done).count()
}

#[test]
fn a_group_is_made_scaled_healed_and_deleted() {
    let mut world = world(1, FaultPlan::default());
    settle(&mut world);
    let off = Deed::Power(Which::Nth(web(), 0), PowerState::Off);
    for deed in [Deed::Scale(web(), 5), off, Deed::Scale(web(), 1)] {
        world.act(&deed).expect("the group has members");
        settle(&mut world);
    }
    let copy = Deed::Copy(Which::Nth(web(), 0), "copy".into(), Place::Elsewhere);
    world.act(&copy).expect("the group has members");
    world.act(&Deed::Delete(web())).expect("it exists");
    settle(&mut world);
    assert!(world.cluster().group(&web()).is_none());
    assert_eq!(clones_done(&world), 5);
}

#[test]
fn a_lost_answer_of_any_kind_makes_no_vm_twice() {
    for kind in Kind::ALL.iter().copied() {
        for what in [RequestFault::LostBefore, RequestFault::LostAfter] {
            let fault = Fault::Request {
                host: None,
                kind,
                nth: 1,
                what: what.clone(),
            };
            let mut world = world(1, FaultPlan::new(vec![fault]));
            settle(&mut world);
            world.act(&Deed::Delete(web())).expect("it exists");
            settle(&mut world);
            assert_eq!(clones_done(&world), 3, "{kind} {what:?}");
        }
    }
}

#[test]
fn answers_lost_at_random_make_no_vm_twice() {
    for seed in 0..20 {
        let losses = LossRates {
            before_per_mille: 100,
            after_per_mille: 100,
            until_ms: 300_000,
        };
        let mut world = world(seed, FaultPlan::default().with_losses(losses));
        world.run_for(600_000);
        settle(&mut world);
        assert_eq!(clones_done(&world), 3, "seed {seed}");
    }
}

#[test]
fn trouble_in_vcenter_is_outlived() {
    for what in [
        WorldFault::ExpireSession(0),
        WorldFault::DropFeed(0),
        WorldFault::CutVCenter(20_000),
        WorldFault::RestartVCenter(20_000),
        WorldFault::CutCluster(20_000),
        WorldFault::ReconnectWatch(0),
    ] {
        for at in [500, 2_000, 4_000] {
            let mut world = world(1, FaultPlan::default());
            world.plan_fault(Monotonic(at), what.clone());
            settle(&mut world);
        }
    }
}
