//! Crashes and lost answers.

use vmgroup_core::group::Spec;
use vmgroup_core::observation::PowerState;
use vmgroup_reconcile::event::{ActiveModule, Event};
use vmgroup_reconcile::inventory;
use vmgroup_sim::deed::Deed;
use vmgroup_sim::faults::{Fault, RequestFault, Unsent, WorldFault};
use vmgroup_sim::history::Fact;
use vmgroup_sim::kind::Kind;
use vmgroup_sim::options::Options;
use vmgroup_sim::oracles::s14_sessions;
use vmgroup_sim::random::Latency;

use crate::stage::{Stage, key, spec, spoiled};

/// The power-off stands in the status, the destroy does not yet: the new life
/// must not take the member for one that stays, and another one down for it.
#[test]
fn a_crash_while_a_member_is_destroyed_costs_no_other_member() {
    let mut options = Options {
        restart_ms: 1_000,
        ..Options::default()
    };
    options.vcenter.destroy = Latency::exactly(60_000);
    let fault = Fault::Request {
        host: Some(0),
        kind: Kind::Destroy,
        nth: 1,
        what: RequestFault::CrashAfter,
    };
    let mut stage = Stage::with(options, vec![fault]);
    stage.create("web", spec(3));
    stage.until_phase("web", "RUNNING", 600);
    stage.act(Deed::Scale(key("web"), 2));
    stage.until_phase("web", "RUNNING", 600);
    assert_eq!(stage.effects(Kind::Destroy), 1, "{}", stage.story());
    stage.assert_safe();
}

#[test]
fn a_module_swapped_during_a_decision_is_asked_once_more_and_not_for_ever() {
    let options = Options {
        decide: Latency::exactly(5_000),
        ..Options::default()
    };
    let module = other_module();
    let mut stage = Stage::with(options, Vec::new());
    stage.create("web", spec(2));
    stage.world.run_for(3_000);
    stage.world.tell_of_module(&Event::ModuleActive(module));
    stage.until_phase("web", "RUNNING", 600);
    stage.assert_safe();
}

/// The default logic under another digest.
fn other_module() -> ActiveModule {
    ActiveModule {
        name: None,
        digest: "another".into(),
        description: vmgroup_native::built_in_description(),
    }
}

/// Found by profile calm, seed 1050: the failure stayed in the status for ever,
/// since nothing more had to be done in its slot.
#[test]
fn a_clone_that_failed_half_way_leaves_no_error_once_its_vm_is_there() {
    let fault = spoiled(
        Kind::Clone,
        2,
        RequestFault::HalfWay(inventory::Fault::NoPermission {
            privilege: "VirtualMachine.Inventory.Create".into(),
        }),
    );
    let mut stage = Stage::new(vec![fault]);
    stage.create(
        "web",
        Spec {
            power_state: PowerState::Off,
            ..spec(3)
        },
    );
    stage.until_phase("web", "RUNNING", 60);
    assert_eq!(stage.vms("web").len(), 3);
    stage.assert_safe();
}

/// Found by profile calm, seed 4254: the slot was proven empty, and its failure
/// stayed in the status for ever.
#[test]
fn a_delete_that_failed_half_way_leaves_no_error_once_its_vm_is_gone() {
    let fault = spoiled(
        Kind::Destroy,
        2,
        RequestFault::HalfWay(inventory::Fault::Busy {
            message: "busy".into(),
        }),
    );
    let mut stage = Stage::new(vec![fault]);
    stage.settle(spec(2));
    stage.act(Deed::Scale(key("web"), 0));
    stage.until_phase("web", "RUNNING", 60);
    assert_eq!(stage.vms("web").len(), 0);
    stage.assert_safe();
}

/// Found by profile calm, seed 2055: the VM was as it was wanted, and the failure
/// on the way there stood in the status for ever.
#[test]
fn a_change_that_failed_half_way_leaves_no_error_once_nothing_is_left_to_do() {
    let fault = spoiled(
        Kind::Reconfigure,
        2,
        RequestFault::HalfWay(inventory::Fault::Busy {
            message: "busy".into(),
        }),
    );
    let mut stage = Stage::new(vec![fault]);
    let off = Spec {
        power_state: PowerState::Off,
        ..spec(3)
    };
    stage.settle(off.clone());
    let larger = Spec { cpus: 2, ..off };
    stage.edit("web", larger);
    stage.until_phase("web", "RUNNING", 60);
    stage.assert_safe();
}

