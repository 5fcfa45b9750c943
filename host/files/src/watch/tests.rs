#![allow(clippy::unwrap_used)]

use super::*;
use crate::outside::{Asked, request_deletion};
use crate::scene::{Scene, key, web};

const NEVER: Duration = Duration::from_secs(3_600);
const SOON: Duration = Duration::from_secs(20);

#[test]
fn everything_is_listed_first_and_then_every_change_is_told() {
    let scene = Scene::new();
    scene.put("web.yaml", &web(3));
    let groups = scene.open();
    let (sender, events) = channel();
    let tell = move |event| sender.send(event).unwrap();
    let watch = Watch::start_at_pace(&groups, NEVER, tell).unwrap();
    let next = || events.recv_timeout(SOON).unwrap();
    assert!(matches!(next(), Event::GroupsListed(all) if all.len() == 1));
    assert_eq!(next(), Event::ApprovalsListed(Vec::new()));
    scene.put("web.yaml", &web(5));
    assert!(
        matches!(next(), Event::GroupChanged(object) if object.spec.as_ref().unwrap().replicas == 5)
    );
    let asked = request_deletion(&scene.state(), &key("web")).unwrap();
    assert_eq!(asked, Asked::Begins);
    assert!(matches!(next(), Event::GroupChanged(object) if object.deleting));
    assert!(matches!(next(), Event::GroupGone { .. }));
    drop(watch);
    assert!(
        events.recv_timeout(SOON).is_err(),
        "the thread ends with the watch"
    );
}

#[test]
fn a_change_without_a_notification_is_found_by_looking_from_time_to_time() {
    let scene = Scene::new();
    let groups = scene.open();
    let (sender, events) = channel();
    let tell = move |event| sender.send(event).unwrap();
    let _watch = Watch::start_at_pace(&groups, Duration::from_millis(20), tell).unwrap();
    let next = || events.recv_timeout(SOON).unwrap();
    assert_eq!(next(), Event::GroupsListed(Vec::new()));
    assert_eq!(next(), Event::ApprovalsListed(Vec::new()));
    // Another folder comes in its place: the watch is on the one that is gone.
    std::fs::remove_dir(scene.groups()).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    std::fs::create_dir(scene.groups()).unwrap();
    scene.put("web.yaml", &web(3));
    assert!(matches!(next(), Event::GroupChanged(_)));
}
