//! The walk that the demo's users know, word for word.

use std::time::Duration;

use vmgroup_e2e::{Operator, Site, eventually, repository, steadily};

use crate::sites::finish;

pub(crate) fn the_demos_walk_gives_what_it_promises() {
    let site = Site::start();
    let operator = Operator::start(&site);
    for name in ["vg-1", "vg-2", "vg-3"] {
        let sample = repository().join(format!("crds/samples/valid/{name}.yaml"));
        site.kubectl(&["apply", "-f", sample.to_str().unwrap()]);
    }
    let group = |name: &str| site.group("default", name);
    let failed = group("vg-2").until_phase("ERROR");
    let message = failed["lastMessage"].as_str().unwrap();
    assert!(message.contains("doesNotExist"), "{message}");
    assert!(group("vg-2").members().is_empty());

    let first = group("vg-1").until_running(3);
    assert!(
        first
            .values()
            .all(|vm| (vm.cpus, vm.memory_mb) == (1, 1024))
    );
    let folder = "/vcqaDC/vm/vm-operator/default-vg-1";
    assert!(
        first
            .values()
            .all(|vm| vm.folder == folder && vm.name.starts_with("vg-1-replica-"))
    );
    let third = group("vg-3").until_running(2);
    assert!(
        third
            .values()
            .all(|vm| (vm.cpus, vm.memory_mb) == (4, 4096))
    );

    let fix = r#"{"spec":{"template":"vm-operator-template"}}"#;
    site.kubectl(&["patch", "vg", "vg-2", "--type", "merge", "-p", fix]);
    group("vg-2").until_running(2);
    let ready = [
        "wait",
        "--for=condition=Ready",
        "vg",
        "--all",
        "--timeout=60s",
    ];
    site.kubectl(&ready);
    let warnings = site.kubectl(&["events", "--for", "vg/vg-2", "--types=Warning"]);
    assert!(warnings.contains("doesNotExist"), "{warnings}");
    let shown = site.kubectl(&["get", "vg"]);
    assert_eq!(shown.matches(" RUNNING ").count(), 3, "{shown}");
    nothing_happens_while_nothing_changes(&site);

    site.kubectl(&["delete", "vg", "--all", "-A"]);
    assert_eq!(site.group_folders(), Vec::<String>::new());
    let left: Vec<_> = site
        .control()
        .vms()
        .unwrap()
        .vms
        .into_iter()
        .filter(|vm| !vm.markers.is_empty())
        .collect();
    assert_eq!(left, []);
    finish(&site, operator);
}

/// An idle operator waits for vCenter's news, and asks and writes nothing.
fn nothing_happens_while_nothing_changes(site: &Site) {
    let versions = || {
        let path = "/apis/vm.codeconnect.vmworld.com/v1alpha1/vmgroups";
        let items = site.object(path).unwrap()["items"].take();
        let version =
            |object: &serde_json::Value| object["metadata"]["resourceVersion"].to_string();
        items
            .as_array()
            .unwrap()
            .iter()
            .map(version)
            .collect::<Vec<_>>()
    };
    let quiet = Duration::from_secs(4);
    eventually(
        "the operator comes to rest",
        Duration::from_secs(60),
        || {
            let (before, last) = (versions(), site.control().trace(0).unwrap().last);
            std::thread::sleep(quiet);
            let calls = site.control().trace(last).unwrap().calls;
            let asked = calls.iter().find(|call| call.method != "WaitForUpdatesEx");
            match (asked, versions() == before) {
                (None, true) => Ok(()),
                (call, same) => Err(format!("objects are the same: {same}, a call: {call:?}")),
            }
        },
    );
    let (before, last) = (versions(), site.control().trace(0).unwrap().last);
    steadily("the operator rests", quiet, || {
        let calls = site.control().trace(last).unwrap().calls;
        match calls
            .into_iter()
            .find(|call| call.method != "WaitForUpdatesEx")
        {
            None if versions() == before => Ok(()),
            call => Err(format!("{call:?}")),
        }
    });
}
