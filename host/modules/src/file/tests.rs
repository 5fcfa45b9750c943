#![allow(clippy::unwrap_used)]

use std::os::unix::fs::symlink;

use vmgroup_reconcile::event::Event;

use super::*;
use crate::fake::{Words, intake, told};

const NEVER: Duration = Duration::from_secs(3_600);
const SOON: Duration = Duration::from_secs(20);

struct Scene {
    folder: tempfile::TempDir,
    intake: Arc<Intake<Words>>,
    events: Receiver<Event>,
}

impl Scene {
    fn new() -> Self {
        let (intake, events) = intake();
        Scene {
            folder: tempfile::tempdir().unwrap(),
            intake: Arc::new(intake),
            events,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn watch(&self, poll: Duration) -> FileWatch {
        let file = self.path("module.wasm");
        watch_at_pace(Arc::clone(&self.intake), vec![None], file, poll).unwrap()
    }

    fn next(&self) -> String {
        told(self.events.recv_timeout(SOON).unwrap())
    }
}

#[test]
fn a_file_that_is_replaced_or_overwritten_is_swapped_in() {
    let scene = Scene::new();
    fs::write(scene.path("module.wasm"), "good one").unwrap();
    let _watch = scene.watch(NEVER);
    assert_eq!(scene.next(), "default is good one");
    fs::write(scene.path("new"), "good two").unwrap();
    fs::rename(scene.path("new"), scene.path("module.wasm")).unwrap();
    assert_eq!(scene.next(), "default is good two");
    fs::write(scene.path("module.wasm"), "good three").unwrap();
    assert_eq!(scene.next(), "default is good three");
}

#[test]
fn a_file_that_takes_long_does_not_keep_its_replacement_waiting() {
    let scene = Scene::new();
    fs::write(scene.path("module.wasm"), "long").unwrap();
    let _watch = scene.watch(NEVER);
    // It is being read by now, or will not be at all: both are to the point.
    std::thread::sleep(QUIET);
    fs::write(scene.path("new"), "good two").unwrap();
    fs::rename(scene.path("new"), scene.path("module.wasm")).unwrap();
    assert_eq!(scene.next(), "default is good two");
}

/// Backups and sidecars touch files.
#[test]
fn a_file_that_is_touched_while_it_is_tried_keeps_its_turn() {
    let scene = Scene::new();
    let file = scene.path("module.wasm");
    fs::write(&file, "good one").unwrap();
    let source = Source {
        intake: Arc::clone(&scene.intake),
        names: vec![None],
        origin: String::new(),
        file: file.clone(),
        seen: None,
        late: None,
    };
    let before = version(&file).unwrap();
    let content = Content::new(&source, before.clone(), b"good one");
    fs::write(&file, "good one").unwrap();
    assert!(content.is_there());
    let after = content.version.borrow().clone();
    assert_ne!(after, before, "it is known by its new version");
    fs::remove_file(&file).unwrap();
    assert!(content.is_there(), "it may come back");
    fs::write(&file, "good two").unwrap();
    assert!(!content.is_there());
    fs::write(&file, "good one").unwrap();
    assert!(!content.is_there(), "nobody goes on with it by then");
}

/// As after a build with fixed times that changed one constant.
#[test]
fn a_file_of_the_same_length_and_time_is_swapped_in() {
    let scene = Scene::new();
    fs::write(scene.path("module.wasm"), "good one").unwrap();
    let written = fs::metadata(scene.path("module.wasm")).unwrap().modified();
    let _watch = scene.watch(NEVER);
    assert_eq!(scene.next(), "default is good one");
    fs::write(scene.path("new"), "good two").unwrap();
    let new = File::options().write(true).open(scene.path("new")).unwrap();
    new.set_modified(written.unwrap()).unwrap();
    fs::rename(scene.path("new"), scene.path("module.wasm")).unwrap();
    assert_eq!(scene.next(), "default is good two");
}

/// What a kubelet does: a folder for each content, and a link that is renamed.
#[test]
fn the_flip_of_a_config_maps_link_is_noticed() {
    let scene = Scene::new();
    for (folder, text) in [("..1", "good one"), ("..2", "good two")] {
        fs::create_dir(scene.path(folder)).unwrap();
        fs::write(scene.path(folder).join("module.wasm"), text).unwrap();
    }
    symlink("..1", scene.path("..data")).unwrap();
    symlink("..data/module.wasm", scene.path("module.wasm")).unwrap();
    let _watch = scene.watch(NEVER);
    assert_eq!(scene.next(), "default is good one");
    symlink("..2", scene.path("..data_tmp")).unwrap();
    fs::rename(scene.path("..data_tmp"), scene.path("..data")).unwrap();
    assert_eq!(scene.next(), "default is good two");
}

#[test]
fn a_bad_file_is_refused_and_a_missing_one_does_not_end_the_last_good_one() {
    let scene = Scene::new();
    fs::write(scene.path("module.wasm"), "good one").unwrap();
    let _watch = scene.watch(NEVER);
    assert_eq!(scene.next(), "default is good one");
    fs::write(scene.path("module.wasm"), "bad").unwrap();
    assert!(scene.next().starts_with("default refused at inspect: "));
    fs::remove_file(scene.path("module.wasm")).unwrap();
    assert!(scene.next().starts_with("default refused at fetch: "));
    let active = scene.intake.store().get(None).unwrap();
    assert_eq!(active.module, "good one");
}

#[test]
fn a_file_that_is_missing_at_the_start_is_taken_in_when_it_comes() {
    let scene = Scene::new();
    let _watch = scene.watch(NEVER);
    let missing = scene.next();
    assert!(missing.starts_with("default missing: "), "{missing}");
    assert!(missing.contains("module.wasm was refused at stage fetch: it cannot be read: "));
    fs::write(scene.path("module.wasm"), "good one").unwrap();
    assert_eq!(scene.next(), "default is good one");
}

#[test]
fn a_file_in_a_folder_that_comes_later_is_found_by_looking_from_time_to_time() {
    let scene = Scene::new();
    let file = scene.path("later").join("module.wasm");
    let poll = Duration::from_millis(20);
    let _watch = watch_at_pace(Arc::clone(&scene.intake), vec![None], file.clone(), poll).unwrap();
    assert!(scene.next().starts_with("default missing: "));
    fs::create_dir(scene.path("later")).unwrap();
    fs::write(&file, "good one").unwrap();
    assert_eq!(scene.next(), "default is good one");
}

#[test]
fn a_file_that_is_too_large_is_not_read_and_a_folder_is_no_module() {
    let scene = Scene::new();
    fs::write(scene.path("module.wasm"), [b'x'; 65]).unwrap();
    let _watch = scene.watch(NEVER);
    let missing = scene.next();
    assert!(
        missing.contains("stage size: module has 65 bytes, the limit is 64"),
        "{missing}"
    );
    fs::remove_file(scene.path("module.wasm")).unwrap();
    fs::create_dir(scene.path("module.wasm")).unwrap();
    let mut missing = scene.next();
    // The moment between the two may have been seen.
    if missing.contains("cannot be read") {
        missing = scene.next();
    }
    assert!(missing.contains("it is not a file"), "{missing}");
}

#[test]
fn a_file_whose_module_is_late_is_tried_again_without_a_change() {
    let scene = Scene::new();
    fs::write(scene.path("module.wasm"), "slow 5").unwrap();
    let _watch = scene.watch(Duration::from_millis(20));
    let missing = scene.next();
    assert!(missing.ends_with("; it is tried again"), "{missing}");
    assert_eq!(scene.next(), "default is slow 5");
}
