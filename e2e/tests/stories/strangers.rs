//! VMs that look like a group's, and a group's VMs that look like strangers.

use std::time::Duration;

use serde_json::json;
use vmgroup_e2e::{Group, Site, Wish, eventually, steadily};
use vmgroup_rig::Vm;

use crate::sites::busy;

const LIMIT: Duration = Duration::from_secs(60);
/// Long enough for a clone that must not come: one takes less than a second.
const A_WHILE: Duration = Duration::from_secs(4);

pub(crate) fn the_demos_left_overs_wait_for_their_owner_and_become_members() {
    let busy = busy();
    let site = &busy.site;
    site.create_namespace("demo");
    let left = left_overs(site, "demo-old", "old", &["lbzgbaic", "mrajwwht"]);
    let group = site.apply("demo", "old", &Wish::new(2));
    let message = group.until_condition("Stalled", "True", "AdoptionRequired");
    assert!(message.contains("adoption=adopt"), "{message}");
    assert_eq!(group.status()["phase"], "ERROR");
    steadily("nothing is cloned beside them", A_WHILE, || {
        let found = in_folder(site, "demo-old");
        if found == left {
            Ok(())
        } else {
            Err(format!("{found:?}"))
        }
    });

    group.annotate("adoption", "adopt");
    let members = group.until_running(2);
    let moids = |vms: &mut dyn Iterator<Item = &Vm>| {
        let mut moids: Vec<String> = vms.map(|vm| vm.moid.clone()).collect();
        moids.sort();
        moids
    };
    assert_eq!(moids(&mut members.values()), moids(&mut left.iter()));
    group.delete();
    group.until_gone();
    assert_eq!(in_folder(site, "demo-old"), []);
    assert!(!folder_exists(site, "demo-old"));
}

pub(crate) fn left_overs_that_their_owner_ignores_stay_as_they_are() {
    let busy = busy();
    let site = &busy.site;
    site.create_namespace("ignored");
    let left = left_overs(site, "ignored-old", "old", &["hctcuaxh"]);
    let group = site.apply("ignored", "old", &Wish::new(1));
    group.until_condition("Stalled", "True", "AdoptionRequired");
    group.annotate("adoption", "ignore");
    let members = group.until_running(1);
    assert_ne!(members[&0].moid, left[0].moid);
    group.delete();
    group.until_gone();
    assert_eq!(in_folder(site, "ignored-old"), left);
    assert!(folder_exists(site, "ignored-old"));
}

pub(crate) fn an_object_with_the_demos_finalizer_waits_for_its_owner() {
    let busy = busy();
    let site = &busy.site;
    site.create_namespace("finalized");
    let object = json!({
        "apiVersion": "vm.codeconnect.vmworld.com/v1alpha1",
        "kind": "VmGroup",
        "metadata": { "namespace": "finalized", "name": "old", "finalizers": ["vm-operator"] },
        "spec": { "cpu": 1, "memory": 1, "replicas": 1, "template": "vm-operator-template" },
    });
    site.kubectl_on(&["create", "-f", "-"], &object.to_string());
    let group = site.group("finalized", "old");
    group.until_condition("Stalled", "True", "AdoptionRequired");
    assert!(group.members().is_empty());
    group.annotate("adoption", "adopt");
    group.until_running(1);
    let finalizers = group.object().unwrap()["metadata"]["finalizers"].take();
    assert_eq!(finalizers, json!(["vm.codeconnect.vmworld.com/vmgroup"]));
    group.delete();
    group.until_gone();
}

pub(crate) fn a_copied_object_is_stalled_and_takes_nothing_from_the_first() {
    let busy = busy();
    let site = &busy.site;
    site.create_namespace("twins");
    let first = site.apply("twins", "first", &Wish::new(2));
    let members = first.until_running(2);
    let mut copy = first.object().unwrap();
    let metadata = copy["metadata"].as_object_mut().unwrap();
    metadata.retain(|key, _| ["annotations", "namespace"].contains(&key.as_str()));
    metadata.insert("name".into(), json!("second"));
    site.kubectl_on(&["create", "-f", "-"], &copy.to_string());
    let second = site.group("twins", "second");
    second.until_condition("Stalled", "True", "IdentityConflict");
    second.delete();
    second.until_gone();
    assert_eq!(first.until_running(2), members);
    first.delete();
    first.until_gone();
}

