//! VMs that vanish, and the way out where their loss holds a plan.

use std::time::Duration;

use serde_json::json;
use vmgroup_e2e::{Group, Operator, Site, Wish, eventually, steadily};

use crate::sites::finish;

/// A site of their own: the simulator forgets to tell that a VM has gone when
/// another one comes in the same moment.
pub(crate) fn lost_vms_are_cloned_again_but_many_at_once_wait_for_an_approval() {
    let site = Site::start();
    let operator = Operator::start(&site);
    let group = site.apply("default", "web", &Wish::new(8));
    let before = group.until_running(8);
    site.control().delete_vm(&before[&0].moid).unwrap();
    group.until_members("another VM is there", |members| {
        let whole = members.len() == 8 && members[&0].moid != before[&0].moid;
        whole.then_some(())
    });
    let members = group.until_running(8);

    // Many at once, as when a datastore goes: behind an outage, for else the feed
    // may tell of the first of them alone, and one lost VM is cloned at once.
    site.control().set_outage(true).unwrap();
    for vm in members.values().take(7) {
        site.control().delete_vm(&vm.moid).unwrap();
    }
    site.control().set_outage(false).unwrap();
    let digest = held_effects(&group, 7);
    let message = group.until_condition("Stalled", "True", "ApprovalRequired");
    assert!(message.contains(&digest), "{message}");
    assert_eq!(group.status()["phase"], "ERROR");
    steadily("nothing is cloned", Duration::from_secs(4), || {
        let found = group.members();
        if found.len() == 1 {
            Ok(())
        } else {
            Err(format!("{found:?}"))
        }
    });

    approve(&site, "clones", &digest);
    let after = group.until_running(8);
    assert_eq!(after[&7], members[&7]);

    // The loss is not forgotten: what deletes VMs there has to be looked at too.
    group.delete();
    approve(&site, "deletes", &held_effects(&group, 8));
    group.until_gone();
    finish(&site, operator);
}

fn approve(site: &Site, name: &str, digest: &str) {
    let approval = json!({
        "apiVersion": "vm.codeconnect.vmworld.com/v1alpha1",
        "kind": "PlanApproval",
        "metadata": { "namespace": "default", "name": name },
        "spec": { "group": "web", "effectsDigest": digest, "expiresAt": "2100-01-01T00:00:00Z" },
    });
    site.kubectl_on(&["create", "-f", "-"], &approval.to_string());
}

/// The digest of so many held effects.
fn held_effects(group: &Group<'_>, count: usize) -> String {
    eventually("the plan is held", Duration::from_secs(60), || {
        let status = group.status();
        let effects = status["held"]["effects"].as_array().map_or(0, Vec::len);
        let digest = status["held"]["effectsDigest"].as_str();
        match digest.filter(|_| effects == count) {
            Some(digest) => Ok(digest.to_owned()),
            None => Err(status.to_string()),
        }
    })
}
