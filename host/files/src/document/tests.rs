#![allow(clippy::unwrap_used)]

use super::*;
use crate::scene::{SCHEMA, Scene, yaml};

fn read(text: &str) -> Vec<Result<Document, String>> {
    let scene = Scene::new();
    scene.put("a.yaml", text);
    let file = scene.groups().join("a.yaml");
    let shown = |problem: Problem| {
        let text = problem.to_string();
        text.replace(&file.display().to_string(), "a.yaml")
    };
    let all = read_documents(&file, &SCHEMA).into_iter();
    all.map(|document| document.map_err(shown)).collect()
}

fn refused(text: &str) -> String {
    read(text).remove(0).unwrap_err()
}

fn group(text: &str) -> GroupDocument {
    match read(text).remove(0) {
        Ok(Document::Group(group)) => group,
        other => panic!("no group: {other:?}"),
    }
}

fn spec_refused(spec: &str) -> Problem {
    group(&yaml("web", spec)).spec.unwrap_err()
}

#[test]
fn a_file_may_have_several_documents() {
    let text = format!(
        "{}---\n{}",
        yaml("a", "  replicas: 1\n"),
        yaml("b", "  replicas: 2\n")
    );
    let all = read(&text);
    let keys: Vec<String> = all
        .iter()
        .map(|document| match document {
            Ok(Document::Group(group)) => format!("{} at {}", group.key, group.place),
            other => panic!("no group: {other:?}"),
        })
        .map(|text| text.rsplit('/').next().unwrap().to_owned())
        .collect();
    assert_eq!(keys, ["a.yaml:1", "a.yaml:8"]);
}

#[test]
fn namespace_and_annotations_are_read() {
    let text = "apiVersion: vm.codeconnect.vmworld.com/v1alpha1\nkind: VmGroup\nmetadata:\n  \
                name: web\n  namespace: shop\n  annotations:\n    \
                vm.codeconnect.vmworld.com/identity: i-7\n    \
                vm.codeconnect.vmworld.com/adoption: adopt\n    \
                vm.codeconnect.vmworld.com/vcenter: v-1\nspec: {replicas: 3}\n";
    let group = group(text);
    assert_eq!(group.key, GroupKey::new("shop", "web"));
    assert_eq!(group.identity.as_deref(), Some("i-7"));
    assert_eq!(group.adoption, Some(Adoption::Adopt));
    assert_eq!(group.vcenter.as_deref(), Some("v-1"));
    assert_eq!(group.spec.unwrap().replicas, 3);
}

#[test]
fn what_is_no_yaml_names_line_and_column() {
    let text = refused("apiVersion: x\nspec:\n  a: [1\n  b: 2\n");
    assert!(text.starts_with("a.yaml:"), "{text}");
    let place: Vec<u64> = text
        .split(':')
        .skip(1)
        .take(2)
        .map(|number| number.parse().unwrap())
        .collect();
    assert!(place[0] >= 3 && place[1] >= 1, "{text}");
    assert!(text.contains("not valid YAML"), "{text}");
}

#[test]
fn an_unknown_field_is_an_error_with_its_place() {
    let problem = spec_refused("  replicas: 1\n  replcas: 2\n");
    assert_eq!((problem.line, problem.column), (7, 3));
    assert_eq!(problem.message, "unknown field spec.replcas");
    assert!(problem.hint.unwrap().contains("vmgroup crd"));
}

#[test]
fn a_wrong_value_is_an_error_with_its_place() {
    let problem = spec_refused("  deletion: Orphan\n  replicas: many\n");
    assert_eq!((problem.line, problem.column), (7, 3));
    assert_eq!(problem.message, "spec.replicas: not a number");
}

#[test]
fn what_is_no_group_is_refused_with_what_it_has_to_be() {
    for (from, to, words) in [
        (
            "v1alpha1",
            "v2",
            "a.yaml:1:1: apiVersion is vm.codeconnect.vmworld.com/v2",
        ),
        (
            "VmGroup",
            "Pod",
            "a.yaml:2:1: kind is Pod: it has to be VmGroup or PlanApproval",
        ),
        (
            "  name: web\n",
            "  nam: web\n",
            "a.yaml:3:1: metadata.name is missing",
        ),
        (
            "name: web",
            "name: ../web",
            "a.yaml:4:3: metadata.name is \"../web\"",
        ),
        (
            "name: web",
            "name: 5",
            "a.yaml:4:3: metadata.name is 5: it has to be a text",
        ),
        (
            "name: web",
            "name: web\n  namespace: a.b",
            "a.yaml:5:3: metadata.namespace is \"a.b\"",
        ),
    ] {
        let text = refused(&yaml("web", "  replicas: 1\n").replace(from, to));
        assert!(text.starts_with(words), "{to}: {text}");
    }
}

#[test]
fn an_approval_has_a_uid_that_follows_from_what_it_says() {
    let approval = |digest: &str| {
        let text = yaml("ok", &format!("  group: web\n  effectsDigest: {digest}\n"));
        match read(&text.replace("VmGroup", "PlanApproval")).remove(0) {
            Ok(Document::Approval(approval)) => approval,
            other => panic!("no approval: {other:?}"),
        }
    };
    assert_eq!(approval("sha256:a"), approval("sha256:a"));
    assert_ne!(approval("sha256:a").uid, approval("sha256:b").uid);
    assert_eq!(approval("sha256:a").group, "web");
}

#[test]
fn bytes_that_are_no_text_and_folders_are_refused() {
    let scene = Scene::new();
    let file = scene.groups().join("a.yaml");
    fs::write(&file, [0xff, 0xfe, 0x80]).unwrap();
    let problem = read_documents(&file, &SCHEMA).remove(0).unwrap_err();
    assert!(problem.message.contains("not UTF-8"), "{problem}");
    let problem = read_documents(&scene.groups(), &SCHEMA)
        .remove(0)
        .unwrap_err();
    assert_eq!(problem.message, "it is not a file");
}
