//! What decides inside a scope: a small logic, pure, that never asks to be
//! looked at again, so that a settled world stands still.

use vmgroup_core::observation::{Observation, Phase, PowerState};
use vmgroup_core::plan::{Action, Answer, Description, Effect, Plan, Reason};
use vmgroup_reconcile::event::{ActiveModule, DecideResult};

const CODE: &str = "small";

/// Clones what is missing, deletes the highest surplus, powers on what is off,
/// deletes all while the group is being deleted.
pub(crate) fn decide(seen: &Observation) -> DecideResult {
    let wanted = match seen.context.phase {
        Phase::Deleting => 0,
        Phase::Normal | Phase::Unknown => seen.desired.replicas as usize,
    };
    let busy = |slot: u32| seen.operations.iter().any(|it| it.slot == slot);
    let idle = seen
        .members
        .iter()
        .filter(|it| !busy(it.slot) && it.holds.is_empty());
    let idle: Vec<_> = idle.collect();
    let cloning = seen.operations.iter().filter(|it| it.member.is_none());
    let going = seen.operations.iter().filter(|it| deletes(it.kind));
    let have = seen.members.len() + cloning.count();
    let surplus = have.saturating_sub(wanted).saturating_sub(going.count());
    let clones = (0..)
        .filter(|slot| !busy(*slot) && seen.members.iter().all(|it| it.slot != *slot))
        .take(wanted.saturating_sub(have))
        .map(Effect::Clone);
    let deletes = idle.iter().rev().take(surplus);
    let deletes = deletes.map(|it| Effect::Delete(it.id.clone()));
    let starts = idle.iter().rev().skip(surplus);
    let starts = starts
        .filter(|it| wanted > 0 && it.power == PowerState::Off)
        .map(|it| Effect::PowerOn(it.id.clone()));
    let actions = clones.chain(deletes).chain(starts).map(|effect| Action {
        effect,
        reason: Reason {
            code: CODE.into(),
            message: "as wanted".into(),
        },
    });
    DecideResult::Answered(Answer::Plan(Plan {
        actions: actions.collect(),
        ..Plan::default()
    }))
}

fn deletes(kind: vmgroup_core::observation::OperationKind) -> bool {
    kind == vmgroup_core::observation::OperationKind::Delete
}

/// The n-th module of that meaning; they differ in nothing but their digest.
pub(crate) fn module(number: u8) -> ActiveModule {
    ActiveModule {
        name: None,
        digest: format!("sha256:{number:064x}"),
        description: Description {
            name: "small".into(),
            version: number.to_string(),
            reason_codes: vec![CODE.into()],
            settings_schema: "{}".into(),
            default_settings: "{}".into(),
        },
    }
}
