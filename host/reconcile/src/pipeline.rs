//! The pass of one group: the cycle of the design, a step a function.
//!
//! ```text
//!   1 observe   pure     replicas → Observation             observe.rs, by membership.rs and member.rs,
//!                                                           after claim.rs, proof.rs, adopt.rs
//!   2 decide    pure     Request::Decide → Event::Decided   the module, in its sandbox
//!   3 check     pure     vmgroup_core::check                → CheckedPlan | Held | Refused
//!   4 commit    writes   commit.rs: the intent, conditional on the version observed
//!   5 execute   writes   execute.rs, as queue.rs allows
//!   6 report    writes   report.rs, what standing.rs says
//!   7 wake up   pure     wakeup.rs
//! ```

use std::collections::BTreeMap;

use vmgroup_core::check::{self, CheckedPlan, Verdict};
use vmgroup_core::group::{GroupKey, Mode, Spec};
use vmgroup_core::limits::{
    DECISION_LINES_MAX, NEXT_LOOK_MS_MAX, NEXT_LOOK_MS_MIN, VIOLATIONS_KEPT_MAX,
};
use vmgroup_core::observation::{Observation, Phase, Slot, WakeReason};
use vmgroup_core::outcome::{Backoff, Outcome};
use vmgroup_core::plan::{Answer, Plan};
use vmgroup_core::render;
use vmgroup_core::status::{DecisionRecord, Standing};

