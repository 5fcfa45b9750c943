#![allow(clippy::unwrap_used)]

use vmgroup_core::group::GroupKey;
use vmgroup_reconcile::request::RequestId;

use super::*;
use crate::outside::request_deletion;
use crate::scene::{Scene, answered, claim, done, key, object, release, target, web, write_status};

#[test]
fn a_write_is_there_after_a_restart() {
    let scene = Scene::new();
    scene.put("web.yaml", &web(3));
    let groups = scene.open();
    let claimed = done(groups.perform(&claim(target(&object(&groups, "web")))));
    assert!(claimed.finalizer);
    assert_eq!(claimed.identity.as_deref(), Some("i-1"));
    let written = done(groups.perform(&write_status(target(&claimed), "RUNNING")));
    assert_eq!((written.generation, written.resource_version), (1, 3));
    drop(groups);
    assert_eq!(object(&scene.open(), "web"), written);
}

#[test]
fn a_write_to_another_version_is_a_conflict_and_changes_nothing() {
    let scene = Scene::new();
    scene.put("web.yaml", &web(3));
    let groups = scene.open();
    let old = object(&groups, "web");
    done(groups.perform(&write_status(target(&old), "PENDING")));
    for request in [write_status(target(&old), "RUNNING"), claim(target(&old))] {
        let (result, _) = answered(groups.perform(&request));
        assert_eq!(result, WriteResult::Conflict);
    }
    assert_eq!(
        object(&groups, "web").status.phase.as_deref(),
        Some("PENDING")
    );
}

#[test]
fn a_write_to_a_namesake_or_to_nothing_finds_it_gone() {
    let scene = Scene::new();
    scene.put("web.yaml", &web(3));
    let groups = scene.open();
    let mut namesake = target(&object(&groups, "web"));
    namesake.uid = "another".into();
    let mut nothing = namesake.clone();
    nothing.key = GroupKey::new("default", "no");
    for target in [namesake, nothing] {
        let (result, _) = answered(groups.perform(&write_status(target, "RUNNING")));
        assert_eq!(result, WriteResult::Gone);
    }
}

#[test]
fn a_write_that_changes_nothing_makes_no_version() {
    let scene = Scene::new();
    scene.put("web.yaml", &web(3));
    let groups = scene.open();
    let first = done(groups.perform(&write_status(target(&object(&groups, "web")), "RUNNING")));
    let second = done(groups.perform(&write_status(target(&first), "RUNNING")));
    assert_eq!(first, second);
}

#[test]
fn a_write_that_the_disk_refuses_has_failed_and_can_be_repeated() {
    let scene = Scene::new();
    scene.put("web.yaml", &web(3));
    let groups = scene.open();
    let before = object(&groups, "web");
    let folder = scene.state().join("groups");
    std::fs::rename(&folder, scene.state().join("away")).unwrap();
    let (result, _) = answered(groups.perform(&write_status(target(&before), "RUNNING")));
    assert!(matches!(result, WriteResult::Failed { .. }), "{result:?}");
    assert_eq!(object(&groups, "web"), before);
    std::fs::rename(scene.state().join("away"), &folder).unwrap();
    done(groups.perform(&write_status(target(&before), "RUNNING")));
}

#[test]
fn a_read_gives_the_object_as_it_is() {
    let scene = Scene::new();
    scene.put("web.yaml", &web(3));
    let groups = scene.open();
    let read = |name: &str| Request::ReadGroup {
        id: RequestId(1),
        key: key(name),
    };
    assert_eq!(done(groups.perform(&read("web"))), object(&groups, "web"));
    assert_eq!(answered(groups.perform(&read("no"))).0, WriteResult::Gone);
}

