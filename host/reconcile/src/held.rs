//! What of a plan waits for a person's approval, and for how long.

use std::collections::BTreeSet;

use vmgroup_core::check::{CheckedAction, CheckedPlan, Rule};
use vmgroup_core::observation::{Hold, Member, Observation, Phase, Slot};
use vmgroup_core::plan::Effect;
use vmgroup_core::status::HeldPlan;

use crate::group::{Group, count, is_fit};
use crate::operation::{Operation, Work};

impl Group {
    /// That is held from now on. What a mass loss holds stays so while nobody can tell whether
    /// its members are there, and while some are missing: that they are not asked for at this
    /// moment does not mean that they may be made.
    pub(crate) fn hold(&mut self, held: Option<HeldPlan>, seen: &Observation) {
        let stays = self.waits_after_mass_loss() && !lacks_nothing(seen);
        self.held = match held {
            Some(mut held) => {
                let rule = Rule::MassLoss.as_str();
                if stays && !held.rules.iter().any(|held| held == rule) {
                    held.rules.push(rule.into());
                }
                Some(held)
            }
            None => self.held.take().filter(|_| stays),
        };
    }

    /// Many members were lost, some of this group's among them: what is missing waits for a
    /// person's approval, however late a decision asks for it.
    pub(crate) fn hold_what_is_missing(&mut self, wanted: u32) {
        let is_clone = |(_, operation): &(&Slot, &Operation)| operation.work == Work::Clone;
        let coming = self
            .operations
            .iter()
            .filter(is_clone)
            .map(|(slot, _)| slot);
        let filled: BTreeSet<&Slot> = self.slots.keys().chain(coming).collect();
        let is_missing = count(filled.len()) < wanted;
        if is_missing && !self.object.deleting && !self.waits_after_mass_loss() {
            let held = self.held.get_or_insert_default();
            held.rules.push(Rule::MassLoss.as_str().into());
        }
    }

    /// The plan is committed: what was approved with it waits no more. What a mass loss holds
    /// does, where members are missing and the plan makes none.
    pub(crate) fn unhold(&mut self, plan: &CheckedPlan) {
        if plan.approval().is_none() {
            return;
        }
        let is_clone = |checked: &CheckedAction| matches!(checked.action.effect, Effect::Clone(_));
        let clones = plan.actions().iter().any(is_clone);
        let lacks = !self.seen.as_ref().is_some_and(lacks_nothing);
        let stays = self.waits_after_mass_loss() && lacks && !clones;
        self.held = stays.then(|| HeldPlan {
            rules: vec![Rule::MassLoss.as_str().into()],
            ..HeldPlan::default()
        });
    }

    /// Effects were held because of a mass loss. They go on waiting for approval
    /// when the loss itself is long ago, and after a restart.
    pub(crate) fn waits_after_mass_loss(&self) -> bool {
        let rule = Rule::MassLoss.as_str();
        let held = self.held.as_ref();
        held.is_some_and(|held| held.rules.iter().any(|held| held == rule))
    }
}

