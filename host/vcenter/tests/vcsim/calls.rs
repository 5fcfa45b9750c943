use std::time::Duration;

use vmgroup_core::group::GroupKey;
use vmgroup_core::observation::PowerState;
use vmgroup_reconcile::event::{CallResult, ReadResult};
use vmgroup_reconcile::inventory::{Fault, TaskState};
use vmgroup_reconcile::request::{Call, CloneCall, Read, Request};
use vmgroup_rig::{FaultAt, FaultRule};
use vmgroup_vcenter::Config;

use crate::world::{TEMPLATE, World, clone_call, uuid_of};

fn with_template(call: Call, template: &str) -> Call {
    match call {
        Call::Clone(clone) => Call::Clone(CloneCall {
            template: template.into(),
            ..clone
        }),
        other => other,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_is_found_by_name_and_path_and_its_absence_is_told() {
    let mut world = World::live().await;
    let folder = world.folder("n-g").await;
    let missing = with_template(clone_call(&folder, "one"), "doesNotExist");
    let result = world.call(missing).await;
    let what = "template \"doesNotExist\"".to_owned();
    assert_eq!(result, CallResult::Refused(Fault::NotFound { what }));
    let path = format!("/vcqaDC/vm/{TEMPLATE}");
    let by_path = with_template(clone_call(&folder, "one"), &path);
    let state = world.done(by_path).await;
    assert!(matches!(state, TaskState::Succeeded { .. }), "{state:?}");
    let nowhere = with_template(clone_call(&folder, "two"), "vcqaDC/vm/nowhere");
    let result = world.call(nowhere).await;
    assert!(
        matches!(result, CallResult::Refused(Fault::NotFound { .. })),
        "{result:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_whose_disks_cannot_be_read_is_not_cloned() {
    let mut world = World::live().await;
    let folder = world.folder("n-g").await;
    let control = world.control().clone();
    let golden = control.create_vm("golden", "/vcqaDC/vm").unwrap();
    control.set_connection(&golden, "inaccessible").unwrap();
    let result = world
        .call(with_template(clone_call(&folder, "one"), "golden"))
        .await;
    let CallResult::Refused(Fault::Unavailable { message }) = result else {
        panic!("{result:?}");
    };
    assert!(message.contains("reconnect its host or its datastore"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_two_vms_have_is_no_template_and_a_new_one_is_found() {
    let mut world = World::live().await;
    let folder = world.folder("n-g").await;
    world.cloned(&folder, "one").await;
    let control = world.control().clone();
    let first = control.create_vm("golden", "/vcqaDC/vm").unwrap();
    let other = world.folder("n-h").await;
    let from_golden = |name: &str| with_template(clone_call(&other, name), "golden");
    let state = world.done(from_golden("two")).await;
    assert!(matches!(state, TaskState::Succeeded { .. }), "{state:?}");
    // What the name means changes: the VM that had it is renamed.
    control.rename_vm(&first, "silver").unwrap();
    let result = world.call(from_golden("three")).await;
    assert!(
        matches!(result, CallResult::Refused(Fault::NotFound { .. })),
        "{result:?}"
    );
    control.rename_vm(&first, "golden").unwrap();
    let second = control
        .create_vm("other", "/vcqaDC/vm/vm-operator/n-g")
        .unwrap();
    control.rename_vm(&second, "golden").unwrap();
    let result = world.call(from_golden("three")).await;
    let CallResult::Refused(Fault::Invalid { message }) = result else {
        panic!("{result:?}");
    };
    assert!(message.starts_with("2 VMs are named `golden`"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clone_names_its_host_as_soon_as_drs_is_off() {
    let mut world = World::live().await;
    let folder = world.folder("n-g").await;
    for (name, is_on) in [
        ("one", true),
        ("two", false),
        ("three", false),
        ("four", true),
    ] {
        world.control().set_drs(is_on).unwrap();
        let state = world.done(clone_call(&folder, name)).await;
        assert!(matches!(state, TaskState::Succeeded { .. }), "{state:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_clone_or_folder_ends_in_duplicate_name() {
    let mut world = World::live().await;
    let folder = world.folder("n-g").await;
    let name = "n-g".into();
    let again = world.call(Call::CreateFolder { name }).await;
    let existing = Some(folder.clone());
    assert_eq!(
        again,
        CallResult::Refused(Fault::DuplicateName { existing })
    );
    let vm = world.cloned(&folder, "one").await;
    let existing = Some(vm.id);
    let wanted = Fault::DuplicateName { existing };
    match world.call(clone_call(&folder, "one")).await {
        CallResult::Refused(fault) => assert_eq!(fault, wanted),
        CallResult::Started(task) => {
            world
                .until(|w| {
                    w.tasks
                        .get(&task)
                        .is_some_and(|t| t.state != TaskState::Running)
                })
                .await;
            assert_eq!(world.tasks[&task].state, TaskState::Failed(wanted));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vm_goes_through_its_whole_life() {
    let mut world = World::live().await;
    let folder = world.folder("n-g").await;
    let id = world.cloned(&folder, "one").await.id;

    let done = TaskState::Succeeded { result: None };
    assert_eq!(world.done(Call::PowerOn(id.clone())).await, done);
    world.until(|w| w.vms[&id].power == PowerState::On).await;
    let existing = PowerState::On;
    let again = world.done(Call::PowerOn(id.clone())).await;
    assert_eq!(
        again,
        TaskState::Failed(Fault::InvalidPowerState { existing })
    );

    assert_eq!(world.done(Call::Suspend(id.clone())).await, done);
    world
        .until(|w| w.vms[&id].power == PowerState::Suspended)
        .await;
    assert_eq!(world.done(Call::PowerOn(id.clone())).await, done);
    world.until(|w| w.vms[&id].power == PowerState::On).await;
    assert_eq!(world.done(Call::PowerOff(id.clone())).await, done);
    world.until(|w| w.vms[&id].power == PowerState::Off).await;

    let change = Call::Reconfigure {
        vm: id.clone(),
        cpus: 4,
        memory_mib: 4096,
        spec_hash: "v1:def".into(),
    };
    assert_eq!(world.done(change).await, done);
    world
        .until(|w| {
            let vm = &w.vms[&id];
            (vm.cpus, vm.memory_mib) == (4, 4096) && vm.spec_hash.as_deref() == Some("v1:def")
        })
        .await;

    let uuid = uuid_of("adopted");
    let mark = Call::Mark {
        vm: id.clone(),
        marker: "m".into(),
        spec_hash: "v1:ghi".into(),
        instance_uuid: Some(uuid.clone()),
    };
    assert_eq!(world.done(mark).await, done);
    world
        .until(|w| w.vms[&id].marker.as_deref() == Some("m"))
        .await;
    world
        .until(|w| w.vms[&id].instance_uuid.as_ref() == Some(&uuid))
        .await;
    let blank = Call::Mark {
        vm: id.clone(),
        marker: String::new(),
        spec_hash: String::new(),
        instance_uuid: None,
    };
    assert_eq!(world.done(blank).await, done);
    world
        .until(|w| w.vms[&id].marker.is_none() && w.vms[&id].spec_hash.is_none())
        .await;

    let read = world.read(Read::Vm(id.clone())).await;
    assert_eq!(read, ReadResult::Vm(Box::new(world.vms[&id].clone())));
    assert_eq!(world.done(Call::Destroy(id.clone())).await, done);
    world.until(|w| !w.vms.contains_key(&id)).await;
    assert_eq!(world.read(Read::Vm(id.clone())).await, ReadResult::Gone);
    let gone = world.call(Call::PowerOff(id)).await;
    assert_eq!(gone, CallResult::Refused(Fault::Gone));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_is_asked_to_shut_down() {
    let mut world = World::live().await;
    let folder = world.folder("n-g").await;
    let id = world.cloned(&folder, "one").await.id;
    world.done(Call::PowerOn(id.clone())).await;
    let result = world.call(Call::ShutdownGuest(id.clone())).await;
    assert_eq!(result, CallResult::Done { result: None });
    world.until(|w| w.vms[&id].power == PowerState::Off).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_carries_its_operation() {
    let mut world = World::live().await;
    let before = world.control().trace(0).unwrap().last;
    let folder = world.folder("n-g").await;
    world.cloned(&folder, "one").await;
    let trace = world.control().trace(before).unwrap();
    for method in ["CreateFolder", "CloneVM_Task"] {
        let call = trace.of(method).next().unwrap();
        assert!(call.operation_id.starts_with("uid/0/"), "{call:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_and_a_doubtful_fault_are_told_apart() {
    let mut world = World::live().await;
    let folder = world.folder("n-g").await;
    let table = [("NoPermission", true), ("HostCommunication", false)];
    for (fault, is_refusal) in table {
        let rule = FaultRule::once("CloneVM_Task", fault, FaultAt::Call);
        world.control().add_fault(&rule).unwrap();
        let result = world.call(clone_call(&folder, "one")).await;
        let refused = matches!(result, CallResult::Refused(Fault::NoPermission { .. }));
        let lost = matches!(result, CallResult::Lost { .. });
        assert_eq!((refused, lost), (is_refusal, !is_refusal), "{result:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_calls_at_once_are_all_answered_and_followed() {
    let mut world = World::live().await;
    let folder = world.folder("n-g").await;
    let mut ids = Vec::new();
    for n in 0..20 {
        let id = world.id();
        ids.push(id);
        world.ask(Request::Call {
            id,
            group: GroupKey::new("n", "g"),
            operation_id: format!("uid/0/{}", id.0),
            call: clone_call(&folder, &format!("vm-{n}")),
        });
    }
    let ended = |w: &World| {
        let done = |t: &&vmgroup_reconcile::inventory::Task| {
            matches!(t.state, TaskState::Succeeded { result: Some(_) })
        };
        w.tasks.values().filter(done).count()
    };
    world.until(|w| ended(w) == 20 && w.vms.len() == 20).await;
    assert_eq!(world.losses, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_waited_too_long_behind_others_is_not_made() {
    let mut world = World::with(Config {
        calls_at_once: 1,
        ..Config::default()
    });
    let id = world.login().await.unwrap();
    world.until(|w| w.resets.contains(&id)).await;
    let folder = world.folder("n-g").await;
    let vm = world.cloned(&folder, "one").await.id;
    let slow = [("PowerOffVM_Task", 7_000)];
    world.control().set_call_delays(&slow).unwrap();
    let id = world.id();
    world.ask(Request::Call {
        id,
        group: GroupKey::new("n", "g"),
        operation_id: format!("uid/0/{}", id.0),
        call: Call::PowerOff(vm.clone()),
    });
    let arrived = |world: &World, method: &str| {
        let trace = world.control().trace(0).unwrap();
        trace.of(method).count()
    };
    while arrived(&world, "PowerOffVM_Task") == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let result = world.call(Call::Destroy(vm)).await;
    assert!(matches!(result, CallResult::NotSent { .. }), "{result:?}");
    assert_eq!(arrived(&world, "Destroy_Task"), 0);
}
