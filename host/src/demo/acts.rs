//! What is played, act by act.

use vmgroup_core::group::{GroupKey, Spec};
use vmgroup_core::observation::PowerState;
use vmgroup_sim::deed::{Deed, Which};
use vmgroup_sim::samples::small_spec;
use vmgroup_sim::world::World;

use super::keep;
use super::proof;
use super::sandbox::Sandbox;
use super::screen::Actor;
use super::stage::{Stage, TEMPLATE};

/// Shorter than the default of five minutes, so that healing can be watched.
const GRACE_MS: u64 = 10_000;
pub(crate) const GROUPS: [&str; 3] = ["vg-1", "vg-2", "vg-3"];

/// Plays all acts; true if each ended as it should and nothing broke a rule.
pub(crate) fn play(stage: &mut Stage, keep: bool) -> bool {
    stage.text(
        "The real operator and the real WebAssembly modules, on a simulated cluster and a\n\
         simulated vCenter, in virtual time. There is a template, `vm-operator-template`, and a\n\
         VM of somebody else, `finance-db`.",
    );
    let acts: [fn(&mut Stage) -> bool; 7] = [
        three_groups,
        the_fix,
        a_scale_up,
        a_power_off_by_hand,
        another_module,
        the_module_back,
        the_end,
    ];
    let acts = if keep { &acts[..6] } else { &acts[..] };
    for act in acts {
        let converged = act(stage);
        stage.table();
        if !converged {
            stage.text("This act did not end as it should.");
            judge(stage);
            return false;
        }
    }
    let sound = judge(stage);
    if keep && sound {
        return keep::stay(stage);
    }
    sound
}

fn three_groups(stage: &mut Stage) -> bool {
    stage.title(
        "Three groups, one of which cannot work",
        "The template of vg-2 does not exist. The others must not suffer for it.",
    );
    stage.introduce();
    let specs = [
        (GROUPS[0], 2, TEMPLATE),
        (GROUPS[1], 1, "doesNotExist"),
        (GROUPS[2], 2, TEMPLATE),
    ];
    for (name, replicas, template) in specs {
        let spec = Spec {
            power_grace_ms: GRACE_MS,
            ..small_spec(replicas, template)
        };
        let deed = Deed::Create(key(name), Box::new(Ok(spec)));
        stage.person(&format!("kubectl apply -f {name}.yaml"), &[deed]);
    }
    stage.until(|world| {
        proof::runs(world, &key("vg-1"))
            && proof::needs_a_person(world, &key("vg-2"), "doesNotExist")
            && proof::runs(world, &key("vg-3"))
    })
}

fn the_fix(stage: &mut Stage) -> bool {
    stage.title("The fix", "vg-2 gets a template that exists.");
    let group = key("vg-2");
    let patch = format!(r#"'{{"spec":{{"template":"{TEMPLATE}"}}}}'"#);
    let Some(spec) = stage.spec(&group, |spec| TEMPLATE.clone_into(&mut spec.template)) else {
        return false;
    };
    stage.person(
        &format!("kubectl patch vg vg-2 --type merge -p {patch}"),
        &[Deed::Edit(group, Box::new(Ok(spec)))],
    ) && stage.until(all_run)
}

fn a_scale_up(stage: &mut Stage) -> bool {
    stage.title(
        "A scale up",
        "The built-in module fills the lowest free slots, all at once.",
    );
    stage.person(
        "kubectl scale vg/vg-1 --replicas=4",
        &[Deed::Scale(key("vg-1"), 4)],
    ) && stage.until(all_run)
}

fn a_power_off_by_hand(stage: &mut Stage) -> bool {
    stage.title(
        "A power-off by hand",
        "Somebody may have had a reason, so the operator waits for a grace period first: 10 seconds\n\
         in these groups' specs, 5 minutes by default.",
    );
    let which = Which::Nth(key("vg-1"), 0);
    stage.person(
        "govc vm.power -off -force <the first VM of vg-1>",
        &[Deed::Power(which, PowerState::Off)],
    ) && stage.until(all_run)
}

fn another_module(stage: &mut Stage) -> bool {
    stage.title(
        "Another module, while everything runs",
        "`one-by-one` is an example: it fills the highest free slot first, and waits until a member\n\
         is ready before it clones the next. Nothing restarts.",
    );
    stage.say(
        Actor::Person,
        "vmgroup run --module one-by-one.wasm  (a new file at the watched path)",
    );
    if !stage.swap(|sandbox| sandbox.swap("one-by-one.wasm", super::ONE_BY_ONE)) {
        return false;
    }
    stage.pass(5_000);
    stage.person(
        "kubectl scale vg/vg-3 --replicas=5",
        &[Deed::Scale(key("vg-3"), 5)],
    ) && stage.until(all_run)
}

fn the_module_back(stage: &mut Stage) -> bool {
    stage.title(
        "And back",
        "The same kind of wish, decided by the built-in module again.",
    );
    stage.say(Actor::Person, "(the built-in module again)");
    if !stage.swap(super::sandbox::Sandbox::swap_back) {
        return false;
    }
    stage.pass(5_000);
    stage.person(
        "kubectl scale vg/vg-2 --replicas=4",
        &[Deed::Scale(key("vg-2"), 4)],
    ) && stage.until(all_run)
}

fn the_end(stage: &mut Stage) -> bool {
    stage.title(
        "The end",
        "VMs first, then the folders, and only then the objects: a finalizer goes when the proof is\n\
         there that nothing is left.",
    );
    stage.person(
        "kubectl delete vg --all -A",
        &GROUPS.map(|name| Deed::Delete(key(name))),
    );
    let empty = stage.until(proof::is_empty);
    stage.stop();
    empty && stage.until(|world| world.vcenter().sessions().next().is_none())
}

fn judge(stage: &mut Stage) -> bool {
    let breaches = proof::breaches(stage.world());
    if breaches.is_empty() {
        let decisions = stage.decisions();
        stage.text(&format!(
            "Checked in the simulated inventory itself, after {decisions} decisions in the sandbox: never\n\
             more VMs than asked for, never two in one slot, nothing of anybody else touched, no\n\
             effect twice, no object gone before its VMs."
        ));
    } else {
        stage.text(&format!("What must hold did not:\n{}", breaches.join("\n")));
    }
    breaches.is_empty()
}

fn all_run(world: &World<Sandbox>) -> bool {
    GROUPS.iter().all(|name| proof::runs(world, &key(name)))
}

pub(crate) fn key(name: &str) -> GroupKey {
    GroupKey::new("default", name)
}
