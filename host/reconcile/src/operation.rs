//! One effect in flight.
//!
//! ```text
//!   Queued ──cap free──▶ Looking ──verified──▶ Calling ──task──▶ Running ──ended──▶ Settling ──▶ over
//!                        ▲   │ done already        │ lost           │ vanished        │
//!                        │   └────────────▶ over   ▼                ▼                 │ another step
//!                        │                      Unsure ◀────────────┘                 │ (power off, then destroy)
//!                        └────────────────────────────────────────────────────────────┘
//! ```
//!
//! *Looking* is the fresh keyed read right before a call. *Settling* waits until
//! the feed has passed the effect. *Unsure* waits for a complete view that was
//! asked for after the last moment at which the call can have been sent, with no
//! matching task running in it.

use vmgroup_core::check::Spending;
use vmgroup_core::observation::{FailureClass, OperationKind, OperationStage, PowerState, Slot};
use vmgroup_core::plan::{Effect, PowerOff, PowerOffMode};
use vmgroup_core::time::{Monotonic, Timestamp};

use crate::inventory::{Fault, TaskId, Vm, VmId};
use crate::limits::SETTLE_MS;
use crate::request::{Call, RequestId};
use crate::unsure::Unproven;

/// What an operation is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Work {
    /// Fill the slot.
    Clone,
    /// Power on.
    PowerOn,
    /// Power off.
    PowerOff(PowerOffMode),
    /// Suspend.
    Suspend,
    /// Bring to the spec.
    Reconfigure,
    /// Power off and destroy.
    Delete,
    /// Make a left-over of the demo a member.
    Adopt,
    /// Blank the marker.
    LetGo,
}

impl Work {
    /// The word that the contract has for it.
    pub(crate) fn kind(&self) -> OperationKind {
        match self {
            Work::Clone => OperationKind::Clone,
            Work::PowerOn => OperationKind::PowerOn,
            Work::PowerOff(_) => OperationKind::PowerOff,
            Work::Suspend => OperationKind::Suspend,
            Work::Reconfigure | Work::Adopt | Work::LetGo => OperationKind::Reconfigure,
            Work::Delete => OperationKind::Delete,
        }
    }

    /// The work that a recorded step stands for, after a restart. It is only
    /// watched to its end, never begun again, so its details do not matter.
    pub(crate) fn recorded(kind: OperationKind) -> Work {
        match kind {
            OperationKind::Clone => Work::Clone,
            OperationKind::PowerOn => Work::PowerOn,
            OperationKind::PowerOff => Work::PowerOff(PowerOffMode::Hard),
            OperationKind::Suspend => Work::Suspend,
            OperationKind::Reconfigure | OperationKind::Unknown => Work::Reconfigure,
            OperationKind::Delete => Work::Delete,
        }
    }
}

/// How far an operation is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Committed, waiting for a free place.
    Queued,
    /// Reading the VM, or searching its identity, right before the call.
    Looking {
        /// The read.
        id: RequestId,
        /// When it was asked for.
        begun_at: Monotonic,
    },
    /// vCenter may have the call.
    Calling(RequestId),
    /// vCenter works on it.
    Running(TaskId),
    /// It ended well; the feed has not shown it yet. A relist is asked for at
    /// that time.
    Settling(Monotonic),
    /// Nobody knows whether it happened.
    Unsure,
    /// A complete view shows no task of it: the identity is searched once more.
    Searching(RequestId),
}

impl Stage {
    /// The task that vCenter works on.
    pub(crate) fn task(&self) -> Option<&str> {
        match self {
            Stage::Running(task) => Some(task),
            _ => None,
        }
    }
}