/// Found by profile leased, seed 2294: a host that started while four clones ran
/// kept their places taken, and never cloned when its turn came.
#[test]
fn a_host_that_started_during_clones_makes_others_when_it_takes_over() {
    let options = Options {
        hosts: 2,
        restart_ms: 100,
        ..Options::default()
    };
    let mut stage = Stage::with(options, Vec::new());
    stage.create("web", spec(4));
    stage.world.run_for(1_000);
    let holder = stage.world.facts().iter().find_map(|fact| match fact {
        Fact::Leased { host, .. } => Some(*host),
        _ => None,
    });
    let holder = holder.unwrap();
    stage.world.crash(1 - holder, Unsent::Dropped);
    stage.until_phase("web", "RUNNING", 60);
    stage.world.kill(holder, Unsent::Dropped);
    stage.world.run_for(30_000);
    stage.act(Deed::Scale(key("web"), 5));
    stage.until_phase("web", "RUNNING", 60);
    stage.assert_safe();
}

/// Members that the operator itself had deleted counted as lost, and the clones of
/// all groups waited for approval.
#[test]
fn members_deleted_half_way_are_no_mass_loss() {
    let half_way = |nth| {
        spoiled(
            Kind::Destroy,
            nth,
            RequestFault::HalfWay(inventory::Fault::Busy {
                message: "busy".into(),
            }),
        )
    };
    let mut stage = Stage::new((1..=7).map(half_way).collect());
    stage.create("web", spec(7));
    stage.until_phase("web", "RUNNING", 120);
    stage.act(Deed::Scale(key("web"), 0));
    stage.until_phase("web", "RUNNING", 60);
    stage.create("db", spec(1));
    stage.until_phase("db", "RUNNING", 60);
    stage.assert_safe();
}

/// Nor do those whose deletes were in flight when the operator crashed, for so
/// long that vCenter has forgotten their tasks.
#[test]
fn members_deleted_around_a_crash_are_no_mass_loss() {
    for crashed_after in (100..2_000).step_by(100) {
        let options = Options {
            restart_ms: 30 * 60_000,
            ..Options::default()
        };
        let mut stage = Stage::with(options, Vec::new());
        stage.create("web", spec(12));
        stage.until_phase("web", "RUNNING", 120);
        stage.act(Deed::Scale(key("web"), 0));
        stage.world.run_for(crashed_after);
        stage.world.crash(0, Unsent::Sent);
        stage.world.run_for(35 * 60_000);
        stage.create("db", spec(1));
        stage.until_phase("db", "RUNNING", 60);
        stage.assert_safe();
    }
}

/// Found by profile restores, seed 38300: whoever hears no answer cannot know of
/// a refusal, and tries again soon; the one that it hears counts.
#[test]
fn refused_credentials_are_tried_again_only_while_no_refusal_is_heard() {
    let fault = spoiled(Kind::Login, 1, RequestFault::LostAfter);
    let mut stage = Stage::new(vec![fault]);
    stage.act(Deed::Rotate("credentials-2".into(), false));
    stage.world.run_for(10 * 60_000);
    let tried = |fact: &&Fact| matches!(fact, Fact::LoggedIn { .. });
    let tried = stage.world.facts().iter().filter(tried).count();
    assert_eq!(tried, 2, "{}", stage.story());
    assert_eq!(s14_sessions(&stage.world), []);
}

/// Found by profile swaps, seed 11892: the folder was asked for again at once,
/// whatever its clones still had to wait, and each time led to a decision.
#[test]
fn a_folder_that_cannot_be_made_is_asked_for_as_seldom_as_its_clones() {
    let mut stage = Stage::settled(spec(0));
    let before = stage.decisions();
    // The feed's answer is under way for longer than vCenter is away.
    stage.world.suffer(&WorldFault::LagFeed(0, 20_000));
    stage.world.suffer(&WorldFault::CutVCenter(20_000));
    stage.act(Deed::Scale(key("web"), 4));
    stage.world.run_for(20_000);
    let made = stage.decisions() - before;
    assert!(made < 40, "{made} decisions\n{}", stage.story());
    stage.until_phase("web", "RUNNING", 120);
}
