//! Groups in a folder, on a simulated vCenter in real time.
#![cfg(feature = "files")]
#![allow(clippy::unwrap_used)]

mod program;

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use program::{Ran, argument, repository, run, vmgroup, write};
use serde_json::Value;
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(60);

struct Operator {
    child: Child,
    folder: TempDir,
}

impl Operator {
    fn start(arguments: &[&str]) -> Operator {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("groups")).unwrap();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let child = vmgroup(&["run", "--groups", "groups", "--vcenter", "simulated"])
            .args(["--log-format", "json"])
            .args(arguments)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Operator { child, folder }
    }

    fn write_group(&self, name: &str, replicas: u32) {
        let groups = self.folder.path().join("groups");
        write(
            &groups,
            &format!("{name}.yaml"),
            group(name, replicas, "vm-operator-template"),
        );
    }

    fn here(&self, arguments: &[&str]) -> Ran {
        let state = self.folder.path().join(".vmgroup");
        run(&[arguments, &["--state", argument(&state)]].concat())
    }

    fn groups(&self) -> Vec<Value> {
        let ran = self.here(&["get", "-o", "json"]);
        serde_json::from_str(&ran.out).unwrap_or_default()
    }

    #[track_caller]
    fn until(&self, what: &str, done: impl Fn(&[Value]) -> bool) {
        let end = Instant::now() + LIMIT;
        while !done(&self.groups()) {
            assert!(
                Instant::now() < end,
                "{what}: {:?}\n{}",
                self.groups(),
                self.log()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn stop(mut self) -> String {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let status = self.child.wait().unwrap();
        let log = self.log();
        assert_eq!(status.code(), Some(0), "{log}");
        assert!(!log.contains(r#""level":"ERROR""#), "{log}");
        log
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        // It has ended unless a test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn group(name: &str, replicas: u32, template: &str) -> String {
    format!(
        "apiVersion: vm.codeconnect.vmworld.com/v1alpha1\nkind: VmGroup\nmetadata:\n  name: {name}\n\
         spec:\n  cpu: 1\n  memory: 1\n  replicas: {replicas}\n  template: {template}\n"
    )
}

fn runs(groups: &[Value], replicas: u32) -> bool {
    groups.len() == 1
        && groups[0]["status"]["phase"] == "RUNNING"
        && groups[0]["status"]["readyReplicas"] == replicas
}

#[test]
fn a_group_in_a_file_is_made_scaled_and_deleted_on_request_only() {
    let operator = Operator::start(&[]);
    operator.write_group("web", 2);
    operator.until("two run", |groups| runs(groups, 2));
    operator.write_group("web", 3);
    operator.until("three run", |groups| runs(groups, 3));

    std::fs::remove_file(operator.folder.path().join("groups/web.yaml")).unwrap();
    std::thread::sleep(Duration::from_secs(2));
    assert!(
        runs(&operator.groups(), 3),
        "a missing file deletes nothing"
    );

    let ran = operator.here(&["get"]);
    assert!(ran.out.starts_with("NAMESPACE"), "{}", ran.out);
    let ran = operator.here(&["get", "-n", "elsewhere"]);
    assert_eq!(ran.out, "", "{ran:?}");
    let ran = operator.here(&["delete", "web"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    operator.until("it is gone", <[Value]>::is_empty);
    let log = operator.stop();
    assert!(log.contains("stopped"), "{log}");
}

#[test]
fn a_new_module_is_swapped_in_live_and_a_bad_one_is_refused() {
    let modules = tempfile::tempdir().unwrap();
    let module = modules.path().join("module.wasm");
    std::fs::copy(repository("target/guests/default.wasm"), &module).unwrap();
    let operator = Operator::start(&["--module", argument(&module)]);
    operator.write_group("web", 1);
    operator.until("one runs", |groups| runs(groups, 1));

    replace(&module, b"not a module");
    let end = Instant::now() + LIMIT;
    while !operator.log().contains("module refused") {
        assert!(Instant::now() < end, "{}", operator.log());
        std::thread::sleep(Duration::from_millis(100));
    }
    operator.write_group("web", 2);
    operator.until("the last good one goes on", |groups| runs(groups, 2));

    replace(
        &module,
        &std::fs::read(repository("target/guests/one-by-one.wasm")).unwrap(),
    );
    std::thread::sleep(Duration::from_secs(5));
    operator.write_group("web", 4);
    operator.until("four run", |groups| runs(groups, 4));
    let log = operator.stop();
    assert!(
        log.contains("here is the next"),
        "the new module decided:\n{log}"
    );
}

/// The settings of one group ask the module to talk, and those of the other one it refuses.
#[test]
fn what_a_module_says_is_logged_and_settings_that_it_refuses_hold_the_group() {
    let module = repository("target/guests/hostile.wasm");
    let operator = Operator::start(&["--module", argument(&module)]);
    let write_with = |name: &str, settings: &str| {
        let settings = format!("spec:\n  reconciler: {{settings: {settings}}}");
        let text = group(name, 1, "vm-operator-template").replace("spec:", &settings);
        write(
            &operator.folder.path().join("groups"),
            &format!("{name}.yaml"),
            text,
        );
    };
    write_with("talks", "{behaviour: refuse}");
    write_with("wrong", "{behavior: refuse}");
    let says = |group: &Value, words: &str| {
        let message = group["status"]["lastMessage"].as_str();
        message.is_some_and(|message| message.contains(words))
    };
    operator.until("both say why", |groups| {
        groups.iter().any(|it| says(it, "will not decide (hostile"))
            && groups
                .iter()
                .any(|it| says(it, "refuses spec.reconciler.settings: /behavior"))
    });
    let log = operator.stop();
    let said = log.lines().find(|line| line.contains("the module says"));
    let said: Value = serde_json::from_str(said.expect(&log)).unwrap();
    assert_eq!(said["line"], "will not decide", "{said}");
    assert_eq!(said["group"], "default/talks", "{said}");
}

fn replace(file: &Path, bytes: &[u8]) {
    let fresh = file.with_extension("fresh");
    std::fs::write(&fresh, bytes).unwrap();
    std::fs::rename(fresh, file).unwrap();
}

#[test]
fn a_bad_file_is_reported_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let place = |text: &str| -> (Option<i32>, String) {
        let file: PathBuf = write(folder.path(), "group.yaml", text);
        let ran = run(&["plan", "-f", argument(&file)]);
        assert_eq!(ran.out, "", "{ran:?}");
        assert!(ran.talk.contains("hint: "), "{}", ran.talk);
        (ran.code, ran.talk)
    };
    let misspelt = group("web", 2, "t").replace("replicas", "replcas");
    let (code, talk) = place(&misspelt);
    assert_eq!(code, Some(2), "{talk}");
    assert!(
        talk.contains("group.yaml:8:3: unknown field spec.replcas"),
        "{talk}"
    );
    assert!(talk.contains("hint: did you mean replicas?"), "{talk}");

    let (_, talk) = place(&group("web", 2, "t").replace("replicas: 2", "replicas: two"));
    assert!(talk.contains("expected a whole number"), "{talk}");
    let (_, talk) = place(&group("web", 2, "t").replace("spec:", "spec:\n  powerState: off"));
    assert!(talk.contains("true or false unless in quotes"), "{talk}");

    let nowhere = folder.path().join("nowhere.yaml");
    let ran = run(&["plan", "-f", argument(&nowhere)]);
    assert!(ran.talk.contains("hint: name a file"), "{}", ran.talk);

    let (code, talk) = place("kind: VmGroup\nmetadata: {name: [}\n");
    assert_eq!(code, Some(2), "{talk}");
    assert!(talk.contains("group.yaml:2:"), "{talk}");
}

#[test]
fn a_plan_says_what_would_be_done_and_why() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "group.yaml", group("web", 2, "t"));
    let ran = run(&["plan", "-f", argument(&file)]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.contains("clone slot 1 (scale-up"), "{}", ran.out);

    let ran = run(&["plan", "-f", argument(&file), "-o", "json"]);
    let plans: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(plans[0]["verdict"], "clear", "{plans}");
    assert_eq!(
        plans[0]["answer"]["plan"]["actions"][0]["effect"]["clone"], 0,
        "{plans}"
    );

    let module = repository("target/guests/one-by-one.wasm");
    let ran = run(&["plan", "-f", argument(&file), "-m", argument(&module)]);
    assert!(ran.out.contains("clone slot 1 (next"), "{}", ran.out);
    assert!(!ran.out.contains("clone slot 0"), "{}", ran.out);
}

#[test]
fn a_plan_tells_who_else_decides_and_what_is_only_observed() {
    let folder = tempfile::tempdir().unwrap();
    let named = |name: &str| {
        let reconciler = format!("spec:\n  mode: Observe\n  reconciler: {{module: {name}}}");
        group("web", 2, "t").replace("spec:", &reconciler)
    };
    let file = write(folder.path(), "other.yaml", named("night-shift"));
    let ran = run(&["plan", "-f", argument(&file)]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.talk.contains("module is night-shift"), "{}", ran.talk);
    assert!(ran.talk.contains("hint: give the file"), "{}", ran.talk);

    let file = write(folder.path(), "own.yaml", named("built-in"));
    let ran = run(&["plan", "-f", argument(&file)]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        ran.out.contains("nothing of this would be done"),
        "{}",
        ran.out
    );
}

#[test]
fn a_plan_for_a_given_observation_takes_its_members() {
    let case = repository("guest/cases/default/a-group-as-wanted-is-left-alone.json");
    let ran = run(&["plan", "--observation", argument(&case)]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.contains("nothing to do"), "{}", ran.out);
}

/// What a case says of settings is not the group's.
#[test]
fn a_plan_for_a_group_and_an_observation_takes_the_groups_settings() {
    let folder = tempfile::tempdir().unwrap();
    let case = repository("guest/cases/default/an-empty-group-is-filled-from-slot-zero.json");
    let settings = "spec:\n  reconciler: {settings: {maxClonesPerPlan: 1}}";
    let with = group("web", 3, "t").replace("spec:", settings);
    for (text, clones) in [(group("web", 3, "t"), 3), (with, 1)] {
        let file = write(folder.path(), "group.yaml", text);
        let arguments = [
            "plan",
            "-f",
            argument(&file),
            "--observation",
            argument(&case),
        ];
        let ran = run(&arguments);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert_eq!(ran.out.matches("clone slot").count(), clones, "{}", ran.out);
    }
}

#[test]
fn a_file_without_groups_plans_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "empty.yaml", "");
    assert_eq!(run(&["plan", "-f", argument(&file)]).code, Some(3));
}

#[test]
fn without_a_vcenter_nothing_runs() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run(&["run", "--groups", argument(folder.path())]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.talk.contains("hint: set VC_HOST"), "{}", ran.talk);
}

#[test]
fn a_plan_may_be_asked_for_several_files() {
    let folder = tempfile::tempdir().unwrap();
    let web = write(folder.path(), "web.yaml", group("web", 1, "t"));
    let db = write(folder.path(), "db.yaml", group("db", 1, "t"));
    let ran = run(&["plan", "-f", argument(&web), "-f", argument(&db)]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let order = (ran.out.find("default/web"), ran.out.find("default/db"));
    assert!(
        matches!(order, (Some(web), Some(db)) if web < db),
        "{}",
        ran.out
    );
}

#[test]
fn a_state_that_is_not_there_and_a_group_that_is_not_there_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere");
    let ran = run(&["get", "--state", argument(&nowhere)]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    let ran = run(&["get", "web", "--state", argument(folder.path())]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let ran = run(&["delete", "web", "--state", argument(folder.path())]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.talk.contains("default/web"), "{}", ran.talk);
}

#[test]
fn the_crds_are_printed() {
    let ran = run(&["crd"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        ran.out.contains("vmgroups.vm.codeconnect.vmworld.com"),
        "{}",
        ran.out
    );
}