/// No member is missing, or none is wanted.
fn lacks_nothing(seen: &Observation) -> bool {
    let is_there = |member: &&Member| !member.holds.contains(&Hold::Unknown);
    let there = seen.members.iter().filter(is_there);
    let slots: BTreeSet<Slot> = there.map(|member| member.slot).collect();
    let is_full = count(slots.len()) >= seen.desired.replicas;
    seen.context.phase == Phase::Deleting || (is_fit(seen) && is_full)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use vmgroup_core::check::{self, Circumstances, Verdict};
    use vmgroup_core::plan::{Action, Plan, Reason};
    use vmgroup_core::status::SlotRecord;
    use vmgroup_core::time::Timestamp;

    use super::*;
    use crate::machine::tests::object;

    fn group() -> Group {
        Group::restore(object("web"), None, Timestamp(0))
    }

    /// Of a group that wants two replicas and has members in these slots.
    fn seeing(slots: &[Slot], holds: &[&str]) -> Observation {
        let member = |slot: &Slot| json!({ "id": format!("vm-{slot}-{}", holds.len()), "slot": slot, "holds": holds });
        let members: Vec<_> = slots.iter().map(member).collect();
        let observation = json!({
            "context": { "now": 0 },
            "desired": { "replicas": 2 },
            "members": members,
        });
        serde_json::from_value(observation).expect("it is an observation")
    }

    fn held_by(rule: Rule) -> HeldPlan {
        HeldPlan {
            effects_digest: rule.as_str().into(),
            rules: vec![rule.as_str().into()],
            effects: Vec::new(),
            more: 0,
        }
    }

    #[test]
    fn what_a_mass_loss_holds_stays_held_until_all_members_are_there() {
        let after = |held: Option<Rule>, seen: &Observation| {
            let mut group = group();
            group.held = Some(held_by(Rule::MassLoss));
            group.hold(held.map(held_by), seen);
            let digest = group.held.as_ref().map(|held| held.effects_digest.clone());
            (digest, group.waits_after_mass_loss())
        };
        let loss = Some(Rule::MassLoss.as_str().to_owned());
        let budget = Some(Rule::Budget.as_str().to_owned());
        assert_eq!(after(None, &seeing(&[0], &[])), (loss.clone(), true));
        assert_eq!(after(None, &seeing(&[0, 0], &[])), (loss.clone(), true));
        assert_eq!(after(None, &seeing(&[0, 1], &["unknown"])), (loss, true));
        assert_eq!(after(None, &seeing(&[0, 1], &[])), (None, false));
        // What the budget holds does not end that.
        let by_budget = Some(Rule::Budget);
        let held = after(by_budget, &seeing(&[0], &[]));
        assert_eq!(held, (budget.clone(), true));
        assert_eq!(after(by_budget, &seeing(&[0, 1], &[])), (budget, false));
    }

    #[test]
    fn what_is_missing_after_a_mass_loss_waits_whatever_else_does() {
        let waits_with = |held: Option<Rule>, slots: u32, deleting: bool| {
            let mut group = group();
            group.object.deleting = deleting;
            group.held = held.map(held_by);
            for slot in 0..slots {
                let record = SlotRecord {
                    started: true,
                    ..SlotRecord::new(format!("vm-{slot}"))
                };
                group.slots.insert(slot, record);
            }
            group.hold_what_is_missing(2);
            group.waits_after_mass_loss()
        };
        assert!(waits_with(None, 1, false));
        assert!(waits_with(Some(Rule::Budget), 1, false));
        assert!(!waits_with(None, 2, false));
        assert!(!waits_with(None, 1, true));
    }

    /// A plan of that effect, which a person has approved although many members were lost.
    fn approved(seen: &Observation, effect: Effect) -> CheckedPlan {
        let reason = Reason {
            code: "test".into(),
            message: String::new(),
        };
        let plan = Plan {
            actions: vec![Action { effect, reason }],
            ..Plan::default()
        };
        let mut circumstances = Circumstances {
            mass_loss: true,
            ..Circumstances::default()
        };
        let verdict = check::check(seen, &plan, &circumstances);
        let Verdict::Held { held, .. } = verdict else {
            panic!("a loss holds it: {verdict:?}");
        };
        circumstances.approved.insert(held.effects_digest);
        match check::check(seen, &plan, &circumstances) {
            Verdict::Clear(plan) => plan,
            verdict => panic!("it is approved: {verdict:?}"),
        }
    }

    #[test]
    fn an_approval_ends_what_a_mass_loss_holds_if_it_makes_what_is_missing() {
        let broken = json!({ "id": "vm-0", "slot": 0, "health": "failed" });
        let seen: Observation = serde_json::from_value(json!({
            "context": { "now": 0 },
            "desired": { "replicas": 2, "heal": "replace", "healAfterMs": 0 },
            "members": [broken],
        }))
        .expect("it is an observation");
        let held_after = |effect: Effect| {
            let mut group = group();
            group.held = Some(held_by(Rule::MassLoss));
            group.seen = Some(seen.clone());
            group.unhold(&approved(&seen, effect));
            group.held
        };
        assert_eq!(held_after(Effect::Clone(1)), None);
        let left = held_after(Effect::Delete("vm-0".into())).expect("one is missing");
        assert_eq!(left.rules, [Rule::MassLoss.as_str()]);
        assert_eq!(left.effects_digest, "", "nothing is left to be approved");
    }
}
