//! What the API server says of objects, and does not say: lists that bring nothing new,
//! changes that nobody was told of one by one.

use vmgroup_core::observation::PowerState;
use vmgroup_sim::deed::{Deed, Which};
use vmgroup_sim::faults::WorldFault;

use crate::stage::{Stage, key, spec};

fn settled(replicas: u32) -> Stage {
    let mut stage = Stage::new(Vec::new());
    stage.create("web", spec(replicas));
    stage.until_phase("web", "RUNNING", 60);
    stage
}

fn reads(stage: &Stage) -> usize {
    let reads = |line: &str| line.contains("-> #") && line.ends_with(" read default/web");
    stage.story().lines().filter(|line| reads(line)).count()
}

#[test]
fn a_list_that_brings_nothing_new_leads_to_no_read() {
    let mut stage = settled(2);
    stage.world.run_for(10_000);
    let before = reads(&stage);
    stage.world.suffer(&WorldFault::ReconnectWatch(0));
    stage.world.run_for(10_000);
    assert_eq!(reads(&stage), before, "{}", stage.story());
    stage.world.suffer(&WorldFault::OldList(0, 8_000));
    stage.world.run_for(10_000);
    assert_eq!(reads(&stage), before, "{}", stage.story());
    stage.act(Deed::Scale(key("web"), 3));
    stage.world.run_for(1_000);
    stage.world.suffer(&WorldFault::OldList(0, 8_000));
    stage.world.run_for(10_000);
    assert_eq!(
        reads(&stage),
        before + 1,
        "one that is older\n{}",
        stage.story()
    );
    stage.assert_safe();
}

#[test]
fn an_object_that_was_replaced_while_nobody_looked_is_another_one() {
    let mut stage = settled(2);
    let former = stage.ids("web");
    stage.world.suffer(&WorldFault::StallWatch(0, 5_000));
    stage.act(Deed::Delete(key("web")));
    stage.act(Deed::StripFinalizers(key("web")));
    stage.create("web", spec(2));
    stage.until_phase("web", "ERROR", 60);
    stage.says("web", "2 VMs of a former group default/web exist");
    assert_eq!(stage.ids("web"), former);
    stage.assert_safe();
}

#[test]
fn what_happens_to_members_is_noticed_after_another_group_has_gone() {
    let mut stage = settled(1);
    stage.create("db", spec(1));
    stage.until_phase("db", "RUNNING", 60);
    stage.act(Deed::Delete(key("db")));
    stage.world.run_for(60_000);
    assert!(stage.ids("db").is_empty(), "{}", stage.story());
    let member = Which::Member(key("web"), 0);
    stage.act(Deed::Power(member, PowerState::Off));
    stage.world.run_for(2_000);
    assert_ne!(stage.status("web").phase.as_deref(), Some("RUNNING"));
    stage.until_phase("web", "RUNNING", 600);
    stage.assert_safe();
}