pub(crate) fn a_copy_that_inherited_the_marker_is_reported_and_survives() {
    let busy = busy();
    let site = &busy.site;
    site.create_namespace("copies");
    let group = site.apply("copies", "web", &Wish::new(2));
    let members = group.until_running(2);
    let folder = members[&0].folder.clone();
    let moid = site
        .control()
        .copy_vm(&members[&0].moid, "backup-of-it", &folder, false)
        .unwrap();
    let copy = vm(site, &moid);
    assert_eq!(copy.markers, members[&0].markers);
    eventually("the copy is reported", LIMIT, || {
        let status = group.status();
        let found = status["copies"]
            .as_array()
            .is_some_and(|copies| copies.iter().any(|copy| *copy == *moid));
        if found {
            Ok(())
        } else {
            Err(status.to_string())
        }
    });
    assert_eq!(group.until_running(2), members);
    group.scale(1);
    group.until_running(1);
    group.delete();
    group.until_gone();
    assert_eq!(vm(site, &moid), copy);
}

pub(crate) fn a_vm_that_was_moved_away_stays_a_member() {
    let busy = busy();
    let site = &busy.site;
    site.create_namespace("moved");
    let group = site.apply("moved", "web", &Wish::new(2));
    let members = group.until_running(2);
    let moid = members[&0].moid.clone();
    site.control().move_vm(&moid, "/vcqaDC/vm").unwrap();
    no_clone_for(site, &group);
    let still = group.until_running(2);
    assert_eq!(
        (still[&0].moid.as_str(), still[&0].folder.as_str()),
        (moid.as_str(), "/vcqaDC/vm")
    );
    group.delete();
    group.until_gone();
    let all = site.control().vms().unwrap().vms;
    assert_eq!(all.iter().find(|vm| vm.moid == moid), None);
}

pub(crate) fn a_vm_that_cannot_be_reached_is_not_cloned_again() {
    let busy = busy();
    let site = &busy.site;
    site.create_namespace("dark");
    let group = site.apply("dark", "web", &Wish::new(2));
    let members = group.until_running(2);
    site.control()
        .set_connection(&members[&0].moid, "inaccessible")
        .unwrap();
    group.until_condition("Ready", "Unknown", "MembersUnknown");
    no_clone_for(site, &group);
    assert_eq!(group.status()["currentReplicas"], 2);
    site.control()
        .set_connection(&members[&0].moid, "connected")
        .unwrap();
    assert_eq!(group.until_running(2), members);
    group.delete();
    group.until_gone();
}

/// Watches for a while that the group gets no further VM.
fn no_clone_for(site: &Site, group: &Group<'_>) {
    let identity =
        group.object().unwrap()["metadata"]["annotations"]["vm.codeconnect.vmworld.com/identity"]
            .clone();
    let identity = identity.as_str().unwrap().to_owned();
    let last = site.control().trace(0).unwrap().last;
    steadily("nothing is cloned", A_WHILE, || {
        let trace = site.control().trace(last).unwrap();
        let clone = trace
            .of("CloneVM_Task")
            .find(|call| call.operation_id.starts_with(&identity));
        match clone {
            None if group.members().len() == 2 => Ok(()),
            clone => Err(format!("{clone:?} {:?}", group.members())),
        }
    });
}

/// VMs as the demo made them, running.
fn left_overs(site: &Site, folder: &str, name: &str, endings: &[&str]) -> Vec<Vm> {
    let path = format!("/vcqaDC/vm/vm-operator/{folder}");
    site.control().create_folder(&path).unwrap();
    for ending in endings {
        let moid = site
            .control()
            .create_vm(&format!("{name}-replica-{ending}"), &path)
            .unwrap();
        site.control().set_power(&moid, "poweredOn").unwrap();
    }
    in_folder(site, folder)
}

/// The VMs in a group's folder.
fn in_folder(site: &Site, folder: &str) -> Vec<Vm> {
    let path = format!("/vcqaDC/vm/vm-operator/{folder}");
    let vms = site.control().vms().unwrap().vms;
    vms.into_iter().filter(|vm| vm.folder == path).collect()
}

fn folder_exists(site: &Site, folder: &str) -> bool {
    let path = format!("/vcqaDC/vm/vm-operator/{folder}");
    site.group_folders().contains(&path)
}

fn vm(site: &Site, moid: &str) -> Vm {
    let vms = site.control().vms().unwrap().vms;
    vms.into_iter().find(|vm| vm.moid == moid).unwrap()
}
