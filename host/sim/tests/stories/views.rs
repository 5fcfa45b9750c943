//! A view of vCenter that is not as vCenter is.

use vmgroup_core::group::Spec;
use vmgroup_core::observation::PowerState;
use vmgroup_sim::deed::{Deed, Which};
use vmgroup_sim::faults::WorldFault;
use vmgroup_sim::history::Fact;

use crate::stage::{Stage, key, spec};

/// Found by seeds 45113 and 107590: the feed had lost that the VM was off, each
/// look right before the call saw it, and each decision asked for the same again.
#[test]
fn what_is_done_already_is_not_decided_again_before_the_feed_shows_it() {
    let mut stage = Stage::new(Vec::new());
    stage.create("web", spec(1));
    stage.until_phase("web", "RUNNING", 60);
    stage.world.suffer(&WorldFault::LoseUpdates(0, 1_000));
    stage.act(Deed::Power(Which::Member(key("web"), 0), PowerState::Off));
    stage.world.run_for(2_000);
    let before = decisions(&stage);
    let off = Spec {
        power_state: PowerState::Off,
        ..spec(1)
    };
    stage.act(Deed::Edit(key("web"), Box::new(Ok(off))));
    stage.until_phase("web", "RUNNING", 60);
    let made = decisions(&stage) - before;
    assert!(made < 10, "{made} decisions\n{}", stage.story());
    stage.assert_safe();
}

fn decisions(stage: &Stage) -> usize {
    let decided = |fact: &&Fact| matches!(fact, Fact::Decided(_));
    stage.world.facts().iter().filter(decided).count()
}
