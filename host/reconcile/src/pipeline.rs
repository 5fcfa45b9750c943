//! The pass of one group: the cycle of the design, a step a function.
//!
//! ```text
//!   1 observe   pure     replicas → Observation             observe.rs, after claim.rs and proof.rs
//!   2 decide    pure     Request::Decide → Event::Decided   the module, in its sandbox
//!   3 check     pure     vmgroup_core::check                → CheckedPlan | Held | Refused
//!   4 commit    writes   Request::WriteStatus with the intent, conditional on the version observed
//!   5 execute   writes   execute.rs, as queue.rs allows
//!   6 report    writes   report.rs
//!   7 wake up   pure     wakeup.rs
//! ```

use std::collections::BTreeMap;

use vmgroup_core::check::{self, CheckedPlan, Verdict};
use vmgroup_core::group::{GroupKey, Mode, Spec};
use vmgroup_core::observation::{Observation, Slot, WakeReason};
use vmgroup_core::outcome::Outcome;
use vmgroup_core::plan::{Answer, Effect, Plan};
use vmgroup_core::render;
use vmgroup_core::status::{DecisionRecord, Memo, Standing};

use crate::event::DecideResult;
use crate::group::{Commit, Stage, count};
use crate::limits::{MASS_LOSS_WINDOW_MS, NEXT_LOOK_LEAST_MS, NEXT_LOOK_MOST_MS};
use crate::machine::{Machine, target};
use crate::observe::{View, membership, observe, stronger};
use crate::operation::{Operation, Work};
use crate::request::{Request, RequestId};

/// What a pass comes to before a module is asked.
pub(crate) enum Next {
    /// A request is under way, or there is nothing to do.
    Wait,
    /// Nothing to decide: the group stands so.
    Stand(Standing),
    /// The host itself wants this; no module is asked.
    Own(BTreeMap<Slot, (Work, String)>),
    /// The module decides.
    Ask(Box<Observation>),
}

impl Machine {
    /// Looks at a group, because of `reason`.
    pub(crate) fn pass(&mut self, key: &GroupKey, reason: WakeReason) {
        let Some(group) = self.groups.get_mut(key) else {
            return;
        };
        if !matches!(group.stage, Stage::Idle) {
            let earlier = group.again.unwrap_or(WakeReason::Unknown);
            group.again = Some(stronger(earlier, reason));
            return;
        }
        group.woken = reason;
        if group.reread {
            let (newest, key) = (group.object.resource_version, key.clone());
            self.ask(&key.clone(), |id| {
                (Stage::Rereading(newest), Request::ReadGroup { id, key })
            });
            return;
        }
        match self.prepare(key) {
            Next::Wait => {}
            Next::Stand(standing) => self.report(key, standing),
            Next::Own(works) => self.commit_own(key, works),
            Next::Ask(observation) => self.decide(key, observation),
        }
    }

    /// Everything that has to be true before a module is asked.
    fn prepare(&mut self, key: &GroupKey) -> Next {
        let Some(group) = self.groups.get(key) else {
            return Next::Wait;
        };
        let object = &group.object;
        let spec = match &object.spec {
            Ok(spec) => spec.clone(),
            Err(_) if object.deleting => Spec::nothing(),
            Err(message) => return stalled("InvalidSpec", message.clone()),
        };
        if object.deleting && !object.finalizer && !object.demo_finalizer {
            return Next::Wait;
        }
        if object.deleting && spec.mode == Mode::Observe {
            return self.release(key);
        }
        if !self.session.is_live() {
            let (reason, message) = self.session.problem();
            return Next::Stand(Standing::Unknown { reason, message });
        }
        if let Some(next) = self.claim(key, &spec) {
            return next;
        }
        if let Some(next) = self.prove(key) {
            return next;
        }
        if let Some(next) = self.adopt(key) {
            return next;
        }
        let Some(group) = self.groups.get_mut(key) else {
            return Next::Wait;
        };
        if group.object.deleting {
            if let Some(next) = self.wind_up(key, spec.deletion) {
                return next;
            }
        } else if spec.suspend {
            group.drop_queued();
            return Next::Stand(Standing::Suspended);
        }
        self.observation(key, &spec)
    }

