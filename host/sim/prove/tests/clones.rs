//! A fifth of all answers is lost, and no VM is made twice; an operator that asks once more is
//! found out.

use vmgroup_prove::clones::{clone_all, sound};
use vmgroup_prove::flaws::{Bug, flawed};

#[test]
fn no_vm_is_made_twice() {
    for seed in [1, 2] {
        let world = clone_all(seed, sound());
        assert_eq!(world.breaches, [], "seed {seed}");
        assert_eq!((world.clones, world.duplicates), (100, 0), "seed {seed}");
        assert!(world.lost > 100, "seed {seed}: {world:?}");
    }
}

#[test]
fn whoever_makes_a_lost_clone_again_makes_some_twice() {
    let world = clone_all(1, flawed(Bug::LostCloneIsRetried, false));
    assert!(world.duplicates > 0, "{world:?}");
}