use crate::event::DecideResult;
use crate::group::{Stage, count};
use crate::limits::MASS_LOSS_WINDOW_MS;
use crate::machine::Machine;
use crate::member::spared_for;
use crate::modules::Absent;
use crate::observe::{View, observe};
use crate::operation::Work;
use crate::request::{Request, RequestId};
use crate::wakeup::stronger;
use crate::wind_up::idles;

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
        // This is the pass that was to follow the one before.
        let reason = group
            .again
            .take()
            .map_or(reason, |again| stronger(again, reason));
        group.woken = reason;
        if group.reread || group.first.asks {
            let (newest, key) = (group.object.resource_version, key.clone());
            self.ask(&key.clone(), |id| {
                (Stage::Rereading(newest), Request::ReadGroup { id, key })
            });
            return;
        }
        if self.yields_to_rival(key) {
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
            // With VMs left, nobody can tell what the owner wants done to them.
            Err(_) if object.deleting && group.has_nothing() && !self.has_member_in_view(key) => {
                Spec::nothing()
            }
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
        let claimed = self.settle_in(key);
        if let Some(next) = claimed.or_else(|| self.claim(key, &spec)) {
            // What was committed and has not begun was for other VMs, or under another name.
            if let (Next::Stand(_), Some(group)) = (&next, self.groups.get_mut(key)) {
                group.drop_queued();
            }
            return next;
        }
        if let Some(next) = self.prove(key) {
            return next;
        }
        let is_untold = self.groups.get(key).is_some_and(|group| group.untold);
        if let Some(next) = is_untold.then(|| self.search_untold(key)).flatten() {
            return next;
        }
        self.heed_mass_loss(key, &spec);
        let Some(group) = self.groups.get_mut(key) else {
            return Next::Wait;
        };
        let deleting = group.object.deleting;
        if spec.suspend && !deleting {
            group.drop_queued();
            return Next::Stand(Standing::Suspended);
        }
        if let Some(next) = self.adopt(key) {
            self.take_stock(key, &spec);
            return next;
        }
        if self.awaits_answers(key) {
            return Next::Wait;
        }
        if let Some(next) = self.await_unknown_call(key) {
            return next;
        }
        if deleting {
            self.take_stock(key, &spec);
            if let Some(next) = self.wind_up(key, spec.deletion) {
                return next;
            }
        }
        self.observation(key, &spec)
    }

    /// The status tells of the members there are, though nobody decides on them yet.
    fn take_stock(&mut self, key: &GroupKey, spec: &Spec) {
        if let Next::Ask(observation) = self.observation(key, spec)
            && let Some(group) = self.groups.get_mut(key)
        {
            group.seen = Some(*observation);
        }
    }

    /// Step 1, pure.
    pub(crate) fn observation(&mut self, key: &GroupKey, spec: &Spec) -> Next {
        let module = match self.module_of(key) {
            Ok(module) => module,
            Err(Absent::Missing(message)) => return stalled("ModuleMissing", message),
            Err(Absent::Loading) => {
                return Next::Stand(Standing::Unknown {
                    reason: "ModuleLoading",
                    message: "the module is still being loaded".into(),
                });
            }
        };
        let digest = self
            .modules
            .get(module.as_ref())
            .ok()
            .map(|module| module.digest.clone());
        let Some(group) = self.groups.get(key) else {
            return Next::Wait;
        };
        let view = View {
            now: self.now,
            complete: self.session.is_live(),
            as_of: self.session.fresh_at(),
            budget: self.budget(group, digest.as_deref()),
            module: digest,
        };
        let sorted = self.membership(group);
        let Some(group) = self.groups.get_mut(key) else {
            return Next::Wait;
        };
        group.copies.clone_from(&sorted.copies);
        let mut observation = observe(group, spec, &sorted, &self.inventory, &view);
        if group.module() != module.as_ref() {
            // They are settings of the module that the built-in one stands in for.
            observation.context.settings = Spec::nothing().settings;
        }
        Next::Ask(Box::new(observation))
    }

    /// Step 2: the module gets its turn.
    fn decide(&mut self, key: &GroupKey, observation: Box<Observation>) {
        let Ok(module) = self.module_of(key) else {
            return;
        };
        let group = key.clone();
        self.ask(key, |id| {
            let stage = Stage::Deciding {
                observation: observation.clone(),
                is_outdated: false,
            };
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
        let Stage::Deciding {
            observation,
            is_outdated,
        } = std::mem::replace(&mut group.stage, Stage::Idle)
        else {
            return;
        };
        let swapped = group.again == Some(WakeReason::ModuleChanged);
        if swapped || is_outdated || group.reread {
            // Decided on something that is not asked for any more.
            self.wake(&key, 0, WakeReason::ObjectChanged);
            return;
        }
        match result {
            DecideResult::Answered(Answer::Plan(plan)) => {
                // What other groups have spent since the module was asked counts.
                let mut observation = observation;
                if let Some(group) = self.groups.get(&key) {
                    observation.desired.budget = self.budget(group, Some(module));
                }
                self.judge_plan(&key, module, &observation, &plan);
            }
            DecideResult::Answered(Answer::Refusal(refusal)) => {
                let text = render::refusal(&refusal);
                let after = refusal.next_look.map(|look| look.after_ms);
                let outcome = Outcome::Refusal;
                self.no_decision(&key, &observation, outcome, outcome.standing(&text), after);
            }
            DecideResult::Failed { label, message } => {
                let outcome = Outcome::of_failure(label);
                let standing = outcome.standing(&message);
                self.no_decision(&key, &observation, outcome, standing, None);
            }
        }
    }

    fn judge_plan(&mut self, key: &GroupKey, module: &str, observation: &Observation, plan: &Plan) {
        let circumstances = self.circumstances(key, module);
        let (checked, held) = match check::check(observation, plan, &circumstances) {
            Verdict::Clear(checked) => (checked, None),
            Verdict::Held { now, held } => (now, Some(held)),
            Verdict::Refused(violations) => {
                let Some(group) = self.groups.get_mut(key) else {
                    return;
                };
                group.violations.clone_from(&violations);
                group.violations.truncate(VIOLATIONS_KEPT_MAX);
                let standing = Some(Standing::Refused(violations));
                self.no_decision(key, observation, Outcome::Violation, standing, None);
                return;
            }
        };
        let observing = self.mode(key) == Mode::Observe;
        let Some(group) = self.groups.get_mut(key) else {
            return;
        };
        group.violations.clear();
        let idles = held.is_none() && idles(observation, &checked);
        let wait = group.wait_if_idle(idles, self.now.monotonic);
        group.seen = Some(observation.clone());
        // An approval lifts it when what it approves is committed.
        if checked.approval().is_none() {
            group.hold(held.as_ref().map(check::Held::to_status), observation);
        }
        // What is only observed is not remembered for done.
        if !observing {
            group.remember(module, checked.memo());
        }
        if !checked.actions().is_empty() {
            group.last_decision = Some(record(module, group.object.generation, &checked));
        }
        let look = wait.or(checked.next_look().map(|look| look.after_ms));
        if held.is_some() {
            // What the budget holds goes on when its window ends; a deletion, when many
            // members are no longer lost.
            let window = match observation.context.phase {
                Phase::Deleting => MASS_LOSS_WINDOW_MS,
                _ => observation.desired.budget.window_ends.since(self.now.utc),
            };
            self.wake(key, window.max(NEXT_LOOK_MS_MIN), WakeReason::TimeCame);
        }
        let waiting = held.as_ref().map_or(0, |held| held.effects().count());
        let planned = checked.actions().len() + waiting;
        let standing = match held {
            _ if observing && planned > 0 => Standing::Observing(count(planned)),
            Some(held) => Standing::Held {
                effects_digest: held.effects_digest.clone(),
                effects: held.effects().cloned().collect(),
            },
            None => self.standing(key, observation, &checked),
        };
        if standing == Standing::Ready
            && let Some(group) = self.groups.get_mut(key)
        {
            group.failures.clear();
        }
        self.look_again(key, look);
        if checked.actions().is_empty() || observing {
            self.report(key, standing);
        } else {
            self.commit(key, checked, module, standing);
        }
    }

    /// The module gave no plan that may be carried out: the table of outcomes says
    /// what follows.
    fn no_decision(
        &mut self,
        key: &GroupKey,
        observation: &Observation,
        outcome: Outcome,
        standing: Option<Standing>,
        after_ms: Option<u64>,
    ) {
        let Some(group) = self.groups.get_mut(key) else {
            return;
        };
        group.bad_decisions += u32::from(outcome.is_bad());
        group.seen = Some(observation.clone());
        let growing = group.backoff.fail(key);
        let wait = match (outcome.consequence().backoff, after_ms) {
            (Backoff::AsAsked, Some(after_ms)) if !group.object.deleting => within_limits(after_ms),
            (Backoff::AsAsked | Backoff::Growing, _) => growing,
        };
        self.wake(key, wait, WakeReason::TimeCame);
        if let Some(standing) = standing {
            self.report(key, standing);
        }
    }

    /// Step 7: the time that the plan asks for, or when something is tried again.
    fn look_again(&mut self, key: &GroupKey, after_ms: Option<u64>) {
        let now = self.now.monotonic;
        let spared = self.groups.get(key).and_then(|it| spared_for(it, now));
        if let Some(after_ms) = after_ms.into_iter().chain(spared).min() {
            self.wake(key, after_ms, WakeReason::TimeCame);
        }
    }

    /// Where a group stands that has a plan without violations.
    fn standing(&self, key: &GroupKey, observation: &Observation, plan: &CheckedPlan) -> Standing {
        match self.groups.get(key) {
            Some(group) => crate::standing::standing(group, observation, plan),
            None => Standing::Ready,
        }
    }
}

pub(crate) fn stalled(reason: &'static str, message: String) -> Next {
    Next::Stand(Standing::Stalled { reason, message })
}

/// As `check` does for plans.
fn within_limits(after_ms: u64) -> u64 {
    after_ms.clamp(NEXT_LOOK_MS_MIN, NEXT_LOOK_MS_MAX)
}

fn record(module: &str, generation: i64, plan: &CheckedPlan) -> DecisionRecord {
    let actions = plan.actions();
    DecisionRecord {
        module: module.into(),
        generation,
        actions: actions
            .iter()
            .take(DECISION_LINES_MAX)
            .map(render::action)
            .collect(),
        more: count(actions.len().saturating_sub(DECISION_LINES_MAX)),
    }
}