    /// Step 1, pure.
    fn observation(&mut self, key: &GroupKey, spec: &Spec) -> Next {
        let module = match self.module_of(key) {
            Ok(module) => module,
            Err(message) => return stalled("ModuleMissing", message),
        };
        let view = View {
            now: self.now,
            complete: self.session.is_live(),
            as_of: self.session.fresh_at(),
            module: self
                .modules
                .get(module.as_ref())
                .ok()
                .map(|module| module.digest.clone()),
        };
        let Some(group) = self.groups.get_mut(key) else {
            return Next::Wait;
        };
        let sorted = membership(group, &self.inventory, &self.config.install);
        group.copies.clone_from(&sorted.copies);
        let observation = observe(group, spec, &sorted, &self.inventory, &view);
        Next::Ask(Box::new(observation))
    }

    /// Step 2: the module gets its turn.
    fn decide(&mut self, key: &GroupKey, observation: Box<Observation>) {
        let Ok(module) = self.module_of(key) else {
            return;
        };
        let group = key.clone();
        self.ask(key, |id| {
            let stage = Stage::Deciding(observation.clone());
            let request = Request::Decide {
                id,
                group,
                module,
                observation,
            };
            (stage, request)
        });
    }

    /// Steps 3 and 4: the answer is checked, and committed if it does anything.
    pub(crate) fn decided(&mut self, id: RequestId, module: &str, result: DecideResult) {
        let Some(crate::machine::Asker::Pass(key)) = self.asked.remove(&id) else {
            return;
        };
        let Some(group) = self.groups.get_mut(&key) else {
            return;
        };
        let Stage::Deciding(observation) = std::mem::replace(&mut group.stage, Stage::Idle) else {
            return;
        };
        let outdated = matches!(
            group.again,
            Some(WakeReason::ObjectChanged | WakeReason::ModuleChanged)
        );
        if outdated {
            // Decided on something that is not asked for any more.
            self.next_pass(&key);
            return;
        }
        match result {
            DecideResult::Answered(Answer::Plan(plan)) => {
                self.judge_plan(&key, module, &observation, &plan);
            }
            DecideResult::Answered(Answer::Refusal(refusal)) => {
                let text = render::refusal(&refusal);
                let after = refusal.next_look.map(|look| look.after_ms);
                self.no_decision(&key, &observation, Outcome::Refusal, &text, after);
            }
            DecideResult::Failed { label, message } => {
                let outcome = Outcome::of_failure(label);
                self.no_decision(&key, &observation, outcome, &message, None);
            }
        }
    }

    fn judge_plan(&mut self, key: &GroupKey, module: &str, observation: &Observation, plan: &Plan) {
        let circumstances = self.circumstances(key);
        let (checked, held) = match check::check(observation, plan, &circumstances) {
            Verdict::Clear(checked) => (checked, None),
            Verdict::Held { now, held } => (now, Some(held)),
            Verdict::Refused(violations) => {
                let Some(group) = self.groups.get_mut(key) else {
                    return;
                };
                group.bad_decisions += 1;
                group.seen = Some(observation.clone());
                group.violations.clone_from(&violations);
                let wait = group.backoff.fail(key);
                self.wake(key, wait, WakeReason::TimeCame);
                self.report(key, Standing::Refused(violations));
                return;
            }
        };
        let Some(group) = self.groups.get_mut(key) else {
            return;
        };
        group.bad_decisions = 0;
        group.violations.clear();
        group.backoff.succeed();
        group.seen = Some(observation.clone());
        group.held = held.as_ref().map(check::Held::to_status);
        group.memo = checked.memo().map(|text| Memo {
            module: module.into(),
            text: text.into(),
        });
        if !checked.actions().is_empty() {
            group.last_decision = Some(record(module, group.object.generation, &checked));
        }
        let look = checked.next_look().map(|look| look.after_ms);
        if held.is_some() {
            // Both what holds plans end by themselves: a window each.
            let budget = observation.desired.budget.window_ends.since(self.now.utc);
            let window = if circumstances.mass_loss {
                MASS_LOSS_WINDOW_MS
            } else {
                budget
            };
            self.wake(key, window.max(NEXT_LOOK_LEAST_MS), WakeReason::TimeCame);
        }
        let standing = match held {
            Some(held) => Standing::Held {
                effects_digest: held.effects_digest.clone(),
                effects: held.effects().cloned().collect(),
            },
            None => self.standing(key, observation, checked.actions().len()),
        };
        self.look_again(key, look);
        let observing = self.mode(key) == Mode::Observe;
        if checked.actions().is_empty() || observing {
            self.report(key, standing);
        } else {
            self.commit(key, checked, standing);
        }
    }

