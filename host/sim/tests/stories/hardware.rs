//! Hardware that vCenter does not give a VM as it is asked for.

use vmgroup_core::group::Spec;
use vmgroup_core::observation::{PowerState, UpdatePolicy};
use vmgroup_reconcile::inventory::Fault as VimFault;
use vmgroup_reconcile::limits::REFUSED_MS;
use vmgroup_sim::deed::{Deed, Place};
use vmgroup_sim::faults::{Fault, RequestFault};
use vmgroup_sim::kind::Kind;
use vmgroup_sim::options::{Refuses, VCenterOptions};

use crate::stage::{Stage, member, spec, spoiled};

/// VMs that say they take memory while they run, and a vCenter that refuses it.
fn refusing(refuses_hardware: Refuses, update: UpdatePolicy) -> Stage {
    growing(refuses_hardware, update, Vec::new())
}

fn growing(refuses_hardware: Refuses, update: UpdatePolicy, faults: Vec<Fault>) -> Stage {
    let options = VCenterOptions {
        hot_add: true,
        refuses_hardware,
        ..VCenterOptions::default()
    };
    let mut stage = Stage::on(options, faults);
    let wanted = Spec { update, ..spec(3) };
    stage.settle(wanted.clone());
    stage.world.run_for(30_000);
    let grown = Spec {
        memory_mib: 65_536,
        ..wanted
    };
    stage.edit("web", grown);
    stage
}

fn grown(stage: &Stage) -> usize {
    let vms = stage.world.vcenter().vms();
    vms.filter(|vm| vm.memory_mib == 65_536).count()
}

/// It was asked for again and again while the members ran.
#[test]
fn memory_that_is_refused_while_a_member_runs_takes_a_power_cycle() {
    let busy = RequestFault::Refused(VimFault::Busy {
        message: "another task runs".into(),
    });
    for (faults, asked) in [
        (Vec::new(), 6),
        (vec![spoiled(Kind::Reconfigure, 1, busy)], 7),
    ] {
        let mut stage = growing(Refuses::Running, UpdatePolicy::PowerCycle, faults);
        stage.until_phase("web", "RUNNING", 300);
        assert_eq!(grown(&stage), 3, "{}", stage.story());
        assert_eq!(stage.running("web"), 3);
        // Once each while it ran and once while it was off; nobody's power was cut.
        assert_eq!(stage.called(Kind::Reconfigure), asked);
        assert_eq!(stage.called(Kind::ShutdownGuest), 3);
        assert_eq!(stage.called(Kind::PowerOff), 0, "{}", stage.story());
        stage.assert_safe();
    }
}

#[test]
fn refused_memory_hides_nothing_that_is_worse() {
    let mut stage = refusing(Refuses::Running, UpdatePolicy::InPlace);
    stage.world.run_for(60_000);
    stage.says("web", "refuses this hardware");
    stage.act(Deed::Twin(member(1), "twin".into(), Place::Root));
    stage.world.run_for(60_000);
    stage.says("web", "two VMs claim slot 1");
    stage.assert_safe();
}

/// vCenter's other word for it, which passed for somebody else's doing.
#[test]
fn a_member_that_has_to_be_off_for_its_memory_takes_a_power_cycle() {
    let has_to_be_off = VimFault::InvalidPowerState {
        existing: PowerState::On,
    };
    let refused = RequestFault::Refused(has_to_be_off);
    let faults = vec![spoiled(Kind::Reconfigure, 1, refused)];
    let mut stage = growing(Refuses::Never, UpdatePolicy::PowerCycle, faults);
    stage.until_phase("web", "RUNNING", 300);
    assert_eq!(grown(&stage), 3, "{}", stage.story());
    assert_eq!(stage.called(Kind::ShutdownGuest), 1);
    stage.assert_safe();
}

#[test]
fn where_no_power_cycle_is_allowed_a_person_makes_it() {
    let mut stage = refusing(Refuses::Running, UpdatePolicy::InPlace);
    stage.world.run_for(3_600_000);
    assert_eq!(stage.called(Kind::Reconfigure), 3, "asked once each");
    assert_eq!(stage.running("web"), 3);
    stage.says("web", "could not reconfigure slot");
    stage.says("web", "refuses this hardware while the VM runs");
    assert_eq!(stage.status("web").phase.as_deref(), Some("ERROR"));
    for slot in 0..3 {
        stage.act(Deed::Power(member(slot), PowerState::Off));
        stage.world.run_for(600_000);
    }
    assert_eq!(grown(&stage), 3, "{}", stage.story());
    stage.until_phase("web", "RUNNING", 60);
    stage.assert_safe();
}

/// It counted as refused while it was off, and nothing was tried again for a day.
#[test]
fn a_member_that_goes_off_while_its_memory_is_refused_is_given_it_then() {
    let refused = RequestFault::TaskFails(VimFault::Invalid {
        message: "MemoryHotPlugNotSupported: not while it runs".into(),
    });
    let faults = vec![spoiled(Kind::Reconfigure, 1, refused)];
    let mut stage = growing(Refuses::Never, UpdatePolicy::InPlace, faults);
    stage.world.run_for(300);
    for slot in 0..3 {
        stage.act(Deed::Power(member(slot), PowerState::Off));
    }
    stage.until_phase("web", "RUNNING", 600);
    assert_eq!(grown(&stage), 3, "{}", stage.story());
    stage.assert_safe();
}

#[test]
fn memory_that_is_refused_for_good_costs_two_members_a_power_cycle_a_day() {
    let mut stage = refusing(Refuses::Always, UpdatePolicy::PowerCycle);
    stage.world.run_for(600_000);
    stage.says("web", "refuses this hardware also while the VM is off");
    let asked = |stage: &Stage| [Kind::ShutdownGuest, Kind::Reconfigure].map(|it| stage.called(it));
    let first = asked(&stage);
    assert_eq!(first[0], 2, "{}", stage.story());
    assert_eq!(stage.running("web"), 3);
    stage.world.run_for(REFUSED_MS - 1_200_000);
    assert_eq!(asked(&stage), first);
    stage.world.run_for(3_600_000);
    assert_eq!(asked(&stage)[0], 4);
    assert_eq!(stage.running("web"), 3, "{}", stage.story());
    // Their owner thinks better of it.
    let again = Spec {
        update: UpdatePolicy::PowerCycle,
        ..spec(3)
    };
    stage.edit("web", again);
    stage.until_phase("web", "RUNNING", 60);
    assert_eq!(asked(&stage)[0], 4);
    stage.assert_safe();
}