/// One effect in flight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Operation {
    /// What for.
    pub(crate) work: Work,
    /// On which VM; a clone learns it at its end.
    pub(crate) vm: Option<VmId>,
    /// The commit that it came with.
    pub(crate) intent: u64,
    /// The identity that the group had then: what comes of a clone has it, whatever somebody
    /// has written since.
    pub(crate) identity: String,
    /// The generation that the commit was decided on; none if that was before a
    /// restart. No call is made for another one: what is recorded is followed to
    /// its end, never carried on.
    pub(crate) generation: Option<i64>,
    /// A person has approved it although many members were lost.
    pub(crate) approved_in_loss: bool,
    /// What it takes from the budgets once it is begun.
    pub(crate) bill: Option<Bill>,
    /// Its owner's scale-down pays for it, once it is over.
    pub(crate) is_scaled_down: bool,
    /// How far.
    pub(crate) stage: Stage,
    /// Since when it is in flight.
    pub(crate) since: Timestamp,
    /// It is not begun earlier: the slot failed before.
    pub(crate) not_before: Monotonic,
    /// When vCenter last spoke of it, or should have; none if that was before
    /// this session. Only a complete view that was asked for later shows for
    /// certain what became of it.
    pub(crate) heard_at: Option<Monotonic>,
    /// The VM's power at the last look.
    pub(crate) power: Option<PowerState>,
    /// Nobody could tell what came of it.
    pub(crate) unproven: Option<Unproven>,
}

/// What an operation costs, and whom beside its group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bill {
    pub(crate) cost: Spending,
    /// Digest of the module that planned it.
    pub(crate) module: String,
}

impl Operation {
    /// One that has just been committed.
    pub(crate) fn queued(
        work: Work,
        vm: Option<VmId>,
        (identity, intent, generation): (&str, u64, Option<i64>),
        since: Timestamp,
    ) -> Self {
        Operation {
            work,
            vm,
            intent,
            identity: identity.into(),
            generation,
            approved_in_loss: false,
            bill: None,
            is_scaled_down: false,
            stage: Stage::Queued,
            since,
            not_before: Monotonic(0),
            heard_at: None,
            power: None,
            unproven: None,
        }
    }

    /// vCenter has it, or may have it.
    pub(crate) fn is_started(&self) -> bool {
        self.stage != Stage::Queued
    }

    /// It is not begun while many members are lost.
    pub(crate) fn waits_in_a_loss(&self) -> bool {
        matches!(self.work, Work::Clone | Work::Delete) && !self.approved_in_loss
    }

    /// As the effect that it is in a plan, if it takes the VM from what it does. (A change of
    /// hardware is made where that needs no power-off.)
    pub(crate) fn takes_down(&self) -> Option<Effect> {
        let member = self.vm.clone()?;
        match self.work {
            Work::PowerOff(mode) => Some(Effect::PowerOff(PowerOff { member, mode })),
            Work::Suspend => Some(Effect::Suspend(member)),
            Work::Delete => Some(Effect::Delete(member)),
            Work::Clone | Work::PowerOn | Work::Reconfigure | Work::Adopt | Work::LetGo => None,
        }
    }

    /// The feed should have shown its task by then.
    pub(crate) fn unseen_from(&self) -> Option<Monotonic> {
        self.heard_at.map(|heard| heard.plus(SETTLE_MS))
    }

    /// How the contract shows it.
    pub(crate) fn shown(&self, slot: Slot) -> vmgroup_core::observation::Operation {
        vmgroup_core::observation::Operation {
            kind: self.work.kind(),
            slot,
            member: self.vm.clone().filter(|_| self.work != Work::Clone),
            stage: if self.is_started() {
                OperationStage::Started
            } else {
                OperationStage::Queued
            },
            since: self.since,
        }
    }
}

/// What a fresh look at the VM says is to be done next.
#[allow(clippy::large_enum_variant, reason = "lives for one match")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NextStep {
    /// This call.
    Call(Call),
    /// Nothing: it is as it should be.
    Over,
    /// It cannot be done.
    Impossible(String),
    /// It cannot be done for now, and may be later.
    NotNow(String),
}

