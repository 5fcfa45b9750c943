//! The operator dies, freezes or is away at the worst moments.

use std::collections::BTreeSet;
use std::time::Duration;

use vmgroup_e2e::{Operator, Site, Start, Wish, eventually, steadily};
use vmgroup_rig::{Call, Trigger};

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
    let trace = site.control().trace(0).unwrap();
    assert_eq!(
        trace
            .of("CloneVM_Task")
            .filter(|call| call.outcome == "lost")
            .count(),
        1
    );

    let operator = Operator::start(&site);
    let members = group.until_running(3);
    only_members_in(&site, "default-web", members.len());
    group.delete();
    group.until_gone();
    finish_after(&site, operator, 1);
}

pub(crate) fn an_operator_killed_at_any_call_goes_on_where_it_was() {
    let site = Site::start();
    // As a container that is restarted in its Pod: it has its lease already.
    let start = Start {
        replica: Some("same"),
        ..Start::default()
    };
    let mut operator = Operator::start_with(&site, &start);
    let growing = ["CreateFolder", "CloneVM_Task", "PowerOnMultiVM_Task"];
    let going = [
        "PowerOffVM_Task",
        "Destroy_Task",
        "UnregisterAndDestroy_Task",
    ];
    let mut killed = 0;
    for (up, down) in growing.into_iter().zip(going) {
        let trigger = Trigger::kill_after(up, 1, operator.pid());
        site.control().add_trigger(&trigger).unwrap();
        let group = site.apply("default", "web", &Wish::new(2));
        operator.until_killed();
        operator = Operator::start_with(&site, &start);
        group.until_running(2);
        only_members_in(&site, "default-web", 2);

        let trigger = Trigger::kill_after(down, 1, operator.pid());
        site.control().add_trigger(&trigger).unwrap();
        group.delete();
        operator.until_killed();
        operator = Operator::start_with(&site, &start);
        group.until_gone();
        assert_eq!(site.group_folders(), Vec::<String>::new(), "after {down}");
        only_members_in(&site, "default-web", 0);
        killed += 2;
    }
    finish_after(&site, operator, killed);
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
    steadily("the second one waits", Duration::from_secs(4), || {
        let count = site.control().sessions().unwrap();
        if count == 1 {
            Ok(())
        } else {
            Err(format!("{count} sessions"))
        }
    });

    first.freeze();
    group.scale(4);
    let four = group.until_running(4);
    let sessions: BTreeSet<String> = changes(&site, 0)
        .into_iter()
        .map(|call| call.session)
        .collect();
    assert_eq!(sessions.len(), 2, "two operators have acted");
    let before = site.control().trace(0).unwrap().last;
    first.thaw();
    steadily("the first one does no harm", Duration::from_secs(6), || {
        let calls = changes(&site, before);
        let found = group.members();
        if found == four && calls.is_empty() {
            Ok(())
        } else {
            Err(format!("{calls:?} {found:?}"))
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

/// The calls that change vCenter.
fn changes(site: &Site, since: u64) -> Vec<Call> {
    let calls = site.control().trace(since).unwrap().calls.into_iter();
    let changes =
        calls.filter(|call| call.method.ends_with("_Task") || call.method == "CreateFolder");
    changes.collect()
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