#[test]
fn a_deletion_waits_for_the_finalizer_and_then_the_group_is_gone() {
    let scene = Scene::new();
    scene.put("web.yaml", &web(3));
    let groups = scene.open();
    let claimed = done(groups.perform(&claim(target(&object(&groups, "web")))));
    request_deletion(&scene.state(), &key("web")).unwrap();
    let events = groups.look();
    assert!(matches!(&events[..], [Event::GroupChanged(object)] if object.deleting));
    let deleting = object(&groups, "web");
    assert_eq!(deleting.generation, claimed.generation + 1);
    let (result, more) = answered(groups.perform(&release(target(&deleting))));
    assert!(matches!(result, WriteResult::Done(object) if !object.finalizer));
    let gone = Event::GroupGone {
        key: key("web"),
        uid: deleting.uid,
    };
    assert_eq!(more, [gone]);
    assert_eq!(groups.objects(), []);
}

#[test]
fn a_deleted_group_stays_deleted_until_its_file_asks_for_something_else() {
    let scene = Scene::new();
    scene.put("web.yaml", &web(3));
    let groups = scene.open();
    let first = object(&groups, "web");
    request_deletion(&scene.state(), &key("web")).unwrap();
    assert_eq!(
        groups.look().len(),
        2,
        "changed, then gone: it had no finalizer"
    );
    assert_eq!(groups.look(), []);
    drop(groups);
    let groups = scene.open();
    assert_eq!(groups.objects(), []);
    scene.put("web.yaml", &web(4));
    groups.look();
    assert_ne!(object(&groups, "web").uid, first.uid);
}

#[test]
fn a_group_that_is_deleted_while_its_file_cannot_be_read_stays_deleted() {
    for restart in [false, true] {
        let scene = Scene::new();
        scene.put("web.yaml", &web(3));
        let mut groups = scene.open();
        scene.put("web.yaml", "spec: [1\n\n");
        groups.look();
        if restart {
            drop(groups);
            groups = scene.open();
        }
        request_deletion(&scene.state(), &key("web")).unwrap();
        groups.look();
        assert_eq!(groups.objects(), []);
        scene.put("web.yaml", &web(3));
        assert_eq!(groups.look(), []);
        assert_eq!(groups.objects(), []);
    }
}

/// As after a restart of the machine, when the operator is there before the network.
#[test]
fn a_folder_that_is_not_mounted_yet_brings_no_deleted_group_back() {
    for restarts in [false, true] {
        for ends_unmounted in [false, true] {
            let scene = Scene::new();
            scene.put("web.yaml", &web(3));
            let mut groups = scene.open();
            let claimed = done(groups.perform(&claim(target(&object(&groups, "web")))));
            request_deletion(&scene.state(), &key("web")).unwrap();
            groups.look();
            let deleting = target(&object(&groups, "web"));
            assert_eq!(deleting.uid, claimed.uid);
            if !ends_unmounted {
                done(groups.perform(&release(deleting.clone())));
            }
            scene.unmount();
            if restarts {
                drop(groups);
                groups = scene.open();
            }
            groups.look();
            if ends_unmounted {
                done(groups.perform(&release(deleting)));
            }
            groups.look();
            scene.mount();
            assert_eq!(groups.look(), []);
            assert_eq!(
                groups.objects(),
                [],
                "restarts {restarts}, {ends_unmounted}"
            );
        }
    }
}

#[test]
fn a_deleted_group_can_be_created_again_once_its_file_was_away() {
    let scene = Scene::new();
    scene.put("web.yaml", &web(3));
    let groups = scene.open();
    request_deletion(&scene.state(), &key("web")).unwrap();
    groups.look();
    scene.take_away("web.yaml");
    groups.look();
    scene.put("web.yaml", &web(3));
    groups.look();
    assert_eq!(object(&groups, "web").spec.unwrap().replicas, 3);
}

#[test]
fn a_finalizer_that_went_while_nobody_deletes_leaves_the_group() {
    let scene = Scene::new();
    scene.put("web.yaml", &web(3));
    let groups = scene.open();
    let claimed = done(groups.perform(&claim(target(&object(&groups, "web")))));
    let (_, more) = answered(groups.perform(&release(target(&claimed))));
    assert_eq!(more, []);
    assert!(!object(&groups, "web").finalizer);
}
