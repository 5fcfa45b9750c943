//! The operator dies, freezes or is away at the worst moments.

use std::time::Duration;

use vmgroup_e2e::{Operator, Site, Start, Wish, eventually, steadily};
use vmgroup_rig::Trigger;

use crate::sites::{finish, finish_after};

pub(crate) fn an_operator_killed_after_its_clone_was_accepted_makes_no_second_vm() {
    let site = Site::start();
    let operator = Operator::start(&site);
    // It has to be at work, so that its second clone is among others.
    site.apply("default", "first", &Wish::new(1))
        .until_running(1);
    let trigger = Trigger::kill_after("CloneVM_Task", 2, operator.pid());
    site.control().add_trigger(&trigger).unwrap();
    let group = site.apply("default", "web", &Wish::new(3));
    operator.until_killed();

    let operator = Operator::start(&site);
    let members = group.until_running(3);
    only_members_in(&site, "default-web", members.len());
    group.delete();
    group.until_gone();
    finish_after(&site, operator, 1);
}

pub(crate) fn a_clone_whose_answer_was_lost_is_not_repeated() {
    let site = Site::start();
    let operator = Operator::start(&site);
    site.control()
        .add_trigger(&Trigger::lose_answer("CloneVM_Task", 2))
        .unwrap();
    let group = site.apply("default", "web", &Wish::new(3));
    let members = group.until_running(3);
    only_members_in(&site, "default-web", members.len());
    let trace = site.control().trace(0).unwrap();
    assert!(trace.of("CloneVM_Task").any(|call| call.outcome == "lost"));

    site.control()
        .add_trigger(&Trigger::lose_answer("Destroy_Task", 1))
        .unwrap();
    group.delete();
    group.until_gone();
    only_members_in(&site, "default-web", 0);
    finish(&site, operator);
}

pub(crate) fn a_group_deleted_while_the_operator_is_away_goes_when_it_is_back() {
    let site = Site::start();
    let operator = Operator::start(&site);
    let group = site.apply("default", "web", &Wish::new(2));
    let members = group.until_running(2);
    operator.stop();
    group.delete();
    steadily(
        "the object and its VMs stay",
        Duration::from_secs(3),
        || {
            let object = group.object().ok_or("the object is gone")?;
            let kept = object["metadata"]["finalizers"]
                .as_array()
                .is_some_and(|all| !all.is_empty());
            let found = group.members();
            if kept && found == members {
                Ok(())
            } else {
                Err(format!("{object} {found:?}"))
            }
        },
    );
    let operator = Operator::start(&site);
    group.until_gone();
    assert!(group.members().is_empty());
    assert_eq!(site.group_folders(), Vec::<String>::new());
    finish(&site, operator);
}

pub(crate) fn a_second_operator_takes_over_from_a_frozen_one_which_then_does_no_harm() {
    let site = Site::start();
    let replica = |name| Start {
        replica: Some(name),
        ..Start::default()
    };
    let first = Operator::start_with(&site, &replica("first"));
    let group = site.apply("default", "web", &Wish::new(2));
    group.until_running(2);
    let second = Operator::start_with(&site, &replica("second"));
    eventually(
        "the second one looks at the lease",
        Duration::from_secs(30),
        || {
            if second.log().lines().count() > 0 {
                Ok(())
            } else {
                Err("an empty log".to_owned())
            }
        },
    );

    first.freeze();
    group.scale(4);
    let four = group.until_running(4);
    first.thaw();
    steadily("the first one does no harm", Duration::from_secs(6), || {
        let found = group.members();
        if found == four {
            Ok(())
        } else {
            Err(format!("{found:?}"))
        }
    });
    site.assert_safe();
    one_session(&site);

    first.kill();
    group.scale(3);
    group.until_running(3);
    group.delete();
    group.until_gone();
    finish(&site, second);
}

fn one_session(site: &Site) {
    eventually("there is one session", Duration::from_secs(40), || {
        let count = site.control().sessions().unwrap();
        if count == 1 {
            Ok(())
        } else {
            Err(count.to_string())
        }
    });
}

/// A folder has exactly so many VMs, of whatever kind.
fn only_members_in(site: &Site, folder: &str, count: usize) {
    let path = format!("/vcqaDC/vm/vm-operator/{folder}");
    let vms = site.control().vms().unwrap().vms;
    let found: Vec<_> = vms.iter().filter(|vm| vm.folder == path).collect();
    assert_eq!(found.len(), count, "{found:?}");
}
