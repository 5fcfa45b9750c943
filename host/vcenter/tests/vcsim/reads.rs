use vmgroup_core::marker::Marker;
use vmgroup_reconcile::event::{CallResult, ReadResult};
use vmgroup_reconcile::inventory::{Fault, TaskState};
use vmgroup_reconcile::request::{Call, Read};

use crate::world::{ROOT, World, uuid_of};

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_found_by_name_and_read_with_what_is_in_it() {
    let mut world = World::live().await;
    let named = |name: &str| Read::FolderNamed(name.into());
    assert_eq!(world.read(named("n-g")).await, ReadResult::NoFolder);
    let id = world.folder("n-g").await;
    let empty = ReadResult::Folder {
        id: id.clone(),
        vms: vec![],
        others: 0,
    };
    assert_eq!(world.read(named("n-g")).await, empty);
    assert_eq!(world.read(Read::Folder(id.clone())).await, empty);

    let vm = world.cloned(&id, "one").await;
    world
        .control()
        .create_folder("/vcqaDC/vm/vm-operator/n-g/deeper")
        .unwrap();
    world
        .control()
        .create_vm("hidden", "/vcqaDC/vm/vm-operator/n-g/deeper")
        .unwrap();
    let full = ReadResult::Folder {
        id: id.clone(),
        vms: vec![vm],
        others: 1,
    };
    assert_eq!(world.read(Read::Folder(id)).await, full);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_destroyed_and_gone() {
    let mut world = World::live().await;
    let id = world.folder("n-g").await;
    let state = world.done(Call::DestroyFolder(id.clone())).await;
    assert_eq!(state, TaskState::Succeeded { result: None });
    assert_eq!(world.read(Read::Folder(id.clone())).await, ReadResult::Gone);
    let named = world.read(Read::FolderNamed("n-g".into())).await;
    assert_eq!(named, ReadResult::NoFolder);
    // vCenter may say so at once or by the task.
    let gone = Fault::Gone;
    match world.call(Call::DestroyFolder(id)).await {
        CallResult::Refused(fault) => assert_eq!(fault, gone),
        CallResult::Started(task) => {
            assert_eq!(world.ended(&task).await, TaskState::Failed(gone));
        }
        other => panic!("{other:?}"),
    }
}

/// Keys of devices come again: by its key alone the disk would be one that the clone made.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_in_place_of_one_of_the_clones_own_is_another_one() {
    let mut world = World::live().await;
    let folder = world.folder("n-g").await;
    let born = world.cloned(&folder, "one").await;
    let marker = born.marker.as_deref().and_then(Marker::parse).unwrap();
    assert_eq!(marker.disks, born.disks);
    let control = world.control().clone();
    let other = control.create_vm("database", "/vcqaDC/vm").unwrap();
    control.replace_disk(&born.id, &other).unwrap();
    let [key] = born.disks[..] else {
        panic!("{born:?}");
    };
    world.until(|w| w.vms[&born.id].disks == [-key]).await;
    match world.read(Read::Vm(born.id)).await {
        ReadResult::Vm(vm) => assert_eq!(vm.disks, [-key]),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_is_found_anywhere_in_the_vcenter() {
    let mut world = World::live().await;
    let nobody = world.read(Read::Identity(uuid_of("one"))).await;
    assert_eq!(nobody, ReadResult::Vms(vec![]));
    let folder = world.folder("n-g").await;
    let vm = world.cloned(&folder, "one").await;
    world.control().move_vm(&vm.id, "/vcqaDC/vm").unwrap();
    let found = world.read(Read::Identity(uuid_of("one"))).await;
    let ReadResult::Vms(found) = found else {
        panic!("{found:?}");
    };
    assert_eq!(found.len(), 1);
    assert_eq!((&found[0].id, &found[0].marker), (&vm.id, &vm.marker));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vm_that_cannot_be_read_is_not_gone() {
    let mut world = World::live().await;
    let folder = world.folder("n-g").await;
    let vm = world.cloned(&folder, "one").await;
    world
        .control()
        .set_connection(&vm.id, "inaccessible")
        .unwrap();
    let read = world.read(Read::Vm(vm.id.clone())).await;
    let ReadResult::Vm(read) = read else {
        panic!("{read:?}");
    };
    assert_eq!((read.id, read.instance_uuid), (vm.id, None));
    let absent = world.read(Read::Vm("vm-99999".into())).await;
    assert_eq!(absent, ReadResult::Gone);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_found_in_a_root_folder_that_has_another_name_by_now() {
    let mut world = World::live().await;
    let folder = world.folder("n-g").await;
    world.control().rename_folder(ROOT, "renamed").unwrap();
    let found = world.read(Read::FolderNamed("n-g".into())).await;
    let ReadResult::Folder { id, .. } = found else {
        panic!("{found:?}");
    };
    assert_eq!(id, folder);
}
