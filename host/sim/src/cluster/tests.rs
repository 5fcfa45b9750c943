use vmgroup_core::group::GroupKey;
use vmgroup_core::status::Status;
use vmgroup_core::time::{Monotonic, Now, Timestamp};
use vmgroup_reconcile::event::{Event, GroupObject, LeaseRecord, WriteResult};
use vmgroup_reconcile::request::{MetaChange, ObjectTarget};

use super::Cluster;
use crate::options::ClusterOptions;
use crate::random::{Latency, Random};
use crate::samples::small_spec;

fn at(ms: u64) -> Now {
    Now {
        monotonic: Monotonic(ms),
        utc: Timestamp(1_000_000 + ms),
    }
}

fn key() -> GroupKey {
    GroupKey::new("shop", "web")
}

fn with_group() -> Cluster {
    let options = ClusterOptions {
        way: Latency::exactly(1),
        watch_lag: Latency::between(1, 50),
        list: Latency::exactly(5),
    };
    let mut cluster = Cluster::new(options, Random::new(1), "v1".into());
    cluster
        .create(at(0), &key(), Ok(small_spec(3, "base")))
        .expect("the name is free");
    cluster
}

fn object(cluster: &Cluster) -> GroupObject {
    cluster.group(&key()).expect("the group exists").clone()
}

fn target(object: &GroupObject) -> ObjectTarget {
    ObjectTarget {
        key: object.key.clone(),
        uid: object.uid.clone(),
        resource_version: object.resource_version,
    }
}

fn status(message: &str) -> Status {
    Status {
        last_message: Some(message.to_owned()),
        ..Status::default()
    }
}

fn claim() -> MetaChange {
    MetaChange::Claim {
        identity: "id-1".into(),
        replace_demo: false,
    }
}

#[test]
fn a_status_write_grows_the_version_but_not_the_generation() {
    let mut cluster = with_group();
    let before = object(&cluster);
    let result = cluster.write_status(at(1), &target(&before), &status("one"));
    let after = object(&cluster);
    assert_eq!(result, WriteResult::Done(Box::new(after.clone())));
    assert!(after.resource_version > before.resource_version);
    assert_eq!(after.generation, before.generation);
}

#[test]
fn a_write_on_an_old_version_conflicts_and_changes_nothing() {
    let mut cluster = with_group();
    let old = target(&object(&cluster));
    cluster.scale(at(1), &key(), 5).expect("the group exists");
    let before = object(&cluster);
    assert_eq!(
        cluster.write_status(at(2), &old, &status("late")),
        WriteResult::Conflict
    );
    assert_eq!(
        cluster.write_meta(at(2), &old, &claim()),
        WriteResult::Conflict
    );
    assert_eq!(object(&cluster), before);
}

#[test]
fn a_write_that_changes_nothing_makes_no_version() {
    let mut cluster = with_group();
    cluster.write_status(at(1), &target(&object(&cluster)), &status("same"));
    let before = object(&cluster);
    cluster.write_status(at(2), &target(&before), &status("same"));
    assert_eq!(object(&cluster), before);
}

#[test]
fn a_namesake_with_another_uid_is_not_written_to() {
    let mut cluster = with_group();
    let old = target(&object(&cluster));
    cluster.delete(at(1), &key()).expect("the group exists");
    cluster
        .create(at(2), &key(), Ok(small_spec(1, "base")))
        .expect("the name is free again");
    let written = cluster.write_status(at(3), &old, &status("late"));
    assert_eq!(written, WriteResult::Gone);
    assert_eq!(cluster.write_meta(at(3), &old, &claim()), WriteResult::Gone);
}

#[test]
fn a_release_takes_the_demos_finalizer_along() {
    let mut cluster = with_group();
    let demo = GroupKey::new("default", "of-the-demo");
    cluster
        .create_as(at(1), &demo, Ok(small_spec(1, "base")), |object| {
            object.demo_finalizer = true;
        })
        .expect("the name is free");
    let before = cluster.group(&demo).expect("it was made").clone();
    let released = cluster.write_meta(at(2), &target(&before), &MetaChange::Release);
    let WriteResult::Done(after) = released else {
        panic!("not released: {released:?}");
    };
    assert!(!after.finalizer && !after.demo_finalizer);
}

#[test]
fn nobody_adds_a_finalizer_to_an_object_that_is_being_deleted() {
    let mut cluster = with_group();
    cluster.write_meta(at(1), &target(&object(&cluster)), &claim());
    cluster.delete(at(2), &key()).expect("the group exists");
    let added = cluster.set_foreign_finalizer(at(3), &key(), "backup", true);
    assert!(matches!(added, Err(crate::Refused::Impossible { .. })));
}

#[test]
fn a_lease_that_is_gone_comes_back_by_a_write_of_any_version() {
    let mut cluster = with_group();
    let late = LeaseRecord {
        holder: "a".into(),
        duration_s: 15,
        transitions: 0,
        resource_version: "41".into(),
        refused: None,
    };
    let written = cluster.write_lease(at(1), &late).expect("it is created");
    assert_ne!(written.resource_version, "41");
}

