//! The manifests in a real API server, and the module as a Pod has it mounted.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use vmgroup_e2e::{
    INSTALL_NAMESPACE, Operator, Site, Start, Wish, digest, eventually, guest, repository,
};

use crate::sites::{finish, quiet};

pub(crate) fn the_pod_is_taken_where_restricted_is_enforced() {
    let site = quiet();
    let namespace = site
        .object(&format!("/api/v1/namespaces/{INSTALL_NAMESPACE}"))
        .unwrap();
    let level = &namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"];
    assert_eq!(level, "restricted");

    let pod = site.deployed_pod();
    let create = ["create", "--dry-run=server", "-f", "-"];
    let created = site.kubectl_on(&create, &pod.to_string());
    assert!(created.contains("created"), "{created}");
    // Otherwise it proves nothing that the Pod was taken.
    let mut privileged = pod;
    privileged["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] =
        json!(true);
    let refused = site
        .rig()
        .kubectl_with_input(&create, &privileged.to_string())
        .unwrap_err();
    assert!(refused.to_string().contains("PodSecurity"), "{refused:#}");
}

pub(crate) fn every_overlay_is_taken() {
    let site = quiet();
    let overlays = fs::read_dir(repository().join("deploy/overlays")).unwrap();
    let mut seen = 0;
    for overlay in overlays {
        let path = overlay.unwrap().path();
        site.kubectl(&["apply", "--dry-run=server", "-k", path.to_str().unwrap()]);
        seen += 1;
    }
    assert!(seen > 0);
}

/// Verb, resource, namespace (empty for all), and whether the operator may.
const RIGHTS: &[(&str, &str, &str, bool)] = &[
    ("list", "vmgroups.vm.codeconnect.vmworld.com", "", true),
    ("watch", "vmgroups.vm.codeconnect.vmworld.com", "", true),
    (
        "get",
        "vmgroups.vm.codeconnect.vmworld.com",
        "default",
        true,
    ),
    (
        "patch",
        "vmgroups.vm.codeconnect.vmworld.com",
        "default",
        true,
    ),
    (
        "patch",
        "vmgroups.vm.codeconnect.vmworld.com/status",
        "default",
        true,
    ),
    ("list", "planapprovals.vm.codeconnect.vmworld.com", "", true),
    (
        "watch",
        "planapprovals.vm.codeconnect.vmworld.com",
        "",
        true,
    ),
    ("create", "events.events.k8s.io", "default", true),
    (
        "create",
        "leases.coordination.k8s.io",
        INSTALL_NAMESPACE,
        true,
    ),
    (
        "get",
        "leases.coordination.k8s.io/vmgroup",
        INSTALL_NAMESPACE,
        true,
    ),
    (
        "update",
        "leases.coordination.k8s.io/vmgroup",
        INSTALL_NAMESPACE,
        true,
    ),
    (
        "create",
        "vmgroups.vm.codeconnect.vmworld.com",
        "default",
        false,
    ),
    (
        "delete",
        "vmgroups.vm.codeconnect.vmworld.com",
        "default",
        false,
    ),
    (
        "create",
        "planapprovals.vm.codeconnect.vmworld.com",
        "default",
        false,
    ),
    (
        "patch",
        "planapprovals.vm.codeconnect.vmworld.com",
        "default",
        false,
    ),
    ("get", "secrets", INSTALL_NAMESPACE, false),
    ("list", "secrets", "", false),
    ("list", "configmaps", "", false),
    ("create", "pods", INSTALL_NAMESPACE, false),
    (
        "get",
        "leases.coordination.k8s.io/kube-scheduler",
        INSTALL_NAMESPACE,
        false,
    ),
    (
        "update",
        "leases.coordination.k8s.io/vmgroup",
        "kube-system",
        false,
    ),
    ("create", "leases.coordination.k8s.io", "default", false),
    (
        "patch",
        "customresourcedefinitions.apiextensions.k8s.io",
        "",
        false,
    ),
    (
        "escalate",
        "clusterroles.rbac.authorization.k8s.io",
        "",
        false,
    ),
    ("impersonate", "users", "", false),
];

pub(crate) fn the_operator_may_do_what_it_does_and_nothing_else() {
    let site = quiet();
    let account = site.deployed_pod()["spec"]["serviceAccountName"].clone();
    let user = format!(
        "system:serviceaccount:{INSTALL_NAMESPACE}:{}",
        account.as_str().unwrap()
    );
    for (verb, resource, namespace, expected) in RIGHTS {
        assert_eq!(
            can(&site, &user, verb, resource, namespace),
            *expected,
            "{verb} {resource} in {namespace:?}"
        );
    }
}

pub(crate) fn whoever_may_edit_groups_may_not_approve_their_plans() {
    let site = quiet();
    site.create_namespace("rights");
    for (user, role) in [
        ("viewer", "vmgroup-view"),
        ("editor", "vmgroup-edit"),
        ("boss", "vmgroup-admin"),
    ] {
        let (role, user) = (format!("--clusterrole={role}"), format!("--user={user}"));
        site.kubectl(&[
            "create",
            "rolebinding",
            "-n",
            "rights",
            &user[7..],
            &role,
            &user,
        ]);
    }
    let groups = "vmgroups.vm.codeconnect.vmworld.com";
    let approvals = "planapprovals.vm.codeconnect.vmworld.com";
    let scale = "vmgroups.vm.codeconnect.vmworld.com/scale";
    let table = [
        ("viewer", "get", groups, true),
        ("viewer", "patch", groups, false),
        ("editor", "patch", groups, true),
        ("editor", "patch", scale, true),
        ("editor", "create", approvals, false),
        ("boss", "create", approvals, true),
    ];
    for (user, verb, resource, expected) in table {
        assert_eq!(
            can(&site, user, verb, resource, "rights"),
            expected,
            "{user} {verb} {resource}"
        );
    }
}

pub(crate) fn the_probes_of_the_pod_are_answered() {
    let site = Site::start();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let start = Start {
        health: Some(address),
        ..Start::default()
    };
    let operator = Operator::start_with(&site, &start);
    let container = site.deployed_pod()["spec"]["containers"][0].take();
    for probe in ["livenessProbe", "readinessProbe"] {
        let path = container[probe]["httpGet"]["path"].as_str().unwrap();
        eventually(probe, Duration::from_secs(30), || {
            match ureq::get(format!("http://{address}{path}")).call() {
                Ok(answer) => {
                    assert_eq!(answer.status(), 200);
                    Ok(())
                }
                Err(error) => Err(error.to_string()),
            }
        });
    }
    // The manifest's own port is where the operator listens in a Pod.
    assert_eq!(container["ports"][0]["containerPort"], 8080);
    finish(&site, operator);
}

pub(crate) fn a_module_is_replaced_live_as_a_kubelet_replaces_it() {
    let site = Site::start();
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (guest("default"), guest("one-by-one"));
    mount(folder.path(), "..1", &fs::read(&first).unwrap());
    symlink("..data/module.wasm", folder.path().join("module.wasm")).unwrap();
    let start = Start {
        module: Some(folder.path().join("module.wasm")),
        ..Start::default()
    };
    let operator = Operator::start_with(&site, &start);
    let group = site.apply("default", "web", &Wish::new(2));
    group.until_running(2);
    assert_eq!(decided_by(&group), digest(&first));

    mount(folder.path(), "..2", &fs::read(&second).unwrap());
    let scale_until = |wanted: &str| {
        eventually("the other module decides", Duration::from_secs(60), || {
            // A decision is recorded when it does something.
            for replicas in [3, 2] {
                group.scale(replicas);
                group.until_running(replicas as usize);
            }
            let by = decided_by(&group);
            if by == wanted { Ok(()) } else { Err(by) }
        });
    };
    scale_until(&digest(&second));

    mount(folder.path(), "..3", b"this is no module");
    eventually("the bad one is refused", Duration::from_secs(30), || {
        let log = operator.log();
        if log.contains("module refused") {
            Ok(())
        } else {
            Err(log)
        }
    });
    scale_until(&digest(&second));

    mount(folder.path(), "..4", &fs::read(&first).unwrap());
    scale_until(&digest(&first));
    group.delete();
    group.until_gone();
    finish(&site, operator);
}

/// Makes a version of the mounted folder and turns the link to it, at once.
fn mount(folder: &Path, version: &str, module: &[u8]) {
    fs::create_dir(folder.join(version)).unwrap();
    fs::write(folder.join(version).join("module.wasm"), module).unwrap();
    symlink(version, folder.join("..data_tmp")).unwrap();
    fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
}

fn decided_by(group: &vmgroup_e2e::Group<'_>) -> String {
    group.status()["lastDecision"]["module"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// What `kubectl auth can-i` says.
fn can(site: &Site, user: &str, verb: &str, resource: &str, namespace: &str) -> bool {
    let (kind, rest) = resource.split_once('/').unwrap_or((resource, ""));
    let mut command = site.rig().kubectl_command();
    command.args(["auth", "can-i", verb, "--as", user]);
    match rest {
        "" => command.arg(kind),
        "status" | "scale" => command.arg(kind).arg(format!("--subresource={rest}")),
        name => command.arg(format!("{kind}/{name}")),
    };
    match namespace {
        "" => command.arg("--all-namespaces"),
        namespace => command.args(["--namespace", namespace]),
    };
    let output = command.output().unwrap();
    match String::from_utf8_lossy(&output.stdout).trim() {
        "yes" => true,
        "no" => false,
        other => panic!(
            "kubectl auth can-i {verb} {resource}: {other}{}",
            String::from_utf8_lossy(&output.stderr)
        ),
    }
}
