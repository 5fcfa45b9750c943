//! The walk of the demo that people know.

use vmgroup_core::group::{DeletionPolicy, Spec};
use vmgroup_core::marker::MARKER_KEY;
use vmgroup_sim::deed::Deed;
use vmgroup_sim::faults::Unsent;
use vmgroup_sim::options::{Options, VCenterOptions};
use vmgroup_sim::random::Latency;
use vmgroup_sim::trace::Detail;

use crate::stage::{Stage, key, spec};

#[test]
fn a_group_without_its_template_says_so_and_goes_on_when_it_is_fixed() {
    let mut stage = Stage::new(Vec::new());
    stage.create("vg-1", spec(3));
    stage.create(
        "vg-2",
        Spec {
            template: "doesNotExist".into(),
            ..spec(2)
        },
    );
    stage.create("vg-3", spec(2));
    stage.until_phase("vg-1", "RUNNING", 60);
    stage.until_phase("vg-3", "RUNNING", 60);
    stage.until_phase("vg-2", "ERROR", 60);
    stage.says("vg-2", "doesNotExist");
    stage.edit("vg-2", spec(2));
    stage.until_phase("vg-2", "RUNNING", 60);
    assert_eq!(
        [
            stage.running("vg-1"),
            stage.running("vg-2"),
            stage.running("vg-3")
        ],
        [3, 2, 2]
    );
    for name in ["vg-1", "vg-2", "vg-3"] {
        stage.act(Deed::Delete(key(name)));
    }
    stage.until_empty(120);
    assert_eq!(stage.vms("vg"), Vec::<String>::new());
    let own = |folder: &&vmgroup_sim::vcenter::FolderTruth| folder.name.starts_with("default-");
    assert_eq!(stage.world.vcenter().folders().filter(own).count(), 0);
    stage.assert_safe();
}

#[test]
fn a_settled_group_costs_nothing() {
    let mut stage = Stage::settled(spec(3));
    stage.world.run_for(10_000);
    let (calls, version) = (
        stage.calls(),
        stage
            .world
            .cluster()
            .group(&key("web"))
            .unwrap()
            .resource_version,
    );
    let wakeups = |stage: &Stage| {
        let lines = stage.world.trace().lines().iter();
        lines
            .filter(|line| line.to_string().ends_with("<- Time"))
            .count()
    };
    let woken = wakeups(&stage);
    stage.world.run_for(3_600_000);
    assert_eq!(stage.calls(), calls, "{}", stage.story());
    assert!(wakeups(&stage) - woken < 60, "{}", stage.story());
    let after = stage
        .world
        .cluster()
        .group(&key("web"))
        .unwrap()
        .resource_version;
    assert_eq!(after, version, "the status was written\n{}", stage.story());
}

#[test]
fn replicas_follow_the_scale_up_and_down() {
    let mut stage = Stage::settled(spec(2));
    let told = "default/web: committed clone slot 0 (scale-up: 0 of 2 slots are filled)";
    assert!(stage.story().contains(told), "{}", stage.story());
    stage.act(Deed::Scale(key("web"), 7));
    stage.until_phase("web", "RUNNING", 120);
    assert_eq!(stage.running("web"), 7);
    stage.act(Deed::Scale(key("web"), 1));
    stage.until_phase("web", "RUNNING", 120);
    assert_eq!(stage.running("web"), 1);
    stage.act(Deed::Scale(key("web"), 0));
    stage.until_phase("web", "RUNNING", 120);
    assert_eq!(stage.vms("web").len(), 0);
    stage.assert_safe();
}

/// Whatever it forgot, the operator keeps the object until no clone can turn up
/// that would carry a marker of nobody.
#[test]
fn an_orphaned_group_goes_after_the_clones_that_nobody_remembers() {
    for crashed_after in (500..5_000).step_by(250) {
        let mut stage = Stage::new(Vec::new());
        let wanted = Spec {
            deletion: DeletionPolicy::Orphan,
            ..spec(2)
        };
        stage.create("web", wanted);
        stage.world.run_for(crashed_after);
        stage.world.crash(0, Unsent::Sent);
        stage.act(Deed::WipeStatus(key("web")));
        stage.act(Deed::Delete(key("web")));
        stage.until_empty(600);
        let marked = stage.world.vcenter().vms().filter(|vm| {
            let marker = vm.extra_config.get(MARKER_KEY);
            marker.is_some_and(|marker| !marker.is_empty())
        });
        let marked: Vec<_> = marked.map(|vm| &vm.id).collect();
        assert!(marked.is_empty(), "{marked:?}\n{}", stage.story());
        stage.assert_safe();
    }
}

#[test]
fn an_orphaned_group_leaves_its_vms_running_and_unmarked() {
    let mut stage = Stage::settled(Spec {
        deletion: DeletionPolicy::Orphan,
        ..spec(3)
    });
    stage.act(Deed::Delete(key("web")));
    stage.until_empty(60);
    assert_eq!(stage.running("web"), 3);
    let marked = stage
        .world
        .vcenter()
        .vms()
        .filter(|vm| vm.marker().is_some())
        .count();
    assert_eq!(marked, 0);
}

#[test]
fn more_memory_is_added_while_the_members_run_and_fewer_cpus_wait() {
    for hot_add in [true, false] {
        let vcenter = VCenterOptions {
            hot_add,
            ..VCenterOptions::default()
        };
        let mut stage = Stage::on(vcenter, Vec::new());
        let wanted = Spec { cpus: 2, ..spec(2) };
        stage.settle(wanted.clone());
        let grown = Spec {
            memory_mib: 2048,
            ..wanted
        };
        stage.edit("web", grown.clone());
        stage.world.run_for(60_000);
        let of_two = |stage: &Stage| -> Vec<u64> {
            let vms = stage.world.vcenter().vms().filter(|vm| vm.cpus == 2);
            vms.map(|vm| vm.memory_mib).collect()
        };
        let expected = if hot_add { 2048 } else { 1024 };
        assert_eq!(of_two(&stage), [expected; 2], "{}", stage.story());
        let smaller = Spec { cpus: 1, ..grown };
        stage.edit("web", smaller);
        stage.world.run_for(60_000);
        assert_eq!(of_two(&stage), [expected; 2], "{}", stage.story());
        assert_eq!(stage.running("web"), 2);
        stage.assert_safe();
    }
}

/// Milliseconds until all of twenty small groups run, beside a huge one or not.
fn small_groups_take(with_huge: bool) -> u64 {
    let options = Options {
        trace: Detail::Nothing,
        vcenter: VCenterOptions {
            clone: Latency::exactly(2_000),
            ..VCenterOptions::default()
        },
        ..Options::default()
    };
    let mut stage = Stage::with(options, Vec::new());
    if with_huge {
        stage.create("huge", spec(500));
    }
    stage.world.run_for(1_000);
    let begin = stage.world.now().monotonic;
    let names: Vec<String> = (0..20).map(|number| format!("small-{number}")).collect();
    for name in &names {
        stage.create(name, spec(3));
    }
    for name in &names {
        stage.until_phase(name, "RUNNING", 600);
    }
    stage.world.now().monotonic.since(begin)
}

#[test]
fn small_groups_beside_a_huge_one_take_at_most_three_times_their_time_alone() {
    let (alone, beside) = (small_groups_take(false), small_groups_take(true));
    assert!(beside <= 3 * alone, "{beside} ms beside, {alone} ms alone");
}
