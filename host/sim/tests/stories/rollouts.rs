//! Members that follow a spec that changes, and changes back.

use vmgroup_core::group::{Amount, Spec};
use vmgroup_core::observation::UpdatePolicy;
use vmgroup_reconcile::inventory::Fault as VimFault;
use vmgroup_sim::deed::Deed;
use vmgroup_sim::faults::{Fault, RequestFault};
use vmgroup_sim::kind::Kind;

use crate::stage::{Stage, key, spec};

fn rolling(replicas: u32) -> Spec {
    Spec {
        update: UpdatePolicy::RollingReplace,
        ..spec(replicas)
    }
}

/// From the fourth on, no VM can be powered on.
#[test]
fn a_template_that_does_not_come_up_is_left_behind_again() {
    let fails = |nth| Fault::Request {
        host: None,
        kind: Kind::PowerOn,
        nth,
        what: RequestFault::TaskFails(VimFault::Other {
            name: "SystemError".into(),
            message: "no boot device".into(),
        }),
    };
    let mut stage = Stage::new((4..400).map(fails).collect());
    stage.act(Deed::AddTemplate("broken".into()));
    stage.create("web", rolling(3));
    stage.until_phase("web", "RUNNING", 120);
    let before = stage.ids("web");
    let broken = Spec {
        template: "broken".into(),
        ..rolling(3)
    };
    stage.act(Deed::Edit(key("web"), Box::new(Ok(broken))));
    stage.world.run_for(120_000);
    let mut made = stage.ids("web");
    made.retain(|vm| !before.contains(vm));
    assert_eq!(made.len(), 1, "one is tried\n{}", stage.story());
    stage.act(Deed::Edit(key("web"), Box::new(Ok(rolling(3)))));
    stage.world.run_for(600_000);
    let now = stage.ids("web");
    assert!(!now.contains(&made[0]), "{}", stage.story());
    assert_eq!(before.iter().filter(|vm| now.contains(vm)).count(), 2);
    stage.assert_safe();
}

/// What cannot be changed while it runs: one more serves meanwhile.
#[test]
fn hardware_changes_where_none_may_be_down() {
    let mut stage = Stage::new(Vec::new());
    let wanted = Spec {
        max_unavailable: Amount::Count(0),
        max_surge: Amount::Count(1),
        ..rolling(2)
    };
    stage.create("web", wanted.clone());
    stage.until_phase("web", "RUNNING", 120);
    let larger = Spec { cpus: 4, ..wanted };
    stage.act(Deed::Edit(key("web"), Box::new(Ok(larger))));
    let mut fewest = stage.running("web");
    for _ in 0..600 {
        stage.world.run_for(1_000);
        fewest = fewest.min(stage.running("web"));
    }
    stage.until_phase("web", "RUNNING", 1);
    assert_eq!(
        (stage.ids("web").len(), fewest),
        (2, 2),
        "{}",
        stage.story()
    );
    let of_four = stage.world.vcenter().vms().filter(|vm| vm.cpus == 4);
    assert_eq!(of_four.count(), 2);
    stage.assert_safe();
}
