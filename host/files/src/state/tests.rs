#![allow(clippy::unwrap_used)]

use super::*;
use crate::groups::Groups;
use crate::scene::{SCHEMA, Scene, object, web};

fn refused(scene: &Scene) -> (String, bool) {
    let error = Groups::open(&scene.groups(), &scene.state(), SCHEMA).unwrap_err();
    (error.to_string(), error.hint().is_some())
}

#[test]
fn what_a_writer_that_died_left_is_ignored_and_removed() {
    let scene = Scene::new();
    scene.put("web.yaml", &web(3));
    let before = object(&scene.open(), "web");
    let left = scene
        .state()
        .join("groups")
        .join(format!("{UNFINISHED}x1y2z3"));
    fs::write(&left, "{\"namespace\": \"defau").unwrap();
    assert_eq!(object(&scene.open(), "web"), before);
    assert!(!left.exists());
}

#[test]
fn a_damaged_record_is_refused_with_its_place_and_not_overwritten() {
    let scene = Scene::new();
    scene.put("web.yaml", &web(3));
    drop(scene.open());
    let file = scene.state().join("groups/default_web.json");
    let damaged = fs::read_to_string(&file)
        .unwrap()
        .replace("\"generation\": 1", "\"generation\": one");
    fs::write(&file, &damaged).unwrap();
    let (text, hint) = refused(&scene);
    let place = format!("{}:5:", file.display());
    assert!(text.starts_with(&place) && hint, "{text}");
    assert_eq!(fs::read_to_string(&file).unwrap(), damaged);
}

#[test]
fn a_record_of_a_later_version_is_refused() {
    let scene = Scene::new();
    scene.put("web.yaml", &web(3));
    drop(scene.open());
    let file = scene.state().join("groups/default_web.json");
    let later = fs::read_to_string(&file)
        .unwrap()
        .replacen('{', "{\"later\": 1,", 1);
    fs::write(&file, later).unwrap();
    assert!(refused(&scene).0.contains("unknown field `later`"));
}

#[test]
fn a_record_that_was_copied_to_another_name_is_refused() {
    let scene = Scene::new();
    scene.put("web.yaml", &web(3));
    drop(scene.open());
    let folder = scene.state().join("groups");
    fs::copy(
        folder.join("default_web.json"),
        folder.join("default_db.json"),
    )
    .unwrap();
    let (text, _) = refused(&scene);
    assert!(
        text.ends_with("it is about default/web, which its name does not say"),
        "{text}"
    );
}