/// The next step of power work on a VM as a fresh read shows it. Clone, adopt,
/// let go and reconfigure need the group and are decided in `look`.
pub(crate) fn power_step(work: &Work, vm: &Vm) -> NextStep {
    let id = vm.id.clone();
    match (work, vm.power) {
        (_, PowerState::Unknown) => NextStep::Impossible("its power state cannot be read".into()),
        (Work::PowerOn, PowerState::On)
        | (Work::PowerOff(_), PowerState::Off)
        | (Work::Suspend, PowerState::Suspended) => NextStep::Over,
        (Work::PowerOn, _) => NextStep::Call(Call::PowerOn(id)),
        (Work::PowerOff(PowerOffMode::Soft), PowerState::On) if vm.tools_running == Some(true) => {
            NextStep::Call(Call::ShutdownGuest(id))
        }
        // It starts, or was asked before and is on its way down: that is no reason to cut its
        // power. One without tools has nobody to be asked.
        (Work::PowerOff(PowerOffMode::Soft), PowerState::On) if vm.tools_running == Some(false) => {
            NextStep::NotNow("its guest operating system does not listen at this moment".into())
        }
        (Work::PowerOff(_), _) => NextStep::Call(Call::PowerOff(id)),
        (Work::Suspend, PowerState::On) => NextStep::Call(Call::Suspend(id)),
        (Work::Suspend, PowerState::Off) => {
            NextStep::Impossible("a VM that is off cannot be suspended".into())
        }
        (Work::Delete, PowerState::Off) => NextStep::Call(Call::Destroy(id)),
        (Work::Delete, _) => NextStep::Call(Call::PowerOff(id)),
        // Nothing about its power.
        (Work::Clone | Work::Reconfigure | Work::Adopt | Work::LetGo, _) => NextStep::Over,
    }
}

/// What a fault means for the operation whose call or task it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The effect is there already: repeats end so.
    AlreadyDone,
    /// The clone's name is taken: the VM that is there has to be looked at.
    LookAtExisting(Option<String>),
    /// The session has ended; the call did nothing.
    SessionEnded,
    /// It failed.
    Failed(FailureClass, String),
}

/// The one table from faults to what they mean.
pub(crate) fn judge(work: &Work, fault: &Fault) -> Verdict {
    use FailureClass as Class;
    match (fault, work) {
        (Fault::NotAuthenticated, _) => Verdict::SessionEnded,
        (Fault::Gone, Work::Clone) => Verdict::Failed(
            Class::Transient,
            "something that the clone needs has just been removed".into(),
        ),
        (Fault::Gone, _) => Verdict::AlreadyDone,
        (Fault::DuplicateName { existing }, Work::Clone) => {
            Verdict::LookAtExisting(existing.clone())
        }
        (Fault::DuplicateName { .. }, _) => {
            Verdict::Failed(Class::NameTaken, "the name is taken".into())
        }
        (Fault::InvalidPowerState { existing }, _) => match (work, existing) {
            (Work::PowerOn, PowerState::On)
            | (Work::PowerOff(_), PowerState::Off)
            | (Work::Suspend, PowerState::Suspended) => Verdict::AlreadyDone,
            (Work::Reconfigure, PowerState::On) => {
                Verdict::Failed(Class::Invalid, "the VM has to be off for it".into())
            }
            _ => Verdict::Failed(
                Class::Transient,
                format!("the VM is {existing}, somebody else changed its power state"),
            ),
        },
        (Fault::NoPermission { privilege }, _) => Verdict::Failed(
            Class::NoPermission,
            format!("the operator's vCenter role lacks {privilege}; grant it"),
        ),
        (Fault::NotFound { what }, _) => Verdict::Failed(
            Class::NotFound,
            format!(
                "could not find {what}; create it in vCenter, or name another one in \
                 spec.template"
            ),
        ),
        (Fault::Busy { message } | Fault::Unavailable { message }, _) => {
            Verdict::Failed(Class::Transient, message.clone())
        }
        (Fault::InsufficientResources { message }, _) => {
            Verdict::Failed(Class::InsufficientResources, message.clone())
        }
        (Fault::Invalid { message }, _) => Verdict::Failed(Class::Invalid, message.clone()),
        (Fault::Other { name, message }, _) => {
            Verdict::Failed(Class::Unknown, format!("{name}: {message}"))
        }
    }
}

/// What the feed says about an operation whose last task ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settled {
    /// It does not show the effect.
    NotYet,
    /// It shows it, and another step follows.
    StepDone,
    /// It shows it, and that was all.
    Over,
}

