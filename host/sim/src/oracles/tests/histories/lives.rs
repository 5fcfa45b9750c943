//! Generations and numbers of commits that begin anew, and calls that come late.

use vmgroup_core::observation::OperationKind;

use super::*;

fn deletes() -> Vec<IntentStep> {
    vec![step(OperationKind::Delete, Some("vm-1"))]
}

fn destroy() -> Fact {
    call(40, Call::Destroy("vm-1".into()))
}

/// Found by profile usual, seed 42048.
#[test]
fn s4_counts_commits_of_a_recreated_object_anew() {
    let history = |deleting| {
        let before = object(3, small_spec(1, "base"), deletes());
        let again = GroupObject {
            uid: "uid-2".into(),
            deleting,
            ..object(1, small_spec(1, "base"), deletes())
        };
        [
            counted(5, &[0]),
            revised(10, before),
            revised(20, again),
            destroy(),
        ]
    };
    assert_eq!(s4_justified(&history(true)), []);
    assert_eq!(names_of(&s4_justified(&history(false))), ["S4"]);
}

/// Found by profile restores, seed 20831.
#[test]
fn s4_counts_commits_anew_after_a_restore() {
    let history = |before, after| {
        let restored = object(1, small_spec(after, "base"), Vec::new());
        let restored = GroupObject {
            status: Status::default(),
            ..restored
        };
        [
            counted(5, &[0]),
            revised(10, object(2, small_spec(before, "base"), deletes())),
            Fact::Restored {
                at: Monotonic(20),
                objects: vec![restored],
            },
            revised(30, object(1, small_spec(after, "base"), deletes())),
            destroy(),
        ]
    };
    assert_eq!(s4_justified(&history(1, 0)), []);
    assert_eq!(names_of(&s4_justified(&history(0, 1))), ["S4"]);
}
