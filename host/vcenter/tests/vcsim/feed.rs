use vmgroup_core::marker::Marker;
use vmgroup_core::observation::{Connection, PowerState};
use vmgroup_reconcile::event::{CallResult, ReadResult};
use vmgroup_reconcile::inventory::TaskState;
use vmgroup_reconcile::request::{Call, Read, Request};

use crate::world::{ROOT, World, clone_call, uuid_of};

#[tokio::test(flavor = "multi_thread")]
async fn a_clone_enters_the_feed_with_its_identity() {
    let mut world = World::live().await;
    let folder = world.folder("n-g").await;
    let vm = world.cloned(&folder, "one").await;
    assert_eq!(vm.name, "one");
    assert_eq!(vm.folder.as_deref(), Some(&*folder));
    assert_eq!(vm.instance_uuid, Some(uuid_of("one")));
    let marker = Marker::parse(vm.marker.as_deref().unwrap()).unwrap();
    assert!(marker.agrees(&uuid_of("one")));
    assert_eq!(marker.disks, vm.disks);
    assert_eq!(vm.disks.len(), 1);
    assert_eq!(vm.spec_hash.as_deref(), Some("v1:abc"));
    assert_eq!((vm.cpus, vm.memory_mib), (2, 2048));
    assert_eq!(vm.power, PowerState::Off);
    assert_eq!(vm.connection, Connection::Connected);
    assert!(!vm.template && !vm.snapshot && !vm.question && !vm.destroy_disabled);
    assert!(vm.created_at.is_some());
    assert_eq!((vm.hold, vm.tasks), (None, vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_do_by_hand_is_seen() {
    let mut world = World::live().await;
    let folder = world.folder("n-g").await;
    let id = world.cloned(&folder, "one").await.id;
    let control = world.control().clone();
    control
        .set_extra_config(&id, "vmgroup.hold", "maintenance")
        .unwrap();
    world
        .until(|w| w.vms[&id].hold.as_deref() == Some("maintenance"))
        .await;
    control.set_extra_config(&id, "vmgroup.hold", "").unwrap();
    world.until(|w| w.vms[&id].hold.is_none()).await;
    control.set_power(&id, "poweredOn").unwrap();
    world.until(|w| w.vms[&id].power == PowerState::On).await;
    control.rename_vm(&id, "renamed").unwrap();
    world.until(|w| w.vms[&id].name == "renamed").await;
    control.set_connection(&id, "inaccessible").unwrap();
    world
        .until(|w| w.vms[&id].connection == Connection::Inaccessible)
        .await;
    assert_eq!(world.vms[&id].instance_uuid, None);
    control.set_connection(&id, "connected").unwrap();
    world.until(|w| w.vms[&id].instance_uuid.is_some()).await;
    control.delete_vm(&id).unwrap();
    world.until(|w| !w.vms.contains_key(&id)).await;
}

/// A vCenter in which somebody has moved a VM out of its folder, that folder, and the VM.
async fn with_a_vm_elsewhere() -> (World, String, String) {
    let mut world = World::live().await;
    let folder = world.folder("n-g").await;
    let id = world.cloned(&folder, "one").await.id;
    world.control().move_vm(&id, "/vcqaDC/vm").unwrap();
    world.until(|w| !w.vms.contains_key(&id)).await;
    (world, folder, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vm_that_is_moved_away_leaves_and_is_seen_again_once_tracked() {
    let (mut world, folder, id) = with_a_vm_elsewhere().await;
    let control = world.control().clone();
    let vms = vec![id.clone()];
    world.ask(Request::Track { vms });
    world.until(|w| w.vms.contains_key(&id)).await;
    assert_ne!(world.vms[&id].folder.as_deref(), Some(&*folder));
    control.set_power(&id, "poweredOn").unwrap();
    world.until(|w| w.vms[&id].power == PowerState::On).await;
    let again = world.login().await.unwrap();
    world.until(|w| w.resets.contains(&again)).await;
    assert!(world.vms.contains_key(&id), "tracking outlives the session");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vm_that_is_gone_before_it_is_tracked_leaves() {
    let (mut world, _, id) = with_a_vm_elsewhere().await;
    let control = world.control().clone();
    // A read has found it, and it goes right after that.
    let result = world.read(Read::Vm(id.clone())).await;
    let ReadResult::Vm(vm) = result else {
        panic!("{result:?}");
    };
    world.vms.insert(id.clone(), *vm);
    control.delete_vm(&id).unwrap();
    let vms = vec![id.clone()];
    world.ask(Request::Track { vms });
    world.until(|w| !w.vms.contains_key(&id)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_of_many_pages_begins_with_all_of_them() {
    let mut world = World::live().await;
    let folder = world.folder("n-g").await;
    let names: Vec<String> = (0..120).map(|n| format!("vm-{n}")).collect();
    let path = format!("{ROOT}/n-g");
    for name in &names {
        world.control().create_vm(name, &path).unwrap();
    }
    assert_eq!(world.parts, 0);
    let id = world.login().await.unwrap();
    world.until(|w| w.resets.contains(&id)).await;
    assert!(world.parts >= 2, "a page of VMs and a page of devices");
    assert_eq!(world.vms.len(), names.len());
    assert!(
        world
            .vms
            .values()
            .all(|vm| vm.folder.as_deref() == Some(&*folder))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_devices_of_many_vms_are_read_in_parts() {
    let mut world = World::live().await;
    world.folder("n-g").await;
    let path = format!("{ROOT}/n-g");
    let mut reads = Vec::new();
    for names in [0..1, 1..120] {
        for n in names {
            let name = format!("vm-{n}");
            world.control().create_vm(&name, &path).unwrap();
        }
        world.vcenter.close().await;
        let before = world.control().trace(0).unwrap().last;
        let id = world.login().await.unwrap();
        world.until(|w| w.resets.contains(&id)).await;
        let trace = world.control().trace(before).unwrap();
        reads.push(trace.of("RetrievePropertiesEx").count());
    }
    assert_eq!(world.vms.len(), 120);
    assert!(reads[0] < reads[1], "{reads:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relist_shows_running_tasks_with_their_operation() {
    let mut world = World::live().await;
    let folder = world.folder("n-g").await;
    world
        .control()
        .set_task_delays(&[("CloneVm", 3_000)])
        .unwrap();
    let result = world.call(clone_call(&folder, "one")).await;
    let CallResult::Started(task) = result else {
        panic!("{result:?}");
    };
    world.control().set_history_lags(true).unwrap();
    world.relist().await;
    assert_eq!(world.tasks[&task].state, TaskState::Running);
    let operation = world.tasks[&task].operation_id.clone();
    assert!(operation.unwrap().starts_with("uid/0/"));
    // Another session finds it too, as after a restart.
    let id = world.login().await.unwrap();
    world.until(|w| w.resets.contains(&id)).await;
    assert_eq!(world.tasks[&task].state, TaskState::Running);
    assert!(world.tasks[&task].operation_id.is_some());
    world
        .until(|w| w.tasks[&task].state != TaskState::Running)
        .await;
    let state = world.tasks[&task].state.clone();
    assert!(
        matches!(state, TaskState::Succeeded { result: Some(_) }),
        "{state:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_runs_in_the_history_alone_has_ended() {
    let mut world = World::new();
    world.control().ghost_task("task-99999").unwrap();
    let id = world.login().await.unwrap();
    world.until(|w| w.resets.contains(&id)).await;
    let ghost = world.tasks.get("task-99999");
    let runs = ghost.is_some_and(|task| task.state == TaskState::Running);
    assert!(!runs, "{ghost:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_of_somebody_else_shows_on_the_vm_while_it_runs() {
    let mut world = World::live().await;
    let folder = world.folder("n-g").await;
    let id = world.cloned(&folder, "one").await.id;
    world
        .control()
        .set_task_delays(&[("PowerOnVM", 2_000), ("PowerOn", 2_000)])
        .unwrap();
    let control = world.control().clone();
    let target = id.clone();
    let person = std::thread::spawn(move || control.set_power(&target, "poweredOn").unwrap());
    world.until(|w| w.vms[&id].tasks.len() == 1).await;
    world.until(|w| w.vms[&id].tasks.is_empty()).await;
    person.join().unwrap();
    world.until(|w| w.vms[&id].power == PowerState::On).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_fails_tells_why() {
    use vmgroup_reconcile::inventory::Fault;
    use vmgroup_rig::{FaultAt, FaultRule};
    let mut world = World::live().await;
    let folder = world.folder("n-g").await;
    let fault = "InsufficientResourcesFault";
    let rule = FaultRule::once("CloneVM_Task", fault, FaultAt::Task);
    world.control().add_fault(&rule).unwrap();
    let state = world.done(clone_call(&folder, "one")).await;
    let wanted = |f: &Fault| matches!(f, Fault::InsufficientResources { .. });
    assert!(
        matches!(&state, TaskState::Failed(f) if wanted(f)),
        "{state:?}"
    );
    let id = world.cloned(&folder, "one").await.id;
    let rule = FaultRule::once("PowerOnMultiVM_Task", fault, FaultAt::Task);
    world.control().add_fault(&rule).unwrap();
    let state = world.done(Call::PowerOn(id)).await;
    assert!(
        matches!(&state, TaskState::Failed(f) if wanted(f)),
        "{state:?}"
    );
}
