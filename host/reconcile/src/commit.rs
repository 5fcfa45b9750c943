//! Step 4, writes: commit before effect. The intent stands in the group's status
//! before anything is done; the API server is the arbiter of who may.

use std::collections::BTreeMap;

use vmgroup_core::check::CheckedPlan;
use vmgroup_core::group::GroupKey;
use vmgroup_core::names::OperationId;
use vmgroup_core::observation::Slot;
use vmgroup_core::plan::Effect;
use vmgroup_core::render;
use vmgroup_core::status::Standing;

use crate::group::{Commit, Stage};
use crate::machine::{Machine, target};
use crate::operation::{Bill, Operation, Work};
use crate::request::Request;
use crate::standing::failing;

impl Machine {
    /// Step 4, writes: what the module wants becomes the group's intent.
    pub(crate) fn commit(
        &mut self,
        key: &GroupKey,
        plan: CheckedPlan,
        module: &str,
        standing: Standing,
    ) {
        let works = plan.actions().iter().map(|checked| {
            let vm = checked.action.effect.member().map(str::to_owned);
            (checked.slot, (work(&checked.action.effect), vm))
        });
        let works = works.collect();
        self.write_intent(key, works, Some((plan, module.to_owned())), standing);
    }

    /// Step 4 for what the host itself wants: adopting and letting go.
    pub(crate) fn commit_own(&mut self, key: &GroupKey, works: BTreeMap<Slot, (Work, String)>) {
        let message = format!("marking {} VMs", works.len());
        let works = works
            .into_iter()
            .map(|(slot, (work, vm))| (slot, (work, Some(vm))))
            .collect();
        let failing = self.groups.get(key).and_then(failing);
        let standing = failing.unwrap_or(Standing::Progressing(message));
        self.write_intent(key, works, None, standing);
    }

    fn write_intent(
        &mut self,
        key: &GroupKey,
        works: BTreeMap<Slot, (Work, Option<String>)>,
        plan: Option<(CheckedPlan, String)>,
        standing: Standing,
    ) {
        let utc = self.now.utc;
        let is_loss = self.has_lost_many();
        let Some(group) = self.groups.get(key) else {
            return;
        };
        // The number grows, and it is the time of the commit where it can be: one
        // that counted from 1 would come again after a status was lost, and a
        // task of the former one be taken for this one's.
        let shown = self.newest_of_tasks(group.identity());
        let newest = group.intent.max(shown).max(self.newest_forgotten);
        let Some(group) = self.groups.get_mut(key) else {
            return;
        };
        group.intent = newest.saturating_add(1).max(utc.0);
        group.intent_generation = group.object.generation;
        let approval = plan.as_ref().and_then(|(plan, _)| plan.approval());
        let approved = is_loss && approval.is_some();
        let bills = plan.iter().flat_map(|(plan, module)| {
            let bill = |cost| Bill {
                cost,
                module: module.clone(),
            };
            let actions = plan.actions().iter();
            actions.map(move |checked| (checked.slot, bill(checked.cost)))
        });
        let mut bills: BTreeMap<Slot, Bill> = bills.collect();
        let mut operations = BTreeMap::new();
        for (slot, (work, vm)) in works {
            let generation = Some(group.intent_generation);
            let commit = (group.identity(), group.intent, generation);
            let mut operation = Operation::queued(work, vm, commit, utc);
            operation.approved_in_loss = approved;
            operation.bill = bills.remove(&slot);
            let cost = operation.bill.as_ref().map(|bill| bill.cost);
            operation.is_scaled_down = cost.is_some_and(|cost| cost.scaled_down > 0);
            if let Some(failure) = group.failures.get(&slot) {
                operation.not_before = failure.retry_at;
            }
            operations.insert(slot, operation);
        }
        group.standing = Some((group.object.generation, standing));
        let mut with_intent = group.clone();
        with_intent.operations.extend(operations.clone());
        let (plan, module) = plan.unzip();
        let digest = plan.as_ref().and_then(CheckedPlan::approval);
        let approval = digest.and_then(|digest| self.approval_of(key, digest));
        let used = self.used_approvals(&with_intent, approval);
        with_intent.used_approvals.clone_from(&used);
        if let Some(plan) = &plan {
            with_intent.unhold(plan);
        }
        let status = Box::new(self.status(&with_intent));
        self.tell_transition(key, &with_intent.object.status, &status);
        let target = target(&with_intent.object);
        let commit = Box::new(Commit {
            operations,
            plan,
            module,
            used_approvals: used,
            is_outdated: false,
        });
        self.ask(key, |id| {
            let request = Request::WriteStatus { id, target, status };
            (Stage::Committing(commit), request)
        });
    }

    /// The number of the newest commit of a group that a task in view names, where tasks
    /// name one. No status tells of it after a restore from a backup, nor does the time
    /// where the clock has gone back.
    fn newest_of_tasks(&self, identity: &str) -> u64 {
        let named = self
            .inventory
            .tasks()
            .filter_map(|task| OperationId::parse(task.operation_id.as_deref()?))
            .filter(|named| named.identity == identity);
        let numbers = named.filter_map(|named| named.committed);
        numbers.map(|(_, intent)| intent).max().unwrap_or(0)
    }

    /// The intent stands in the status: its operations wait for their turn.
    pub(crate) fn committed(&mut self, key: &GroupKey, commit: Commit) {
        let now = self.now;
        let Some(group) = self.groups.get_mut(key) else {
            return;
        };
        group.reported_at = now.monotonic;
        group.used_approvals = commit.used_approvals;
        if let Some(plan) = &commit.plan {
            group.unhold(plan);
        }
        let respecified = group.object.generation != group.intent_generation;
        if respecified || commit.is_outdated || group.rival.is_some() {
            return;
        }
        let lines: Vec<String> = match &commit.plan {
            Some(plan) => plan.actions().iter().map(render::action).collect(),
            None => Vec::new(),
        };
        group.operations.extend(commit.operations);
        self.queued.insert(key.clone());
        for line in lines {
            self.note(Some(key), false, "committed", line);
        }
    }
}

fn work(effect: &Effect) -> Work {
    match effect {
        Effect::Clone(_) => Work::Clone,
        Effect::PowerOn(_) => Work::PowerOn,
        Effect::PowerOff(power_off) => Work::PowerOff(power_off.mode),
        Effect::Suspend(_) => Work::Suspend,
        Effect::Reconfigure(_) => Work::Reconfigure,
        Effect::Delete(_) => Work::Delete,
    }
}
