#![allow(clippy::unwrap_used)]

use super::*;
use crate::outside::request_deletion;
use crate::scene::{SCHEMA, Scene, claim, done, key, object, target, web, write_status, yaml};

fn changed(events: &[Event]) -> Vec<String> {
    events
        .iter()
        .map(|event| match event {
            Event::GroupChanged(object) => match &object.spec {
                Ok(spec) => format!("{} wants {}", object.key, spec.replicas),
                Err(problem) => format!("{}: {problem}", object.key),
            },
            Event::GroupGone { key, .. } => format!("{key} is gone"),
            other => format!("{other:?}"),
        })
        .collect()
}

#[test]
fn a_new_file_is_a_group_with_a_uid_that_survives_a_restart() {
    let scene = Scene::new();
    scene.put("web.yaml", &web(3));
    let groups = scene.open();
    let first = object(&groups, "web");
    assert_eq!((first.generation, first.resource_version), (1, 1));
    assert_eq!(first.spec.as_ref().unwrap().replicas, 3);
    assert!(!first.finalizer && !first.deleting && first.identity.is_none());
    drop(groups);
    assert_eq!(object(&scene.open(), "web"), first);
}

#[test]
fn a_changed_spec_is_a_new_generation_and_the_same_one_is_nothing() {
    let scene = Scene::new();
    scene.put("web.yaml", &web(3));
    let groups = scene.open();
    assert_eq!(groups.look(), []);
    scene.put("web.yaml", &format!("# a remark\n{}", web(5)));
    assert_eq!(changed(&groups.look()), ["default/web wants 5"]);
    let now = object(&groups, "web");
    assert_eq!((now.generation, now.resource_version), (2, 2));
    scene.put("web.yaml", &web(5));
    assert_eq!(groups.look(), []);
}

#[test]
fn a_file_that_is_gone_deletes_nothing() {
    let scene = Scene::new();
    scene.put("web.yaml", &web(3));
    let groups = scene.open();
    let before = object(&groups, "web");
    scene.take_away("web.yaml");
    assert_eq!(groups.look(), []);
    assert_eq!(object(&groups, "web"), before);
    drop(groups);
    let groups = scene.open();
    assert_eq!(object(&groups, "web"), before);
    scene.put("other.yaml", &web(4));
    assert_eq!(changed(&groups.look()), ["default/web wants 4"]);
    assert_eq!(object(&groups, "web").uid, before.uid);
}

#[test]
fn a_folder_that_is_gone_deletes_nothing() {
    let scene = Scene::new();
    scene.put("web.yaml", &web(3));
    let groups = scene.open();
    std::fs::remove_dir_all(scene.groups()).unwrap();
    assert_eq!(groups.look(), []);
    assert_eq!(object(&groups, "web").spec.unwrap().replicas, 3);
}

#[test]
fn a_file_that_is_no_yaml_holds_its_groups_and_no_others() {
    let scene = Scene::new();
    scene.put("web.yaml", &web(3));
    scene.put("db.yaml", &yaml("db", "  replicas: 1\n"));
    let groups = scene.open();
    scene.put("web.yaml", "spec: [1\n\n");
    let events = changed(&groups.look());
    assert_eq!(events.len(), 1);
    assert!(events[0].starts_with("default/web: "), "{events:?}");
    assert!(events[0].contains("web.yaml:"), "{events:?}");
    assert_eq!(groups.look(), [], "the same problem is told once");
    assert_eq!(groups.problems().len(), 1);
    assert!(
        object(&groups, "web").generation > 1,
        "the machine looks at new generations"
    );
    scene.put("web.yaml", &web(3));
    assert_eq!(changed(&groups.look()), ["default/web wants 3"]);
    assert_eq!(groups.problems(), []);
}

#[test]
fn a_bad_spec_names_its_place_and_the_last_good_one_is_kept() {
    let scene = Scene::new();
    scene.put(
        "web.yaml",
        &yaml("web", "  replicas: 3\n  deletion: Orphan\n"),
    );
    let groups = scene.open();
    done(groups.perform(&claim(target(&object(&groups, "web")))));
    scene.put("web.yaml", &yaml("web", "  replicas: many\n"));
    let events = changed(&groups.look());
    assert!(
        events[0].ends_with("web.yaml:6:3: spec.replicas: not a number"),
        "{events:?}"
    );
    // The deletion goes as the last good spec says.
    request_deletion(&scene.state(), &key("web")).unwrap();
    groups.look();
    let deleting = object(&groups, "web");
    assert!(deleting.deleting);
    let policy = deleting.spec.unwrap().deletion;
    assert_eq!(policy, vmgroup_core::group::DeletionPolicy::Orphan);
}

#[test]
fn a_bad_file_that_is_taken_away_leaves_the_last_good_spec() {
    let scene = Scene::new();
    scene.put("web.yaml", &web(3));
    let groups = scene.open();
    scene.put("web.yaml", &yaml("web", "  replicas: many\n"));
    groups.look();
    scene.take_away("web.yaml");
    assert_eq!(changed(&groups.look()), ["default/web wants 3"]);
    assert_eq!(groups.look(), []);
}

