#![allow(clippy::unwrap_used)]

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::scene::{SCHEMA, Scene, claim, done, key, object, target, web};

#[test]
fn the_list_works_while_an_operator_runs_and_after_it_has_ended() {
    let scene = Scene::new();
    assert_eq!(list(&scene.state(), &SCHEMA).unwrap(), []);
    scene.put("web.yaml", &web(3));
    let groups = scene.open();
    assert_eq!(list(&scene.state(), &SCHEMA).unwrap(), groups.objects());
    let before = groups.objects();
    drop(groups);
    assert_eq!(list(&scene.state(), &SCHEMA).unwrap(), before);
}

#[test]
fn a_deletion_that_is_asked_for_while_no_operator_runs_waits_for_one() {
    let scene = Scene::new();
    scene.put("web.yaml", &web(3));
    let groups = scene.open();
    done(groups.perform(&claim(target(&object(&groups, "web")))));
    drop(groups);
    let asked = request_deletion(&scene.state(), &key("web")).unwrap();
    assert_eq!(asked, Asked::WhenOneRuns);
    assert!(list(&scene.state(), &SCHEMA).unwrap()[0].deleting);
    assert!(object(&scene.open(), "web").deleting);
}

#[test]
fn a_group_that_does_not_exist_cannot_be_deleted_and_the_others_are_named() {
    let scene = Scene::new();
    scene.put("web.yaml", &web(3));
    let _groups = scene.open();
    for name in ["no", "../../web"] {
        let error = request_deletion(&scene.state(), &key(name)).unwrap_err();
        let text = format!("there is no group default/{name}; there is default/web");
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn a_request_that_was_meant_for_a_namesake_does_nothing() {
    let scene = Scene::new();
    scene.put("web.yaml", &web(3));
    let groups = scene.open();
    let state = State::at(&scene.state());
    let deletion = Deletion {
        namespace: "default".into(),
        name: "web".into(),
        uid: "another".into(),
    };
    state.write(&deletion).unwrap();
    assert_eq!(groups.look(), []);
    assert!(!object(&groups, "web").deleting);
    assert!(state.all::<Deletion>().unwrap().is_empty());
}

#[test]
fn a_request_that_cannot_be_read_keeps_no_other_waiting() {
    let scene = Scene::new();
    scene.put("web.yaml", &web(3));
    let groups = scene.open();
    done(groups.perform(&claim(target(&object(&groups, "web")))));
    let requests = State::at(&scene.state()).folder_of::<Deletion>();
    std::fs::write(requests.join("a_bad.json"), "{").unwrap();
    request_deletion(&scene.state(), &key("web")).unwrap();
    groups.look();
    assert!(object(&groups, "web").deleting);
}

#[test]
fn a_request_can_be_read_by_an_operator_of_another_user() {
    let scene = Scene::new();
    scene.put("web.yaml", &web(3));
    let _groups = scene.open();
    request_deletion(&scene.state(), &key("web")).unwrap();
    let requests = State::at(&scene.state()).folder_of::<Deletion>();
    let request = std::fs::read_dir(requests)
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    assert_eq!(
        request.metadata().unwrap().permissions().mode() & 0o044,
        0o044
    );
}
