//! The CRDs in a real API server: what they take, refuse and show.

use std::path::{Path, PathBuf};

use serde_json::json;
use vmgroup_e2e::{Wish, repository};

use crate::sites::quiet;

pub(crate) fn every_valid_sample_is_taken() {
    let site = quiet();
    let mut samples = samples("samples/valid");
    assert!(samples.len() >= 5);
    samples.push(repository().join("crds/samples/approval.yaml"));
    for sample in samples {
        site.kubectl(&["create", "--dry-run=server", "-f", text(&sample)]);
    }
}

pub(crate) fn every_invalid_sample_is_refused_with_the_message_it_names() {
    let site = quiet();
    let samples = samples("samples/invalid");
    assert!(samples.len() >= 15);
    for sample in samples {
        let content = std::fs::read_to_string(&sample).unwrap();
        let first = content.lines().next().unwrap();
        let expected = first
            .strip_prefix("# expect: ")
            .unwrap_or_else(|| panic!("{} expects nothing", sample.display()));
        let said = site.kubectl_fails(&["create", "--dry-run=server", "-f", text(&sample)]);
        assert!(said.contains(expected), "{}: {said}", sample.display());
    }
}

pub(crate) fn the_columns_are_the_demos() {
    let site = quiet();
    site.create_namespace("columns");
    site.apply("columns", "web", &Wish::new(3));
    let status = json!({ "status": {
        "phase": "RUNNING", "currentReplicas": 2, "lastMessage": "all is well",
    } });
    let patch = status.to_string();
    let arguments = ["--subresource=status", "--type=merge", "-p", &patch];
    site.kubectl(&[&["patch", "vg", "web", "-n", "columns"], &arguments[..]].concat());

    let shown = site.kubectl(&["get", "vg", "-n", "columns"]);
    let lines: Vec<Vec<&str>> = shown
        .lines()
        .map(|line| {
            line.split("  ")
                .map(str::trim)
                .filter(|word| !word.is_empty())
                .collect()
        })
        .collect();
    let head = [
        "NAME",
        "PHASE",
        "CURRENT",
        "DESIRED",
        "CPU",
        "MEMORY",
        "TEMPLATE",
        "LAST_MESSAGE",
        "AGE",
    ];
    assert_eq!(lines[0], head, "{shown}");
    let row = [
        "web",
        "RUNNING",
        "2",
        "3",
        "1",
        "1",
        "vm-operator-template",
        "all is well",
    ];
    assert_eq!(lines[1][..8], row, "{shown}");
}

pub(crate) fn scaling_reads_and_writes_what_the_subresource_names() {
    let site = quiet();
    site.create_namespace("scaling");
    let group = site.apply("scaling", "vg-1", &Wish::new(3));
    let patch = r#"{"status": {"currentReplicas": 2, "selector": "group=vg-1"}}"#;
    let arguments = ["--subresource=status", "--type=merge", "-p", patch];
    site.kubectl(&[&["patch", "vg", "vg-1", "-n", "scaling"], &arguments[..]].concat());

    // Two groups never share VMs, so an autoscaler has to find the one selector.
    let path = "/apis/vm.codeconnect.vmworld.com/v1alpha1/namespaces/scaling/vmgroups/vg-1/scale";
    let scale = site.object(path).unwrap();
    assert_eq!(scale["kind"], "Scale");
    assert_eq!(scale["spec"]["replicas"], 3);
    assert_eq!(
        scale["status"],
        json!({ "replicas": 2, "selector": "group=vg-1" })
    );

    group.scale(5);
    assert_eq!(group.object().unwrap()["spec"]["replicas"], 5);
    group.scale(0);
    assert_eq!(group.object().unwrap()["spec"]["replicas"], 0);
}

pub(crate) fn every_field_is_explained() {
    let site = quiet();
    let said = site.kubectl(&["explain", "vg.spec", "--recursive"]);
    for field in [
        "replicas",
        "template",
        "powerState",
        "graceSeconds",
        "deletionPolicy",
    ] {
        assert!(said.contains(field), "{field} is not explained: {said}");
    }
    let said = site.kubectl(&["explain", "vg.spec.memory"]);
    assert!(said.contains("GiB"), "{said}");
}

fn samples(folder: &str) -> Vec<PathBuf> {
    let folder = repository().join("crds").join(folder);
    let entries = std::fs::read_dir(&folder).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
