//! What the API server says of objects, and does not say: lists that bring nothing new,
//! changes that nobody was told of one by one.

use vmgroup_core::observation::PowerState;
use vmgroup_sim::deed::{Deed, Which};
use vmgroup_sim::faults::{RequestFault, WorldFault};
use vmgroup_sim::kind::Kind;

use crate::stage::{Stage, key, spec, spoiled};

fn reads(stage: &Stage) -> usize {
    let reads =
        |line: &str| line.contains("operator    -> #") && line.ends_with(" read default/web");
    stage.story().lines().filter(|line| reads(line)).count()
}

#[test]
fn a_list_that_brings_nothing_new_leads_to_no_read() {
    let mut stage = Stage::settled(spec(2));
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
    let mut stage = Stage::settled(spec(2));
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
fn an_object_that_was_replaced_is_another_one_also_to_whoever_reads_it_first() {
    let mut stage = Stage::settled(spec(2));
    let former = stage.ids("web");
    stage.world.run_for(10_000);
    stage.act(Deed::Delete(key("web")));
    stage.act(Deed::StripFinalizers(key("web")));
    stage.create("web", spec(2));
    // A list of the former object, older than what is known of it: it is read.
    stage.world.suffer(&WorldFault::OldList(0, 12_000));
    stage.until_phase("web", "ERROR", 4);
    stage.says("web", "2 VMs of a former group default/web exist");
    assert_eq!(stage.ids("web"), former);
    stage.assert_safe();
}

#[test]
fn a_read_that_was_overtaken_by_the_watch_is_asked_again() {
    let slow = spoiled(Kind::ReadGroup, 1, RequestFault::Slow(5_000));
    let mut stage = Stage::new(vec![slow]);
    stage.settle(spec(2));
    stage.world.suffer(&WorldFault::OldList(0, 4_000));
    stage.world.run_for(1_000);
    stage.act(Deed::Scale(key("web"), 3));
    stage.world.run_for(2_000);
    assert_eq!(
        (reads(&stage), stage.ids("web").len()),
        (1, 2),
        "{}",
        stage.story()
    );
    stage.until_phase("web", "RUNNING", 60);
    assert_eq!((reads(&stage), stage.ids("web").len()), (2, 3));
    stage.assert_safe();
}

#[test]
fn what_happens_to_members_is_noticed_after_another_group_has_gone() {
    let mut stage = Stage::settled(spec(1));
    stage.create("db", spec(1));
    stage.until_phase("db", "RUNNING", 60);
    stage.act(Deed::Delete(key("db")));
    stage.world.run_for(60_000);
    assert!(stage.ids("db").is_empty(), "{}", stage.story());
    let id = stage.ids("web").remove(0);
    let member = || Which::Id(id.clone());
    stage.act(Deed::Power(member(), PowerState::Off));
    stage.world.run_for(2_000);
    assert_ne!(stage.status("web").phase.as_deref(), Some("RUNNING"));
    stage.until_phase("web", "RUNNING", 600);
    // Of one without its marker the record alone tells whose it is.
    stage.act(Deed::Unmark(member()));
    stage.world.run_for(5_000);
    let before = stage.decisions();
    stage.act(Deed::Power(member(), PowerState::Off));
    stage.world.run_for(1_000);
    assert!(stage.decisions() > before, "{}", stage.story());
    stage.assert_safe();
}