#[test]
fn a_group_that_never_had_a_good_spec_says_so() {
    let scene = Scene::new();
    scene.put("web.yaml", &yaml("web", "  replcas: 3\n"));
    let groups = scene.open();
    let problem = object(&groups, "web").spec.unwrap_err();
    assert!(
        problem.ends_with("web.yaml:6:3: unknown field spec.replcas"),
        "{problem}"
    );
}

#[test]
fn a_group_that_stands_twice_is_held_with_both_places() {
    let scene = Scene::new();
    scene.put("a.yaml", &web(3));
    scene.put("b.yaml", &format!("---\n{}", web(4)));
    let problem = object(&scene.open(), "web").spec.unwrap_err();
    assert!(
        problem.contains("a.yaml:1 and at ") && problem.contains("b.yaml:2"),
        "{problem}"
    );
}

/// What is there of it so far may be good YAML.
#[test]
fn a_file_that_is_being_written_asks_for_nothing() {
    let scene = Scene::new();
    scene.put("web.yaml", &web(12));
    let groups = scene.open();
    let file = scene.groups().join("web.yaml");
    let whole = web(12);
    let half = whole.trim_end().strip_suffix('2').unwrap();
    std::fs::write(&file, half).unwrap();
    let (over, ends) = std::sync::mpsc::channel::<()>();
    let writer = std::thread::spawn(move || {
        while ends.try_recv().is_err() {
            std::fs::write(
                &file,
                format!("# a remark\n{}", std::fs::read_to_string(&file).unwrap()),
            )
            .unwrap();
            std::thread::sleep(crate::limits::QUIET / 4);
        }
    });
    let events = changed(&groups.look());
    assert!(events[0].contains("is being written"), "{events:?}");
    assert_eq!(groups.look(), []);
    over.send(()).unwrap();
    writer.join().unwrap();
    scene.put("web.yaml", &whole);
    assert_eq!(changed(&groups.look()), ["default/web wants 12"]);
    // Who writes it in one go waits for nothing but the next look.
    std::fs::write(scene.groups().join("web.yaml"), web(11)).unwrap();
    assert_eq!(changed(&groups.look()), ["default/web wants 11"]);
}

#[test]
fn hidden_files_and_other_endings_are_not_read() {
    let scene = Scene::new();
    scene.put(".web.yaml", &web(3));
    scene.put("web.yaml~", &web(3));
    assert_eq!(scene.open().objects(), []);
}

#[test]
fn an_identity_that_was_brought_along_is_kept() {
    let scene = Scene::new();
    let annotated = "web\n  annotations: {vm.codeconnect.vmworld.com/identity: i-7}";
    scene.put("web.yaml", &yaml(annotated, "  replicas: 3\n"));
    assert_eq!(
        object(&scene.open(), "web").identity.as_deref(),
        Some("i-7")
    );
}

#[test]
fn approvals_come_change_and_go_with_their_files() {
    let scene = Scene::new();
    let groups = scene.open();
    let approval = |digest: &str| {
        let spec = format!("  group: web\n  effectsDigest: {digest}\n");
        yaml("ok", &spec).replace("VmGroup", "PlanApproval")
    };
    scene.put("ok.yaml", &approval("sha256:a"));
    let events = groups.look();
    assert!(matches!(&events[..], [Event::ApprovalChanged(one)] if one.group == "web"));
    assert_eq!(groups.look(), []);
    assert_eq!(groups.approvals().len(), 1);
    scene.take_away("ok.yaml");
    assert_eq!(groups.look(), [Event::ApprovalGone { key: key("ok") }]);
}

#[test]
fn one_state_has_one_operator_and_the_other_learns_who_it_is() {
    let scene = Scene::new();
    let groups = scene.open();
    let error = Groups::open(&scene.groups(), &scene.state(), SCHEMA).unwrap_err();
    let text = error.to_string();
    let me = format!("is in use by process {}, since ", std::process::id());
    assert!(text.contains(&me), "{text}");
    assert!(error.hint().is_some());
    drop(groups);
    scene.open();
}

#[test]
fn a_folder_that_does_not_exist_is_an_error() {
    let scene = Scene::new();
    let error = Groups::open(&scene.groups().join("no"), &scene.state(), SCHEMA).unwrap_err();
    assert!(matches!(error, FilesError::Read { .. }), "{error:?}");
}

#[test]
fn a_status_does_not_disturb_a_change_of_the_file() {
    let scene = Scene::new();
    scene.put("web.yaml", &web(3));
    let groups = scene.open();
    let before = object(&groups, "web");
    done(groups.perform(&write_status(target(&before), "RUNNING")));
    scene.put("web.yaml", &web(4));
    groups.look();
    let now = object(&groups, "web");
    assert_eq!((now.generation, now.resource_version), (2, 3));
    assert_eq!(now.status.phase.as_deref(), Some("RUNNING"));
}
