//! What owners and administrators change, and what the operator makes of it.

use std::time::Duration;

use serde_json::json;
use vmgroup_e2e::{Operator, Site, Wish, member_slots, steadily};
use vmgroup_rig::Call;

use crate::sites::{busy, finish};

pub(crate) fn scaling_adds_and_removes_vms_and_leaves_the_others_alone() {
    let busy = busy();
    let site = &busy.site;
    site.create_namespace("scale");
    let group = site.apply(
        "scale",
        "web",
        &Wish::new(2).with("removalPolicy", json!("HighestSlot")),
    );
    let two = group.until_running(2);
    group.scale(5);
    let five = group.until_running(5);
    assert!(two.iter().all(|(slot, vm)| five.get(slot) == Some(vm)));
    group.scale(3);
    let three = group.until_running(3);
    assert!(three.iter().all(|(slot, vm)| five.get(slot) == Some(vm)));
    assert_eq!(member_slots(&three), [0, 1, 2]);
    group.scale(0);
    group.until_running(0);
    group.delete();
    group.until_gone();
    assert!(
        !site
            .group_folders()
            .iter()
            .any(|path| path.ends_with("/scale-web"))
    );
}

pub(crate) fn an_edit_of_the_spec_reaches_running_vms_in_place() {
    let busy = busy();
    let site = &busy.site;
    site.create_namespace("edit");
    let group = site.apply("edit", "web", &Wish::new(2));
    let before = group.until_running(2);
    let seen = site.control().trace(0).unwrap().last;
    group.patch(&json!({ "spec": { "cpu": 2, "memory": 3 } }));
    let after = group.until_members("the VMs have the new hardware", |members| {
        let grown = members
            .values()
            .all(|vm| (vm.cpus, vm.memory_mb) == (2, 3072));
        grown.then(|| members.clone())
    });
    group.until_running(2);
    let moids = |members: &vmgroup_e2e::Members| {
        members
            .values()
            .map(|vm| vm.moid.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(moids(&after), moids(&before));
    let calls = site.control().trace(seen).unwrap().calls;
    for moid in moids(&before) {
        let methods: Vec<&str> = calls
            .iter()
            .filter(|call| call.object == moid && call.method.ends_with("_Task"))
            .map(|call| call.method.as_str())
            .collect();
        assert_eq!(
            methods,
            ["ReconfigVM_Task"],
            "{moid} was not changed once, while running"
        );
    }

    // vSphere cannot take memory away while a VM runs: it waits for its deletion.
    group.patch(&json!({ "spec": { "memory": 2 } }));
    group.until_phase("RUNNING");
    assert_eq!(group.status()["updatedReplicas"], 0);
    let kept = group.members();
    assert!(
        kept.values()
            .all(|vm| vm.memory_mb == 3072 && vm.power == "poweredOn")
    );
    group.delete();
    group.until_gone();
}

pub(crate) fn a_suspended_group_waits_until_it_is_not() {
    let busy = busy();
    let site = &busy.site;
    site.create_namespace("suspended");
    let wish = Wish::new(1).with("suspend", json!(true));
    let group = site.apply("suspended", "web", &wish);
    group.until_phase("PENDING");
    steadily("nothing is cloned", Duration::from_secs(3), || {
        let found = group.members();
        if found.is_empty() {
            Ok(())
        } else {
            Err(format!("{found:?}"))
        }
    });
    group.patch(&json!({ "spec": { "suspend": false } }));
    group.until_running(1);
    // Deletion does not wait.
    group.patch(&json!({ "spec": { "suspend": true } }));
    group.delete();
    group.until_gone();
}

pub(crate) fn a_foreign_power_off_is_undone_after_the_grace_period_unless_it_is_only_reported() {
    let busy = busy();
    let site = &busy.site;
    site.create_namespace("power");
    let drift = |policy: &str| json!({ "power": { "policy": policy, "graceSeconds": 4 } });
    let healed = site.apply(
        "power",
        "healed",
        &Wish::new(2).with("drift", drift("Enforce")),
    );
    let reported = site.apply(
        "power",
        "reported",
        &Wish::new(1).with("drift", drift("Report")),
    );
    let members = healed.until_running(2);
    let left = reported.until_running(1)[&0].moid.clone();
    let victim = members[&0].moid.clone();
    site.control().set_power(&left, "poweredOff").unwrap();
    site.control().set_power(&victim, "poweredOff").unwrap();
    steadily(
        "the administrator has the VM off",
        Duration::from_secs(3),
        || {
            let power = healed.members()[&0].power.clone();
            if power == "poweredOff" {
                Ok(())
            } else {
                Err(power)
            }
        },
    );
    assert_eq!(healed.until_running(2), members);
    let still = reported.members();
    assert_eq!(
        (still[&0].moid.as_str(), still[&0].power.as_str()),
        (left.as_str(), "poweredOff")
    );
    healed.delete();
    reported.delete();
    healed.until_gone();
    reported.until_gone();
}

pub(crate) fn two_groups_whose_names_join_alike_have_folders_of_their_own() {
    let busy = busy();
    let site = &busy.site;
    site.create_namespace("ab");
    site.create_namespace("ab-c");
    let one = site.apply("ab", "c-d", &Wish::new(1));
    let other = site.apply("ab-c", "d", &Wish::new(1));
    let (mine, theirs) = (one.until_running(1), other.until_running(1));
    assert_ne!(mine[&0].folder, theirs[&0].folder);
    one.delete();
    one.until_gone();
    assert_eq!(other.until_running(1), theirs);
    other.delete();
    other.until_gone();
}

pub(crate) fn an_object_without_spec_is_stalled_alone_and_can_be_deleted() {
    let busy = busy();
    let site = &busy.site;
    site.create_namespace("blank");
    let sample = vmgroup_e2e::repository().join("crds/samples/valid/without-spec.yaml");
    site.kubectl(&["apply", "-n", "blank", "-f", sample.to_str().unwrap()]);
    let blank = site.group("blank", "without-spec");
    blank.until_phase("ERROR");
    assert_eq!(blank.condition("Stalled").unwrap().0, "True");
    let good = site.apply("blank", "good", &Wish::new(1));
    good.until_running(1);
    assert!(blank.members().is_empty());
    blank.delete();
    blank.until_gone();
    good.delete();
    good.until_gone();
}

/// The API server takes what a JSON parser of 128 levels does not.
pub(crate) fn settings_that_are_nested_too_deeply_stall_their_group_alone() {
    let site = Site::start();
    let nested = (0..200).fold(json!({}), |inner, _| json!({ "a": inner }));
    let settings = json!({ "settings": nested });
    site.apply(
        "default",
        "nested",
        &Wish::new(1).with("reconciler", settings),
    );
    // It is in the first list of all groups.
    let operator = Operator::start(&site);
    let good = site.apply("default", "good", &Wish::new(1));
    good.until_running(1);
    let shown = |path: &str| site.kubectl(&["get", "vg", "nested", "-o", path]);
    assert_eq!(shown("jsonpath={.status.phase}"), "ERROR");
    let message = shown("jsonpath={.status.lastMessage}");
    assert!(message.contains("nest it less deeply"), "{message}");
    site.group("default", "nested").delete();
    good.delete();
    good.until_gone();
    assert_eq!(site.kubectl(&["get", "vg", "-o", "name"]), "");
    finish(&site, operator);
}

pub(crate) fn a_group_that_is_only_observed_writes_nothing_to_vcenter() {
    let busy = busy();
    let site = &busy.site;
    site.create_namespace("observe");
    let group = site.apply(
        "observe",
        "web",
        &Wish::new(2).with("mode", json!("Observe")),
    );
    vmgroup_e2e::eventually("it says what it would do", Duration::from_secs(60), || {
        let status = group.status();
        let said = status.to_string().contains("clone");
        if said {
            Ok(())
        } else {
            Err(status.to_string())
        }
    });
    let nothing = || {
        let trace = site.control().trace(0).unwrap();
        // A clone would need the folder first.
        let folder = trace.calls.into_iter().find(|call| {
            let mut values = call.arguments.values();
            values.any(|value| value.contains("observe-web"))
        });
        match folder {
            None if group.members().is_empty() => Ok(()),
            call => Err(format!("{call:?}")),
        }
    };
    steadily("nothing is written", Duration::from_secs(3), nothing);
    assert!(
        !site
            .group_folders()
            .iter()
            .any(|path| path.ends_with("/observe-web"))
    );
    group.delete();
    group.until_gone();
}

pub(crate) fn a_group_that_is_observed_from_now_on_is_left_as_it_is() {
    let busy = busy();
    let site = &busy.site;
    site.create_namespace("watched");
    let group = site.apply("watched", "web", &Wish::new(2));
    let members = group.until_running(2);
    group.patch(&json!({ "spec": { "mode": "Observe", "replicas": 1, "cpu": 2 } }));
    group.until_condition("Ready", "False", "Observing");
    let identity = group.object().unwrap()["metadata"]["uid"].clone();
    let identity = identity.as_str().unwrap().to_owned();
    let before = site.control().trace(0).unwrap().last;
    let off = site.control().set_power(&members[&0].moid, "poweredOff");
    off.unwrap();
    // Without `mode` each of this would have been healed by then.
    steadily("nothing is done", Duration::from_secs(8), || {
        let calls = site.control().trace(before).unwrap().calls;
        let of_group = |call: &&Call| {
            let is_member = members.values().any(|vm| vm.moid == call.object);
            is_member || call.operation_id.starts_with(&identity)
        };
        match calls.iter().find(of_group) {
            None => Ok(()),
            call => Err(format!("{call:?}")),
        }
    });
    group.patch(&json!({ "spec": { "mode": "Apply" } }));
    group.until_running(1);
    group.delete();
    group.until_gone();
}

pub(crate) fn orphaned_vms_go_on_without_a_marker() {
    let busy = busy();
    let site = &busy.site;
    site.create_namespace("orphan");
    let group = site.apply(
        "orphan",
        "web",
        &Wish::new(2).with("deletionPolicy", json!("Orphan")),
    );
    let before = group.until_running(2);
    group.delete();
    group.until_gone();
    let vms = site.control().vms().unwrap().vms;
    for vm in before.values() {
        let left = vms.iter().find(|left| left.moid == vm.moid).unwrap();
        assert_eq!(
            left.markers
                .get("vmgroup.marker")
                .map_or("", String::as_str),
            ""
        );
        let unmarked = vmgroup_rig::Vm {
            markers: left.markers.clone(),
            ..vm.clone()
        };
        assert_eq!(*left, unmarked);
    }
}
