//! The standard script, step by step. A step does something and says what must come
//! of it.

use serde_json::{Value, json};

use crate::binary::{digest, guest};

use super::oracles::Effects;
use super::stage::Stage;

/// One step: what is done, and whether what must come of it is there.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) act: fn(&mut Stage<'_>),
    pub(crate) is_done: fn(&Stage<'_>) -> Result<(), String>,
}

/// The steps, in order.
pub(crate) const SCRIPT: &[Step] = &[
    Step {
        name: "create",
        act: |stage| {
            stage.create("web", &spec(2));
            stage.create("db", &spec(1));
        },
        is_done: |stage| running(stage, 2, 1, 1),
    },
    Step {
        name: "scale up",
        act: |stage| stage.patch("web", &json!({ "replicas": 3 })),
        is_done: |stage| running(stage, 3, 1, 1),
    },
    Step {
        name: "edit",
        act: |stage| stage.patch("web", &json!({ "cpu": 2 })),
        is_done: |stage| running(stage, 3, 2, 1),
    },
    Step {
        name: "power off by hand",
        act: |stage| {
            let members = stage.members("web");
            let vm = members.get(&0).expect("slot 0 is filled");
            let off = stage.control().set_power(&vm.moid, "poweredOff");
            off.expect("the simulator answers");
        },
        is_done: |stage| running(stage, 3, 2, 1),
    },
    Step {
        name: "scale down",
        act: |stage| stage.patch("web", &json!({ "replicas": 2 })),
        is_done: |stage| running(stage, 2, 2, 1),
    },
    Step {
        name: "swap the module",
        act: |stage| {
            stage.mount(ANOTHER);
            let digest = digest(&guest(ANOTHER));
            stage.until("the module is swapped", |stage| {
                let awake = stage
                    .seats
                    .iter()
                    .filter(|seat| !seat.proxy.host().is_frozen());
                let old: Vec<String> = awake
                    .map(super::seat::Seat::log_of_this_life)
                    .filter(|log| !log.contains(&digest))
                    .collect();
                if old.is_empty() {
                    Ok(())
                } else {
                    Err(old.join("\n"))
                }
            });
            stage.patch("db", &json!({ "replicas": 2 }));
        },
        is_done: |stage| {
            running(stage, 2, 2, 2)?;
            let by = stage
                .object("db")
                .map(|it| it["status"]["lastDecision"]["module"].clone());
            let wanted = digest(&guest(ANOTHER));
            if by.as_ref().and_then(Value::as_str) == Some(&wanted) {
                Ok(())
            } else {
                Err(format!("decided by {by:?}"))
            }
        },
    },
    Step {
        name: "delete",
        act: |stage| {
            stage.delete("web");
            stage.delete("db");
        },
        is_done: |stage| {
            for name in ["web", "db"] {
                if let Some(object) = stage.object(name) {
                    return Err(object.to_string());
                }
                // S5: whoever lets an object go has no VM of it any more.
                let left = stage.members(name);
                assert!(left.is_empty(), "{name} is gone, but not {left:?}");
            }
            Ok(())
        },
    },
];

/// The step after which the world must stand still.
pub(crate) const LAST_BEFORE_DELETION: &str = "swap the module";

/// What is taken down by then: the third VM of a group that is scaled down.
pub(crate) const TAKEN_DOWN: &str = "web/2";

/// What the script takes, and nothing else: each VM is made and destroyed once, is on once, but
/// for the one that somebody turns off, and gets its second processor while it runs.
pub(crate) fn effects() -> Effects {
    let mut effects = Effects::new();
    let mut take = |method: &str, what: &str, times: usize| {
        effects.insert(format!("{method} {what}"), times);
    };
    for group in ["db/folder", "web/folder"] {
        take("CreateFolder", group, 1);
        take("UnregisterAndDestroy_Task", group, 1);
    }
    for slot in ["db/0", "db/1", "web/0", "web/1", "web/2"] {
        take("CloneVM_Task", slot, 1);
        take("PowerOnMultiVM_Task", slot, 1);
        take("PowerOffVM_Task", slot, 1);
        take("Destroy_Task", slot, 1);
    }
    for slot in ["web/0", "web/1", "web/2"] {
        take("ReconfigVM_Task", slot, 1);
    }
    take("PowerOnMultiVM_Task", "web/0", 2);
    effects
}

const ANOTHER: &str = "one-by-one";

fn spec(replicas: u32) -> Value {
    json!({
        "cpu": 1,
        "memory": 1,
        "replicas": replicas,
        "template": "vm-operator-template",
        "removalPolicy": "HighestSlot",
        "drift": { "power": { "graceSeconds": 1 } },
    })
}

/// Both groups say that they are RUNNING, and vCenter has exactly their VMs, all on,
/// in the lowest slots.
fn running(stage: &Stage<'_>, web: u64, web_cpus: u32, db: u64) -> Result<(), String> {
    for (name, replicas, cpus) in [("web", web, web_cpus), ("db", db, 1)] {
        let object = stage.object(name).ok_or("no object")?;
        let status = &object["status"];
        let says = status["observedGeneration"] == object["metadata"]["generation"]
            && status["phase"] == "RUNNING"
            && ["currentReplicas", "readyReplicas", "updatedReplicas"]
                .iter()
                .all(|field| status[*field] == replicas);
        let members = stage.members(name);
        let is = members.keys().copied().eq(0..replicas)
            && members
                .values()
                .all(|vm| vm.power == "poweredOn" && vm.cpus == cpus);
        if !(says && is) {
            return Err(format!("{name}: {status} with {members:?}"));
        }
    }
    Ok(())
}