/// Whether the feed shows the effect of the last step. `hash` is the spec hash
/// that a reconfiguration writes; `fills` says that the VM fills the slot.
pub(crate) fn settled(work: &Work, vm: Option<&Vm>, hash: &str, fills: bool) -> Settled {
    let Some(vm) = vm else {
        return match work {
            Work::Clone => Settled::NotYet,
            _ => Settled::Over,
        };
    };
    let shown = match work {
        Work::Clone => vm.instance_uuid.is_some(),
        Work::PowerOn => vm.power == PowerState::On,
        Work::PowerOff(_) => vm.power == PowerState::Off,
        Work::Suspend => vm.power == PowerState::Suspended,
        Work::Delete if vm.power == PowerState::Off => return Settled::StepDone,
        Work::Delete => false,
        Work::Reconfigure => vm.spec_hash.as_deref() == Some(hash),
        Work::Adopt => fills,
        Work::LetGo => vm.marker.as_deref().unwrap_or_default().is_empty(),
    };
    if shown {
        Settled::Over
    } else {
        Settled::NotYet
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::tests::vm;

    #[test]
    fn only_a_guest_that_can_hear_is_asked_to_shut_down() {
        let soft = Work::PowerOff(PowerOffMode::Soft);
        let call = |power, tools_running| {
            let vm = Vm {
                power,
                tools_running,
                ..vm("vm-1")
            };
            power_step(&soft, &vm)
        };
        let id = || "vm-1".to_owned();
        let asked = NextStep::Call(Call::ShutdownGuest(id()));
        let cut = NextStep::Call(Call::PowerOff(id()));
        assert_eq!(call(PowerState::On, Some(true)), asked);
        let silent = call(PowerState::On, Some(false));
        assert!(matches!(silent, NextStep::NotNow(_)), "{silent:?}");
        assert_eq!(call(PowerState::On, None), cut);
        assert_eq!(call(PowerState::Suspended, Some(true)), cut);
        assert_eq!(call(PowerState::Off, Some(true)), NextStep::Over);
    }

    #[test]
    fn what_a_clone_makes_is_no_member_while_it_is_made() {
        let shown = |work: Work| {
            let operation = Operation {
                work,
                vm: Some("vm-1".into()),
                intent: 1,
                identity: "of-web".into(),
                approved_in_loss: false,
                bill: None,
                is_scaled_down: false,
                generation: Some(1),
                stage: Stage::Queued,
                since: Timestamp(0),
                not_before: Monotonic(0),
                heard_at: None,
                power: None,
                unproven: None,
            };
            operation.shown(0).member
        };
        assert_eq!(shown(Work::PowerOn).as_deref(), Some("vm-1"));
        assert_eq!(shown(Work::Clone), None);
    }

    #[test]
    fn a_power_state_that_is_wanted_is_no_fault() {
        let hard = || Work::PowerOff(PowerOffMode::Hard);
        let judged = |work: Work, existing| judge(&work, &Fault::InvalidPowerState { existing });
        for (work, existing) in [
            (Work::PowerOn, PowerState::On),
            (hard(), PowerState::Off),
            (Work::Suspend, PowerState::Suspended),
        ] {
            assert_eq!(judged(work, existing), Verdict::AlreadyDone);
        }
        for (work, existing) in [
            (Work::PowerOn, PowerState::Suspended),
            (hard(), PowerState::On),
            (Work::Suspend, PowerState::Off),
            (Work::Delete, PowerState::On),
        ] {
            let verdict = judged(work, existing);
            assert!(matches!(verdict, Verdict::Failed(..)), "{verdict:?}");
        }
    }

    #[test]
    fn an_effect_is_there_when_the_feed_shows_it() {
        let shown = |work: Work, power, spec_hash: Option<&str>| {
            let vm = Vm {
                power,
                spec_hash: spec_hash.map(Into::into),
                ..vm("vm-1")
            };
            settled(&work, Some(&vm), "v1:wanted", false)
        };
        let on = |work, hash| shown(work, PowerState::On, hash);
        assert_eq!(on(Work::Suspend, None), Settled::NotYet);
        let suspended = shown(Work::Suspend, PowerState::Suspended, None);
        assert_eq!(suspended, Settled::Over);
        assert_eq!(on(Work::Delete, None), Settled::NotYet);
        let off = shown(Work::Delete, PowerState::Off, None);
        assert_eq!(off, Settled::StepDone);
        assert_eq!(settled(&Work::Delete, None, "", false), Settled::Over);
        assert_eq!(settled(&Work::Clone, None, "", false), Settled::NotYet);
        let reconfigured = on(Work::Reconfigure, Some("v1:wanted"));
        assert_eq!(reconfigured, Settled::Over);
        let former = on(Work::Reconfigure, Some("v1:former"));
        assert_eq!(
            (former, on(Work::Reconfigure, None)),
            (Settled::NotYet, Settled::NotYet)
        );
    }
}