    /// Step 4, writes: what the module wants becomes the group's intent.
    fn commit(&mut self, key: &GroupKey, plan: CheckedPlan, standing: Standing) {
        let works = plan.actions().iter().map(|checked| {
            let vm = checked.action.effect.member().map(str::to_owned);
            (checked.slot, (work(&checked.action.effect), vm))
        });
        let works = works.collect();
        if let Some(digest) = plan.approval() {
            let uid = self.approval_of(key, digest);
            if let Some(group) = self.groups.get_mut(key) {
                group.used_approval = uid;
            }
        }
        self.write_intent(key, works, Some(plan), standing);
    }

    /// Step 4 for what the host itself wants: adopting and letting go.
    fn commit_own(&mut self, key: &GroupKey, works: BTreeMap<Slot, (Work, String)>) {
        let message = format!("marking {} VMs", works.len());
        let works = works
            .into_iter()
            .map(|(slot, (work, vm))| (slot, (work, Some(vm))))
            .collect();
        self.write_intent(key, works, None, Standing::Progressing(message));
    }

    fn write_intent(
        &mut self,
        key: &GroupKey,
        works: BTreeMap<Slot, (Work, Option<String>)>,
        plan: Option<CheckedPlan>,
        standing: Standing,
    ) {
        let utc = self.now.utc;
        let Some(group) = self.groups.get_mut(key) else {
            return;
        };
        group.intent += 1;
        group.intent_generation = group.object.generation;
        let mut operations = BTreeMap::new();
        for (slot, (work, vm)) in works {
            let mut operation =
                Operation::queued(work, vm, (group.intent, group.intent_generation), utc);
            if let Some(failure) = group.failures.get(&slot) {
                operation.not_before = failure.retry_at;
            }
            operations.insert(slot, operation);
        }
        group.standing = Some(standing);
        let mut with_intent = group.clone();
        with_intent.operations.extend(operations.clone());
        let status = Box::new(self.status(&with_intent));
        self.tell_transition(key, &with_intent.object.status, &status);
        let target = target(&with_intent.object);
        let commit = Box::new(Commit { operations, plan });
        self.ask(key, |id| {
            let request = Request::WriteStatus { id, target, status };
            (Stage::Committing(commit), request)
        });
    }

    /// The intent stands in the status: its operations wait for their turn.
    pub(crate) fn committed(&mut self, key: &GroupKey, commit: Commit) {
        let now = self.now;
        let Some(group) = self.groups.get_mut(key) else {
            return;
        };
        group.reported_at = now.monotonic;
        if group.object.generation != group.intent_generation {
            return;
        }
        if let Some(plan) = &commit.plan {
            let spending = plan.spending();
            for (times, delete) in [(spending.deletes, true), (spending.disruptions, false)] {
                for _ in 0..times {
                    group.spent.push_back((now.utc, delete));
                }
            }
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

    /// The module gave no plan.
    fn no_decision(
        &mut self,
        key: &GroupKey,
        observation: &Observation,
        outcome: Outcome,
        message: &str,
        after_ms: Option<u64>,
    ) {
        let Some(group) = self.groups.get_mut(key) else {
            return;
        };
        group.bad_decisions += 1;
        group.seen = Some(observation.clone());
        let wait = group.backoff.fail(key);
        self.wake(
            key,
            after_ms.map_or(wait, within_limits),
            WakeReason::TimeCame,
        );
        if let Some(standing) = outcome.standing(message) {
            self.report(key, standing);
        }
    }

    /// Step 7: the time that the plan asks for.
    fn look_again(&mut self, key: &GroupKey, after_ms: Option<u64>) {
        if let Some(after_ms) = after_ms {
            self.wake(key, within_limits(after_ms), WakeReason::TimeCame);
        }
    }

    /// Where a group stands that has a plan without violations.
    fn standing(&self, key: &GroupKey, observation: &Observation, planned: usize) -> Standing {
        match self.groups.get(key) {
            Some(group) => crate::report::standing(group, observation, planned),
            None => Standing::Ready,
        }
    }
}

pub(crate) fn stalled(reason: &'static str, message: String) -> Next {
    Next::Stand(Standing::Stalled { reason, message })
}

fn within_limits(after_ms: u64) -> u64 {
    after_ms.clamp(NEXT_LOOK_LEAST_MS, NEXT_LOOK_MOST_MS)
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

fn record(module: &str, generation: i64, plan: &CheckedPlan) -> DecisionRecord {
    const LINES: usize = 10;
    let actions = plan.actions();
    DecisionRecord {
        module: module.into(),
        generation,
        actions: actions.iter().take(LINES).map(render::action).collect(),
        more: count(actions.len().saturating_sub(LINES)),
    }
}