#[test]
fn only_another_spec_grows_the_generation() {
    let mut cluster = with_group();
    cluster.scale(at(1), &key(), 3).expect("the group exists");
    assert_eq!(object(&cluster).generation, 1);
    cluster.scale(at(2), &key(), 4).expect("the group exists");
    assert_eq!(object(&cluster).generation, 2);
}

#[test]
fn a_deleted_object_stays_until_its_last_finalizer_goes() {
    let mut cluster = with_group();
    cluster.write_meta(at(1), &target(&object(&cluster)), &claim());
    cluster
        .set_foreign_finalizer(at(1), &key(), "backup", true)
        .expect("the group exists");
    cluster.delete(at(2), &key()).expect("the group exists");
    assert!(object(&cluster).deleting);
    cluster.write_meta(at(3), &target(&object(&cluster)), &MetaChange::Release);
    assert!(cluster.group(&key()).is_some(), "another finalizer stands");
    cluster
        .set_foreign_finalizer(at(4), &key(), "backup", false)
        .expect("the group exists");
    assert!(cluster.group(&key()).is_none());
}

#[test]
fn an_object_being_deleted_takes_no_new_finalizer() {
    let mut cluster = with_group();
    cluster
        .set_foreign_finalizer(at(1), &key(), "backup", true)
        .expect("the group exists");
    cluster.delete(at(2), &key()).expect("the group exists");
    let result = cluster.write_meta(at(3), &target(&object(&cluster)), &claim());
    assert!(matches!(result, WriteResult::Failed { .. }), "{result:?}");
}

#[test]
fn a_watch_lists_first_and_then_keeps_the_order_of_changes() {
    let mut cluster = with_group();
    let watch = cluster.open_watch(at(10));
    for replicas in 4..12 {
        cluster
            .scale(at(10 + u64::from(replicas)), &key(), replicas)
            .expect("the group exists");
    }
    let mut seen = Vec::new();
    let mut last = Monotonic(0);
    while let Some(due) = cluster.next_due() {
        assert!(due >= last, "times never go back");
        last = due;
        assert!(cluster.arrive(Monotonic(due.0 - 1)).is_none(), "not early");
        let (id, event) = cluster.arrive(due).expect("it is due");
        assert_eq!(id, watch);
        match event {
            Event::GroupsListed(groups) => seen.push(groups[0].generation),
            Event::GroupChanged(group) => seen.push(group.generation),
            _ => {}
        }
    }
    assert_eq!(seen, (1..=9).collect::<Vec<i64>>());
}

#[test]
fn a_watch_that_reconnects_lists_what_is_and_loses_what_was_on_its_way() {
    let mut cluster = with_group();
    let watch = cluster.open_watch(at(10));
    while cluster.arrive(Monotonic(100)).is_some() {}
    cluster.scale(at(100), &key(), 9).expect("the group exists");
    cluster.delete(at(101), &key()).expect("the group exists");
    cluster.reconnect(at(101), watch);
    let mut events = Vec::new();
    while let Some((_, event)) = cluster.arrive(Monotonic(500)) {
        events.push(event);
    }
    assert!(events.contains(&Event::GroupsListed(Vec::new())));
    assert!(
        !events
            .iter()
            .any(|event| matches!(event, Event::GroupChanged(_)))
    );
}

#[test]
fn the_lease_is_created_once_and_changed_by_version() {
    let mut cluster = with_group();
    let mine = LeaseRecord {
        holder: "a".into(),
        duration_s: 15,
        transitions: 0,
        resource_version: String::new(),
        refused: None,
    };
    let written = cluster.write_lease(at(1), &mine).expect("it is new");
    assert!(cluster.write_lease(at(2), &mine).is_err(), "it exists");
    let renewed = cluster
        .write_lease(at(3), &written)
        .expect("versions agree");
    assert_ne!(renewed.resource_version, written.resource_version);
    assert!(cluster.write_lease(at(4), &written).is_err(), "it is old");
}

#[test]
fn an_approval_is_announced_and_its_withdrawal_too() {
    let mut cluster = with_group();
    cluster.open_watch(at(0));
    while cluster.arrive(Monotonic(100)).is_some() {}
    let approval = GroupKey::new("shop", "go-on");
    cluster
        .approve(at(100), &approval, "web", "sha256:1", None)
        .expect("the name is free");
    cluster.withdraw(at(101), &approval).expect("it exists");
    let (_, first) = cluster.arrive(Monotonic(500)).expect("it was announced");
    let (_, second) = cluster.arrive(Monotonic(500)).expect("it was announced");
    assert!(matches!(first, Event::ApprovalChanged(_)));
    assert_eq!(second, Event::ApprovalGone { key: approval });
}
